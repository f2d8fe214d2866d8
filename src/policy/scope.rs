//! What a policy may ask while it is compiled, and where it says what is wrong.
//!
//! Files, secrets and live inputs come through here, so that compiling stays a pure function of its inputs.

use std::collections::BTreeMap;
use std::path::Path;

use crate::config::secret::Secret;
use crate::policy::auth::AuthenticatorConfig;
use crate::policy::identity::own_keys::OwnKeysConfig;
use crate::policy::inputs::InputDesk;
use crate::policy::rate::config::LimitConfig;
use crate::policy::rate::quota::QuotaConfig;
use crate::route::profile::Profiles;
use crate::shared::frozen::Frozen;
use crate::upstream::config::ClusterConfig;

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
    /// The gateway's own keys.
    pub own_keys: Option<&'a OwnKeysConfig>,
    /// What the route's path captures. None where no route is known.
    pub params: Option<&'a [String]>,
    /// Where relative files are looked for. None where files are not to be read.
    pub base: Option<&'a Path>,
    /// Authenticators by name. None where names are not looked at.
    pub authenticators: Option<&'a BTreeMap<String, AuthenticatorConfig>>,
    /// Clusters by name. None where names are not looked at.
    pub clusters: Option<&'a BTreeMap<String, ClusterConfig>>,
    /// Quotas, by name. None where names are not looked at.
    pub quotas: Option<&'a BTreeMap<String, QuotaConfig>>,
    /// What keys of limits are hashed with, the same on all hosts of a fleet. None where nothing is compiled to run.
    pub hash_key: Option<[u8; 16]>,
    /// Kinds of clients. None where names are not looked at.
    pub profiles: Option<&'a Frozen<Profiles>>,
    /// Limits on how often, by name. None where names are not looked at.
    pub rate_limits: Option<&'a BTreeMap<String, LimitConfig>>,
}

/// A secret where none is to be read.
pub fn placeholder(_: &str) -> Option<Secret> {
    Some(Secret::new(String::from("placeholder-that-is-long-enough-for-any-use-there-is-of-a-secret-here")))
}

/// The surroundings in which a policy is compiled.
pub struct Scope<'a> {
    secrets: &'a dyn Fn(&str) -> Option<Secret>,
    /// What else there is.
    pub around: Surroundings<'a>,
    /// What control keeps current.
    pub inputs: InputDesk,
    /// What was found wrong.
    pub problems: Vec<Problem>,
}

impl<'a> Scope<'a> {
    /// A scope with these secrets.
    pub fn new(secrets: &'a dyn Fn(&str) -> Option<Secret>) -> Self {
        Self { secrets, around: Surroundings::default(), inputs: InputDesk::default(), problems: Vec::new() }
    }

    /// With this around it.
    #[must_use]
    pub fn around(self, around: Surroundings<'a>) -> Self {
        Self { around, ..self }
    }

    /// With these inputs, and those of the generation before.
    #[must_use]
    pub fn with_inputs(self, inputs: InputDesk) -> Self {
        Self { inputs, ..self }
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
