//! Open connections of an endpoint and of its cluster: two amounts that are taken together.
//!
//! Both are counted for the whole gateway. Without a cap on the cluster it is the endpoint's alone.

use std::cell::RefCell;

use crate::shared::ledger::{Lease, Ledger};

/// Connections of the cluster, and how many there may be.
pub type Shared = Option<(Ledger, u64)>;

/// What there is of connections to an endpoint.
#[derive(Debug)]
pub struct Connections {
    own: Ledger,
    /// Those of the cluster, where they are capped.
    all: RefCell<Option<Ledger>>,
}

impl Connections {
    /// Those of an endpoint.
    pub fn new(own: &Ledger) -> Self {
        Self { own: own.clone(), all: RefCell::default() }
    }

    /// Counts new ones towards those of the cluster too, and caps them.
    pub fn share(&self, all: &Shared) {
        self.all.replace(all.as_ref().map(|(all, cap)| {
            all.set_cap(Some(*cap));
            all.clone()
        }));
    }

    /// Takes one, of both.
    pub fn try_take(&self) -> Option<Lease> {
        let own = self.own.try_take(1)?;
        match &*self.all.borrow() {
            None => Some(own),
            Some(all) => Some(own.beside(all.try_take(1)?)),
        }
    }

    /// True if there may be one to take.
    pub fn has_any(&self) -> bool {
        let has = |ledger: &Ledger| ledger.cap().is_none_or(|cap| ledger.in_use() < cap);
        has(&self.own) && self.all.borrow().as_ref().is_none_or(has)
    }

    /// Says that one is needed which others may hold without use.
    pub fn want(&self) {
        self.own.want();
        if let Some(all) = &*self.all.borrow() {
            all.want();
        }
    }

    /// Changes when somebody has wanted.
    pub fn wants(&self) -> u64 {
        self.own.wants().wrapping_add(self.all.borrow().as_ref().map_or(0, Ledger::wants))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_taken_of_both_or_of_none() {
        let (first, second, all) = (Ledger::new(Some(2)), Ledger::new(None), Ledger::new(None));
        let (one, two) = (Connections::new(&first), Connections::new(&second));
        one.share(&Some((all.clone(), 3)));
        two.share(&Some((all.clone(), 3)));
        let held: Vec<Lease> =
            [one.try_take(), one.try_take(), two.try_take()].into_iter().flatten().collect();
        assert_eq!((held.len(), all.in_use()), (3, 3));
        assert!(one.try_take().is_none() && two.try_take().is_none() && !two.has_any());
        assert_eq!((first.in_use(), second.in_use()), (2, 1), "nothing is kept of what could not be had");
        let wanted = one.wants();
        two.want();
        assert_ne!(one.wants(), wanted, "whoever holds one of the cluster's hears of it");
        drop(held);
        assert_eq!((first.in_use(), second.in_use(), all.in_use()), (0, 0, 0));
        two.share(&None);
        assert!(two.has_any() && two.try_take().is_some());
    }
}
