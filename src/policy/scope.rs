//! What a policy may ask while it is compiled, and where it says what is wrong.
//!
//! Files, secrets and live inputs come through here, so that compiling stays a pure function of its inputs.

use crate::config::secret::Secret;

/// Something wrong with a policy's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where, below the policy's own key: `request.set.x-a`.
    pub path: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What else the configuration has, as it is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings<'a> {
    /// What the route's path captures. None where no route is known.
    pub params: Option<&'a [String]>,
}

/// The surroundings in which a policy is compiled.
pub struct Scope<'a> {
    secrets: &'a dyn Fn(&str) -> Option<Secret>,
    /// What else there is.
    pub around: Surroundings<'a>,
    /// What was found wrong.
    pub problems: Vec<Problem>,
}

impl<'a> Scope<'a> {
    /// A scope with these secrets.
    pub fn new(secrets: &'a dyn Fn(&str) -> Option<Secret>) -> Self {
        Self { secrets, around: Surroundings::default(), problems: Vec::new() }
    }

    /// A secret by name.
    pub fn secret(&self, name: &str) -> Option<Secret> {
        (self.secrets)(name)
    }

    /// Says that something is wrong.
    pub fn problem(&mut self, path: impl Into<String>, reason: impl Into<String>, hint: &str) {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        self.problems.push(Problem { path: path.into(), reason: reason.into(), hint });
    }
}
