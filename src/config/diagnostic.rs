//! What is wrong with a configuration: where, what, why, and what to write instead.
//!
//! A [`Diagnostic`] stands by itself: it keeps the line it is about, so that it can be shown without the file.
//! The list is bounded; what is beyond the bound is counted. How it looks on a terminal is `render`'s.

use std::fmt;

use serde::Serialize;

use super::source::{Mark, Sources};
use super::units::UnitError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Whether the configuration is refused for it.
    pub severity: Severity,
    /// Short and stable: `unknown-key`.
    pub code: &'static str,
    /// Where it is written; none for what is about a whole file that cannot be read.
    #[serde(flatten)]
    pub place: Option<Place>,
    /// Which value: `routes[2].cluster`.
    pub path: String,
    /// The offending text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
    /// The whole line of the place, for showing.
    #[serde(skip)]
    pub line_text: Option<String>,
}

/// Whether a configuration is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It is refused.
    Error,
    /// It is taken, but hardly what was meant.
    Warning,
}

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// Its name, as given or as found from an `include`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is wrong, at most [`LIMIT`] of it, and how much more there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Diagnostics {
    #[serde(rename = "diagnostics")]
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
    /// How many are not in the list.
    more: usize,
}

impl Diagnostics {
    /// Adds one. Beyond the bound an error takes the place of a warning, else it is only counted.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let is_error = diagnostic.severity == Severity::Error;
        *(if is_error { &mut self.errors } else { &mut self.warnings }) += 1;
        if self.list.len() < LIMIT {
            return self.list.push(diagnostic);
        }
        self.more += 1;
        if let Some(at) = self.list.iter().rposition(|kept| is_error && kept.severity == Severity::Warning) {
            self.list.remove(at);
            self.list.push(diagnostic);
        }
    }

    /// Whether the configuration is refused.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// How many errors, those beyond the bound included.
    pub fn error_count(&self) -> usize {
        self.errors
    }

    /// How many warnings, those beyond the bound included.
    pub fn warning_count(&self) -> usize {
        self.warnings
    }

    /// How many there are that the list does not hold.
    pub fn more(&self) -> usize {
        self.more
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Those within the bound.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        let listed = other.list.iter().filter(|kept| kept.severity == Severity::Error).count();
        self.errors += other.errors - listed;
        self.warnings += other.warnings - (other.list.len() - listed);
        self.more += other.more;
        for diagnostic in other.list {
            self.push(diagnostic);
        }
    }

    /// Puts them in the order of their places, those without one first.
    pub fn sort(&mut self) {
        self.list.sort_by(|a, b| a.place.cmp(&b.place).then_with(|| a.path.cmp(&b.path)));
    }

    /// Whether one more would still be shown. What looks for faults may spare itself the wording beyond.
    pub fn has_room(&self) -> bool {
        self.list.len() < LIMIT
    }

    /// Counts one that is not worded because there is no room for it.
    fn count(&mut self, severity: Severity) {
        *(if severity == Severity::Error { &mut self.errors } else { &mut self.warnings }) += 1;
        self.more += 1;
    }
}

/// Most diagnostics that are kept. Whoever has more fixes these first.
pub const LIMIT: usize = 100;

/// Collects diagnostics about [`Sources`].
#[derive(Debug)]
pub struct Report<'a> {
    sources: &'a Sources,
    /// What was found so far.
    pub diagnostics: Diagnostics,
}

impl<'a> Report<'a> {
    /// An empty report.
    pub fn new(sources: &'a Sources) -> Self {
        Self { sources, diagnostics: Diagnostics::default() }
    }

    /// The texts it is about.
    pub fn sources(&self) -> &'a Sources {
        self.sources
    }

    /// Whether a diagnostic of this severity would still be shown; a place need not be looked for otherwise.
    pub fn wants(&self, severity: Severity) -> bool {
        // An error may still displace a warning.
        self.diagnostics.has_room() || (severity == Severity::Error && self.diagnostics.warnings > 0)
    }

    /// Adds an error.
    pub fn error(&mut self, code: &'static str, mark: Mark, path: &str, text: &str, why: UnitError) {
        self.push(Severity::Error, code, mark, (path, text), why);
    }

    /// Adds a warning.
    pub fn warning(&mut self, code: &'static str, mark: Mark, path: &str, text: &str, why: UnitError) {
        self.push(Severity::Warning, code, mark, (path, text), why);
    }

    fn push(
        &mut self,
        severity: Severity,
        code: &'static str,
        mark: Mark,
        what: (&str, &str),
        why: UnitError,
    ) {
        if !self.wants(severity) {
            return self.diagnostics.count(severity);
        }
        let (path, text) = what;
        self.diagnostics.push(Diagnostic {
            severity,
            code,
            place: Some(self.sources.place(mark)),
            path: path.to_owned(),
            text: clip(text, TEXT_LEN_MAX),
            reason: why.reason,
            hint: why.hint,
            line_text: self.sources.line(mark).map(|line| clip(line, LINE_LEN_MAX)),
        });
    }
}

/// At most so many characters; an ellipsis says that there are more.
pub(crate) fn clip(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

const TEXT_LEN_MAX: usize = 120;
const LINE_LEN_MAX: usize = 400;
