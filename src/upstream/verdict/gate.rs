//! A breaker together with the one try that it may have out: what is decided, as workers are told it.
//!
//! Every try has a slot of its own, so that what one says cannot be taken for the next one's word.

use super::Breaker;
use super::fuse::{Cause, Fuse, Held, Standing};
use super::window::Tally;
use crate::shared::probe::ProbeSlot;
use crate::upstream::config::health::BreakerConfig;

/// A breaker with its slot.
#[derive(Debug)]
pub struct Gate {
    fuse: Fuse,
    slot: ProbeSlot,
    /// Number of the try that the slot is for.
    probe: u64,
    /// How often it has opened, become half open, closed.
    turns: [u64; 3],
}

impl Gate {
    /// Closed.
    pub fn new(settings: &BreakerConfig, now_ms: u64) -> Self {
        Self { fuse: Fuse::new(settings, now_ms), slot: ProbeSlot::new(), probe: 0, turns: [0; 3] }
    }

    /// Goes on with other settings.
    pub fn set(&mut self, settings: &BreakerConfig) {
        self.fuse.set(settings);
    }

    /// Looks at what has come since the last look. True if workers have to be told something else now.
    pub fn look(&mut self, now_ms: u64, came: &Tally) -> bool {
        let before = self.fuse.standing();
        let outcome = self.slot.outcome().filter(|_| matches!(before, Standing::HalfOpen { .. }));
        let has_turned = self.fuse.look(now_ms, came, outcome);
        self.turned(before);
        has_turned
    }

    /// Holds it open or closed, or lets it go. True if workers have to be told something else now.
    pub fn hold(&mut self, held: Held, now_ms: u64) -> bool {
        let before = self.fuse.standing();
        let has_turned = self.fuse.hold(held, now_ms);
        self.turned(before);
        has_turned
    }

    fn turned(&mut self, before: Standing) {
        let now = self.fuse.standing();
        if let Standing::HalfOpen { probe } = now
            && probe != self.probe
        {
            self.probe = probe;
            self.slot = ProbeSlot::new();
        }
        if before.label() != now.label() {
            self.turns[now.slot()] += 1;
        }
    }

    /// What workers are told.
    pub fn breaker(&self) -> Breaker {
        match self.fuse.standing() {
            Standing::Closed => Breaker::Closed,
            Standing::Open { until_ms } => Breaker::Open { until_ms },
            Standing::HalfOpen { .. } => Breaker::HalfOpen(self.slot.clone()),
        }
    }

    /// How it stands.
    pub fn standing(&self) -> Standing {
        self.fuse.standing()
    }

    /// What the operator has said.
    pub fn held(&self) -> Held {
        self.fuse.held()
    }

    /// Why it stands so, and since when.
    pub fn cause(&self) -> (Cause, u64) {
        self.fuse.cause()
    }

    /// Whether it has to be looked at also when nothing comes.
    pub fn is_waiting(&self) -> bool {
        self.fuse.is_waiting()
    }

    /// How often it has closed, opened and become half open: by [`Standing::slot`].
    pub fn turns(&self) -> [u64; 3] {
        self.turns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(gate: &Gate) -> ProbeSlot {
        match gate.breaker() {
            Breaker::HalfOpen(slot) => slot,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_try_has_a_slot_of_its_own() {
        let mut gate = Gate::new(&BreakerConfig { probes: 2, ..BreakerConfig::default() }, 0);
        let nothing = Tally::default();
        assert!(gate.look(0, &Tally { failures: 20, ..nothing }));
        assert!(matches!(gate.breaker(), Breaker::Open { until_ms: 5_000 }));
        assert!(gate.look(5_000, &nothing));
        let first = slot(&gate);
        let probe = first.try_take().expect("nobody has it");
        assert!(!gate.look(5_010, &nothing), "it is not back yet");
        probe.settle(true);
        assert!(gate.look(5_020, &nothing));
        let second = slot(&gate);
        assert!(first.try_take().is_none() && second.outcome().is_none());
        second.try_take().expect("the next one").settle(true);
        assert!(gate.look(5_030, &nothing));
        assert!(gate.breaker().is_closed());
        assert_eq!(gate.turns(), [1, 1, 1]);
    }

    #[test]
    fn a_try_that_fails_opens_it_again() {
        let mut gate = Gate::new(&BreakerConfig::default(), 0);
        gate.look(0, &Tally { failures: 20, ..Tally::default() });
        gate.look(5_000, &Tally::default());
        slot(&gate).try_take().expect("nobody has it").settle(false);
        assert!(gate.look(5_010, &Tally::default()));
        assert!(matches!(gate.breaker(), Breaker::Open { until_ms: 15_010 }));
    }
}
