//! A permission to try something out, of which there is one on the whole machine.
//!
//! A breaker that is half open lets one exchange through to see how it fares, whichever worker has it. The slot is taken
//! by a compare-exchange, and only while a breaker is half open. Whoever was given the probe says how it went; one
//! that is dropped without a word frees the slot for the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

const FREE: u8 = 0;
const TAKEN: u8 = 1;
const PASSED: u8 = 2;
const FAILED: u8 = 3;

/// Room for one probe. A clone is the same room.
#[derive(Debug, Clone, Default)]
pub struct ProbeSlot(Arc<AtomicU8>);

/// The permission. Frees its slot when dropped without having been settled.
#[derive(Debug)]
#[must_use = "a probe that is dropped frees its slot for another"]
pub struct Probe(Option<ProbeSlot>);

impl ProbeSlot {
    /// With nobody out.
    pub fn new() -> Self {
        Self::default()
    }

    /// The permission, unless somebody has it or has settled it.
    pub fn try_take(&self) -> Option<Probe> {
        let taken = self.0.compare_exchange(FREE, TAKEN, Ordering::AcqRel, Ordering::Relaxed);
        taken.ok().map(|_| Probe(Some(self.clone())))
    }

    /// How it went, once that is known. A slot that has been settled gives no further probe.
    pub fn outcome(&self) -> Option<bool> {
        match self.0.load(Ordering::Acquire) {
            PASSED => Some(true),
            FAILED => Some(false),
            _ => None,
        }
    }

    /// True while somebody has the permission.
    pub fn is_taken(&self) -> bool {
        self.0.load(Ordering::Acquire) == TAKEN
    }
}

impl Probe {
    /// Says how it went.
    pub fn settle(mut self, passed: bool) {
        if let Some(slot) = self.0.take() {
            slot.0.store(if passed { PASSED } else { FAILED }, Ordering::Release);
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        if let Some(slot) = self.0.take() {
            slot.0.store(FREE, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_none_once_it_is_known() {
        let slot = ProbeSlot::new();
        let probe = slot.clone().try_take().expect("nobody has it");
        assert!(slot.try_take().is_none() && slot.is_taken() && slot.outcome().is_none());
        drop(probe);
        let probe = slot.try_take().expect("given back");
        probe.settle(false);
        assert_eq!(slot.outcome(), Some(false));
        assert!(slot.try_take().is_none());
    }

    #[test]
    fn however_many_ask_at_once_one_gets_it() {
        for _ in 0..50 {
            let slot = ProbeSlot::new();
            let given: usize = std::thread::scope(|scope| {
                let take = || {
                    slot.try_take().is_some_and(|probe| {
                        probe.settle(true);
                        true
                    })
                };
                let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
                threads.into_iter().map(|it| usize::from(it.join().unwrap())).sum()
            });
            assert_eq!((given, slot.outcome()), (1, Some(true)));
        }
    }
}
