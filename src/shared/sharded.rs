//! One slot per worker, each on cache lines of its own.
//!
//! Owns the slots; control reads all of them, worker `i` writes slot `i` alone. The slots are padded to 128
//! bytes because adjacent 64-byte lines are fetched in pairs. It does not enforce who holds a [`Slot`], but a
//! slot cannot be shared by reference between threads, so a frozen snapshot cannot contain one.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

/// Values on cache lines of their own, one for every worker. A clone is a handle to the same slots.
#[derive(Debug)]
pub struct Sharded<T: Send + Sync>(Arc<[Arc<Padded<T>>]>);

/// The slot of one worker. Cheap to clone and to move to its thread; not `Sync`.
#[derive(Debug)]
pub struct Slot<T: Send + Sync>(Arc<Padded<T>>, PhantomData<Cell<()>>);

/// Two cache lines at least: the reference counts before it land on another pair of lines.
#[derive(Debug)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Send + Sync> Sharded<T> {
    /// One slot for each of `workers` (at least one).
    pub fn new(workers: usize, make: impl Fn(usize) -> T) -> Self {
        Self((0..workers.max(1)).map(|index| Arc::new(Padded(make(index)))).collect())
    }

    /// The slot of worker `index`. Only that worker may write to it.
    ///
    /// # Panics
    /// When there is no such worker.
    pub fn slot(&self, index: usize) -> Slot<T> {
        Slot(Arc::clone(&self.0[index]), PhantomData)
    }

    /// All slots in the order of the workers, for control to read.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|slot| &slot.0)
    }

    /// Number of slots.
    pub fn workers(&self) -> usize {
        self.0.len()
    }
}

impl<T: Send + Sync> Clone for Sharded<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

impl<T: Send + Sync> Deref for Slot<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shared::Counter;

    #[test]
    fn slots_never_share_a_pair_of_cache_lines() {
        let sharded = Sharded::new(4, |_| Counter::default());
        let mut pairs: Vec<usize> =
            sharded.iter().map(|counter| std::ptr::from_ref(counter).addr() / 128).collect();
        pairs.sort_unstable();
        pairs.dedup();
        assert_eq!(pairs.len(), 4);
    }

    #[test]
    fn control_sees_what_every_worker_wrote() {
        let sharded = Sharded::new(3, |_| Counter::default());
        let threads: Vec<_> = (0..3)
            .map(|index| {
                let slot = sharded.slot(index);
                std::thread::spawn(move || (0..1000).for_each(|_| slot.add(index as u64 + 1)))
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(sharded.iter().map(Counter::get).collect::<Vec<_>>(), [1000, 2000, 3000]);
    }
}
