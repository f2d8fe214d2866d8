//! A slot that an exchange has, from its admission to its end.
//!
//! Dropping it gives the slot back, whatever ended the exchange; a connection that has switched protocols keeps it.

use std::rc::Rc;

use super::ledger::{Held, Wish};
use super::worker::{Limit, Worker};
use crate::rt::clock;

/// A slot that an exchange has.
pub struct Hold {
    worker: Rc<Worker>,
    limit: Rc<Limit>,
    wish: Wish,
    held: Held,
}

impl Hold {
    /// Of a slot that has been committed.
    pub(super) fn new(worker: Rc<Worker>, limit: Rc<Limit>, wish: Wish, held: Held) -> Self {
        limit.count(|metrics| metrics.held.add(1));
        Self { worker, limit, wish, held }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.limit.count(|metrics| metrics.held.sub(1));
        self.worker.with(&self.limit, |ledger, out| {
            ledger.release(&self.wish, &self.held, clock::nanos(), out);
        });
    }
}
