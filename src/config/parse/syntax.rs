//! Broken grammar in words: what the YAML parser found, and what was probably meant.

use saphyr_parser::ScanError;

use super::build::Builder;
use crate::config::units::UnitError;

/// Adds the parser's complaint with a hint for the mistakes that people make.
pub(super) fn report(error: &ScanError, text: &str, builder: &mut Builder<'_, '_>) {
    let marker = error.marker();
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or("");
    let (code, why) = explain(error.info(), line);
    let offending: String = line.chars().skip(marker.col()).collect();
    builder.fault(code, *marker, offending.trim_end(), why);
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
    if has("directive") || has("token") || has("anything else") {
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
