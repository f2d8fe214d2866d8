//! What goes into the judgement of a cluster, and what comes out of it to be told.

use super::checks::Complaint;
use super::fuse::{Cause, Standing};
use super::outliers::Ejected;
use super::window::Tally;
use crate::upstream::config::health::{BreakerConfig, HealthConfig, OutliersConfig};

/// What a cluster is judged by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WardPlan {
    /// Active checks.
    pub health: Option<HealthConfig>,
    /// Outliers.
    pub outliers: Option<OutliersConfig>,
    /// The breaker of the cluster.
    pub breaker: Option<BreakerConfig>,
    /// That of each endpoint.
    pub endpoint_breaker: Option<BreakerConfig>,
    /// How long the share of an endpoint grows that comes back; 0 where it does not.
    pub ramp_ms: u64,
}

impl WardPlan {
    /// Whether there is nothing to judge by. Those who come are known to workers without it.
    pub fn is_empty(&self) -> bool {
        self.health.is_none() && !self.needs_traffic()
    }

    /// Whether it needs to know what traffic tells.
    pub fn needs_traffic(&self) -> bool {
        self.outliers.is_some() || self.breaker.is_some() || self.endpoint_breaker.is_some()
    }
}

/// What has come of an endpoint since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Came {
    /// Calls and how they went.
    pub tally: Tally,
    /// Failures since the last success on any worker, as far as that is known, where there was one.
    pub in_row: u64,
}

/// Something that has changed, to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Of which endpoint; of the cluster where there is none.
    pub endpoint: Option<Box<str>>,
    /// What.
    pub what: What,
}

/// What may change.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// It fails its checks, and how.
    Unhealthy(Complaint),
    /// It passes them again.
    Healthy,
    /// It is left alone.
    Ejected(Ejected),
    /// It is not left alone any more.
    Returned,
    /// Its breaker stands otherwise, and why.
    Breaker(Standing, Cause),
}
