//! Files and folders: looked at every second.
//!
//! Looks instead of waiting for events: some calls of stat a second see what inotify does not, links switched in a
//! folder above and files on network file systems, and cannot be lost. What has changed is told once it has stayed the
//! same for one look, so that a file half written is not read.

use std::time::Duration;

use tokio::sync::mpsc;

use super::fetched::{SourceError, Taken};
use super::state::Ledger;
use crate::control::document::Looked;
use crate::control::http_client::backoff::{Backoff, seed};
use crate::shared::Frozen;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks until nobody listens.
pub(super) async fn follow(ledger: &Ledger, described: &str, changed: &mpsc::Sender<()>) {
    let pace = Backoff::new(seed(described), LOOK_EVERY);
    let mut watcher = Watcher::default();
    while !changed.is_closed() {
        tokio::time::sleep(pace.around(LOOK_EVERY)).await;
        let (reading, taken) = ledger.taken();
        let now = taken.looked.again();
        match now.missing() {
            // Once for each look that finds something else, not once a second.
            Some(path) if watcher.seen.as_ref() != Some(&now) => {
                ledger.failed(&SourceError::new(format!("`{}` is not there", path.display())));
            }
            Some(_) => {}
            None => ledger.answered(None),
        }
        if watcher.look(reading, &taken, now) {
            // Full: it is to be read again already.
            let _ = changed.try_send(());
        }
    }
}

/// What was seen at the last look, and what was told.
#[derive(Default)]
struct Watcher {
    seen: Option<Looked>,
    told: Option<(u64, Looked)>,
}

impl Watcher {
    /// Whether it is to be told that there is something else than what was read.
    fn look(&mut self, reading: u64, taken: &Frozen<Taken>, now: Looked) -> bool {
        let is_settled = self.seen.as_ref() == Some(&now);
        let is_read = taken.looked == now;
        let is_told = self.told.as_ref().is_some_and(|(at, told)| *at == reading && *told == now);
        let tells = is_settled && !is_read && !is_told;
        if tells {
            self.told = Some((reading, now.clone()));
        }
        self.seen = Some(now);
        tells
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_once_of_what_has_settled_and_was_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yaml");
        let read = |text: &str| {
            std::fs::write(&file, text).unwrap();
            let mut looked = Looked::default();
            looked.at_file(&file);
            Frozen::new(Taken { looked, ..Taken::default() })
        };
        let mut watcher = Watcher::default();
        let first = read("1");
        let mut look = |reading, taken: &Frozen<Taken>| watcher.look(reading, taken, taken.looked.again());
        assert!(!look(1, &first));
        std::fs::write(&file, "22").unwrap();
        assert!(!look(1, &first), "it may still be written to");
        std::fs::write(&file, "333").unwrap();
        assert!(!look(1, &first), "it was");
        assert!(look(1, &first));
        assert!(!look(1, &first), "it was told");
        let second = read("4444");
        assert!(!look(2, &second));
        assert!(!look(2, &second));
        // Read in vain: told again, because nothing else would.
        std::fs::write(&file, "55555").unwrap();
        look(2, &second);
        assert!(look(2, &second));
        assert!(look(3, &second));
    }
}
