//! Between a worker's book and control: takes batches there, and brings back what is heard.
//!
//! Looks once a tick whether it is time. A queue to control that is full costs an interval, not a count.

use std::cell::{Cell, RefCell, RefMut};

use super::book::Book;
use super::{Heard, Terms, Told};
use crate::policy::rate::key::Key;
use crate::rt::clock;
use crate::shared::asking::Asker;

/// Between two batches until control says otherwise.
const SYNC_MS: u64 = 100;

/// The fleet as one worker has it.
pub struct Courier {
    seat: (usize, usize),
    asker: RefCell<Option<Asker<Told>>>,
    book: RefCell<Book>,
    sync_ms: Cell<u64>,
    next_ms: Cell<u64>,
}

impl Courier {
    /// For worker `seat.0` of `seat.1`. Without an `asker` nobody is told anything.
    pub fn new(seat: (usize, usize), asker: Option<Asker<Told>>) -> Self {
        let book = RefCell::new(Book::new(SYNC_MS, 1));
        Self { seat, asker: RefCell::new(asker), book, sync_ms: Cell::new(SYNC_MS), next_ms: Cell::new(0) }
    }

    /// The book.
    pub fn book(&self) -> RefMut<'_, Book> {
        self.book.borrow_mut()
    }

    /// Control has said something.
    pub fn take(&self, heard: Heard) {
        let now_ms = clock::coarse_ms();
        let mut book = self.book.borrow_mut();
        match heard {
            Heard::Looked(looked) => book.learn(&looked, now_ms, |_, _| {}),
            Heard::Unsent(number) => book.unsent(number),
            Heard::Hosts(hosts) => book.heard(hosts, now_ms),
            Heard::Turned { sync_ms, hosts } => {
                self.sync_ms.set(sync_ms);
                book.adopt(sync_ms, hosts);
            }
            Heard::Restored(accounts) => {
                let (worker, workers) = self.seat;
                for (id, level, ends_ms) in accounts {
                    if Key::from_bytes(id.key).owner(workers) == worker {
                        book.restore(&id, &Terms::window(0, 1, ends_ms), level, now_ms);
                    }
                }
            }
        }
    }

    /// Once a tick.
    pub fn tick(&self) {
        let now_ms = clock::coarse_ms();
        if now_ms < self.next_ms.get() {
            return;
        }
        self.next_ms.set(now_ms + self.sync_ms.get());
        self.dispatch(now_ms);
    }

    /// Takes what there is to control.
    fn dispatch(&self, now_ms: u64) {
        let asker = self.asker.borrow();
        let Some(asker) = &*asker else { return };
        let mut book = self.book.borrow_mut();
        let Some(batch) = book.cut(now_ms) else { return };
        let (waiting, untold) = (book.waiting(), book.untold());
        if let Err(told) = asker.ask(Told { worker: self.seat.0, batch, waiting, untold }) {
            book.unsent(told.batch.number);
        }
    }

    /// The worker ends: tells the last there is to tell, and nothing any more.
    pub fn close(&self) {
        let Some(asker) = self.asker.take() else { return };
        let (mut book, now_ms) = (self.book.borrow_mut(), clock::coarse_ms());
        while let Some(batch) = book.last(now_ms) {
            let untold = book.untold();
            if asker.ask(Told { worker: self.seat.0, batch, waiting: 0, untold }).is_err() {
                return;
            }
        }
    }
}
