//! Names and the values they stand for, grown by control and shrunk by nobody else.
//!
//! Owns the values, so a series survives changes of configuration; only what control takes out is gone. Bounded: beyond
//! its limit every new name stands for one value they all share, and the refusals are counted. The lock is for
//! control and for a worker that installs a generation, never for the path of a request.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Values by key, at most `limit` of them plus one for all others.
#[derive(Debug)]
pub struct Catalogue<K, V> {
    entries: Mutex<Entries<K, V>>,
    limit: usize,
}

#[derive(Debug)]
struct Entries<K, V> {
    by_key: BTreeMap<K, V>,
    /// What names beyond the limit share.
    overflow: Option<V>,
    refused: u64,
}

impl<K: Ord + Clone, V: Clone> Catalogue<K, V> {
    /// An empty catalogue for at most `limit` keys.
    pub fn new(limit: usize) -> Self {
        let entries = Entries { by_key: BTreeMap::new(), overflow: None, refused: 0 };
        Self { entries: Mutex::new(entries), limit }
    }

    /// The value of `key`, made with `make` when it is new.
    pub fn get_or_create(&self, key: &K, make: impl FnOnce() -> V) -> V {
        let mut entries = self.lock();
        if let Some(value) = entries.by_key.get(key) {
            return value.clone();
        }
        if entries.by_key.len() >= self.limit {
            entries.refused += 1;
            return entries.overflow.get_or_insert_with(make).clone();
        }
        let value = make();
        entries.by_key.insert(key.clone(), value.clone());
        value
    }

    /// Takes a key out. Whoever has its value keeps it; asked for again, the key gets a new one.
    pub fn remove(&self, key: &K) {
        self.lock().by_key.remove(key);
    }

    /// All keys with their values, in the order of the keys; the shared one is not among them.
    pub fn entries(&self) -> Vec<(K, V)> {
        self.lock().by_key.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// What the refused keys share, when there are any.
    pub fn overflow(&self) -> Option<V> {
        self.lock().overflow.clone()
    }

    /// How often a key was refused for the limit.
    pub fn refused(&self) -> u64 {
        self.lock().refused
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Frozen;

    #[test]
    fn a_name_keeps_its_value() {
        let catalogue = Catalogue::new(4);
        let first = catalogue.get_or_create(&"a", || Frozen::new(1));
        let again = catalogue.get_or_create(&"a", || Frozen::new(2));
        assert!(first.ptr_eq(&again));
        assert_eq!(catalogue.refused(), 0);
    }

    #[test]
    fn what_is_taken_out_makes_room_and_comes_back_anew() {
        let catalogue = Catalogue::new(1);
        let first = catalogue.get_or_create(&"a", || Frozen::new(1));
        catalogue.remove(&"a");
        assert_eq!(*catalogue.get_or_create(&"b", || Frozen::new(2)), 2);
        catalogue.remove(&"b");
        assert!(!first.ptr_eq(&catalogue.get_or_create(&"a", || Frozen::new(3))));
        assert_eq!(catalogue.refused(), 0);
    }

    #[test]
    fn names_beyond_the_limit_share_one_value_and_are_counted() {
        let catalogue = Catalogue::new(1);
        catalogue.get_or_create(&"a", || Frozen::new(1));
        let second = catalogue.get_or_create(&"b", || Frozen::new(2));
        let third = catalogue.get_or_create(&"c", || Frozen::new(3));
        assert!(second.ptr_eq(&third));
        assert_eq!(catalogue.refused(), 2);
        assert_eq!(catalogue.entries().len(), 1);
        assert_eq!(*catalogue.overflow().unwrap(), 2);
    }
}
