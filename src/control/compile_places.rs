//! Which place each listener has: the same for as long as the process lives, whatever is written before or after it.
//!
//! Connections refer to their listener by its place and outlive generations. A listener that is gone leaves its place
//! empty, and has it again if it comes back. Only names that an operator has written take places.

use super::config::Config;
use crate::proxy::snapshot::Snapshot;

/// Places of listeners: the name of each, and where the configuration has it.
pub(super) struct Places(Vec<(Box<str>, Option<usize>)>);

impl Places {
    /// Those of the generation before, then what is new.
    pub(super) fn of(config: &Config, previous: Option<&Snapshot>) -> Self {
        let former: &[Box<str>] = previous.map_or(&[], |snapshot| &snapshot.listeners);
        let at = |name: &str| config.listeners.iter().position(|listener| listener.name == name);
        let mut places: Vec<_> = former.iter().map(|name| (name.clone(), at(name))).collect();
        for (at, listener) in config.listeners.iter().enumerate() {
            if !former.iter().any(|name| **name == *listener.name) {
                places.push((listener.name.as_str().into(), Some(at)));
            }
        }
        Self(places)
    }

    /// What each listener has, in the order of places. Empty places have nothing.
    pub(super) fn arrange<T: Default>(&self, written: &mut [T]) -> Vec<T> {
        self.0
            .iter()
            .map(|(_, at)| at.map(|at| std::mem::take(&mut written[at])).unwrap_or_default())
            .collect()
    }

    /// Which places are taken.
    pub(super) fn is_open(&self) -> Vec<bool> {
        self.0.iter().map(|(_, at)| at.is_some()).collect()
    }

    /// The names alone.
    pub(super) fn into_names(self) -> Vec<Box<str>> {
        self.0.into_iter().map(|(name, _)| name).collect()
    }
}
