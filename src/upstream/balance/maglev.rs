//! Maglev consistent hashing (Eisenbud et al., NSDI 2016, section 3.4), with weights.
//!
//! A table of prime size in which every endpoint owns slots by its weight. When an endpoint leaves, its slots are
//! shared out and nearly all others stay. Depends on addresses and weights alone, not on their order, so every
//! worker, restart and machine has the same table.

use std::net::IpAddr;

use super::Pick;
use super::random::mixed;
use super::tiers::WHOLE;

/// Slots, a prime. 128 KiB, shared by all workers; shares of a hundred endpoints are even within a percent. One size
/// for all: a smaller one for few endpoints would move nearly every key when the count crosses the border.
const SLOTS: usize = 65_537;
/// Slots tried before any remaining endpoint is taken. Reached only where nearly all are excluded.
const PROBES_MAX: usize = 128;

/// The hash of a key: FNV-1a (64 bit) and a final mix for its weak high bits.
///
/// The same in every build, so a key stays with its endpoint across restarts, upgrades and machines. Its seed
/// is no secret: a client that makes keys collide gains what it has by sending one key all the time.
pub fn hash_key(key: &[u8]) -> u64 {
    mixed(
        key.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        }),
    )
}

/// The hash of a client's address, as [`hash_key`]. An IPv4 address in IPv6 form counts as IPv4.
pub fn hash_address(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => hash_key(&address.octets()),
        IpAddr::V6(address) => hash_key(&address.octets()),
    }
}

/// The table: slot to endpoint.
#[derive(Debug, Clone)]
pub(super) struct Maglev {
    slots: Vec<u16>,
}

/// An endpoint's walk over the slots it would like, best first.
struct Preference {
    endpoint: u16,
    weight: u64,
    /// Has a turn once the round's share reaches this; the first turn is everyone's, so none is without a slot.
    due: u64,
    at: usize,
    skip: usize,
}

impl Maglev {
    /// Fills the table for these addresses and weights.
    pub(super) fn of(endpoints: &[(&str, u32)]) -> Self {
        let mut preferences = preferences(endpoints);
        let weight_max = preferences.iter().map(|preference| preference.weight).max().unwrap_or(1);
        let mut slots = vec![u16::MAX; SLOTS];
        let mut free = if endpoints.is_empty() { 0 } else { SLOTS };
        let mut round = 0;
        while free > 0 {
            round += 1;
            for preference in &mut preferences {
                // In weight_max rounds, an endpoint has as many turns as its weight.
                if free == 0 || round * preference.weight < preference.due {
                    continue;
                }
                preference.due += weight_max;
                preference.take(&mut slots);
                free -= 1;
            }
        }
        Self { slots }
    }

    /// The endpoint of this hash; where it is excluded, that of the next slot, and so on.
    pub(super) fn pick(&self, hash: u64, count: usize, is_excluded: &dyn Fn(usize) -> bool) -> Option<usize> {
        let start = (hash % self.slots.len() as u64) as usize;
        let (before, from) = self.slots.split_at(start);
        let probes = from.iter().chain(before).take(PROBES_MAX).map(|slot| usize::from(*slot));
        let first = (hash % count.max(1) as u64) as usize;
        let rest = (first..count).chain(0..first);
        probes.chain(rest).find(|endpoint| !is_excluded(*endpoint))
    }
}

/// The bound of consistent hashing with bounded loads (Mirrokni, Thorup, Zadimoghaddam, 2016): nobody has more than this
/// above its part of what is in flight, so that a popular key does not bury its endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// In millionths of the average.
    pub(super) above_average: u32,
}

impl Bound {
    /// Whether an endpoint has as much as it may. Its part of what is in flight, this request included, is rounded up, so
    /// there is always one that is not full. Looks at all endpoints only where this one has anything at all.
    pub(super) fn is_full(self, at: usize, weights: &[u32], pick: &Pick<'_>) -> bool {
        let own = (pick.in_flight)(at);
        if own == 0 {
            return false;
        }
        let counted = (0..weights.len()).filter(|index| !(pick.is_excluded)(*index));
        let (mut in_flight, mut weight) = (1_u64, 0_u64);
        for index in counted {
            in_flight += u64::from((pick.in_flight)(index));
            weight += u64::from(weights[index]);
        }
        // own >= (1 + above) * in_flight * its weight / weight, multiplied out.
        let factor = u128::from(WHOLE) + u128::from(self.above_average);
        let part = factor * u128::from(in_flight) * u128::from(weights[at]);
        u128::from(own) * u128::from(weight) * u128::from(WHOLE) >= part
    }
}

/// In the order of their hashes, so that the order of configuration makes no difference.
fn preferences(endpoints: &[(&str, u32)]) -> Vec<Preference> {
    let mut hashed: Vec<_> = endpoints
        .iter()
        .enumerate()
        .map(|(at, (name, weight))| (hash_key(name.as_bytes()), at, *weight))
        .collect();
    hashed.sort_unstable();
    let preference = |(hash, endpoint, weight): (u64, usize, u32)| Preference {
        endpoint: endpoint as u16,
        weight: u64::from(weight),
        due: u64::from(weight),
        at: (hash % SLOTS as u64) as usize,
        skip: (mixed(hash ^ 0x5bd1_e995) % (SLOTS as u64 - 1)) as usize + 1,
    };
    hashed.into_iter().map(preference).collect()
}

impl Preference {
    /// Takes the best slot that is still free. There is one, because the length is prime and slots are.
    fn take(&mut self, slots: &mut [u16]) {
        while slots[self.at] != u16::MAX {
            self.at = (self.at + self.skip) % slots.len();
        }
        slots[self.at] = self.endpoint;
    }
}
