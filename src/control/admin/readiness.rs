//! Whether the gateway wants traffic, as load balancers ask it.
//!
//! Owns one state. It falls first when draining begins, before any listener closes, so that nobody is sent here
//! any more; it never rises again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadinessState {
    /// Not all workers accept yet.
    Starting,
    /// Wants traffic.
    Ready,
    /// Finishes what it has.
    Draining,
}

/// The state of the process. A clone is a handle to the same state.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicU8>);

impl Readiness {
    /// Starting.
    pub fn new() -> Self {
        Self::default()
    }

    /// Moves on to `state`; a step back is ignored, so that a late "ready" cannot revive a draining gateway.
    pub fn advance(&self, state: ReadinessState) {
        self.0.fetch_max(state as u8, Ordering::AcqRel);
    }

    /// The state now.
    pub fn state(&self) -> ReadinessState {
        match self.0.load(Ordering::Acquire) {
            0 => ReadinessState::Starting,
            1 => ReadinessState::Ready,
            _ => ReadinessState::Draining,
        }
    }
}

impl ReadinessState {
    /// As written in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_forward_only() {
        let readiness = Readiness::new();
        assert_eq!(readiness.state(), ReadinessState::Starting);
        for (to, then) in [
            (ReadinessState::Ready, ReadinessState::Ready),
            (ReadinessState::Starting, ReadinessState::Ready),
            (ReadinessState::Draining, ReadinessState::Draining),
            (ReadinessState::Ready, ReadinessState::Draining),
        ] {
            readiness.clone().advance(to);
            assert_eq!(readiness.state(), then);
        }
    }
}
