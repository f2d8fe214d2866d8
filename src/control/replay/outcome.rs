//! What a request meets, in names: comparable between configurations, and the same as text and as JSON.

use serde::{Deserialize, Serialize};

use crate::control::explain::decide::{Decision, Ending};
use crate::policy::exchange::Exchange;
use crate::proxy::snapshot::Snapshot;

/// What a request meets. What is absent does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// The route that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Status of an answer that the gateway gives by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The policy that refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The cluster it goes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// The protocol it switches to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upgrade: Option<String>,
    /// The path it has there, where that is rewritten; where a client is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

impl Outcome {
    /// Of a decision of this snapshot about this exchange.
    pub fn of(decision: &Decision, snapshot: &Snapshot, exchange: &Exchange) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let route = decision.route.map(|index| snapshot.routes[index.0 as usize].name.to_string());
        let at = Self { route, ..Self::default() };
        match &decision.ending {
            Ending::Refused { reply, by } => Self {
                status: Some(reply.fault.status()),
                code: Some(reply.fault.code().to_owned()),
                policy: by.map(str::to_owned),
                ..at
            },
            Ending::Forward { cluster, path } => Self {
                cluster: Some(snapshot.clusters[*cluster].name.to_string()),
                upgrade: Some(text(&exchange.upgrade)).filter(|upgrade| !upgrade.is_empty()),
                target: path.as_deref().map(text),
                ..at
            },
            Ending::Redirect { status, location } => {
                Self { status: Some(*status), target: Some(text(location)), ..at }
            }
            Ending::Respond { status, .. } => Self { status: Some(*status), ..at },
            Ending::Raw => Self::without_listener("it carries raw TCP"),
        }
    }

    /// Where the listener takes no such request any more.
    pub fn without_listener(why: &str) -> Self {
        Self { code: Some(format!("no listener: {why}")), ..Self::default() }
    }

    /// Whether both name the same route and cluster, or the same reason to refuse. What was recorded knows no more.
    pub fn is_like(&self, met: &Self) -> bool {
        let known = |it: &Self| (it.route.clone(), it.cluster.clone(), it.policy.clone(), it.code.clone());
        known(self) == known(met)
    }

    /// This and the other as text, with as much as it takes to tell them apart.
    pub fn told_beside(&self, other: &Self) -> (String, String) {
        let (mut one, mut two) = (self.to_string(), other.to_string());
        if one == two && self.upgrade != other.upgrade {
            let upgrade = |it: &Self| it.upgrade.clone().unwrap_or_else(|| "no upgrade".to_owned());
            one.push_str(&format!(", {}", upgrade(self)));
            two.push_str(&format!(", {}", upgrade(other)));
        }
        // Targets differ from request to request: they are told by the examples.
        if one == two {
            two = "the same with another path".to_owned();
        }
        (one, two)
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.route, &self.code) {
            (None, Some(code)) if code.starts_with("no listener") => return out.write_str(code),
            (None, Some(code)) if code == "no_route" => out.write_str("no route ")?,
            (None, Some(_)) => out.write_str("refused ")?,
            (None, None) => out.write_str("answered by the gateway")?,
            (Some(route), _) => write!(out, "route `{route}`")?,
        }
        match (&self.route, self.status, &self.code) {
            (None, Some(status), Some(code)) => write!(out, "({status} {code})")?,
            (Some(_), Some(status), Some(code)) => write!(out, ", {status} {code}")?,
            (_, Some(status), None) => write!(out, ", answers {status}")?,
            _ => {}
        }
        if let Some(policy) = &self.policy {
            write!(out, " by {policy}")?;
        }
        if let Some(cluster) = &self.cluster {
            write!(out, " to cluster `{cluster}`")?;
        }
        Ok(())
    }
}
