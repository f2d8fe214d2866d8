//! Broken grammar in words: what the YAML parser found, and what was probably meant.

use saphyr_parser::{Marker, ScanError};

use super::build::Builder;
use crate::config::units::UnitError;

/// Adds the parser's complaint with a hint for the mistakes that people make.
pub(super) fn report(error: &ScanError, text: &str, builder: &mut Builder<'_, '_>) {
    let marker = error.marker();
    // The parser sees that a key has no colon when it is on a line after it.
    if error.info().contains("simple key expect") && colonless(text, marker.line(), builder) {
        return;
    }
    let mut marker = *marker;
    let mut line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or("");
    // Nor that a line is indented with tabs before it has ended the line above.
    let tabbed = |line: &str| indent(line).contains('\t') && !line.trim().is_empty();
    if let Some(next) = text.lines().nth(marker.line()).filter(|next| tabbed(next) && !tabbed(line)) {
        (marker, line) = (Marker::new(0, marker.line() + 1, 0), next);
    }
    let (code, why) = match layout(error.info(), text, marker.line()) {
        Some(why) if !tabbed(line) => ("yaml-syntax", why),
        _ => explain(error.info(), line),
    };
    let offending: String = line.chars().skip(marker.col()).collect();
    builder.fault(code, marker, offending.trim_end(), why);
}

/// Reports `cluster api` where `cluster: api` was meant, on its own line. False if that is not what it is.
fn colonless(text: &str, seen_on: usize, builder: &mut Builder<'_, '_>) -> bool {
    let Some((number, line)) = written_before(text, seen_on) else { return false };
    let bare = line.trim().trim_start_matches("- ");
    if pair(bare).is_some() || bare.starts_with(['\'', '"', '[', '{', '|', '>']) {
        return false;
    }
    let hint = match bare.split_once(' ') {
        Some((key, value)) => format!("write `{key}: {}`", value.trim()),
        None => format!("write `{bare}:` and its value"),
    };
    let column = line.find(bare).map_or(0, |at| line[..at].chars().count());
    let why = UnitError::new(format!("`{bare}` has no `:`")).hint(hint);
    builder.fault("yaml-syntax", Marker::new(0, number, column), bare, why);
    true
}

/// What is wrong with the layout where there is a `:` too many: two keys on one line, or a line too far right.
fn layout(info: &str, text: &str, number: usize) -> Option<UnitError> {
    if !info.contains("mapping values are not allowed") {
        return None;
    }
    let line = text.lines().nth(number.checked_sub(1)?)?;
    let (key, value) = pair(line.trim().trim_start_matches("- "))?;
    if let Some((inner, rest)) = pair(value).filter(|(inner, _)| !inner.contains(' ')) {
        let hint = format!(
            "write `{key}: {{{inner}: {}}}`, or `{inner}` on a line of its own below, indented; a value is put in quotes",
            rest.trim()
        );
        return Some(UnitError::new(format!("`{key}: {inner}:` are two keys on one line")).hint(hint));
    }
    let (_, above) = written_before(text, number)?;
    let (other, taken) = pair(above.trim().trim_start_matches("- "))?;
    let is_deeper = indent(line).len() > key_column(above);
    (is_deeper && !taken.trim().is_empty()).then(|| {
        UnitError::new(format!("`{key}` is indented below `{other}`, which has a value already"))
            .hint(format!("indent it by {} spaces, as `{other}`", key_column(above)))
    })
}

/// The last line before this one that says something, with its number.
fn written_before(text: &str, number: usize) -> Option<(usize, &str)> {
    let lines = text.lines().enumerate().take(number.saturating_sub(1));
    let says = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    lines.filter(|(_, line)| says(line)).last().map(|(at, line)| (at + 1, line))
}

/// `key: value`, or `key:` with nothing behind it.
fn pair(line: &str) -> Option<(&str, &str)> {
    line.split_once(": ").or_else(|| line.trim_end().strip_suffix(':').map(|key| (key, "")))
}

/// Where the key of a line begins, behind the dash of its item.
fn key_column(line: &str) -> usize {
    line.len() - line.trim_start().trim_start_matches("- ").len()
}

fn explain(info: &str, line: &str) -> (&'static str, UnitError) {
    let has = |part: &str| info.contains(part);
    if has("tab") || (line.starts_with([' ', '\t']) && indent(line).contains('\t')) {
        return (
            "yaml-tab",
            UnitError::new("a tab where only spaces may be").hint("indent with spaces, two a level"),
        );
    }
    let stripped = info.trim_start_matches("while ");
    let syntax = |reason: &str, hint: &str| ("yaml-syntax", UnitError::new(reason).hint(hint));
    if has("anchor or alias") || has("unknown anchor") {
        return syntax(
            "an unquoted value that begins with `*` or `&` is an alias or an anchor, and there is none of this name",
            "put the value in quotes: \"*.example.com\"",
        );
    }
    if has("mapping values are not allowed") || has("illegal placement of ':'") {
        return syntax(
            "a `:` where no key can be",
            "put a value that has `: ` in it in quotes, check the indentation, or close the `[` above",
        );
    }
    if has("recursion limit") {
        return ("yaml-depth", UnitError::new("nested too deeply"));
    }
    if has("flow mapping") || has("flow sequence") || has("flow construct") || has("bracket") {
        return syntax(
            "a `[` or `{` that is not closed, or a `,` missing",
            "close it, and put values with braces in quotes: \"/users/{id}\"",
        );
    }
    if has("did not find expected key") || has("'-' indicator") || has("indentation") || has("simple key") {
        return syntax(
            "this line does not fit in with the lines above",
            "check the indentation and that each key has its `:`",
        );
    }
    if has("quoted scalar, found unexpected") {
        return syntax("a quote that is not closed", "close it with the same quote");
    }
    if has("unknown escape") {
        return syntax(
            "an escape that YAML does not know",
            "use 'single quotes', where \\ is just a character",
        );
    }
    if has("directive") || has("unexpected character") || has("token") {
        return syntax("a character that no value can begin with", "put the value in quotes");
    }
    if has("byte order mark") || has("unprintable") {
        return syntax("a character that cannot be printed", "remove it");
    }
    ("yaml-syntax", UnitError::new(stripped.to_owned()))
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}
