//! How many connections each address has, and how fast it opens new ones: one number for all workers.
//!
//! Touched when a connection comes and when it goes, never by a request: one of [`SHARDS`] locks, held for a few tens of
//! nanoseconds. An address with connections has an entry that nothing pushes out, so there are as many entries as there can
//! be connections. The rates of addresses are in a table of fixed size, where the one that owes least of eight makes room:
//! pushing an offender out takes eight others that owe as much.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Locks. Two workers that accept at once meet at the same one rarely.
const SHARDS: usize = 64;
/// Sets of rates in each shard: 64 x 128 x 8 of 16 bytes are 1 MiB, made when the first rate is asked for.
const SETS: usize = 128;
/// Rates of one set.
const WAYS: usize = 8;

/// What an address may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallerCaps {
    /// Connections open at once.
    pub open: Option<u32>,
    /// Microseconds between new connections, and how many may come at once.
    pub pace: Option<(u64, u32)>,
}

/// Which cap keeps a connection out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverCap {
    /// It has as many as it may have.
    Open,
    /// It opens them too fast.
    Pace,
}

/// All addresses. A clone is a handle to the same.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Keyed anew in each process, so that nobody can aim at a set.
    hasher: RandomState,
    shards: Box<[Shard]>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    open: Mutex<HashMap<u128, u32>>,
    paces: OnceLock<Mutex<Box<[[Pace; WAYS]]>>>,
}

/// When an address has paid for what it has had (GCRA's theoretical arrival time).
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    hash: u64,
    paid_us: u64,
}

/// A connection that counts, until it is dropped.
#[derive(Debug)]
#[must_use = "the connection counts for as long as this lives"]
pub struct Called {
    callers: Callers,
    address: u128,
}

impl Default for Callers {
    fn default() -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self(Arc::new(Inner { hasher: RandomState::new(), shards }))
    }
}

impl Callers {
    /// Counts a connection of `address` at `now_us`, of a clock that never goes back. What is refused costs nothing.
    ///
    /// # Errors
    /// With the cap that is reached.
    pub fn call(&self, address: u128, caps: CallerCaps, now_us: u64) -> Result<Called, OverCap> {
        let hash = self.0.hasher.hash_one(address);
        let shard = self.shard(hash);
        let mut open = shard.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(address).or_insert(0);
        let is_full = caps.open.is_some_and(|most| *count >= most);
        let is_too_fast = || caps.pace.is_some_and(|(every, burst)| !shard.pays(hash, now_us, every, burst));
        if is_full || is_too_fast() {
            let over = if is_full { OverCap::Open } else { OverCap::Pace };
            if *count == 0 {
                open.remove(&address);
            }
            return Err(over);
        }
        *count += 1;
        Ok(Called { callers: self.clone(), address })
    }

    /// Connections that `address` has.
    pub fn open(&self, address: u128) -> u32 {
        let shard = self.shard(self.0.hasher.hash_one(address));
        let open = shard.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&address).copied().unwrap_or(0)
    }

    /// Addresses that have connections.
    pub fn len(&self) -> usize {
        let lock = |shard: &Shard| shard.open.lock().unwrap_or_else(PoisonError::into_inner).len();
        self.0.shards.iter().map(lock).sum()
    }

    /// True if no address has any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, hash: u64) -> &Shard {
        &self.0.shards[hash as usize % SHARDS]
    }
}

impl Shard {
    /// GCRA: in any time w, no more than `burst` + w / `every`.
    fn pays(&self, hash: u64, now_us: u64, every_us: u64, burst: u32) -> bool {
        let paces = self.paces.get_or_init(|| Mutex::new(vec![[Pace::default(); WAYS]; SETS].into()));
        let mut paces = paces.lock().unwrap_or_else(PoisonError::into_inner);
        let set = &mut paces[(hash >> 32) as usize % SETS];
        let at = set.iter().position(|pace| pace.hash == hash && pace.paid_us > 0).unwrap_or_else(|| {
            let least = (0..WAYS).min_by_key(|&way| set[way].paid_us).unwrap_or(0);
            // What it owed is forgotten: less than any other of the eight did.
            set[least] = Pace { hash, paid_us: 0 };
            least
        });
        let paid_us = set[at].paid_us.max(now_us);
        let ahead_us = every_us.saturating_mul(u64::from(burst.saturating_sub(1)));
        if paid_us - now_us > ahead_us {
            return false;
        }
        set[at].paid_us = paid_us + every_us;
        true
    }
}

impl Drop for Called {
    fn drop(&mut self) {
        let shard = self.callers.shard(self.callers.0.hasher.hash_one(self.address));
        let mut open = shard.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Place::Occupied(mut place) = open.entry(self.address) {
            *place.get_mut() -= 1;
            if *place.get() == 0 {
                place.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn counts_until_a_connection_goes() {
        let callers = Callers::default();
        let caps = CallerCaps { open: Some(2), pace: None };
        let one = callers.call(7, caps, 0).unwrap();
        let two = callers.call(7, caps, 0).unwrap();
        assert_eq!(callers.call(7, caps, 0).unwrap_err(), OverCap::Open);
        assert!(callers.call(8, caps, 0).is_ok(), "another address has its own number");
        drop(one);
        assert!(callers.call(7, caps, 0).is_ok());
        drop(two);
        assert!(callers.is_empty(), "nobody is remembered who has no connection");
    }

    #[test]
    fn a_cap_of_none_keeps_everybody_out_and_remembers_nobody() {
        let callers = Callers::default();
        assert!(callers.call(7, CallerCaps { open: Some(0), pace: None }, 0).is_err());
        assert_eq!((callers.len(), callers.open(7)), (0, 0));
    }

    #[test]
    fn threads_together_never_pass_the_cap() {
        let callers = Callers::default();
        let caps = CallerCaps { open: Some(3), pace: None };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let called = callers.call(7, caps, 0);
                        assert!(callers.open(7) <= 3);
                        drop(called);
                    }
                });
            }
        });
        assert!(callers.is_empty());
    }

    #[test]
    fn a_crowd_of_addresses_does_not_free_an_offender() {
        let callers = Callers::default();
        let caps = CallerCaps { open: Some(100), pace: Some((SECOND, 10)) };
        for _ in 0..10 {
            drop(callers.call(7, caps, SECOND).unwrap());
        }
        let held: Vec<_> = (0..5).map(|_| callers.call(9, CallerCaps::default(), SECOND).unwrap()).collect();
        for other in 1_000..301_000 {
            drop(callers.call(other, caps, SECOND));
        }
        assert_eq!(callers.call(7, caps, SECOND).unwrap_err(), OverCap::Pace);
        assert_eq!((callers.open(9), callers.len()), (5, 1));
        drop(held);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn no_window_has_more_than_burst_and_rate(
            every in 1..2_000_u64,
            burst in 1..8_u32,
            steps in proptest::collection::vec(0..3_000_u64, 1..200),
        ) {
            let callers = Callers::default();
            let caps = CallerCaps { open: None, pace: Some((every, burst)) };
            let (mut now, mut admitted) = (1_u64, Vec::new());
            for step in steps {
                now += step;
                if callers.call(7, caps, now).is_ok() {
                    admitted.push(now);
                }
            }
            for (at, first) in admitted.iter().enumerate() {
                for (count, last) in (1..).zip(&admitted[at..]) {
                    prop_assert!(count <= u64::from(burst) + (last - first) / every);
                }
            }
        }
    }
}
