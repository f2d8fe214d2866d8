//! Workers that have met a token of an unknown key: the way from their question to the task that keeps the keys.
//!
//! Owns the way and nothing else. Whether something is fetched, and how often, the keeper decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

/// Questions that wait for one keeper. Beyond, the answer is no.
const WAITING_MAX: usize = 256;

/// Somebody wants newer keys; true once those at hand are the newest there are.
pub type Wish = oneshot::Sender<bool>;

/// The keepers that may be asked, by source. A clone asks the same.
#[derive(Clone, Default)]
pub struct KeyDesk(Arc<Mutex<BTreeMap<Box<str>, mpsc::Sender<Wish>>>>);

impl KeyDesk {
    /// Opens the way to a keeper. One for the same source that is still open is closed.
    pub fn open(&self, source: &str) -> mpsc::Receiver<Wish> {
        let (sender, receiver) = mpsc::channel(WAITING_MAX);
        let mut ways = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ways.retain(|_, way| !way.is_closed());
        ways.insert(source.into(), sender);
        receiver
    }

    /// Asks for newer keys, and waits until they are there or cannot be had.
    pub async fn ask(&self, source: &str) -> bool {
        let way = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned();
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
