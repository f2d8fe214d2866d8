//! Kinds of clients, told by what their requests say of them: web, mobile, partners, things.
//!
//! A request is of the first profile whose signs it shows. Pure; what is known of who is asking comes in as a closure,
//! because it is known later than routes are found: for `match.profile` there are fields alone.

use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::conditions::{self, ValueMatch, ValueRule};
use super::config::ValueMatchConfig;
use super::plan::PlanError;
use crate::http::field::{FieldId, Fields};

/// Most profiles of a configuration.
const PROFILES_MAX: usize = 32;
/// Largest compiled expression.
const REGEX_BYTES_MAX: usize = 1 << 20;

/// A kind of clients.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileConfig {
    /// Used in `match.profile`, `split.by_profile` and keys of limits; unique.
    pub name: String,
    /// What tells it; any of these will do.
    #[schemars(length(min = 1))]
    pub when: Vec<SignConfig>,
}

/// What tells a kind of clients. All of it has to hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SignConfig {
    /// Request fields by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, ValueMatchConfig>,
    /// A regular expression that is found anywhere in User-Agent; `(?i)` at its beginning makes it blind to case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Claims of who is asking, by their path. Known after `authenticate`, so not for `match.profile`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, ValueMatchConfig>,
}

/// All profiles, in their order.
#[derive(Debug, Default)]
pub struct Profiles(Vec<Profile>);

#[derive(Debug)]
struct Profile {
    name: Box<str>,
    when: Vec<Sign>,
}

#[derive(Debug)]
struct Sign {
    headers: Vec<ValueMatch>,
    user_agent: Option<Regex>,
    claims: Vec<ValueMatch>,
}

impl Profiles {
    /// Compiles the written form.
    ///
    /// # Errors
    /// Every fault found, with its place relative to `profiles`: `[1].when[0].user_agent`.
    pub fn compile(written: &[ProfileConfig]) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        if written.len() > PROFILES_MAX {
            errors.push(PlanError::new("", format!("there are more than {PROFILES_MAX} profiles"), ""));
        }
        let mut profiles: Vec<Profile> = Vec::new();
        for (at, profile) in written.iter().enumerate() {
            if profile.name.is_empty() || profiles.iter().any(|one| *one.name == *profile.name) {
                let reason = format!("`{}` is there already, or is no name", profile.name);
                errors.push(PlanError::new(
                    &format!("[{at}].name"),
                    reason,
                    "give every profile a name of its own",
                ));
            }
            let signs = profile.when.iter().enumerate();
            let signs = signs.filter_map(|(sign, written)| {
                let place = format!("[{at}].when[{sign}]");
                Sign::compile(written).map_err(|wrong| errors.extend(placed(&place, wrong))).ok()
            });
            profiles.push(Profile { name: profile.name.as_str().into(), when: signs.collect() });
        }
        if errors.is_empty() { Ok(Self(profiles)) } else { Err(errors) }
    }

    /// The place of a profile.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.0.iter().position(|profile| *profile.name == *name)
    }

    /// Names, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|profile| &*profile.name)
    }

    /// The name at a place.
    pub fn name(&self, place: usize) -> &str {
        self.0.get(place).map_or("", |profile| &profile.name)
    }

    /// Whether this one, or one that would be preferred to it, is told by what is known only once somebody has shown who
    /// they are.
    pub fn asks_who(&self, place: usize) -> bool {
        self.0.iter().take(place + 1).flat_map(|profile| &profile.when).any(|sign| !sign.claims.is_empty())
    }

    /// The profile of a request with these fields. `claim` says whether a claim satisfies a rule.
    pub fn of(&self, fields: &Fields, claim: &dyn Fn(&str, &ValueRule) -> bool) -> Option<usize> {
        self.0.iter().position(|profile| profile.when.iter().any(|sign| sign.holds(fields, claim)))
    }
}

fn placed(place: &str, errors: Vec<PlanError>) -> impl Iterator<Item = PlanError> + '_ {
    let at = move |at: String| if at.is_empty() { place.to_owned() } else { format!("{place}.{at}") };
    errors.into_iter().map(move |error| PlanError { at: at(error.at), ..error })
}

