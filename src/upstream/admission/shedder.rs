//! Which requests a worker refuses at once because it cannot keep up with all of them.
//!
//! Looks at one number: how long what is ready waits until the worker comes to it. As CoDel does, it takes no offence at a
//! queue that goes away by itself, only at one that stands longer than an interval; how much is refused then follows PIE's law
//! (RFC 8033): the distance from the target, and whether it grows. Who matters least is refused first, in exact shares without
//! dice. A plain function of numbers and time; it neither measures nor answers.

use std::cell::{Cell, RefCell};

use crate::upstream::admission::class::CLASSES;
use crate::upstream::entry::Class;

/// Sheds on one worker.
pub struct Shedder {
    /// What waiting is taken for normal, in nanoseconds; [`u64::MAX`] where nothing is refused.
    target_nanos: Cell<u64>,
    /// Of each class, how many of [`WHOLE`] are refused.
    refused: [Cell<u32>; CLASSES],
    /// Of each class, what is still owed of a refusal.
    owed: [Cell<u32>; CLASSES],
    /// Requests of each class since the last look.
    arrived: [Cell<u32>; CLASSES],
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    began_ms: u64,
    sum_nanos: u64,
    samples: u64,
    /// What waiting was at the last look.
    last_nanos: f64,
    /// Looks in a row at which it was too long.
    standing: u32,
    /// Of all requests, the share that is to be refused.
    share: f64,
    /// How many requests of each class come between two looks, about.
    mix: [f64; CLASSES],
}

/// What waiting is taken for normal where nothing is written, in nanoseconds.
pub const TARGET_NANOS: u64 = 10_000_000;

/// Between two looks.
const LOOK_MS: u64 = 50;
/// So many looks in a row make a queue that stands: CoDel's interval of 100 ms.
const STANDING: u32 = 2;
/// Share for each target's worth of distance and look.
const DISTANCE: f64 = 0.02;
/// The same for each target's worth of growth.
const GROWTH: f64 = 0.1;
/// What one look can do at most.
const STEP_MAX: f64 = 0.15;
/// Below this a share is none.
const SHARE_MIN: f64 = 0.001;
/// Never all: something must go through to tell that there is room again.
const SHARE_MAX: f64 = 0.98;
/// Weight of a look in the mix of classes.
const MIX_NEWEST: f64 = 0.3;
/// All of a class.
const WHOLE: u32 = 1 << 16;

impl Shedder {
    /// Refuses nothing before waiting is longer than `target_nanos`.
    pub fn new(target_nanos: u64) -> Self {
        Self {
            target_nanos: Cell::new(target_nanos),
            refused: Default::default(),
            owed: Default::default(),
            arrived: Default::default(),
            state: RefCell::default(),
        }
    }

    /// Takes another target.
    pub fn aim(&self, target_nanos: u64) {
        if self.target_nanos.replace(target_nanos) != target_nanos {
            self.state.replace(State::default());
            self.refused.iter().for_each(|share| share.set(0));
        }
    }

    /// Counts a request. True if it is to be refused.
    #[inline]
    pub fn refuses(&self, class: Class) -> bool {
        let slot = class.slot();
        self.arrived[slot].set(self.arrived[slot].get() + 1);
        self.takes_out(slot)
    }

    /// The same of a request that is of this class at best, and will be asked about again once that is known: counts it only
    /// if it is to be refused whatever it is.
    #[inline]
    pub fn refuses_at_best(&self, class: Class) -> bool {
        let slot = class.slot();
        let is_refused = self.takes_out(slot);
        if is_refused {
            self.arrived[slot].set(self.arrived[slot].get() + 1);
        }
        is_refused
    }

    #[inline]
    fn takes_out(&self, slot: usize) -> bool {
        let share = self.refused[slot].get();
        if share == 0 {
            return false;
        }
        let owed = self.owed[slot].get() + share;
        self.owed[slot].set(owed % WHOLE);
        owed >= WHOLE
    }

    /// Takes note of how long something had to wait.
    pub fn note(&self, waited_nanos: u64) {
        let mut state = self.state.borrow_mut();
        state.sum_nanos = state.sum_nanos.saturating_add(waited_nanos);
        state.samples += 1;
    }

    /// Looks at what was noted. Gives the mean, where it was time to look.
    pub fn look(&self, now_ms: u64) -> Option<u64> {
        let mut state = self.state.borrow_mut();
        if now_ms.saturating_sub(state.began_ms) < LOOK_MS || state.samples == 0 {
            return None;
        }
        let mean = state.sum_nanos / state.samples;
        (state.began_ms, state.sum_nanos, state.samples) = (now_ms, 0, 0);
        for (mix, arrived) in state.mix.iter_mut().zip(&self.arrived) {
            *mix += (f64::from(arrived.replace(0)) - *mix) * MIX_NEWEST;
        }
        let target_nanos = self.target_nanos.get();
        if target_nanos < u64::MAX {
            state.follow(mean as f64, target_nanos.max(1) as f64);
            let shares = spread(state.share, &state.mix);
            for (refused, share) in self.refused.iter().zip(shares) {
                refused.set((share * f64::from(WHOLE)) as u32);
            }
        }
        Some(mean)
    }

    /// Of all requests, the share that is to be refused.
    pub fn share(&self) -> f64 {
        self.state.borrow().share
    }
}

impl State {
    fn follow(&mut self, nanos: f64, target: f64) {
        let distance = ((nanos - target) / target).clamp(-1.0, 4.0);
        let growth = ((nanos - self.last_nanos) / target).clamp(-2.0, 2.0);
        self.last_nanos = nanos;
        self.standing = if nanos > target { self.standing + 1 } else { 0 };
        if self.share == 0.0 && self.standing < STANDING {
            return;
        }
        // RFC 8033 4.2: small shares move in small steps, or they would come and go.
        let scale = if self.share < 0.02 && distance < 0.0 { 0.25 } else { 1.0 };
        let step = (DISTANCE * distance + GROWTH * growth).clamp(-STEP_MAX, STEP_MAX) * scale;
        self.share = (self.share + step).clamp(0.0, SHARE_MAX);
        if self.share < SHARE_MIN {
            self.share = 0.0;
        }
    }
}

/// What share of each class is refused so that it is this share of all: the last class first.
fn spread(share: f64, mix: &[f64; CLASSES]) -> [f64; CLASSES] {
    let mut shares = [0.0; CLASSES];
    let mut left = share * mix.iter().sum::<f64>();
    for (class, arriving) in mix.iter().enumerate().rev() {
        if left <= 0.0 {
            break;
        }
        let taken = left.min(*arriving);
        // Whoever has not been seen for a while would have had to go too.
        shares[class] = if *arriving > 0.01 { taken / arriving } else { 1.0 };
        left -= taken;
        if left <= arriving * 1e-9 {
            break;
        }
    }
    shares
}

#[cfg(test)]
#[path = "shedder_tests.rs"]
mod tests;
