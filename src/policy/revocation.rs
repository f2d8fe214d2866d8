//! Credentials that are good no more, and what of theirs still runs.
//!
//! A list comes from control and is looked at once a tick. Whatever goes on for the revoked is cut then: answers that are
//! still streaming, and connections that have switched protocols.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use crate::policy::principal::Principal;
use crate::rt::deadline::Trigger;

/// Names of credentials that are good no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    /// Tokens by `jti`.
    pub tokens: HashSet<Box<str>, RandomState>,
    /// Sessions by `sid`.
    pub sessions: HashSet<Box<str>, RandomState>,
    /// API keys by id, certificates by fingerprint.
    pub keys: HashSet<Box<str>, RandomState>,
    /// Subjects; what was issued to them up to this second is good no more. [`u64::MAX`] for whatever was.
    pub subjects: HashMap<Box<str>, u64, RandomState>,
}

impl Revocations {
    /// Whether what this principal has shown is good no more. A credential that does not say when it was issued counts as
    /// old.
    pub fn has(&self, principal: &Principal) -> bool {
        if self.is_empty() {
            return false;
        }
        let among = |list: &HashSet<Box<str>, RandomState>, name: &Option<Box<str>>| {
            name.as_ref().is_some_and(|name| list.contains(name))
        };
        among(&self.tokens, &principal.token_id)
            || among(&self.sessions, &principal.session)
            || among(&self.keys, &principal.key_id)
            || self
                .subjects
                .get(&principal.subject)
                .is_some_and(|&until_s| principal.issued_s.is_none_or(|issued_s| issued_s <= until_s))
    }

    /// How many names.
    pub fn len(&self) -> usize {
        self.tokens.len() + self.sessions.len() + self.keys.len() + self.subjects.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Those for whom something goes on: usually one.
pub type Principals = SmallVec<[Rc<Principal>; 1]>;

/// What goes on for somebody on one worker.
#[derive(Default)]
pub struct Watched(Rc<RefCell<List>>);

#[derive(Default)]
struct List {
    places: Vec<Option<Entry>>,
    free: Vec<usize>,
}

struct Entry {
    principals: Principals,
    trigger: Trigger,
    is_revoked: Cell<bool>,
}

/// A place in the list, for as long as it goes on.
pub struct Watch {
    list: Rc<RefCell<List>>,
    place: usize,
}

impl Watched {
    /// Watches over what goes on for `principals`; `trigger` wakes it.
    pub fn watch(&self, principals: &Principals, trigger: Trigger) -> Watch {
        let entry = Entry { principals: principals.clone(), trigger, is_revoked: Cell::new(false) };
        let mut list = self.0.borrow_mut();
        let place = match list.free.pop() {
            Some(place) => {
                list.places[place] = Some(entry);
                place
            }
            None => {
                list.places.push(Some(entry));
                let places = list.places.len();
                // So that giving a place back never asks for memory.
                list.free.reserve(places);
                places - 1
            }
        };
        Watch { list: self.0.clone(), place }
    }

    /// Cuts what goes on for those who are on the list.
    pub fn revoke(&self, revocations: &Revocations) {
        let mut triggers = Vec::new();
        for entry in self.0.borrow().places.iter().flatten() {
            if entry.principals.iter().any(|principal| revocations.has(principal)) {
                entry.is_revoked.set(true);
                triggers.push(entry.trigger.clone());
            }
        }
        for trigger in triggers {
            trigger.pull();
        }
    }
}

impl Watch {
    /// Whether the credentials are good no more.
    pub fn is_revoked(&self) -> bool {
        self.list.borrow().places[self.place].as_ref().is_some_and(|entry| entry.is_revoked.get())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut list = self.list.borrow_mut();
        list.places[self.place] = None;
        list.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::principal::Method;
    use crate::rt::deadline::{Deadline, Deadlines};

    fn somebody() -> Principal {
        let mut principal = Principal::new("a", Method::Jwt, "ann");
        principal.token_id = Some("t1".into());
        principal.issued_s = Some(100);
        principal
    }

    #[test]
    fn a_subject_is_revoked_up_to_a_moment() {
        let mut revocations = Revocations::default();
        assert!(!revocations.has(&somebody()));
        revocations.subjects.insert("ann".into(), 99);
        assert!(!revocations.has(&somebody()), "issued afterwards");
        revocations.subjects.insert("ann".into(), 100);
        assert!(revocations.has(&somebody()));
        let undated = Principal { issued_s: None, ..somebody() };
        assert!(revocations.has(&undated));
    }

    #[test]
    fn only_the_revoked_are_cut_and_places_are_used_again() {
        let watched = Watched::default();
        let wheel = Deadlines::new(0);
        let (one, other) = (Deadline::new(&wheel), Deadline::new(&wheel));
        let ann: Principals = SmallVec::from_iter([Rc::new(somebody())]);
        let bob: Principals = SmallVec::from_iter([Rc::new(Principal::new("a", Method::Jwt, "bob"))]);
        let hers = watched.watch(&ann, one.trigger());
        let his = watched.watch(&bob, other.trigger());
        let mut revocations = Revocations::default();
        revocations.tokens.insert("t1".into());
        watched.revoke(&revocations);
        assert!(hers.is_revoked() && !his.is_revoked());
        drop(hers);
        let next = watched.watch(&bob, other.trigger());
        assert!(!next.is_revoked());
        assert_eq!(watched.0.borrow().places.len(), 2);
    }
}
