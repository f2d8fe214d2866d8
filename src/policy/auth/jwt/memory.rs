//! Tokens that were verified, so that a repeat costs a hash.
//!
//! Owns who a token stands for, until the token ends, its key goes, or it has to make room. Bounded in number and in bytes.
//! Only tokens that were verified come in. What is looked up is the whole text: two tokens with one hash are two tokens,
//! so nothing here rests on the hash but speed. Its seed is the process's, so nobody can make texts that meet.
//!
//! Room is made by second chance: a hand goes round and takes the first that was not asked for since it came by. Somebody
//! with many good tokens, each used once, pushes his own out: what others use again and again stays.

use std::collections::HashMap;
use std::rc::Rc;

use foldhash::quality::RandomState;

use super::algorithm::Algorithm;
use super::keys::{KeySet, Thumbprint};
use crate::policy::principal::Principal;

/// Bytes of text for each token that may be remembered, on average. Tokens are mostly 500 to 1,500 bytes long.
const BYTES_A_TOKEN: usize = 2048;

/// What a worker remembers of one authenticator.
#[derive(Debug)]
pub struct Memory {
    slots: Vec<Slot>,
    by_text: HashMap<Rc<[u8]>, usize, RandomState>,
    hand: usize,
    bytes: usize,
    tokens_max: usize,
}

#[derive(Debug)]
struct Slot {
    text: Rc<[u8]>,
    principal: Rc<Principal>,
    until_s: u64,
    key: Thumbprint,
    algorithm: Algorithm,
    was_asked_for: bool,
}

