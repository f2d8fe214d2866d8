//! A value that control replaces and workers pick up between exchanges.
//!
//! Owns the current value and its generation. A worker looks at the generation (one load) and takes the lock
//! only when it has changed; the lock is held for one clone of a pointer. Readers may skip generations and never
//! go back. It keeps no history.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::frozen::Frozen;

/// A replaceable value with a generation. A clone is a handle to the same value.
#[derive(Debug)]
pub struct Published<T: Send + Sync>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T: Send + Sync> {
    generation: AtomicU64,
    current: Mutex<Frozen<T>>,
}

impl<T: Send + Sync> Published<T> {
    /// Publishes `first` as generation 1, so that a worker that starts with 0 has never seen anything.
    pub fn new(first: Frozen<T>) -> Self {
        Self(Arc::new(Inner { generation: AtomicU64::new(1), current: Mutex::new(first) }))
    }

    /// Replaces the value; returns its generation.
    pub fn publish(&self, next: Frozen<T>) -> u64 {
        let (generation, previous) = {
            let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
            let previous = std::mem::replace(&mut *current, next);
            // Release pairs with the acquire of `generation`: who sees the number finds the value.
            (self.0.generation.fetch_add(1, Ordering::Release) + 1, previous)
        };
        // The previous value may be large; it is dropped outside the lock that workers wait for.
        drop(previous);
        generation
    }

    /// The current generation: one load, no lock.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.0.generation.load(Ordering::Acquire)
    }

    /// Tells the current generation without keeping a handle; 0 once the value is gone.
    pub fn generation_handle(&self) -> impl Fn() -> u64 + Send + 'static
    where
        T: 'static,
    {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map_or(0, |inner| inner.generation.load(Ordering::Acquire))
    }

    /// How many handles there are, this one included.
    pub fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Where the value is: the same for all handles to it, and for no others while one of them lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Whether both are handles to the same value.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The current value and its generation, which belong together.
    pub fn load(&self) -> (u64, Frozen<T>) {
        let current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.0.generation.load(Ordering::Relaxed), current.clone())
    }
}

impl<T: Send + Sync> Clone for Published<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_and_value_belong_together_while_control_replaces() {
        let published = Published::new(Frozen::new(1u64));
        let reader = published.clone();
        let worker = std::thread::spawn(move || {
            let mut seen = 0;
            while seen < 500 {
                let (generation, value) = reader.load();
                assert_eq!(generation, *value);
                assert!(generation >= seen);
                seen = generation;
            }
        });
        for next in 2..=500u64 {
            assert_eq!(published.publish(Frozen::new(next)), next);
        }
        worker.join().unwrap();
        assert_eq!(published.generation(), 500);
    }
}
