//! A process-wide amount that is lent and given back.
//!
//! Owns the number in use and its cap. Amounts are moved, never minted: what a [`Lease`] holds is what the ledger
//! lacks. Taking is a compare-exchange on a contended line (5 to 65 ns), so it belongs to opening a connection
//! and not to the path of a request. It never waits: a full ledger says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// An amount with a cap. A clone is a handle to the same amount.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
#[repr(align(128))]
struct Inner {
    in_use: AtomicU64,
    wants: AtomicU64,
    /// [`u64::MAX`] for none.
    cap: AtomicU64,
}

/// A part of a ledger's amount; gives it back when dropped.
#[derive(Debug)]
#[must_use = "the amount goes back when the lease is dropped"]
pub struct Lease {
    ledger: Ledger,
    amount: u64,
    /// What goes back with it.
    beside: Option<Box<Lease>>,
}

impl Ledger {
    /// A ledger of which at most `cap` is lent at any time; without a cap it only counts.
    pub fn new(cap: Option<u64>) -> Self {
        Self(Arc::new(Inner {
            in_use: AtomicU64::new(0),
            wants: AtomicU64::new(0),
            cap: AtomicU64::new(cap.unwrap_or(u64::MAX)),
        }))
    }

    /// Takes `amount`, or nothing when less than that is left.
    pub fn try_take(&self, amount: u64) -> Option<Lease> {
        let cap = self.0.cap.load(Ordering::Relaxed);
        self.0
            .in_use
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |in_use| {
                in_use.checked_add(amount).filter(|total| *total <= cap)
            })
            .ok()?;
        Some(Lease { ledger: self.clone(), amount, beside: None })
    }

    /// A lease of nothing, which can grow.
    pub fn lease(&self) -> Lease {
        Lease { ledger: self.clone(), amount: 0, beside: None }
    }

    /// Says that somebody needs what others may hold without use. Counts up, so that every holder can see it once.
    pub fn want(&self) {
        self.0.wants.fetch_add(1, Ordering::Relaxed);
    }

    /// How often somebody has wanted.
    pub fn wants(&self) -> u64 {
        self.0.wants.load(Ordering::Relaxed)
    }

    /// What is lent now.
    pub fn in_use(&self) -> u64 {
        self.0.in_use.load(Ordering::Relaxed)
    }

    /// The most that is lent at any time.
    pub fn cap(&self) -> Option<u64> {
        Some(self.0.cap.load(Ordering::Relaxed)).filter(|cap| *cap < u64::MAX)
    }

    /// Lends at most this much from now on. What is lent already stays so, also where it is more.
    pub fn set_cap(&self, cap: Option<u64>) {
        self.0.cap.store(cap.unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Lease {
    /// What this lease holds.
    pub fn amount(&self) -> u64 {
        self.amount
    }

    /// With another one that goes back when this does.
    pub fn beside(mut self, other: Self) -> Self {
        self.beside = Some(Box::new(other));
        self
    }

    /// Adds `amount`, if no more than `most` is lent of the ledger with it, whatever its cap is besides. False if nothing was
    /// added.
    pub fn grow(&mut self, amount: u64, most: u64) -> bool {
        let inner = &self.ledger.0;
        let most = most.min(inner.cap.load(Ordering::Relaxed));
        let grown = inner.in_use.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |in_use| {
            in_use.checked_add(amount).filter(|total| *total <= most)
        });
        self.amount += if grown.is_ok() { amount } else { 0 };
        grown.is_ok()
    }

    /// Gives `amount` back, or all where that is less.
    pub fn shrink(&mut self, amount: u64) {
        let amount = amount.min(self.amount);
        self.amount -= amount;
        self.ledger.0.in_use.fetch_sub(amount, Ordering::Relaxed);
    }

    /// Moves `amount` into a lease of its own, to lend from a batch one by one. `None` when less is left.
    pub fn split(&mut self, amount: u64) -> Option<Lease> {
        self.amount = self.amount.checked_sub(amount)?;
        Some(Lease { ledger: self.ledger.clone(), amount, beside: None })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.ledger.0.in_use.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lends_up_to_the_cap_and_takes_back() {
        let ledger = Ledger::new(Some(3));
        let two = ledger.try_take(2).unwrap();
        assert!(ledger.try_take(2).is_none());
        let one = ledger.try_take(1).unwrap();
        assert_eq!(ledger.in_use(), 3);
        drop(two);
        assert_eq!((ledger.in_use(), one.amount()), (1, 1));
        assert!(ledger.try_take(2).is_some());
    }

    #[test]
    fn a_ledger_without_cap_only_counts() {
        let ledger = Ledger::new(None);
        let lease = ledger.try_take(u64::MAX).unwrap();
        assert!(ledger.try_take(1).is_none(), "the count does not wrap");
        drop(lease);
        assert_eq!(ledger.in_use(), 0);
    }

    #[test]
    fn a_lower_cap_takes_nothing_back_and_lends_no_more() {
        let ledger = Ledger::new(None);
        let lent = ledger.try_take(5).unwrap();
        ledger.set_cap(Some(3));
        assert_eq!((ledger.cap(), ledger.in_use()), (Some(3), 5));
        assert!(ledger.try_take(1).is_none());
        drop(lent);
        assert!(ledger.try_take(3).is_some());
        ledger.set_cap(None);
        assert_eq!(ledger.cap(), None);
    }

    #[test]
    fn splitting_moves_and_mints_nothing() {
        let ledger = Ledger::new(Some(10));
        let mut batch = ledger.try_take(10).unwrap();
        let part = batch.split(4).unwrap();
        assert!(batch.split(7).is_none());
        assert_eq!((batch.amount(), part.amount(), ledger.in_use()), (6, 4, 10));
        drop(batch);
        assert_eq!(ledger.in_use(), 4);
    }

    #[test]
    fn a_lease_grows_within_what_it_is_told_and_within_the_cap() {
        let ledger = Ledger::new(Some(10));
        let mut lease = ledger.lease();
        assert!(lease.grow(6, 8) && !lease.grow(3, 8) && lease.grow(3, u64::MAX) && !lease.grow(2, u64::MAX));
        assert_eq!((lease.amount(), ledger.in_use()), (9, 9));
        lease.shrink(4);
        assert_eq!((lease.amount(), ledger.in_use()), (5, 5));
        lease.shrink(7);
        assert_eq!((lease.amount(), ledger.in_use()), (0, 0));
    }

    #[test]
    fn threads_together_never_pass_the_cap() {
        let ledger = Ledger::new(Some(5));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        let lease = ledger.try_take(2);
                        assert!(ledger.in_use() <= 5);
                        drop(lease);
                    }
                });
            }
        });
        assert_eq!(ledger.in_use(), 0);
    }
}
