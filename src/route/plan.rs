//! What a route matches, compiled: hosts, path pattern, methods and conditions on values.
//!
//! Pure, on the control thread. Reports every fault of a route at once, each with its place relative to the
//! route's `match`. Which of several matching routes wins is the table's business.

use super::conditions::{self, ValueMatch};
use super::config::MatchConfig;
use super::host::HostPattern;
use super::methods::MethodSet;
use super::path::PathRules;
use super::pattern::PathPattern;
use super::profile::{Profiles, nobody};
use crate::http::field::Fields;
use crate::shared::frozen::Frozen;

/// A fault in the written form of a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Where, relative to the object that was compiled: `path`, `hosts[1]`, `headers.x-a.regex`.
    pub at: String,
    /// What is wrong.
    pub reason: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

impl PlanError {
    /// A fault at this place.
    pub fn new(at: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { at: at.to_owned(), reason: reason.into(), hint: hint.into() }
    }
}

/// What a request must look like to take a route.
#[derive(Debug, Clone)]
pub struct MatchPlan {
    /// Hosts, any of which will do; none admits every host.
    pub hosts: Vec<HostPattern>,
    /// The path. Its names are the names of the captured parameters.
    pub path: PathPattern,
    /// Methods.
    pub methods: MethodSet,
    /// Conditions on fields, all of which must hold.
    pub headers: Vec<ValueMatch>,
    /// Conditions on query parameters.
    pub query: Vec<ValueMatch>,
    /// Conditions on cookies.
    pub cookies: Vec<ValueMatch>,
    /// The kind of clients.
    pub profile: Option<ProfileMatch>,
}

/// A kind of clients that a route is for.
#[derive(Debug, Clone)]
pub struct ProfileMatch {
    profiles: Frozen<Profiles>,
    place: usize,
}

impl ProfileMatch {
    /// Whether a request with these fields is of it.
    pub fn holds(&self, fields: &Fields) -> bool {
        self.profiles.of(fields, &nobody) == Some(self.place)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.profiles.name(self.place)
    }

    fn compile(name: &str, profiles: &Frozen<Profiles>) -> Result<Self, PlanError> {
        let Some(place) = profiles.place(name) else {
            let names: Vec<&str> = profiles.names().collect();
            let hint =
                if names.is_empty() { "write it under `profiles`".to_owned() } else { names.join(", ") };
            return Err(PlanError::new("profile", format!("there is no profile `{name}`"), hint));
        };
        if profiles.asks_who(place) {
            let reason = format!(
                "`{name}`, or a profile before it, is told by claims, and routes are found before they are known"
            );
            let hint =
                "put profiles that are told by fields first, or use `split.by_profile` or a limit's key";
            return Err(PlanError::new("profile", reason, hint));
        }
        Ok(Self { profiles: profiles.clone(), place })
    }
}

impl MatchPlan {
    /// Compiles the written form.
    ///
    /// # Errors
    /// Every fault found.
    pub fn compile(config: &MatchConfig, rules: &PathRules) -> Result<Self, Vec<PlanError>> {
        Self::compile_among(config, rules, &Frozen::default())
    }

    /// The same where there are these kinds of clients.
    ///
    /// # Errors
    /// Every fault found.
    pub fn compile_among(
        config: &MatchConfig,
        rules: &PathRules,
        profiles: &Frozen<Profiles>,
    ) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        let mut hosts = Vec::new();
        for (index, written) in config.hosts.iter().enumerate() {
            match HostPattern::parse(written, &format!("hosts[{index}]")) {
                Ok(host) if hosts.contains(&host) => {}
                Ok(host) => hosts.push(host),
                Err(error) => errors.push(error),
            }
        }
        let path = compile_path(config, rules).unwrap_or_else(|error| {
            errors.push(error);
            PathPattern::any()
        });
        let methods = MethodSet::compile(&config.methods).unwrap_or_else(|error| {
            errors.push(error);
            MethodSet::default()
        });
        let headers = conditions::compile("headers", &config.headers, &mut errors);
        let query = conditions::compile("query", &config.query, &mut errors);
        let cookies = conditions::compile("cookies", &config.cookies, &mut errors);
        let profile = config.profile.as_deref().map(|name| ProfileMatch::compile(name, profiles));
        let profile = profile.transpose().unwrap_or_else(|error| {
            errors.push(error);
            None
        });
        if errors.is_empty() {
            Ok(Self { hosts, path, methods, headers, query, cookies, profile })
        } else {
            Err(errors)
        }
    }

    /// Names of the captured path parameters, in order.
    pub fn names(&self) -> &[String] {
        &self.path.names
    }

    /// How many conditions it has beyond host and path: more of them win.
    pub fn condition_count(&self) -> usize {
        let profile = usize::from(self.profile.is_some());
        usize::from(!self.methods.is_any())
            + self.headers.len()
            + self.query.len()
            + self.cookies.len()
            + profile
    }
}

fn compile_path(config: &MatchConfig, rules: &PathRules) -> Result<PathPattern, PlanError> {
    match (&config.path, &config.prefix) {
        (Some(_), Some(_)) => {
            Err(PlanError::new("prefix", "`path` and `prefix` exclude each other", "keep one of them"))
        }
        (Some(path), None) => PathPattern::path(path, "path", rules),
        (None, Some(prefix)) => PathPattern::prefix(prefix, "prefix", rules),
        (None, None) => Ok(PathPattern::any()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_every_fault_with_its_place() {
        let config = MatchConfig {
            hosts: vec!["a".to_owned(), "b:80".to_owned()],
            path: Some("/a".to_owned()),
            prefix: Some("/b".to_owned()),
            methods: vec!["get".to_owned()],
            headers: [("x-a".to_owned(), super::super::config::ValueMatchConfig::Regex("(".to_owned()))]
                .into(),
            ..MatchConfig::default()
        };
        let errors = MatchPlan::compile(&config, &PathRules::default()).unwrap_err();
        let places: Vec<_> = errors.iter().map(|error| error.at.as_str()).collect();
        assert_eq!(places, ["hosts[1]", "prefix", "methods[0]", "headers.x-a.regex"]);
    }

    #[test]
    fn counts_methods_as_one_condition() {
        let config =
            MatchConfig { methods: vec!["GET".to_owned(), "PUT".to_owned()], ..MatchConfig::default() };
        assert_eq!(MatchPlan::compile(&config, &PathRules::default()).unwrap().condition_count(), 1);
    }
}
