//! Recent requests held against a configuration on its way into force: the part of [`super`] that tells what they would
//! meet.
//!
//! Goes on beside the installing, so that nothing waits for it but the answer. Decides nothing.

use tokio::task::JoinHandle;

use super::Steward;
use super::loading::Candidate;
use crate::control::desk::Reloaded;
use crate::rt::say::say_at;
use crate::shared::level::Level;

/// A trial that is under way.
pub(super) struct Trial(JoinHandle<Vec<String>>);

impl Steward {
    /// Begins to hold recent requests against what is in force and what may be next.
    pub(super) fn try_out(&self, candidate: &Candidate) -> Trial {
        let recorder = self.recorder.clone();
        let current = self.current();
        // The first worker's routers do for everybody.
        let old = (current.snapshot.clone(), current.tables.first().cloned());
        let new = (candidate.snapshot.clone(), candidate.tables.first().cloned());
        Trial(tokio::spawn(async move { recorder.replay(old, new).await }))
    }
}

impl Trial {
    /// With what recent requests would meet, or meet by now.
    pub(super) async fn completes(self, mut reloaded: Reloaded) -> Reloaded {
        reloaded.replay = self.0.await.unwrap_or_default();
        reloaded
    }

    /// The same, and says so.
    pub(super) async fn completes_and_says(self, reloaded: Reloaded) -> Reloaded {
        let reloaded = self.completes(reloaded).await;
        for line in &reloaded.replay {
            say_at(Level::Info, format_args!("  {line}"));
        }
        reloaded
    }
}
