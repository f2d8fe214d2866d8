//! "Did you mean": the nearest of the words that would have been right.
//!
//! Near is at most a third of the word in edits; a suggestion further off confuses more than it helps.

/// The known word nearest to `written`, if one is near.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(written);
    let limit = (folded.chars().count() / 3).max(1);
    known
        .into_iter()
        .filter_map(|word| distance(&folded, &fold(word), limit).map(|distance| (distance, word)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// A hint that names the nearest word, or all of them if none is near and they are few.
pub fn hint(written: &str, known: &[&str], what: &str) -> Option<String> {
    match nearest(written, known.iter().copied()) {
        Some(word) => Some(format!("did you mean `{word}`?")),
        None if known.is_empty() => None,
        None => Some(format!("{what} {}", listed(known))),
    }
}

/// `a`, `b` and `c`; the first `LISTED_MAX` of many.
pub fn listed(words: &[&str]) -> String {
    let shown: Vec<String> = words.iter().take(LISTED_MAX).map(|word| format!("`{word}`")).collect();
    if words.len() > LISTED_MAX {
        return format!("{} and {} more", shown.join(", "), words.len() - LISTED_MAX);
    }
    match shown.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Most words that a hint lists.
const LISTED_MAX: usize = 20;

fn fold(word: &str) -> String {
    word.chars().map(|c| if c == '-' || c == ' ' { '_' } else { c.to_ascii_lowercase() }).collect()
}

/// None beyond `limit`. `timeout` is near `head_timeout` too: one whole word of several.
fn distance(written: &str, word: &str, limit: usize) -> Option<usize> {
    if written.len().abs_diff(word.len()) <= limit {
        let edits = strsim::damerau_levenshtein(written, word);
        if edits <= limit {
            return Some(edits);
        }
    }
    let shares_word = written.len() >= 4
        && word.split('_').any(|part| part == written || part.strip_suffix('s') == Some(written));
    shares_word.then_some(limit + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_nearest_word_and_no_far_one() {
        let known = ["cluster", "listeners", "redirect", "respond", "head_timeout", "rewrite"];
        for (written, meant) in [
            ("clsuter", Some("cluster")),
            ("Cluster", Some("cluster")),
            ("listener", Some("listeners")),
            ("head-timeout", Some("head_timeout")),
            ("timeout", Some("head_timeout")),
            ("upstream", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, known), meant, "{written}");
        }
    }

    #[test]
    fn lists_the_known_words_where_none_is_near() {
        assert_eq!(
            hint("zzz", &["a", "bb"], "other keys are").as_deref(),
            Some("other keys are `a` and `bb`")
        );
        assert_eq!(hint("zzz", &[], "known keys"), None);
    }
}
