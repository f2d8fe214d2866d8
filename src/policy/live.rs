//! A value that control keeps current, as one worker sees it.

use std::cell::{Cell, Ref, RefCell};

use crate::shared::{Frozen, Published};

/// A published value with what was last seen of it.
pub struct Live<T: Send + Sync> {
    published: Published<T>,
    seen: Cell<u64>,
    value: RefCell<Frozen<T>>,
}

impl<T: Send + Sync> Live<T> {
    /// As it is now.
    pub fn new(published: Published<T>) -> Self {
        let (seen, value) = published.load();
        Self { published, seen: Cell::new(seen), value: RefCell::new(value) }
    }

    /// Looks whether it has been replaced: one load. True if it has.
    pub fn refresh(&self) -> bool {
        if self.published.generation() == self.seen.get() {
            return false;
        }
        let (seen, value) = self.published.load();
        self.seen.set(seen);
        self.value.replace(value);
        true
    }

    /// As it was seen last.
    pub fn get(&self) -> Ref<'_, T> {
        Ref::map(self.value.borrow(), |value| &**value)
    }

    /// How often it had been replaced when it was seen last.
    pub fn generation(&self) -> u64 {
        self.seen.get()
    }
}
