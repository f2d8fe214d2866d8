//! Deadlines of one worker: a hashed wheel that a connection arms with one store.
//!
//! Arming costs a store in the usual case, because a deadline that moves later leaves its place in the wheel
//! alone and is put right when that place comes up. Late by up to [`TICK_MS`] plus the coarse clock's error.
//! Time comes in as an argument; the worker's ticker calls [`Deadlines::advance`].

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::rt::clock;

/// Width of a slot in milliseconds.
pub const TICK_MS: u64 = 20;
/// Number of slots: 10.24 s a turn. Later deadlines go round again.
const SLOTS: usize = 512;
/// Entries that the wheel has room for at first. Beyond, its store grows to the most there ever were.
const PLACES: usize = 1024;
const NEVER: u64 = u64::MAX;
/// The end of a list of places.
const NOWHERE: u32 = u32::MAX;

/// The time was up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed;

#[derive(Debug)]
struct Entry {
    due_ms: Cell<u64>,
    /// Where the wheel will look at this entry next. Other places that hold it are stale.
    scheduled_ms: Cell<u64>,
    fired: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Entry {
    fn fire(&self) {
        self.due_ms.set(NEVER);
        self.fired.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// An entry in a slot of the wheel, or nothing in the list of free places.
#[derive(Debug)]
struct Place {
    entry: Option<Rc<Entry>>,
    /// When it was to be looked at.
    at_ms: u64,
    /// The next place of the same slot.
    next: u32,
}

/// The slots as lists through one store: whichever slot is full, what another has left is used again.
#[derive(Debug)]
struct Places {
    store: Vec<Place>,
    heads: [u32; SLOTS],
    free: u32,
}

impl Places {
    fn put(&mut self, slot: usize, entry: Rc<Entry>, at_ms: u64) {
        let place = Place { entry: Some(entry), at_ms, next: self.heads[slot] };
        if let Some(free) = self.store.get_mut(self.free as usize) {
            self.heads[slot] = std::mem::replace(&mut self.free, free.next);
            *free = place;
        } else {
            self.heads[slot] = self.store.len() as u32;
            self.store.push(place);
        }
    }

    /// Frees the place `at`: its entry, when that was to be looked at, and the next place.
    fn take(&mut self, at: u32) -> Option<(Rc<Entry>, u64, u32)> {
        let place = self.store.get_mut(at as usize)?;
        let entry = place.entry.take()?;
        let next = std::mem::replace(&mut place.next, self.free);
        self.free = at;
        Some((entry, place.at_ms, next))
    }
}

/// The wheel of one worker.
#[derive(Debug)]
pub struct Deadlines {
    places: RefCell<Places>,
    /// Everything due at or before this has been looked at.
    passed_ms: Cell<u64>,
}

impl Deadlines {
    /// An empty wheel that begins at `now_ms`.
    pub fn new(now_ms: u64) -> Rc<Self> {
        let store = Vec::with_capacity(PLACES);
        Rc::new(Self {
            places: RefCell::new(Places { store, heads: [NOWHERE; SLOTS], free: NOWHERE }),
            passed_ms: Cell::new(now_ms),
        })
    }

    /// Fires what is due at `now_ms`.
    pub fn advance(&self, now_ms: u64) {
        let first = self.passed_ms.get() / TICK_MS;
        let last = now_ms / TICK_MS;
        // After a long stall one full turn looks at every slot; more turns would only repeat that.
        // Set first: what is not due yet must go to a slot that is still to come.
        self.passed_ms.set(last * TICK_MS);
        for tick in first..last.min(first + SLOTS as u64) {
            self.look_at(tick, now_ms);
        }
    }

    fn look_at(&self, tick: u64, now_ms: u64) {
        let slot = tick as usize % SLOTS;
        let mut at = std::mem::replace(&mut self.places.borrow_mut().heads[slot], NOWHERE);
        loop {
            let taken = self.places.borrow_mut().take(at);
            let Some((entry, at_ms, next)) = taken else { return };
            at = next;
            if entry.scheduled_ms.get() != at_ms {
                continue;
            }
            let due_ms = entry.due_ms.get();
            entry.scheduled_ms.set(NEVER);
            if due_ms == NEVER {
                continue;
            }
            if due_ms <= now_ms {
                entry.fire();
            } else {
                self.schedule(&entry, due_ms);
            }
        }
    }

    fn schedule(&self, entry: &Rc<Entry>, due_ms: u64) {
        let horizon_ms = self.passed_ms.get() + (SLOTS as u64 - 1) * TICK_MS;
        let at_ms = due_ms.clamp(self.passed_ms.get(), horizon_ms);
        entry.scheduled_ms.set(at_ms);
        self.places.borrow_mut().put((at_ms / TICK_MS) as usize % SLOTS, entry.clone(), at_ms);
    }
}

/// The time `after` from `now_ms`.
pub fn due_ms(now_ms: u64, after: Duration) -> u64 {
    now_ms.saturating_add(after.as_millis() as u64)
}

/// One deadline, used again and again by its owner.
#[derive(Debug)]
pub struct Deadline {
    wheel: Rc<Deadlines>,
    entry: Rc<Entry>,
}

impl Deadline {
    /// A deadline that is not armed.
    pub fn new(wheel: &Rc<Deadlines>) -> Self {
        let entry = Entry {
            due_ms: Cell::new(NEVER),
            scheduled_ms: Cell::new(NEVER),
            fired: Cell::new(false),
            waker: RefCell::default(),
        };
        Self { wheel: wheel.clone(), entry: Rc::new(entry) }
    }

    /// Fires after `after` from now, instead of whenever it was to fire before.
    pub fn arm(&self, after: Duration) {
        self.arm_at(due_ms(clock::coarse_ms(), after));
    }

    /// Fires at `due_ms` of the coarse clock.
    pub fn arm_at(&self, due_ms: u64) {
        self.entry.fired.set(false);
        self.entry.due_ms.set(due_ms);
        if due_ms < self.entry.scheduled_ms.get() {
            self.wheel.schedule(&self.entry, due_ms);
        }
    }

    /// Does not fire until it is armed again.
    pub fn disarm(&self) {
        self.entry.due_ms.set(NEVER);
        self.entry.fired.set(false);
    }

    /// A handle with which others can make it fire now.
    pub fn trigger(&self) -> Trigger {
        Trigger(Rc::downgrade(&self.entry))
    }

    /// Awaits `work` until the time is up. Takes it pinned, so that it is held once and not copied into every
    /// layer: give what may be dropped in flight, as `pin!(...)`.
    pub async fn guard<F: Future>(&self, after: Duration, work: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        self.guard_until(due_ms(clock::coarse_ms(), after), work).await
    }

    /// The same up to `due_ms` of the coarse clock, for those who know what time it is.
    pub async fn guard_until<F: Future>(&self, due_ms: u64, work: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        self.arm_at(due_ms);
        let outcome = self.watch(work).await;
        self.disarm();
        outcome
    }

    /// Awaits `work` without being woken by it, up to `due_ms` of the coarse clock: for what is nearly always done by the
    /// time something else wakes the task, which then costs a turn less. None if it was not, and has to be awaited as
    /// usual.
    pub async fn unhurried<F: Future>(&self, due_ms: u64, mut work: Pin<&mut F>) -> Option<F::Output> {
        self.arm_at(due_ms);
        let look = |_: &mut Context<'_>| work.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let outcome = self.watch(pin!(poll_fn(look))).await;
        self.disarm();
        outcome.ok()
    }

    /// Awaits `work` until this deadline, which the caller has armed and may move meanwhile, fires.
    pub async fn watch<F: Future>(&self, mut work: Pin<&mut F>) -> Result<F::Output, Elapsed> {
        poll_fn(|cx| {
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(output));
            }
            if self.entry.fired.get() {
                return Poll::Ready(Err(Elapsed));
            }
            let mut waker = self.entry.waker.borrow_mut();
            if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for the time to be up.
    pub async fn elapsed(&self) {
        let _ = self.watch(pin!(std::future::pending::<()>())).await;
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // The wheel may hold the entry for a while; it must not wake a task that has gone on.
        self.entry.due_ms.set(NEVER);
        self.entry.waker.borrow_mut().take();
    }
}

/// Makes somebody's deadline fire before its time.
#[derive(Debug, Clone)]
pub struct Trigger(std::rc::Weak<Entry>);

impl Trigger {
    /// Fires it now, if its owner is still there.
    pub fn pull(&self) {
        if let Some(entry) = self.0.upgrade() {
            entry.fire();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(deadline: &Deadline) -> bool {
        deadline.entry.fired.get()
    }

    #[test]
    fn fires_once_its_time_has_come_and_not_before() {
        let wheel = Deadlines::new(1_000);
        let deadline = Deadline::new(&wheel);
        deadline.arm_at(1_500);
        wheel.advance(1_480);
        assert!(!fired(&deadline));
        wheel.advance(1_521);
        assert!(fired(&deadline));
    }

    #[test]
    fn moves_later_and_earlier() {
        let wheel = Deadlines::new(0);
        let deadline = Deadline::new(&wheel);
        deadline.arm_at(5_000);
        deadline.arm_at(100);
        wheel.advance(140);
        assert!(fired(&deadline));
        deadline.arm_at(200);
        deadline.arm_at(60_000);
        wheel.advance(30_000);
        assert!(!fired(&deadline));
        wheel.advance(60_040);
        assert!(fired(&deadline));
    }

    #[test]
    fn goes_round_the_wheel_for_times_beyond_one_turn() {
        let wheel = Deadlines::new(0);
        let deadline = Deadline::new(&wheel);
        deadline.arm_at(75_000);
        for now_ms in (0..75_000).step_by(10) {
            wheel.advance(now_ms);
            assert!(!fired(&deadline), "early at {now_ms}");
        }
        wheel.advance(75_040);
        assert!(fired(&deadline));
    }

    #[test]
    fn a_disarmed_deadline_stays_silent() {
        let wheel = Deadlines::new(0);
        let deadline = Deadline::new(&wheel);
        deadline.arm_at(100);
        deadline.disarm();
        wheel.advance(10_000);
        assert!(!fired(&deadline));
    }

    #[test]
    fn uses_places_again() {
        let wheel = Deadlines::new(0);
        let deadlines: Vec<Deadline> = (0..10).map(|_| Deadline::new(&wheel)).collect();
        for round in 1..100 {
            for deadline in &deadlines {
                deadline.arm_at(round * 1_000);
            }
            wheel.advance(round * 1_000 + 40);
            assert!(deadlines.iter().all(fired), "round {round}");
        }
        assert_eq!(wheel.places.borrow().store.len(), 10);
    }

    #[test]
    fn rearming_leaves_at_most_two_entries_in_the_wheel() {
        let wheel = Deadlines::new(0);
        let deadline = Deadline::new(&wheel);
        for round in 0..10_000_u64 {
            deadline.arm_at(15_000 + round);
            deadline.arm_at(75_000 + round);
        }
        let held = wheel.places.borrow().store.len();
        assert!(held <= 2, "{held} entries");
    }
}
