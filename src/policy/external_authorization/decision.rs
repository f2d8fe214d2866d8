//! What the service has decided, and the memory of that.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use foldhash::fast::RandomState;

use crate::http::field::Fields;
use crate::policy::reply::OwnWords;

/// A change of a request's field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// In place of what is there.
    Set(Box<[u8]>, Box<[u8]>),
    /// Besides what is there.
    Add(Box<[u8]>, Box<[u8]>),
    /// Away with it.
    Remove(Box<[u8]>),
}

impl Change {
    /// Makes it.
    pub fn apply(&self, fields: &mut Fields) {
        match self {
            Self::Set(name, value) => drop(fields.set(name, value)),
            Self::Add(name, value) => drop(fields.append(name, value)),
            Self::Remove(name) => drop(fields.remove_named(name)),
        }
    }
}

/// What the service has decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The request goes on, with these changes.
    Admitted(Vec<Change>),
    /// It does not, in these words.
    Refused(OwnWords),
}

/// Everything the service was shown, as a digest.
pub type Shown = [u8; 32];

/// Decisions by what the service was shown. Bounded: the oldest leave first.
pub struct Memory {
    entries_max: usize,
    by_shown: HashMap<Shown, (u64, Rc<Decision>), RandomState>,
    order: VecDeque<Shown>,
}

impl Memory {
    /// Of at most so many.
    pub fn new(entries_max: usize) -> Self {
        Self { entries_max, by_shown: HashMap::default(), order: VecDeque::new() }
    }

    /// What is remembered, unless it is too old by now.
    pub fn find(&self, shown: &Shown, now_ms: u64) -> Option<Rc<Decision>> {
        let (until_ms, decision) = self.by_shown.get(shown)?;
        (now_ms < *until_ms).then(|| decision.clone())
    }

    /// Remembers a decision up to a moment.
    pub fn keep(&mut self, shown: Shown, until_ms: u64, decision: Rc<Decision>) {
        if self.by_shown.insert(shown, (until_ms, decision)).is_none() {
            self.order.push_back(shown);
        }
        while self.order.len() > self.entries_max {
            if let Some(oldest) = self.order.pop_front() {
                self.by_shown.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_for_a_time_and_no_more_than_it_may() {
        let mut memory = Memory::new(2);
        let decision = Rc::new(Decision::Admitted(Vec::new()));
        for (shown, until_ms) in [(1, 100), (2, 200), (3, 300)] {
            memory.keep([shown; 32], until_ms, decision.clone());
        }
        assert!(memory.find(&[1; 32], 0).is_none(), "the oldest has left");
        assert!(memory.find(&[2; 32], 199).is_some() && memory.find(&[2; 32], 200).is_none());
        memory.keep([2; 32], 900, decision);
        assert!(memory.find(&[2; 32], 800).is_some(), "again");
        assert_eq!(memory.order.len(), 2);
    }
}
