//! What is known of somebody besides the name, as it stands in the configuration.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::principal::Principal;

/// What is known of somebody besides the name.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Traits {
    /// The customer they belong to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What that customer has booked, as limits by plan know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// What they may ask for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// What they are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
}

impl Traits {
    /// The same principal, with these.
    #[must_use]
    pub fn given_to(&self, principal: Principal) -> Principal {
        let boxed = |text: &String| text.as_str().into();
        Principal {
            tenant: self.tenant.as_ref().map(boxed),
            plan: self.plan.as_ref().map(boxed),
            scopes: self.scopes.iter().map(boxed).collect(),
            roles: self.roles.iter().map(boxed).collect(),
            ..principal
        }
    }
}
