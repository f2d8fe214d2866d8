//! The written form of a split: variants of a service, who stays with one, and how shares move.
//!
//! Shapes, defaults, and what of them cannot be meant. Names of clusters and profiles are resolved by control.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shares::{Shares, VARIANTS_MAX, WHOLE};
use crate::config::units::{Share, Span, UnitError};
use crate::http::is_token;
use crate::route::config::RewriteConfig;

/// Several variants of a service behind one route.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitConfig {
    /// The variants by name, 1 to 16.
    #[schemars(length(min = 1, max = 16))]
    pub variants: BTreeMap<String, VariantConfig>,
    /// What keeps a client with its variant. Default: nothing, every request is dealt out by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sticky: Option<StickyConfig>,
    /// Variants by client profile: who is of that profile always gets that one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_profile: BTreeMap<String, String>,
    /// Raises the share of one variant step by step for as long as it does well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampConfig>,
    /// One variant has all requests, and another can have them by one command. Not together with `ramp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blue_green: Option<BlueGreenConfig>,
}

/// A variant of a service.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantConfig {
    /// The cluster that answers.
    pub cluster: String,
    /// Its part of the requests relative to that of the others, 0 to 1000; rounded to a thousandth of all. Default: 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1000))]
    pub weight: u32,
    /// Changes to the request before it goes to this variant. Default: those of the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rewrite: Option<RewriteConfig>,
}

fn one() -> u32 {
    1
}

/// What keeps a client with its variant. A request that does not have it is dealt out by itself.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StickyConfig {
    /// The value of this request field.
    Header(String),
    /// The value of this cookie. Who comes without it is given one that says nothing but a random number.
    Cookie(String),
    /// Who is asking, once that is known.
    Identity,
}

/// Raises the share of a variant step by step. It begins when it is first in force, and again when the variants, their
/// clusters, their weights or the steps are written otherwise.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RampConfig {
    /// The variant whose share is raised. The others share the rest by weight.
    pub variant: String,
    /// What it gets, and for how long it is watched. After the last step it gets everything.
    #[serde(default = "steps")]
    #[schemars(length(min = 1))]
    pub steps: Vec<StepConfig>,
    /// What is too much worse.
    #[serde(default)]
    pub gate: GateConfig,
}

/// A step of a ramp.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// What the variant gets, 0.1% to 99.9%.
    pub share: Share,
    /// How long it is watched at least.
    pub hold: Span,
}

fn steps() -> Vec<StepConfig> {
    let step = |percent: u32, minutes: u64| StepConfig {
        share: Share::percent(percent),
        hold: Span::from_secs(60 * minutes),
    };
    vec![step(1, 5), step(5, 10), step(25, 15), step(50, 15)]
}

/// What is too much worse for a variant, compared with the others in the same time. If it is, its share falls to nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// Requests that the variant, and the others together, must have served in a step. It is not left before.
    #[schemars(range(min = 1))]
    pub requests: u32,
    /// How much larger the share of answers of 500 and above may be, and of gRPC calls that failed in such a way.
    pub errors: Share,
    /// How much larger the share of answers of 400 to 499 may be.
    pub rejections: Share,
    /// How many times longer the slowest twentieth of the answers may take to begin (the 95th percentile).
    pub latency: f64,
    /// How much longer they must take at least to count.
    pub latency_min: Span,
    /// How many of the copies of the route's `shadow` may be answered otherwise than the originals. Default: that is not
    /// looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatches: Option<Share>,
    /// How often a variant that is no worse may be stopped by chance, over all steps.
    pub false_alarms: Share,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            requests: 50,
            errors: Share::percent(1),
            rejections: Share::percent(5),
            latency: 1.5,
            latency_min: Span::from_millis(20),
            mismatches: None,
            false_alarms: Share::one_in(1_000),
        }
    }
}

/// One variant has all requests, and another can have them by one command.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BlueGreenConfig {
    /// The variant that has all requests until somebody says otherwise.
    pub active: String,
}

