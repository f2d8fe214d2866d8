//! The written form of a rule.
//!
//! Shapes only; what they mean is in [`super::compile`] and [`super::rule`].

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who may do what. Everything that is written in one rule has to be so.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RuleConfig {
    /// The token has all of these scopes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// It has one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub any_scope: Vec<String>,
    /// Who is asking has one of these roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Belongs to one of these tenants; `${path.NAME}` and the like may stand here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tenants: Vec<String>,
    /// Has one of these plans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plans: Vec<String>,
    /// Is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<String>,
    /// The request's method is one of these. GET does not include HEAD.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// What is said of who is asking, by path: `org.id`. A value alone has to be equal, a list has to have it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, ClaimConfig>,
    /// All of these rules hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<Vec<RuleConfig>>,
    /// One of these rules holds. `[]` admits nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub any: Option<Vec<RuleConfig>>,
    /// This rule is known not to hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not: Option<Box<RuleConfig>>,
}

impl RuleConfig {
    /// Whether it says anything about who is asking.
    pub fn asks_who(&self) -> bool {
        let lists = [&self.scopes, &self.any_scope, &self.roles, &self.tenants, &self.plans, &self.subjects];
        let parts = self.all.iter().chain(&self.any).flatten().chain(self.not.as_deref());
        !self.claims.is_empty()
            || lists.iter().any(|list| !list.is_empty())
            || parts.into_iter().any(Self::asks_who)
    }

    /// A rule that admits nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self { any: Some(Vec::new()), ..Self::default() }
    }
}

/// What a claim has to be.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum ClaimConfig {
    /// Equal to this.
    Equals(Scalar),
    /// Equal to one of these.
    In(Vec<Scalar>),
    /// All of this.
    Test(Box<TestConfig>),
}

/// Comparisons of a claim. Everything that is written has to be so.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TestConfig {
    /// Equal to this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equals: Option<Scalar>,
    /// Equal to one of these.
    #[serde(rename = "in", skip_serializing_if = "Option::is_none")]
    pub one_of: Option<Vec<Scalar>>,
    /// There, and equal to none of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_in: Option<Vec<Scalar>>,
    /// A number or date, this or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<Scalar>,
    /// This or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Scalar>,
    /// Less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub less: Option<Scalar>,
    /// More than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<Scalar>,
    /// A text that this regular expression matches as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matches: Option<String>,
    /// A list that has this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains: Option<Scalar>,
    /// A list that has one of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contains_any: Option<Vec<Scalar>>,
    /// There at all, or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub present: Option<bool>,
}

/// A text, a number, `true` or `false`. A text `${...}` stands for what the request or the caller has.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// Anything else.
    Text(String),
}
