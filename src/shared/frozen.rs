//! A value nobody writes, shared by every thread.
//!
//! Owns an immutable value and a count of its holders. It never hands out a mutable reference, not even to the
//! last holder: what is frozen stays so. Cloning costs one locked instruction, so a worker clones once per
//! generation and never per request.

use std::ops::Deref;
use std::sync::Arc;

/// A shared value nobody writes.
#[derive(Debug)]
pub struct Frozen<T: Send + Sync>(Arc<T>);

impl<T: Send + Sync> Frozen<T> {
    /// Freezes `value`.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }

    /// The value as libraries take it that share values by themselves.
    pub fn to_arc(&self) -> Arc<T> {
        Arc::clone(&self.0)
    }

    /// Whether both are the same value in memory, not merely equal ones.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T: Send + Sync> Clone for Frozen<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Send + Sync> Deref for Frozen<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + Default> Default for Frozen<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync> From<T> for Frozen<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_is_the_same_value_and_an_equal_one_is_not() {
        let first = Frozen::new(vec![1, 2]);
        let second = Frozen::new(vec![1, 2]);
        assert!(first.ptr_eq(&first.clone()));
        assert!(!first.ptr_eq(&second));
        assert_eq!(*first, *second);
    }
}
