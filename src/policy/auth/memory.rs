//! What a worker remembers of credentials that were checked elsewhere: bounded, for a limited time.
//!
//! Keys are hashes under a pepper that only this process knows, so that nothing in memory can be tried against a list of
//! passwords. The oldest leave first. Time comes in as an argument.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::RandomState;
use sha2::{Digest as _, Sha256};

/// Stands for a credential.
pub type Digest = [u8; 32];

/// Makes digests; another one each time the process starts.
#[derive(Clone)]
pub struct Pepper([u8; 32]);

impl Pepper {
    /// A random one.
    pub fn random() -> Self {
        let mut bytes = [0; 32];
        // Without randomness there would be neither TLS: rustls has drawn from the same source before.
        aws_lc_rs::rand::fill(&mut bytes).expect("the system gives random bytes");
        Self(bytes)
    }

    /// Of these parts: where one ends and the next begins counts.
    pub fn digest(&self, parts: &[&[u8]]) -> Digest {
        let mut hasher = Sha256::new_with_prefix(self.0);
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.finalize().into()
    }
}

/// Values by digest.
pub struct Memory<V> {
    entries: HashMap<Digest, Entry<V>, RandomState>,
    /// In the order in which they came; those that were replaced since have another number.
    order: VecDeque<(Digest, u64)>,
    entries_max: usize,
    next: u64,
}

struct Entry<V> {
    value: V,
    until_ms: u64,
    number: u64,
}

impl<V> Memory<V> {
    /// An empty one for so many.
    pub fn new(entries_max: usize) -> Self {
        Self { entries: HashMap::default(), order: VecDeque::new(), entries_max: entries_max.max(1), next: 0 }
    }

    /// What is remembered, unless its time is over.
    pub fn get(&self, digest: &Digest, now_ms: u64) -> Option<&V> {
        self.entries.get(digest).filter(|entry| now_ms < entry.until_ms).map(|entry| &entry.value)
    }

    /// Remembers up to `until_ms`.
    pub fn put(&mut self, digest: Digest, value: V, until_ms: u64) {
        let number = self.next;
        self.next += 1;
        self.entries.insert(digest, Entry { value, until_ms, number });
        self.order.push_back((digest, number));
        // What was replaced or forgotten still stands in the order, so that this bounds it as well.
        while self.entries.len() > self.entries_max || self.order.len() > 2 * self.entries_max {
            let Some((oldest, number)) = self.order.pop_front() else { break };
            if self.entries.get(&oldest).is_some_and(|entry| entry.number == number) {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets one.
    pub fn forget(&mut self, digest: &Digest) {
        self.entries.remove(digest);
    }

    /// Forgets those that `keep` says no to.
    pub fn retain(&mut self, mut keep: impl FnMut(&mut V) -> bool) {
        self.entries.retain(|_, entry| keep(&mut entry.value));
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }

    /// How many there are, those whose time is over included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn digest(byte: u8) -> Digest {
        [byte; 32]
    }

    #[test]
    fn remembers_for_a_time_and_lets_the_oldest_go() {
        let mut memory = Memory::new(2);
        memory.put(digest(1), "a", 100);
        memory.put(digest(2), "b", 200);
        assert_eq!((memory.get(&digest(1), 99), memory.get(&digest(1), 100)), (Some(&"a"), None));
        memory.put(digest(1), "c", 300);
        memory.put(digest(3), "d", 300);
        assert_eq!(memory.get(&digest(2), 0), None, "the oldest");
        assert_eq!((memory.get(&digest(1), 299), memory.get(&digest(3), 0)), (Some(&"c"), Some(&"d")));
        memory.retain(|value| *value == "c");
        assert_eq!((memory.get(&digest(1), 0), memory.get(&digest(3), 0)), (Some(&"c"), None));
        memory.forget(&digest(1));
        assert_eq!(memory.get(&digest(1), 0), None);
        memory.put(digest(4), "e", 300);
        memory.clear();
        assert!(memory.is_empty());
    }

    #[test]
    fn digests_tell_parts_apart_and_differ_from_process_to_process() {
        let pepper = Pepper::random();
        assert_eq!(pepper.digest(&[b"ab", b"c"]), pepper.clone().digest(&[b"ab", b"c"]));
        assert_ne!(pepper.digest(&[b"ab", b"c"]), pepper.digest(&[b"a", b"bc"]));
        assert_ne!(pepper.digest(&[b"a"]), Pepper::random().digest(&[b"a"]));
    }

    proptest! {
        #[test]
        fn is_never_larger_than_allowed(puts in proptest::collection::vec((0u8..20, any::<bool>()), 0..300)) {
            let mut memory = Memory::new(5);
            for (byte, is_put) in puts {
                if is_put { memory.put(digest(byte), byte, 1) } else { memory.forget(&digest(byte)) }
                prop_assert!(memory.len() <= 5 && memory.order.len() <= 10);
                prop_assert_eq!(memory.get(&digest(byte), 0).is_some(), is_put);
            }
        }
    }
}
