//! How many at once, on all workers together: slots that each worker borrows in batches from one ledger.
//!
//! What is in use is never more than the cap, whatever workers do at the same time. Far below it a slot is taken and given
//! with two plain stores. Close to it, and always where the cap is small, each slot goes to the ledger and back, so that
//! none lies idle with a worker that has no use for it. Waits for nothing.

use std::cell::{Cell, RefCell};

use crate::shared::ledger::{Lease, Ledger};
use crate::upstream::admission::class::{CLASSES, Reserves};
use crate::upstream::entry::Class;

/// Largest batch. More would save nothing that can be measured.
const BATCH_MAX: u64 = 64;
/// Smallest batch worth having. A cap whose batches would be smaller is exact at every moment.
const BATCH_MIN: u64 = 4;
/// What workers may hold without using it is a fourth of the cap at most: two batches each.
const BATCHES: u64 = 8;
/// Of what a worker uses, it gives so much to another one in a tick that has less than half of an equal share.
const GIFT: u64 = 8;

/// A cap on slots, the same for all workers.
#[derive(Debug, Clone)]
pub struct SlotsPlan {
    /// Those in use, of all generations.
    pub ledger: Ledger,
    /// Most at once.
    pub cap: u64,
    /// What of it is kept for whom.
    pub reserves: Reserves,
}

/// More than there can be: stands for no cap.
pub const UNLIMITED: u64 = 1 << 40;

impl SlotsPlan {
    /// This many for everybody.
    pub fn of(ledger: &Ledger, cap: Option<u64>) -> Self {
        Self { ledger: ledger.clone(), cap: cap.unwrap_or(UNLIMITED), reserves: Reserves::default() }
    }
}

/// The slots of one worker.
pub struct Slots {
    ledger: Ledger,
    lease: RefCell<Lease>,
    /// Those of the lease that nobody uses.
    free: Cell<u64>,
    /// Most in use, by class, for one of that class to be let in.
    caps: Cell<[u64; CLASSES]>,
    /// 1 where each slot goes to the ledger and back.
    batch: Cell<u64>,
    /// True while the cap is near: nothing is kept.
    is_tight: Cell<bool>,
    /// Slots that are to go to another worker before anybody waits for them here.
    owed: Cell<u64>,
    wants_seen: Cell<u64>,
    workers: u64,
}

impl Slots {
    /// Starts on one of so many workers.
    pub fn start(plan: &SlotsPlan, workers: usize) -> Self {
        let slots = Self {
            lease: RefCell::new(plan.ledger.lease()),
            free: Cell::new(0),
            caps: Cell::default(),
            batch: Cell::new(1),
            is_tight: Cell::new(true),
            owed: Cell::new(0),
            wants_seen: Cell::new(plan.ledger.wants()),
            ledger: plan.ledger.clone(),
            workers: workers.max(1) as u64,
        };
        slots.apply(plan);
        slots
    }

    /// Takes another cap for the same slots; it holds for all workers from now on.
    pub fn apply(&self, plan: &SlotsPlan) {
        self.ledger.set_cap(Some(plan.cap));
        let caps = plan.reserves.caps(plan.cap);
        let batch = (caps[CLASSES - 1] / (BATCHES * self.workers)).min(BATCH_MAX);
        let batch = if batch < BATCH_MIN { 1 } else { batch };
        self.caps.set(caps);
        self.batch.set(batch);
        self.is_tight.set(batch == 1);
        self.lease.borrow_mut().shrink(self.free.replace(0));
    }

    /// Takes another cap, of which nothing is kept for anybody.
    pub fn take_cap(&self, cap: Option<u64>) {
        self.apply(&SlotsPlan::of(&self.ledger, cap));
    }

    /// Takes one for an exchange of this class. False if there is none for it.
    #[inline]
    pub fn take(&self, class: Class) -> bool {
        let free = self.free.get();
        if free > 0 {
            self.free.set(free - 1);
            return true;
        }
        self.borrow(class)
    }

    fn borrow(&self, class: Class) -> bool {
        let mut lease = self.lease.borrow_mut();
        if !self.is_tight.get() {
            // Batches come from what is open to everybody, so whoever uses them takes nothing that is kept for others.
            if lease.grow(self.batch.get(), self.lowest()) {
                self.free.set(self.batch.get() - 1);
                return true;
            }
            self.is_tight.set(true);
        }
        lease.grow(1, self.cap_of(class))
    }

    /// Gives one back.
    #[inline]
    pub fn give(&self) {
        let free = self.free.get();
        if !self.is_tight.get() && free < 2 * self.batch.get() {
            self.free.set(free + 1);
        } else {
            self.lease.borrow_mut().shrink(1);
        }
    }

    /// True if one that is given back now may go to somebody of this class at once.
    pub fn may_pass(&self, class: Class) -> bool {
        let owed = self.owed.get();
        if owed > 0 {
            self.owed.set(owed - 1);
            return false;
        }
        self.ledger.in_use() <= self.cap_of(class)
    }

    /// Once a tick: keeps what it may, gives the rest back. `waiting` is how many wait here.
    pub fn tick(&self, waiting: usize) {
        let in_use = self.ledger.in_use();
        let slack = self.lowest() / 4;
        // Tight above three quarters of what is open to all, and until it is half empty again.
        let limit = if self.is_tight.get() { slack * 2 } else { slack * 3 };
        self.is_tight.set(self.batch.get() == 1 || in_use > limit || waiting > 0);
        let mut lease = self.lease.borrow_mut();
        if self.is_tight.get() {
            lease.shrink(self.free.replace(0));
        }
        let used = lease.amount() - self.free.get();
        let wants = self.ledger.wants();
        let is_wanted = self.wants_seen.replace(wants) != wants;
        let is_poor = used * self.workers * 2 < self.cap();
        self.owed.set(if is_wanted && !is_poor { used.div_ceil(GIFT) } else { 0 });
        if waiting > 0 && is_poor {
            self.ledger.want();
            // What this one has asked for itself it need not give.
            self.wants_seen.set(self.ledger.wants());
        }
    }

    /// Those in use here.
    pub fn used(&self) -> u64 {
        self.lease.borrow().amount() - self.free.get()
    }

    /// Most at once, for the class that may have most.
    pub fn cap(&self) -> u64 {
        self.caps.get()[0]
    }

    /// Most for the class that may have least.
    fn lowest(&self) -> u64 {
        self.caps.get()[CLASSES - 1]
    }

    fn cap_of(&self, class: Class) -> u64 {
        self.caps.get()[class.slot()]
    }
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
