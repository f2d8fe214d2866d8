//! Ids of requests: 128 bits as 26 characters, sortable by time (ULID: 48 bits of milliseconds, 80 of the rest).
//!
//! Owns one sequence per worker, seeded once, so an id costs no system call. The rest is a bijection of a counter
//! over 2^80 values: one worker never repeats itself. Ids are unique, not secret. It also says which ids of
//! clients are fit to be kept.

use std::cell::Cell;

/// An id as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; RequestId::LEN]);

impl RequestId {
    /// Characters of an id.
    pub const LEN: usize = 26;

    /// Its characters.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its characters as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// The sequence of one worker.
#[derive(Debug)]
pub struct RequestIds {
    counter: Cell<u128>,
}

const REST_BITS: u32 = 80;
const REST_MASK: u128 = (1 << REST_BITS) - 1;
/// Odd, so that adding it visits every value of 80 bits before the first again.
const STEP: u128 = 0x9e37_79b9_7f4a_7c15_f39d & REST_MASK | 1;
/// Odd, so that multiplying by it is a bijection.
const MULTIPLIER: u128 = 0xda94_2042_e4dd_58b5_2c1b & REST_MASK | 1;

impl RequestIds {
    /// A sequence; `seed` must be random, or two workers repeat each other.
    pub fn new(seed: u128) -> Self {
        Self { counter: Cell::new((seed ^ (seed >> 64)) & REST_MASK) }
    }

    /// The next id; `unix_millis` is the coarse clock's.
    #[inline]
    pub fn next(&self, unix_millis: u64) -> RequestId {
        let counter = self.counter.get().wrapping_add(STEP) & REST_MASK;
        self.counter.set(counter);
        // Each step is invertible on 80 bits: distinct counters stay distinct.
        let mut rest = counter ^ (counter >> 41);
        rest = rest.wrapping_mul(MULTIPLIER) & REST_MASK;
        rest ^= rest >> 37;
        encode((u128::from(unix_millis) << REST_BITS) | rest)
    }
}

/// Whether an id that a client sent is kept: 1 to 128 characters of `A-Za-z0-9._:/+=@-`, which can do no harm in a
/// field or a log.
pub fn is_acceptable(id: &[u8]) -> bool {
    (1..=CLIENT_ID_BYTES_MAX).contains(&id.len())
        && id.iter().all(|byte| byte.is_ascii_alphanumeric() || b"._:/+=@-".contains(byte))
}

/// Longest id of a client that is kept: room for a UUID, a traceparent or an ARN.
pub const CLIENT_ID_BYTES_MAX: usize = 128;

/// Crockford's alphabet: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#[inline]
fn encode(id: u128) -> RequestId {
    // Two words are shifted faster than one of 128 bits: 13 characters (65 bits) each.
    let (high, low) = ((id >> 65) as u64, id & ((1 << 65) - 1));
    let mut text = [0; RequestId::LEN];
    for index in 0..13 {
        text[index] = ALPHABET[(high >> (60 - 5 * index)) as usize & 31];
        text[13 + index] = ALPHABET[(low >> (60 - 5 * index)) as usize & 31];
    }
    RequestId(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn decode(id: RequestId) -> u128 {
        id.as_bytes().iter().fold(0, |value, character| {
            value << 5 | ALPHABET.iter().position(|letter| letter == character).unwrap() as u128
        })
    }

    #[test]
    fn an_id_begins_with_its_time_as_a_ulid_does() {
        // The example of the ULID specification.
        let id = RequestIds::new(1).next(1_469_918_176_385);
        assert_eq!(&id.as_str()[..10], "01ARYZ6S41");
        assert_eq!(decode(id) >> 80, 1_469_918_176_385);
        assert_eq!(decode(encode(u128::MAX)), u128::MAX);
    }

    #[test]
    fn ids_sort_by_time() {
        let ids = RequestIds::new(5);
        let (first, second) = (ids.next(1_000), ids.next(1_001));
        assert!(first.as_str() < second.as_str());
    }

    #[test]
    fn neither_a_worker_nor_two_repeat_an_id() {
        let mut seen = HashSet::new();
        for seed in 0..4u128 {
            let ids = RequestIds::new(seed << 3);
            assert!((0..20_000).all(|_| seen.insert(ids.next(7))));
        }
    }

    #[test]
    fn keeps_only_ids_that_can_do_no_harm() {
        for id in ["a", "550e8400-e29b-41d4-a716-446655440000", "A.b_c:d/e+f=g@h-1", &"x".repeat(128)] {
            assert!(is_acceptable(id.as_bytes()), "{id}");
        }
        for id in ["", "a b", "a\"b", "a\r\nb", "caf\u{e9}", "<x>", &"x".repeat(129)] {
            assert!(!is_acceptable(id.as_bytes()), "{id}");
        }
    }
}
