//! What the admin API has said of keys, kept on disk; and what keepers say of keys and files, for others to see.
//!
//! Owns `keys.json` of the state folder, written whole or not at all. A key that was added here has its row here; of a key
//! of a file only its state is. Hashes go no further than the set that workers get.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::control::desk::Refusal;
use crate::control::keepers::settled::SettledFile;
use crate::policy::auth::api_key::keys::KeyRow;
use crate::policy::auth::api_key::text::{KeyHash, is_id};

/// The file in the state folder.
const FILE: &str = "keys.json";
/// Keys that the admin API may have said something of.
const MANAGED_MAX: usize = 20_000;
/// How long an order waits until the keeper has taken it up.
const APPLY_BOUND: Duration = Duration::from_secs(3);

/// The store. A clone is a handle to the same one.
#[derive(Clone)]
pub struct KeyStore(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    /// Counts what was changed here.
    changed: watch::Sender<u64>,
    /// Told whenever a keeper has taken something up.
    applied: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    folder: Option<PathBuf>,
    managed: ByAuthenticator,
    keepers: Vec<Keeper>,
    shown: BTreeMap<String, Shown>,
    next: u64,
}

type ByAuthenticator = BTreeMap<String, BTreeMap<String, Managed>>;

/// What was said of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Managed {
    state: KeyState,
    /// None for a key of a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    row: Option<KeyRow>,
}

/// Whether a key is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// It is, unless its row says otherwise.
    Active,
    /// Not for the time being.
    Disabled,
    /// Never again.
    Revoked,
}

struct Keeper {
    number: u64,
    name: String,
    version: u64,
    files: Vec<FileView>,
}

#[derive(Default)]
struct Shown {
    keys: Vec<Merged>,
    error: Option<String>,
}

/// Where a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// The admin API.
    Operator,
}

/// A key, with what was said of it.
#[derive(Debug, Clone)]
pub struct Merged {
    /// Its id.
    pub id: String,
    /// Its row; disabled where that was said of it.
    pub row: KeyRow,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it is taken no more.
    pub is_revoked: bool,
}

/// What is shown of a file.
#[derive(Debug, Clone, Serialize)]
pub struct FileView {
    /// Where it is.
    pub file: String,
    /// What is wrong with it.
    pub error: Option<String>,
    /// How often something was, since the process started.
    pub failures: u64,
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyStore")
    }
}

impl Default for KeyStore {
    fn default() -> Self {
        let (changed, applied) = (watch::Sender::new(1), watch::Sender::new(0));
        Self(Arc::new(Inner { state: Mutex::default(), changed, applied }))
    }
}

