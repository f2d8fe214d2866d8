//! Numbers for names, so that a record of fixed size can tell who it is about.
//!
//! Owns the names for the life of the process: a number stays valid when the configuration that had the name is gone.
//! Bounded: beyond its limit every new name is [`NameId::OTHER`]. The lock is for control and for a worker that
//! installs a generation, never for the path of a request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Stands for a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameId(u32);

impl NameId {
    /// No name.
    pub const NONE: Self = Self(0);

    /// Names beyond the limit.
    pub const OTHER: Self = Self(1);

    /// Whether it stands for no name.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The number, for tables and hashes.
    #[inline]
    pub fn number(self) -> u32 {
        self.0
    }
}

/// Names by number.
#[derive(Debug)]
pub struct Names {
    entries: Mutex<Entries>,
    limit: usize,
}

#[derive(Debug)]
struct Entries {
    by_name: HashMap<Arc<str>, u32>,
    /// At the places of their numbers.
    names: Vec<Arc<str>>,
}

impl Names {
    /// No names yet; at most `limit` of them. `other` is what further ones are called.
    pub fn new(limit: usize, other: &str) -> Self {
        let names = vec![Arc::from(""), Arc::from(other)];
        Self { entries: Mutex::new(Entries { by_name: HashMap::new(), names }), limit }
    }

    /// The number of `name`, a new one if it is new. The empty name is [`NameId::NONE`].
    pub fn id(&self, name: &str) -> NameId {
        if name.is_empty() {
            return NameId::NONE;
        }
        let mut entries = self.lock();
        if let Some(known) = entries.by_name.get(name) {
            return NameId(*known);
        }
        if entries.by_name.len() >= self.limit {
            return NameId::OTHER;
        }
        let id = u32::try_from(entries.names.len()).unwrap_or(NameId::OTHER.0);
        let name: Arc<str> = name.into();
        entries.names.push(name.clone());
        entries.by_name.insert(name, id);
        NameId(id)
    }

    /// The name of a number.
    pub fn name(&self, id: NameId) -> Arc<str> {
        let entries = self.lock();
        entries.names.get(id.0 as usize).unwrap_or(&entries.names[NameId::OTHER.0 as usize]).clone()
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_a_number_its_name() {
        let names = Names::new(10, "(other)");
        let (first, second) = (names.id("orders"), names.id("users"));
        assert_ne!(first, second);
        assert_eq!(names.id("orders"), first);
        assert_eq!((&*names.name(first), &*names.name(second)), ("orders", "users"));
        assert_eq!((names.id(""), &*names.name(NameId::NONE)), (NameId::NONE, ""));
    }

    #[test]
    fn names_beyond_the_limit_are_told_as_others() {
        let names = Names::new(1, "(other)");
        let first = names.id("a");
        assert_eq!(names.id("b"), NameId::OTHER);
        assert_eq!((names.id("a"), &*names.name(NameId::OTHER)), (first, "(other)"));
    }
}
