//! What is believed of a cluster and its endpoints: one verdict for all workers.
//!
//! Control decides, from what all workers have counted, and publishes; workers take it up once a tick. Values only: what
//! decides is pure and takes time and numbers as arguments.

pub mod checks;
pub mod event;
pub mod fuse;
pub mod gate;
pub mod outliers;
pub mod ward;
pub mod window;

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::shared::probe::ProbeSlot;

/// A breaker as workers see it (Nygard, "Release It!").
#[derive(Debug, Clone, Default)]
pub enum Breaker {
    /// Everything goes.
    #[default]
    Closed,
    /// Nothing goes.
    Open {
        /// Until when, at least, by the coarse clock, which all threads share.
        until_ms: u64,
    },
    /// One goes at a time, on the whole machine, and decides.
    HalfOpen(ProbeSlot),
}

impl Breaker {
    /// True if nothing has to be asked.
    #[inline]
    pub fn is_closed(&self) -> bool {
        matches!(self, Self::Closed)
    }
}

/// What is believed of a cluster's endpoints.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// Of the cluster as a whole.
    pub cluster: Breaker,
    /// Of endpoints, by label. Who is not in it is good, and takes its full share.
    pub endpoints: HashMap<Box<str>, Verdict, FixedState>,
}

/// What is believed of an endpoint.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Why it is not to be used, if it is not.
    pub out: Option<Out>,
    /// Its breaker.
    pub breaker: Breaker,
    /// When it came back, by the coarse clock: its share grows from there.
    pub back_since_ms: Option<u64>,
}

/// Why an endpoint is not to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    /// It fails its checks.
    Unhealthy,
    /// Its answers to requests are worse than those of its neighbours.
    Ejected,
}

/// How an attempt, or an exchange, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// With an answer that is no failure of the service.
    Success,
    /// Without one.
    Failure,
    /// By nobody's fault but the client's: it says nothing.
    Cancelled,
}