impl SplitConfig {
    /// The place of a variant.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.variants.keys().position(|one| one == name)
    }

    /// Weights of the variants in their order.
    pub fn weights(&self) -> Vec<u32> {
        self.variants.values().map(|variant| variant.weight).collect()
    }

    /// What the variants get to begin with. `None` where that is nothing that could be meant.
    pub fn first_shares(&self) -> Option<Shares> {
        if let Some(blue_green) = &self.blue_green {
            return Some(Shares::all_for(self.place(&blue_green.active)?, self.variants.len()));
        }
        match &self.ramp {
            Some(ramp) => self.raised(self.place(&ramp.variant)?, thousandths(ramp.steps.first()?.share)?),
            None => Shares::by_weight(&self.weights()),
        }
    }

    /// So much for one of them, the rest by weight for the others.
    pub fn raised(&self, variant: usize, part: u32) -> Option<Shares> {
        let fixed: Vec<_> = (0..self.variants.len()).map(|at| (at == variant).then_some(part)).collect();
        Shares::with(&fixed, &self.weights())
    }

    /// What decides about shares, as text. Where it is written otherwise, what was done by hand or by a ramp is void. With
    /// `blue_green` the clusters are left out: who brings a new version to the idle side must not change sides by that.
    pub fn form(&self) -> String {
        let steps = |ramp: &RampConfig| {
            let steps: Vec<String> = ramp.steps.iter().map(|step| step.share.to_string()).collect();
            format!("ramp {} {}", ramp.variant, steps.join(" "))
        };
        if let Some(BlueGreenConfig { active }) = &self.blue_green {
            let names: Vec<&str> = self.variants.keys().map(String::as_str).collect();
            return format!("blue/green {} active {active}", names.join(" "));
        }
        let variants = self.variants.iter();
        let variants: Vec<String> =
            variants.map(|(name, one)| format!("{name}={}*{}", one.cluster, one.weight)).collect();
        format!("{} {}", variants.join(" "), self.ramp.as_ref().map(steps).unwrap_or_default())
    }

    /// What cannot be meant, with the path below `split`.
    pub fn problems(&self) -> Vec<(String, UnitError)> {
        let mut problems = Vec::new();
        let mut refuse = |path: &str, reason: String, hint: &str| {
            problems.push((path.to_owned(), UnitError::new(reason).hint(hint)));
        };
        if self.variants.is_empty() || self.variants.len() > VARIANTS_MAX {
            refuse("variants", format!("a split has 1 to {VARIANTS_MAX} variants"), "");
        }
        for (name, _) in self.variants.iter().filter(|(name, _)| !is_token(name.as_bytes())) {
            let hint = "use letters, digits, `-` and `_`";
            refuse(&format!("variants.{name}"), format!("`{name}` can not be a name here"), hint);
        }
        match &self.sticky {
            Some(StickyConfig::Header(name) | StickyConfig::Cookie(name)) if !is_token(name.as_bytes()) => {
                refuse("sticky", format!("`{name}` can not be the name of a field or cookie"), "");
            }
            _ => {}
        }
        for (profile, variant) in &self.by_profile {
            if self.place(variant).is_none() {
                refuse(&format!("by_profile.{profile}"), self.no_variant(variant), "");
            }
        }
        if let Some(BlueGreenConfig { active }) = &self.blue_green
            && self.place(active).is_none()
        {
            refuse("blue_green.active", self.no_variant(active), "");
        }
        match (&self.ramp, &self.blue_green) {
            (Some(_), Some(_)) => {
                refuse(
                    "blue_green",
                    "`blue_green` and `ramp` exclude each other".to_owned(),
                    "keep one of them",
                );
            }
            (Some(ramp), None) => problems.extend(self.ramp_problems(ramp)),
            (None, None) if self.weights().iter().all(|weight| *weight == 0) => {
                refuse("variants", "no variant has a weight".to_owned(), "give one of them `weight: 1`");
            }
            _ => {}
        }
        problems
    }

    fn no_variant(&self, name: &str) -> String {
        let names: Vec<&str> = self.variants.keys().map(String::as_str).collect();
        format!("there is no variant `{name}`; there are: {}", names.join(", "))
    }

    fn ramp_problems(&self, ramp: &RampConfig) -> Vec<(String, UnitError)> {
        let mut problems = Vec::new();
        let mut refuse = |path: String, reason: String, hint: &str| {
            problems.push((path, UnitError::new(reason).hint(hint)));
        };
        match self.place(&ramp.variant) {
            None => refuse("ramp.variant".to_owned(), self.no_variant(&ramp.variant), ""),
            Some(place) if self.raised(place, 1).is_none() => {
                let reason = "no other variant has a weight, so there is nothing to compare with".to_owned();
                refuse("ramp.variant".to_owned(), reason, "give the variant that serves now a weight");
            }
            Some(_) => {}
        }
        let mut before = 0;
        for (at, step) in ramp.steps.iter().enumerate() {
            let path = format!("ramp.steps[{at}].share");
            match thousandths(step.share) {
                None => {
                    refuse(path, format!("{} is not a whole tenth of a percent", step.share), "write 0.1%")
                }
                Some(0 | WHOLE) => {
                    let hint = "after the last step the variant gets everything by itself";
                    refuse(path, format!("{} leaves nothing to compare with", step.share), hint);
                }
                Some(part) if part <= before => {
                    refuse(
                        path,
                        format!("{} is not more than the step before", step.share),
                        "let the steps grow",
                    );
                }
                Some(part) => before = part,
            }
        }
        let gate = &ramp.gate;
        if !(1.0..=1_000.0).contains(&gate.latency) {
            refuse(
                "ramp.gate.latency".to_owned(),
                format!("{} is not from 1 to 1000", gate.latency),
                "write 1.5",
            );
        }
        if gate.false_alarms == Share::NONE || gate.false_alarms > Share::percent(20) {
            let reason = format!("{} is not from 0.0001% to 20%", gate.false_alarms);
            refuse("ramp.gate.false_alarms".to_owned(), reason, "write 0.1%");
        }
        problems
    }
}

