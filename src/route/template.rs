//! Text with `{names}` in it, compiled to pieces.
//!
//! Reads templates and nothing more: what a name means is decided by who renders. Braces have no escape,
//! because neither a path nor a URI has them unencoded.

use super::plan::PlanError;

/// Most pieces of one template; the longest sensible one has a tenth of this.
const PIECES_MAX: usize = 64;

/// A part of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Text as it is.
    Text(Box<str>),
    /// The captured parameter of this position.
    Param(usize),
    /// One of the names the caller gives, by its position there.
    Word(usize),
}

/// Splits `written` into pieces. `words` are names with a meaning of their own, `names` those of the captured
/// parameters. A catch-all may be written `{*rest}` or `{rest}`.
pub(super) fn compile(
    written: &str,
    at: &str,
    words: &[&str],
    names: &[String],
) -> Result<Vec<Piece>, PlanError> {
    let mut pieces = Vec::new();
    let mut rest = written;
    while let Some(open) = rest.find(['{', '}']) {
        let unbalanced = || PlanError::new(at, format!("`{written}` has a brace without its other half"), "");
        push_text(&mut pieces, &rest[..open]);
        let inner = rest[open..].strip_prefix('{').ok_or_else(unbalanced)?;
        let close = inner.find('}').ok_or_else(unbalanced)?;
        pieces.push(named(&inner[..close], at, words, names)?);
        rest = &inner[close + 1..];
    }
    push_text(&mut pieces, rest);
    if pieces.len() > PIECES_MAX {
        return Err(PlanError::new(at, format!("more than {PIECES_MAX} pieces"), "write a shorter template"));
    }
    match written.bytes().find(|byte| !byte.is_ascii_graphic() || b"\\\"<>".contains(byte)) {
        Some(_) => {
            Err(PlanError::new(at, format!("`{written}` has a character no URI has"), "percent-encode it"))
        }
        None => Ok(pieces),
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
}

fn named(name: &str, at: &str, words: &[&str], names: &[String]) -> Result<Piece, PlanError> {
    let name = name.strip_prefix('*').unwrap_or(name);
    if let Some(index) = words.iter().position(|word| *word == name) {
        return Ok(Piece::Word(index));
    }
    if let Some(index) = names.iter().position(|known| known == name) {
        return Ok(Piece::Param(index));
    }
    let known: Vec<_> = words.iter().copied().chain(names.iter().map(String::as_str)).collect();
    let hint = match known.as_slice() {
        [] => "the route's path captures no parameters".to_owned(),
        known => format!("known here: {}", known.join(", ")),
    };
    Err(PlanError::new(at, format!("nothing is called `{name}`"), hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(written: &str) -> Result<Vec<Piece>, PlanError> {
        compile(written, "to", &["path"], &["id".to_owned()])
    }

    #[test]
    fn splits_text_words_and_parameters() {
        let pieces = compiled("/a/{id}{path}").unwrap();
        assert_eq!(pieces, [Piece::Text("/a/".into()), Piece::Param(0), Piece::Word(0)]);
        assert_eq!(compiled("{*id}").unwrap(), [Piece::Param(0)]);
    }

    #[test]
    fn refuses_unknown_names_loose_braces_and_bytes_that_break_a_line() {
        for written in ["{x}", "{", "}", "{id", "a}b", "/a b", "/a\r\nb", "/é", "/\\"] {
            assert!(compiled(written).is_err(), "{written:?}");
        }
    }

    #[test]
    fn the_hint_names_what_there_is() {
        assert_eq!(compiled("{x}").unwrap_err().hint, "known here: path, id");
    }
}
