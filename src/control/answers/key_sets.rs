//! Workers that have met a token of an unknown key: the way from their question to the task that keeps the keys.
//!
//! Owns the way and nothing else. Whether something is fetched, and how often, the keeper decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};

/// Questions that wait for one keeper. Beyond, the answer is no.
const WAITING_MAX: usize = 256;

/// Somebody wants newer keys; true once those at hand are the newest there are.
pub type Wish = oneshot::Sender<bool>;

/// How it stands with the keys of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySetState {
    /// The source, as it may be shown.
    pub source: String,
    /// How many keys are in use.
    pub keys: usize,
    /// How often it was asked.
    pub fetches: u64,
    /// How often that failed.
    pub failures: u64,
    /// How often other keys came.
    pub changes: u64,
    /// When it answered last, in milliseconds since 1970; 0 for never.
    pub fetched_at_ms: u64,
    /// Why it has not answered since.
    pub failure: Option<String>,
}

/// The keepers that may be asked, by source, and how it stands with each. A clone asks the same.
#[derive(Debug, Clone, Default)]
pub struct KeyDesk(Arc<Mutex<BTreeMap<Box<str>, Entry>>>);

#[derive(Debug)]
struct Entry {
    way: mpsc::Sender<Wish>,
    state: KeySetState,
}

impl KeyDesk {
    /// Opens the way to a keeper. One for the same source that is still open is closed.
    pub fn open(&self, source: &str) -> mpsc::Receiver<Wish> {
        let (way, receiver) = mpsc::channel(WAITING_MAX);
        self.lock().insert(source.into(), Entry { way, state: KeySetState::default() });
        receiver
    }

    /// A keeper has ended.
    pub fn close(&self, source: &str) {
        self.lock().remove(source);
    }

    /// A keeper says how it stands.
    pub fn show(&self, source: &str, state: KeySetState) {
        if let Some(entry) = self.lock().get_mut(source) {
            entry.state = state;
        }
    }

    /// How it stands with each source.
    pub fn states(&self) -> Vec<KeySetState> {
        self.lock().values().map(|entry| entry.state.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for newer keys, and waits until they are there or cannot be had.
    pub async fn ask(&self, source: &str) -> bool {
        let way = self.lock().get(source).map(|entry| entry.way.clone());
        let Some(way) = way else { return false };
        let (wish, granted) = oneshot::channel();
        way.try_send(wish).is_ok() && granted.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_reaches_the_keeper_of_its_source() {
        let desk = KeyDesk::default();
        assert!(!desk.ask("a").await, "nobody keeps it");
        let mut wishes = desk.open("a");
        let keeper = tokio::spawn(async move {
            let wish = wishes.recv().await.expect("somebody asks");
            let _ = wish.send(true);
            wishes.recv().await.expect("somebody asks again");
        });
        assert!(desk.ask("a").await);
        assert!(!desk.ask("a").await, "a keeper that does not answer has not fetched");
        keeper.await.expect("no panic");
        assert!(!desk.ask("a").await && !desk.ask("b").await);
    }
}