/// A share in thousandths. `None` where it is finer than that.
pub fn thousandths(share: Share) -> Option<u32> {
    share.millionths().is_multiple_of(1_000).then_some(share.millionths() / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> SplitConfig {
        serde_json::from_str(text).expect("a split")
    }

    fn places(split: &SplitConfig) -> Vec<String> {
        split.problems().into_iter().map(|(place, _)| place).collect()
    }

    const VARIANTS: &str =
        r#""variants": {"canary": {"cluster": "b"}, "stable": {"cluster": "a", "weight": 3}}"#;

    #[test]
    fn begins_with_weights_with_the_first_step_or_with_all_for_one() {
        let first = |rest: &str| {
            let split = split(&format!("{{{VARIANTS}{rest}}}"));
            assert_eq!(places(&split), [""; 0]);
            split.first_shares().expect("shares").parts().to_vec()
        };
        assert_eq!(first(""), [250, 750]);
        assert_eq!(first(r#", "blue_green": {"active": "stable"}"#), [0, 1000]);
        assert_eq!(first(r#", "ramp": {"variant": "canary"}"#), [10, 990]);
    }

    #[test]
    fn says_of_everything_that_cannot_be_meant_where_it_is() {
        let wrong = split(
            r#"{"variants": {"a b": {"cluster": "a"}, "c": {"cluster": "c"}}, "sticky": {"cookie": "a;b"},
                "by_profile": {"web": "x"}, "ramp": {"variant": "d", "gate": {"latency": 0.5}, "steps": [
                    {"share": "0.05%", "hold": "1m"}, {"share": "5%", "hold": "1m"}, {"share": "5%", "hold": "1m"},
                    {"share": "100%", "hold": "1m"}]}}"#,
        );
        let expected = [
            "variants.a b",
            "sticky",
            "by_profile.web",
            "ramp.variant",
            "ramp.steps[0].share",
            "ramp.steps[2].share",
            "ramp.steps[3].share",
            "ramp.gate.latency",
        ];
        assert_eq!(places(&wrong), expected);
        let none = split(r#"{"variants": {"a": {"cluster": "a", "weight": 0}}}"#);
        assert_eq!(places(&none), ["variants"]);
        let alone = split(r#"{"variants": {"a": {"cluster": "a"}}, "ramp": {"variant": "a"}}"#);
        assert_eq!(places(&alone), ["ramp.variant"]);
    }

    #[test]
    fn another_cluster_begins_a_ramp_anew_and_leaves_blue_and_green_alone() {
        let with = |cluster: &str, rest: &str| {
            let variants = VARIANTS.replace(r#""b""#, &format!("\"{cluster}\""));
            split(&format!("{{{variants}, {rest}}}")).form()
        };
        let (ramp, sides) = (r#""ramp": {"variant": "canary"}"#, r#""blue_green": {"active": "stable"}"#);
        assert_ne!(with("b", ramp), with("c", ramp));
        assert_eq!(with("b", sides), with("c", sides));
        let strict = r#""ramp": {"variant": "canary", "gate": {"errors": "0.1%"}}"#;
        assert_eq!(with("b", ramp), with("b", strict), "a stricter gate goes on where the ramp is");
    }
}
