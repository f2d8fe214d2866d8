//! What control keeps current for policies and authenticators: key sets, lists, keys.
//!
//! Each is a [`Published`] value under its written form. What is written alike is one input, within a generation and from
//! one generation to the next, so a change of configuration forgets nothing. Compiling asks for inputs here; control keeps
//! them current from then on, for as long as somebody holds them.

use std::path::PathBuf;

use crate::policy::address_set::AddressList;
use crate::policy::auth::api_key::ApiKeySource;
use crate::policy::auth::api_key::keys::ApiKeys;
use crate::policy::auth::basic::passwords::Passwords;
use crate::policy::auth::jwt::keys::KeySet;
use crate::policy::auth::jwt::source::KeySetSource;
use crate::policy::identity::own_keys::{OwnKeys, OwnKeysConfig};
use crate::shared::{Frozen, Published};

/// Inputs of one kind, by their written form.
#[derive(Debug)]
pub struct Pool<S, T: Send + Sync>(Vec<(S, Published<T>)>);

impl<S, T: Send + Sync> Default for Pool<S, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<S: Clone, T: Send + Sync> Clone for Pool<S, T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: PartialEq + Clone, T: Send + Sync> Pool<S, T> {
    /// The input that is written like this: one of these, or of `previous`, or a new one that begins as `first`.
    pub fn take(&mut self, written: &S, previous: &Self, first: impl FnOnce() -> T) -> Published<T> {
        if let Some(known) = self.find(written) {
            return known;
        }
        let input = previous.find(written).unwrap_or_else(|| Published::new(Frozen::new(first())));
        self.0.push((written.clone(), input.clone()));
        input
    }

    /// All of them, for control.
    pub fn iter(&self) -> impl Iterator<Item = &(S, Published<T>)> {
        self.0.iter()
    }

    fn find(&self, written: &S) -> Option<Published<T>> {
        self.0.iter().find(|(one, _)| one == written).map(|(_, input)| input.clone())
    }
}

/// All inputs of a generation. A kind is a field.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// Files of address ranges.
    pub address_lists: Pool<PathBuf, AddressList>,
    /// Keys that verify tokens.
    pub key_sets: Pool<KeySetSource, KeySet>,
    /// Keys of applications.
    pub api_keys: Pool<ApiKeySource, ApiKeys>,
    /// Users with their passwords, by file.
    pub passwords: Pool<PathBuf, Passwords>,
    /// The gateway's own keys.
    pub own_keys: Pool<OwnKeysConfig, OwnKeys>,
}

/// The inputs of a generation that is being compiled, and of the one before.
#[derive(Debug, Default)]
pub struct InputDesk {
    /// What it has asked for.
    pub now: Inputs,
    /// What the one before has.
    pub previous: Inputs,
}

impl InputDesk {
    /// The keys of a source.
    pub fn key_set(&mut self, source: &KeySetSource) -> Published<KeySet> {
        self.now.key_sets.take(source, &self.previous.key_sets, KeySet::unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_alike_is_one_input_from_generation_to_generation() {
        let (mut first, mut second) = (Pool::<&str, u32>::default(), Pool::default());
        let one = first.take(&"a", &Pool::default(), || 1);
        assert!(one.is_same(&first.take(&"a", &Pool::default(), || 2)));
        assert!(!one.is_same(&first.take(&"b", &Pool::default(), || 3)));
        assert!(one.is_same(&second.take(&"a", &first, || 4)));
        assert_eq!(second.iter().count(), 1, "what is not asked for is left behind");
    }
}
