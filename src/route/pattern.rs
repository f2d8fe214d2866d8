//! Path patterns: `/a`, `/users/{id}`, `/files/{*rest}`, and prefixes in whole segments.
//!
//! A parameter is a whole segment and never empty. Patterns are normalised by the rules of requests, so what is
//! written and what arrives meet in one form. Comparing is the trie's and the reference's work, not this file's.

use super::params::PARAMS_MAX;
use super::path::{self, PathRules};
use super::plan::PlanError;

/// Most segments of one pattern. Bounds the depth of a lookup's recursion; real paths stay below 20.
pub const SEGMENTS_MAX: usize = 64;

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPattern {
    /// What the segments must be, in order. `/a/` has two, the second one empty.
    pub segments: Vec<Segment>,
    /// What may follow them.
    pub tail: Tail,
    /// Names of the captured parameters, in order; a catch-all's is the last.
    pub names: Vec<String>,
}

/// One segment of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// Exactly this text.
    Literal(Box<str>),
    /// Anything but nothing.
    Param,
}

/// What follows the segments of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    None,
    /// One byte or more, captured: `{*rest}`.
    CatchAll,
    /// Nothing, or further segments.
    Prefix,
}

impl PathPattern {
    /// The pattern that matches every path.
    pub fn any() -> Self {
        Self { segments: Vec::new(), tail: Tail::Prefix, names: Vec::new() }
    }

    /// Compiles an exact path or pattern.
    ///
    /// # Errors
    /// What is wrong with it; its place is `at`.
    pub fn path(written: &str, at: &str, rules: &PathRules) -> Result<Self, PlanError> {
        Self::compile(written, at, rules, false)
    }

    /// Compiles a prefix. A slash at its end means nothing: `/api/` is `/api`.
    ///
    /// # Errors
    /// What is wrong with it; its place is `at`.
    pub fn prefix(written: &str, at: &str, rules: &PathRules) -> Result<Self, PlanError> {
        Self::compile(written, at, rules, true)
    }

    fn compile(written: &str, at: &str, rules: &PathRules, is_prefix: bool) -> Result<Self, PlanError> {
        let mut scratch = Vec::new();
        let normal = path::normalise(written.as_bytes(), rules, &mut scratch)
            .map_err(|refusal| PlanError::new(at, format!("`{written}`: {}", refusal.detail()), HINT))?;
        let normal = if is_prefix { normal.strip_suffix('/').unwrap_or(normal) } else { normal };
        let mut pattern = Self { tail: if is_prefix { Tail::Prefix } else { Tail::None }, ..Self::any() };
        for segment in normal.split('/').skip(1) {
            pattern
                .push(segment)
                .map_err(|reason| PlanError::new(at, format!("`{written}`: {reason}"), HINT))?;
        }
        if pattern.segments.len() > SEGMENTS_MAX || pattern.names.len() > PARAMS_MAX {
            let reason = format!("more than {SEGMENTS_MAX} segments or {PARAMS_MAX} parameters");
            return Err(PlanError::new(at, reason, "use a prefix or a catch-all"));
        }
        Ok(pattern)
    }

    fn push(&mut self, segment: &str) -> Result<(), String> {
        if self.tail == Tail::CatchAll {
            return Err("a catch-all must come last".to_owned());
        }
        let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            if segment.contains(['{', '}']) {
                return Err(format!("a parameter must be a whole segment, not a part of `{segment}`"));
            }
            self.segments.push(Segment::Literal(segment.into()));
            return Ok(());
        };
        let (name, is_catch_all) = match name.strip_prefix('*') {
            Some(name) => (name, true),
            None => (name, false),
        };
        check_name(name, &self.names)?;
        self.names.push(name.to_owned());
        match (is_catch_all, self.tail) {
            (false, _) => self.segments.push(Segment::Param),
            (true, Tail::Prefix) => {
                return Err("a prefix has no catch-all; it admits further segments".to_owned());
            }
            (true, _) => self.tail = Tail::CatchAll,
        }
        Ok(())
    }
}

impl std::fmt::Display for PathPattern {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names = self.names.iter();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => write!(out, "/{text}")?,
                Segment::Param => write!(out, "/{{{}}}", names.next().map_or("", String::as_str))?,
            }
        }
        match self.tail {
            Tail::None => Ok(()),
            Tail::CatchAll => write!(out, "/{{*{}}}", names.next().map_or("", String::as_str)),
            Tail::Prefix => out.write_str("/..."),
        }
    }
}

fn check_name(name: &str, taken: &[String]) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if name.is_empty() || !name.bytes().all(fits) {
        return Err(format!("`{name}` can not be the name of a parameter"));
    }
    if ["scheme", "host", "path", "query"].contains(&name) {
        return Err(format!("`{name}` has a meaning of its own in redirects"));
    }
    if taken.iter().any(|known| known == name) {
        return Err(format!("parameter `{name}` appears twice"));
    }
    Ok(())
}

const HINT: &str = "write a path like /a, /users/{id} or /files/{*rest}; braces elsewhere are %7B and %7D";

#[cfg(test)]
mod tests {
    use super::*;

    fn path(written: &str) -> Result<PathPattern, PlanError> {
        PathPattern::path(written, "path", &PathRules::default())
    }

    fn prefix(written: &str) -> Result<PathPattern, PlanError> {
        PathPattern::prefix(written, "prefix", &PathRules::default())
    }

    #[test]
    fn patterns_are_normalised_by_the_rules_of_requests() {
        assert_eq!(path("/%61/./b%c3/{id}").unwrap().to_string(), "/a/b%C3/{id}");
        assert_eq!(path("/").unwrap().to_string(), "/");
        assert_eq!(path("/a/").unwrap().to_string(), "/a/");
    }

    #[test]
    fn a_slash_at_the_end_of_a_prefix_means_nothing() {
        assert_eq!(prefix("/api/").unwrap(), prefix("/api").unwrap());
        assert_eq!(prefix("/").unwrap(), PathPattern::any());
    }

    #[test]
    fn refuses_patterns_that_could_be_read_in_two_ways() {
        for written in
            ["a", "", "/a{b}", "/{a}b", "/{}", "/{*}", "/{*a}/b", "/{a}/{a}", "/{a b}", "/{host}", "/../a"]
        {
            assert!(path(written).is_err(), "{written}");
        }
        assert!(prefix("/a/{*rest}").is_err());
        assert!(path(&"/a".repeat(SEGMENTS_MAX + 1)).is_err());
    }

    #[test]
    fn a_catch_all_is_named_last() {
        let pattern = path("/{a}/x/{*rest}").unwrap();
        assert_eq!(pattern.names, ["a", "rest"]);
        assert_eq!((pattern.segments.len(), pattern.tail), (2, Tail::CatchAll));
    }
}
