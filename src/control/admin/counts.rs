//! How often the operator's listener was asked, by whom and with what outcome.
//!
//! Owns the counters; all of the listener runs on the control thread, which is their one writer.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;

use crate::control::export::family::Family;
use crate::shared::{Counter, Frozen};

/// Whom a request is from: nobody that is known, somebody who may read, somebody who may write.
const ROLES: [&str; 3] = ["none", "read", "write"];

/// What became of a request.
const OUTCOMES: [&str; 6] = ["done", "refused", "unauthorized", "forbidden", "limited", "failed"];

/// The counters.
#[derive(Debug, Default)]
pub struct Counts([[Counter; OUTCOMES.len()]; ROLES.len()]);

impl Counts {
    /// Counts one request. `role` is 0 for nobody, 1 for reading, 2 for writing.
    pub fn count(&self, role: usize, status: u16) {
        let outcome = match status {
            401 => 2,
            403 => 3,
            429 => 4,
            500.. => 5,
            400.. => 1,
            _ => 0,
        };
        self.0[role.min(ROLES.len() - 1)][outcome].add(1);
    }
}

/// Shows them among the metrics.
#[derive(Debug)]
pub struct Shown(pub Frozen<Counts>);

impl Collector for Shown {
    fn encode(&self, mut encoder: DescriptorEncoder) -> fmt::Result {
        let encoder = &mut encoder;
        let help = "Requests to the admin listener by who asked and what became of it.";
        let mut family = Family::counter(encoder, "ringgate_admin_requests", help)?;
        for (role, counters) in ROLES.into_iter().zip(&self.0.0) {
            for (outcome, counter) in OUTCOMES.into_iter().zip(counters) {
                if counter.get() > 0 {
                    family.count([("role", role), ("outcome", outcome)], counter.get())?;
                }
            }
        }
        Ok(())
    }
}
