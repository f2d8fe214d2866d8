//! Paths as a route writes them: patterns, prefixes, and texts with `{parameters}` in them.
//!
//! The same grammar as `route` compiles: a parameter is a whole segment, a catch-all comes last.

use crate::config::suggest;
use crate::config::units::UnitError;

/// The names that a pattern or prefix captures, or what is wrong with it.
pub(super) fn captured(pattern: &str, is_prefix: bool) -> Result<Vec<&str>, UnitError> {
    absolute(pattern)?;
    let bad = |reason: String, hint: &str| Err(UnitError::new(format!("`{pattern}`: {reason}")).hint(hint));
    let mut names: Vec<&str> = Vec::new();
    let segments: Vec<&str> = pattern.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            literal(pattern, segment)?;
            continue;
        };
        let (name, is_rest) = name.strip_prefix('*').map_or((name, false), |name| (name, true));
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        {
            return bad(format!("`{name}` cannot be the name of a parameter"), "write {id} or {*rest}");
        }
        if RESERVED.contains(&name) {
            return bad(format!("`{name}` has a meaning of its own in redirects"), "use another name");
        }
        if names.contains(&name) {
            return bad(format!("parameter `{name}` appears twice"), "give each its own name");
        }
        if is_rest && is_prefix {
            return bad(
                "a prefix admits further segments by itself".to_owned(),
                "remove the catch-all, or use `path`",
            );
        }
        if is_rest && index + 1 != segments.len() {
            return bad("a catch-all comes last".to_owned(), "write /files/{*rest}");
        }
        names.push(name);
    }
    if segments.len() > SEGMENTS_MAX || names.len() > PARAMS_MAX {
        return bad(
            format!("more than {SEGMENTS_MAX} segments or {PARAMS_MAX} parameters"),
            "use a prefix or a catch-all",
        );
    }
    Ok(names)
}

/// A path without parameters, such as a prefix to strip.
pub(super) fn absolute(path: &str) -> Result<(), UnitError> {
    if !path.starts_with('/') {
        return Err(
            UnitError::new(format!("`{path}` does not begin with `/`")).hint(format!("write /{path}"))
        );
    }
    if let Some(bad) = path.chars().find(|c| c.is_control() || " ?#\\\"<>^`|".contains(*c) || !c.is_ascii()) {
        let hint = match bad {
            '?' => "match query parameters with `query`",
            '#' => "a fragment is never sent; remove it",
            _ => "write it percent-encoded",
        };
        return Err(UnitError::new(format!("`{path}` has {bad:?} in it")).hint(hint));
    }
    Ok(())
}

fn literal(pattern: &str, segment: &str) -> Result<(), UnitError> {
    if segment.contains(['{', '}']) {
        return Err(UnitError::new(format!(
            "`{pattern}`: a parameter must be a whole segment, not a part of `{segment}`"
        ))
        .hint("write /users/{id}; braces elsewhere are %7B and %7D"));
    }
    if segment == "*" || segment == "**" {
        return Err(UnitError::new(format!("`{pattern}`: `{segment}` is just a character here"))
            .hint("write {*rest}, or use `prefix`"));
    }
    if segment == "." || segment == ".." {
        return Err(UnitError::new(format!(
            "`{pattern}`: no request has a segment `{segment}` once its path is normalised"
        ))
        .hint("write the path that it means"));
    }
    let mut encoded = segment.split('%').skip(1);
    if encoded
        .any(|after| !after.get(..2).is_some_and(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit())))
    {
        return Err(UnitError::new(format!("`{pattern}`: `%` without two hexadecimal digits"))
            .hint("write %25 for a percent sign"));
    }
    Ok(())
}

/// A text with `{name}` in it, where each name is one of `known`.
pub(super) fn template(text: &str, known: &[&str]) -> Result<(), UnitError> {
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let Some((name, after)) = rest[at..].strip_prefix('{').and_then(|inner| inner.split_once('}')) else {
            return Err(UnitError::new(format!("`{text}` has a brace without its counterpart"))
                .hint("write {name}; braces elsewhere are %7B and %7D"));
        };
        let plain = name.strip_prefix('*').unwrap_or(name);
        if !known.contains(&plain) {
            let mut why = UnitError::new(format!("`{{{name}}}` is not captured by the route's path"));
            why.hint = suggest::hint(plain, known, "there are")
                .or_else(|| Some("capture it with `match.path`".to_owned()));
            return Err(why);
        }
        rest = after;
    }
    Ok(())
}

/// What a redirect knows besides captured parameters.
pub(super) const RESERVED: &[&str] = &["scheme", "host", "path", "query"];
const SEGMENTS_MAX: usize = 64;
const PARAMS_MAX: usize = 16;
