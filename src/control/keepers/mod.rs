//! Keeping current what policies and authenticators live on: one task for each input.
//!
//! An input is a published value that the compiler has made for a written form. Control looks through each generation that
//! comes into force, starts a task for every input that has none yet, and the task ends when nobody else holds the input.

mod address_lists;
pub mod api_keys;
pub mod jwks;
mod own_keys;
mod passwords;
// Files that are read when they have changed and settled.
pub mod settled;

use std::future::Future;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::control::answers::key_sets::KeyDesk;
use crate::control::stamp::{Stamp, stamp};
use crate::proxy::snapshot::Snapshot;
use crate::shared::Published;
use api_keys::store::KeyStore;

/// Between two looks at a file, and at whether an input is still wanted.
pub const LOOK: Duration = Duration::from_secs(1);

/// The tasks. A clone is a handle to the same.
#[derive(Clone, Default)]
pub struct Keepers {
    kept: Arc<Mutex<Kept>>,
    /// What the admin API has said of keys.
    pub keys: KeyStore,
    key_sets: KeyDesk,
}

#[derive(Default)]
struct Kept {
    /// The gateway's own folder, if it has one.
    state: Option<PathBuf>,
    inputs: Vec<KeptInput>,
}

struct KeptInput {
    /// By which it is told from others.
    address: usize,
    /// Whether it has been published since it was made.
    has_spoken: Box<dyn Fn() -> bool + Send>,
    task: tokio::task::JoinHandle<()>,
}

impl Keepers {
    /// Starts to keep what this generation lives on and nobody keeps yet. Relative files are looked for in `base`. Needs a
    /// tokio runtime around it.
    pub fn attach(&self, snapshot: &Snapshot, base: &std::path::Path) {
        self.lock().inputs.retain(|input| !input.task.is_finished());
        for (file, list) in snapshot.live_inputs.address_lists.iter() {
            self.keep(list, |list| address_lists::keep(file.clone(), list));
        }
        for (source, input) in snapshot.live_inputs.key_sets.iter() {
            self.keep(input, |input| jwks::keep(input, source.clone(), base.into(), self.key_sets.clone()));
        }
        for (source, input) in snapshot.live_inputs.api_keys.iter() {
            self.keep(input, |input| api_keys::keep(source.clone(), self.keys.clone(), input));
        }
        for (file, input) in snapshot.live_inputs.passwords.iter() {
            self.keep(input, |input| passwords::keep(file.clone(), self.keys.clone(), input));
        }
        let state = self.lock().state.clone();
        for (written, keys) in snapshot.live_inputs.own_keys.iter() {
            self.keep(keys, |keys| own_keys::keep(written.clone(), base.to_owned(), state.clone(), keys));
        }
    }

    /// Keeps what the gateway makes by itself in this folder. To be said before anything is attached.
    pub fn remember_in(&self, folder: Option<&std::path::Path>) {
        self.lock().state = folder.map(std::path::Path::to_owned);
    }

    /// How it stands with key sets, and the way to those who keep them.
    pub fn key_desk(&self) -> KeyDesk {
        self.key_sets.clone()
    }

    /// Starts a task for an input, unless it has one. `keep` makes it; it must end when [`is_wanted`] says so.
    pub fn keep<T: Send + Sync + 'static, F>(
        &self,
        input: &Published<T>,
        keep: impl FnOnce(Published<T>) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut kept = self.lock();
        let address = input.address();
        if kept.inputs.iter().any(|one| one.address == address && !one.task.is_finished()) {
            return;
        }
        let watched = input.generation_handle();
        kept.inputs.push(KeptInput {
            address,
            has_spoken: Box::new(move || watched() > 1),
            task: tokio::spawn(keep(input.clone())),
        });
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every input has been published, or its task has ended, but no longer than `bound`.
    pub async fn first_values(&self, bound: Duration) {
        let all_have = || {
            let kept = self.lock();
            kept.inputs.iter().all(|input| (input.has_spoken)() || input.task.is_finished())
        };
        let wait = async {
            while !all_have() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        // What is late comes later; requests that need it are told so meanwhile.
        let _ = tokio::time::timeout(bound, wait).await;
    }
}

/// Whether anybody but its task holds an input.
pub fn is_wanted<T: Send + Sync>(input: &Published<T>) -> bool {
    input.handles() > 1
}

/// Files that are read again when they have changed.
pub struct Followed {
    files: Vec<(PathBuf, Option<Option<Stamp>>)>,
}

impl Followed {
    /// These files; the first look finds all of them changed.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().map(|file| (file, None)).collect() }
    }

    /// Whether one of them has changed since the last look. One that is not there is a change when it was.
    pub fn have_changed(&mut self) -> bool {
        let mut is_changed = false;
        for (file, seen) in &mut self.files {
            let now = Some(stamp(file).ok());
            is_changed |= *seen != now;
            *seen = now;
        }
        is_changed
    }
}