impl Memory {
    /// Room for so many. With 0 nothing is remembered.
    pub fn new(tokens_max: usize) -> Self {
        Self { slots: Vec::new(), by_text: HashMap::default(), hand: 0, bytes: 0, tokens_max }
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Who this token stands for, if that is remembered and it has not ended. Allocates nothing.
    pub fn recall(&mut self, text: &[u8], now_s: u64) -> Option<&Rc<Principal>> {
        let at = *self.by_text.get(text)?;
        if now_s >= self.slots[at].until_s {
            self.forget(at);
            return None;
        }
        let slot = &mut self.slots[at];
        slot.was_asked_for = true;
        Some(&slot.principal)
    }

    /// Remembers a token that `key` has signed, until that second.
    pub fn remember(
        &mut self,
        text: &[u8],
        principal: &Rc<Principal>,
        until_s: u64,
        key: Thumbprint,
        algorithm: Algorithm,
    ) {
        if text.len() > self.bytes_max() || self.by_text.contains_key(text) {
            return;
        }
        while self.slots.len() >= self.tokens_max || self.bytes + text.len() > self.bytes_max() {
            self.make_room();
        }
        let text: Rc<[u8]> = text.into();
        self.bytes += text.len();
        self.by_text.insert(text.clone(), self.slots.len());
        let principal = principal.clone();
        self.slots.push(Slot { text, principal, until_s, key, algorithm, was_asked_for: false });
    }

    /// Forgets what was signed with keys that are not there any more, or not for that.
    pub fn keep_what_is_of(&mut self, keys: &KeySet) {
        for at in (0..self.slots.len()).rev() {
            if !keys.still_has(&self.slots[at].key, self.slots[at].algorithm) {
                self.forget(at);
            }
        }
    }

    /// Room for so many from now on.
    pub fn resize(&mut self, tokens_max: usize) {
        self.tokens_max = tokens_max;
        while self.slots.len() > tokens_max || self.bytes > self.bytes_max() {
            self.make_room();
        }
    }

    fn bytes_max(&self) -> usize {
        self.tokens_max * BYTES_A_TOKEN
    }

    /// Takes one out. Each has at most one more chance, so the hand goes round at most twice.
    fn make_room(&mut self) {
        loop {
            self.hand = if self.hand >= self.slots.len() { 0 } else { self.hand };
            let slot = &mut self.slots[self.hand];
            if !std::mem::take(&mut slot.was_asked_for) {
                return self.forget(self.hand);
            }
            self.hand += 1;
        }
    }

    fn forget(&mut self, at: usize) {
        let gone = self.slots.swap_remove(at);
        self.by_text.remove(&gone.text);
        self.bytes -= gone.text.len();
        if let Some(moved) = self.slots.get(at) {
            self.by_text.insert(moved.text.clone(), at);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::policy::auth::jwt::keys::Key;
    use crate::policy::principal::Method;

    const KEY: Thumbprint = [1; 32];

    fn somebody(name: &str) -> Rc<Principal> {
        Rc::new(Principal::new("a", Method::Jwt, name))
    }

    fn remember(memory: &mut Memory, text: &str, until_s: u64) {
        memory.remember(text.as_bytes(), &somebody(text), until_s, KEY, Algorithm::Es256);
    }

    fn knows(memory: &mut Memory, text: &str, now_s: u64) -> bool {
        memory.recall(text.as_bytes(), now_s).is_some_and(|who| &*who.subject == text)
    }

    #[test]
    fn remembers_until_the_end_and_not_a_second_longer() {
        let mut memory = Memory::new(4);
        remember(&mut memory, "one", 100);
        assert!(knows(&mut memory, "one", 99));
        assert!(!knows(&mut memory, "on", 99) && !knows(&mut memory, "one!", 99));
        assert!(!knows(&mut memory, "one", 100));
        assert!(memory.is_empty(), "what has ended gives its room back");
    }

    #[test]
    fn tokens_used_once_push_each_other_out_and_not_what_is_used_again() {
        let mut memory = Memory::new(8);
        for name in ["ann", "bob"] {
            remember(&mut memory, name, 1000);
        }
        for round in 0..1000 {
            remember(&mut memory, &format!("flood {round}"), 1000);
            assert!(knows(&mut memory, "ann", 0) && knows(&mut memory, "bob", 0), "round {round}");
        }
        assert_eq!(memory.len(), 8);
    }

    #[test]
    fn long_tokens_take_more_room() {
        let mut memory = Memory::new(4);
        let long = |letter: &str| letter.repeat(BYTES_A_TOKEN * 3);
        remember(&mut memory, &long("a"), 100);
        remember(&mut memory, &long("b"), 100);
        assert!(!knows(&mut memory, &long("a"), 0) && knows(&mut memory, &long("b"), 0));
        remember(&mut memory, &"c".repeat(BYTES_A_TOKEN * 5), 100);
        assert_eq!(memory.len(), 1, "what never fits pushes nobody out");
        let mut none = Memory::new(0);
        remember(&mut none, "a", 100);
        assert!(none.is_empty());
    }

    #[test]
    fn what_a_key_has_signed_goes_with_it() {
        let key = Key::shared(&[7; 32]).unwrap();
        let thumbprint = *key.thumbprint();
        let mut memory = Memory::new(4);
        memory.remember(b"kept", &somebody("kept"), 100, thumbprint, Algorithm::Hs256);
        memory.remember(b"other algorithm", &somebody("x"), 100, thumbprint, Algorithm::Hs512);
        remember(&mut memory, "other key", 100);
        memory.keep_what_is_of(&KeySet::new(vec![key]));
        assert!(memory.len() == 1 && knows(&mut memory, "kept", 0));
        memory.keep_what_is_of(&KeySet::new(Vec::new()));
        assert!(memory.is_empty());
    }

    proptest! {
        #[test]
        fn index_and_slots_agree_whatever_happens(
            steps in proptest::collection::vec((0u8..40, 0u64..20, any::<bool>()), 0..300)
        ) {
            let mut memory = Memory::new(8);
            for (now_s, (name, until_s, is_new)) in steps.into_iter().enumerate() {
                let (text, now_s) = (format!("token {name}"), now_s as u64 / 10);
                if is_new {
                    remember(&mut memory, &text, until_s);
                } else if memory.recall(text.as_bytes(), now_s).is_some() {
                    prop_assert!(knows(&mut memory, &text, now_s));
                }
                prop_assert!(memory.len() <= 8 && memory.by_text.len() == memory.len());
                for (at, slot) in memory.slots.iter().enumerate() {
                    prop_assert_eq!(memory.by_text.get(&slot.text), Some(&at));
                }
                prop_assert_eq!(memory.bytes, memory.slots.iter().map(|slot| slot.text.len()).sum::<usize>());
            }
        }
    }
}