impl Sign {
    fn compile(written: &SignConfig) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        if *written == SignConfig::default() {
            errors.push(PlanError::new(
                "",
                "it is told by nothing",
                "write `headers`, `user_agent` or `claims`",
            ));
        }
        let headers = conditions::compile("headers", &written.headers, &mut errors);
        // Paths of claims are names like those of parameters: anything but nothing.
        let mut wrong = Vec::new();
        let claims = conditions::compile("query", &written.claims, &mut wrong);
        errors.extend(
            wrong.into_iter().map(|error| PlanError { at: error.at.replacen("query", "claims", 1), ..error }),
        );
        let user_agent = written
            .user_agent
            .as_deref()
            .map(|pattern| RegexBuilder::new(pattern).unicode(false).size_limit(REGEX_BYTES_MAX).build());
        let user_agent = user_agent.transpose().unwrap_or_else(|error| {
            errors.push(PlanError::new("user_agent", error.to_string(), "look-around does not exist here"));
            None
        });
        if errors.is_empty() { Ok(Self { headers, user_agent, claims }) } else { Err(errors) }
    }

    fn holds(&self, fields: &Fields, claim: &dyn Fn(&str, &ValueRule) -> bool) -> bool {
        let is_agent =
            |regex: &Regex| fields.first(FieldId::UserAgent).is_some_and(|agent| regex.is_match(agent));
        self.user_agent.as_ref().is_none_or(is_agent)
            && self.headers.iter().all(|field| field.rule.holds(fields.all_named(field.name.as_bytes())))
            && self.claims.iter().all(|one| claim(&one.name, &one.rule))
    }
}

/// Nobody is known yet: no claim is there.
pub fn nobody(_: &str, rule: &ValueRule) -> bool {
    rule.holds(std::iter::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profiles(text: &str) -> Result<Profiles, Vec<PlanError>> {
        Profiles::compile(&serde_json::from_str::<Vec<ProfileConfig>>(text).expect("profiles"))
    }

    fn fields(list: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (name, value) in list {
            fields.append(name.as_bytes(), value.as_bytes());
        }
        fields
    }

    const ALL: &str = r#"[
        {"name": "partner", "when": [{"claims": {"azp": {"exact": "partner-portal"}}}]},
        {"name": "mobile", "when": [{"headers": {"x-app": {"present": true}}}, {"user_agent": "(?i)android|iphone"}]},
        {"name": "iot", "when": [{"user_agent": "^sensor/", "headers": {"x-device": {"prefix": "d-"}}}]},
        {"name": "web", "when": [{"user_agent": "Mozilla"}]}]"#;

    #[test]
    fn the_first_profile_whose_signs_are_there_is_the_one() {
        let profiles = profiles(ALL).expect("they are sound");
        let of =
            |list: &[(&str, &str)]| profiles.of(&fields(list), &nobody).map(|place| profiles.name(place));
        assert_eq!(of(&[("User-Agent", "Mozilla/5.0 (Linux; ANDROID 14)")]), Some("mobile"));
        assert_eq!(of(&[("User-Agent", "Mozilla/5.0 (X11)")]), Some("web"));
        assert_eq!(of(&[("X-App", "7"), ("User-Agent", "Mozilla/5.0")]), Some("mobile"));
        assert_eq!(of(&[("User-Agent", "sensor/2")]), None, "all of a sign has to hold");
        assert_eq!(of(&[("User-Agent", "sensor/2"), ("X-Device", "d-9")]), Some("iot"));
        let known = |path: &str, rule: &ValueRule| path == "azp" && rule.admits(b"partner-portal");
        assert_eq!(profiles.of(&fields(&[("X-App", "7")]), &known), Some(0));
    }

    #[test]
    fn who_comes_behind_a_claim_is_not_known_before_it() {
        let profiles = profiles(ALL).expect("they are sound");
        assert!((0..4).all(|place| profiles.asks_who(place)), "partner comes before all of them");
        let without = profiles_without_claims();
        assert!(!without.asks_who(0) && without.asks_who(1));
    }

    fn profiles_without_claims() -> Profiles {
        profiles(
            r#"[{"name": "web", "when": [{"user_agent": "Mozilla"}]},
                {"name": "partner", "when": [{"claims": {"azp": {"present": true}}}]}]"#,
        )
        .expect("they are sound")
    }

    #[test]
    fn says_where_something_is_wrong() {
        let wrong = profiles(
            r#"[{"name": "a", "when": [{}, {"user_agent": "("}]}, {"name": "a", "when": [{"headers": {"x": {"regex": "("}}}]},
                {"name": "c", "when": [{"claims": {"": {"present": true}}}]}]"#,
        );
        let places: Vec<String> = wrong.unwrap_err().into_iter().map(|error| error.at).collect();
        let expected = [
            "[0].when[0]",
            "[0].when[1].user_agent",
            "[1].name",
            "[1].when[0].headers.x.regex",
            "[2].when[0].claims.",
        ];
        assert_eq!(places, expected);
    }
}