impl KeyStore {
    /// Reads what is kept in the state folder, and keeps there from now on.
    ///
    /// # Errors
    /// A sentence, when it cannot be read: keys that were revoked would be taken again.
    pub fn open(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(FILE);
        let failed = |reason: String| format!("keys {}: {reason}", path.display());
        let managed = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| failed(format!("damaged in line {}", error.line())))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => ByAuthenticator::new(),
            Err(error) => return Err(failed(error.to_string())),
        };
        let mut state = self.lock();
        state.folder = Some(folder.to_owned());
        state.managed = managed;
        drop(state);
        self.0.changed.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Adds a key.
    ///
    /// # Errors
    /// Why it was not added.
    pub async fn add(&self, authenticator: &str, id: &str, row: KeyRow) -> Result<(), Refusal> {
        row.check().map_err(|reason| refusal("bad_key", reason))?;
        if !is_id(id) {
            return Err(refusal(
                "bad_key",
                "an id is letters, digits and `-`, at most 64 of them".to_owned(),
            ));
        }
        self.change(authenticator, |keys, managed| {
            let is_known = keys.iter().any(|key| key.id == id || key.row.hash == row.hash);
            if is_known || managed.contains_key(id) {
                return Err(refusal(
                    "key_exists",
                    format!("there is such a key already; `{id}` was not added"),
                ));
            }
            managed.insert(id.to_owned(), Managed { state: KeyState::Active, row: Some(row) });
            Ok(())
        })
        .await
    }

    /// Says whether a key is taken.
    ///
    /// # Errors
    /// When there is none of this id, or it is revoked, which it stays.
    pub async fn set_state(&self, authenticator: &str, id: &str, wanted: KeyState) -> Result<(), Refusal> {
        self.change(authenticator, |keys, managed| {
            if !keys.iter().any(|key| key.id == id) {
                return Err(refusal("no_such_key", format!("there is no key `{id}`")));
            }
            match managed.get_mut(id) {
                Some(known) if known.state == KeyState::Revoked && wanted != KeyState::Revoked => {
                    return Err(refusal("key_revoked", format!("`{id}` is revoked, and stays so")));
                }
                Some(known) => known.state = wanted,
                None => {
                    managed.insert(id.to_owned(), Managed { state: wanted, row: None });
                }
            }
            Ok(())
        })
        .await
    }

    /// Changes what is kept, brings it to disk, and waits until the keeper has taken it up.
    async fn change(
        &self,
        authenticator: &str,
        change: impl FnOnce(&[Merged], &mut BTreeMap<String, Managed>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        {
            let mut state = self.lock();
            let Some(folder) = state.folder.clone() else {
                let reason = "the gateway has no state folder to keep it in; start it with --state DIR";
                return Err(refusal("no_state", reason.to_owned()));
            };
            let Some(shown) = state.shown.get(authenticator) else {
                let reason = format!("there is no authenticator `{authenticator}` with API keys");
                return Err(refusal("no_such_authenticator", reason));
            };
            let mut managed = state.managed.clone();
            change(&shown.keys, managed.entry(authenticator.to_owned()).or_default())?;
            if managed.values().map(BTreeMap::len).sum::<usize>() > MANAGED_MAX {
                return Err(refusal("too_many_keys", format!("more than {MANAGED_MAX} keys are not kept")));
            }
            write(&folder, &managed).map_err(|error| refusal("unwritable", format!("{FILE}: {error}")))?;
            state.managed = managed;
        }
        let mut version = 0;
        self.0.changed.send_modify(|changed| {
            *changed += 1;
            version = *changed;
        });
        self.wait(authenticator, version).await
    }

    async fn wait(&self, authenticator: &str, version: u64) -> Result<(), Refusal> {
        let mut applied = self.0.applied.subscribe();
        let is_applied = |_: &u64| {
            let state = self.lock();
            let mut own = state.keepers.iter().filter(|keeper| keeper.name == authenticator);
            own.all(|keeper| keeper.version >= version)
        };
        let waited = tokio::time::timeout(APPLY_BOUND, applied.wait_for(is_applied)).await;
        waited.map(|_| ()).map_err(|_| {
            refusal(
                "busy",
                "it is kept, and will be taken up; it has not been within three seconds".to_owned(),
            )
        })
    }

    /// Keys of files with what was said of them, and those that were added.
    pub fn merge(&self, authenticator: &str, of_files: Vec<(Origin, String, KeyRow)>) -> Vec<Merged> {
        let state = self.lock();
        let managed = state.managed.get(authenticator);
        // A key that was added and has been written into a file since is the file's.
        let ids: HashSet<String> = of_files.iter().map(|(_, id, _)| id.clone()).collect();
        let hashes: HashSet<KeyHash> = of_files.iter().map(|(_, _, row)| row.hash).collect();
        let said_of = |id: &str| managed.and_then(|managed| managed.get(id)).map(|it| it.state);
        let added = managed
            .into_iter()
            .flatten()
            .filter_map(|(id, managed)| Some((Origin::Operator, id.clone(), managed.row.clone()?)))
            .filter(|(_, id, row)| !ids.contains(id) && !hashes.contains(&row.hash));
        let all = of_files.into_iter().chain(added);
        all.map(|(origin, id, mut row)| {
            let said = said_of(&id);
            row.disabled |= said == Some(KeyState::Disabled);
            Merged { is_revoked: said == Some(KeyState::Revoked), id, row, origin }
        })
        .collect()
    }

    /// Tells whenever something was changed here.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// A keeper begins; its number. Without a name it keeps something else than keys.
    pub fn enrol(&self, name: &str) -> u64 {
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        if !name.is_empty() {
            state.shown.entry(name.to_owned()).or_default();
        }
        state.keepers.push(Keeper { number, name: name.to_owned(), version: 0, files: Vec::new() });
        number
    }

    /// A keeper has taken up what was changed up to `version`, and says how its files are.
    pub fn report<T>(&self, number: u64, version: u64, files: &[SettledFile<T>]) {
        let mut state = self.lock();
        if let Some(keeper) = state.keepers.iter_mut().find(|keeper| keeper.number == number) {
            keeper.version = version;
            let before = std::mem::take(&mut keeper.files);
            let views = files.iter().enumerate().map(|(at, file)| {
                let before = before.get(at);
                let is_new = file.error.is_some() && before.is_none_or(|before| before.error != file.error);
                FileView {
                    file: file.path.display().to_string(),
                    error: file.error.clone(),
                    failures: before.map_or(0, |before| before.failures) + u64::from(is_new),
                }
            });
            keeper.files = views.collect();
        }
        drop(state);
        self.0.applied.send_modify(|reports| *reports += 1);
    }

    /// A keeper ends.
    pub fn leave(&self, number: u64) {
        let mut state = self.lock();
        state.keepers.retain(|keeper| keeper.number != number);
        let State { keepers, shown, .. } = &mut *state;
        shown.retain(|name, _| keepers.iter().any(|keeper| keeper.name == *name));
    }

    /// Lets others see what an authenticator takes.
    pub fn show(&self, authenticator: &str, keys: Vec<Merged>, error: Option<String>) {
        self.lock().shown.insert(authenticator.to_owned(), Shown { keys, error });
    }

    /// Calls `with` for each authenticator: its name, its keys, and what is wrong with them as a whole.
    pub fn for_each(&self, mut with: impl FnMut(&str, &[Merged], Option<&str>)) {
        for (name, shown) in &self.lock().shown {
            with(name, &shown.keys, shown.error.as_deref());
        }
    }

    /// All files that are followed, each once.
    pub fn files(&self) -> Vec<FileView> {
        let state = self.lock();
        let all = state.keepers.iter().flat_map(|keeper| &keeper.files);
        let by_name: BTreeMap<&str, &FileView> = all.map(|file| (file.file.as_str(), file)).collect();
        by_name.into_values().cloned().collect()
    }

    /// Whether keys can be added and revoked.
    pub fn is_kept(&self) -> bool {
        self.lock().folder.is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refusal(code: &'static str, reason: String) -> Refusal {
    Refusal { code, reason }
}

fn write(folder: &Path, managed: &ByAuthenticator) -> std::io::Result<()> {
    let bytes = serde_json::to_vec_pretty(managed)?;
    crate::control::history::write_whole(folder, FILE, &[&bytes])
}

#[cfg(test)]
mod tests;
