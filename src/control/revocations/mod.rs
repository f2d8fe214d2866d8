//! Credentials that are good no more: what lists say and what the admin API was told, put together for the workers.
//!
//! Each source keeps its last good list: one that is away, or cannot be read, lets nobody in again. What the API was told
//! is kept in the gateway's own folder, if it has one.

pub mod list;
mod sources;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::control::config::revocations::RevocationsConfig;
use crate::control::history::file::write_whole;
use crate::policy::revocation::Revocations;
use crate::shared::{Frozen, Published};

use list::{Kind, List};

/// Its file in the gateway's own folder.
const FILE: &str = "revocations";
/// Entries that are shown one by one.
const SHOWN_MAX: usize = 1_000;

/// All revocations. A clone is a handle to the same.
#[derive(Debug, Clone)]
pub struct RevocationDesk(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    published: Published<Revocations>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What the API was told.
    told: List,
    /// Where that is kept.
    folder: Option<PathBuf>,
    /// What each source said last, and what was wrong with it since.
    sources: BTreeMap<String, Source>,
    written: Option<(RevocationsConfig, PathBuf)>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Source {
    list: Option<List>,
    wrong: Option<String>,
}

impl Default for RevocationDesk {
    fn default() -> Self {
        Self(Arc::new(Inner {
            published: Published::new(Frozen::new(Revocations::default())),
            state: Mutex::default(),
        }))
    }
}

impl RevocationDesk {
    /// With what is kept in `folder`.
    ///
    /// # Errors
    /// When the file is there and cannot be read: starting without it would let the revoked in.
    pub fn open(folder: Option<&Path>) -> Result<Self, String> {
        let desk = Self::default();
        if let Some(folder) = folder {
            let file = folder.join(FILE);
            let text = match std::fs::read_to_string(&file) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(format!("{}: {error}", file.display())),
            };
            let told = List::parse(&text).map_err(|reason| format!("{}: {reason}", file.display()))?;
            let mut state = desk.lock();
            (state.told, state.folder) = (told, Some(folder.to_owned()));
            desk.publish(&state);
        }
        Ok(desk)
    }

    /// What workers look at.
    pub fn published(&self) -> Published<Revocations> {
        self.0.published.clone()
    }

    /// Follows these sources from now on, and no others. Lists of those that go on stay. Needs a tokio runtime around it.
    pub fn attach(&self, config: &RevocationsConfig, base: &Path) {
        let mut state = self.lock();
        let written = Some((config.clone(), base.to_owned()));
        if state.written == written {
            return;
        }
        state.written = written;
        state.tasks.drain(..).for_each(|task| task.abort());
        let files = config.files.iter().map(|file| base.join(file).display().to_string());
        let names: Vec<String> = files.chain(config.urls.iter().cloned()).collect();
        state.sources.retain(|name, _| names.contains(name));
        for file in &config.files {
            let path = base.join(file);
            state.sources.entry(path.display().to_string()).or_default();
            state.tasks.push(tokio::spawn(sources::follow_file(self.clone(), path)));
        }
        for url in &config.urls {
            state.sources.entry(url.clone()).or_default();
            state.tasks.push(tokio::spawn(sources::follow_url(
                self.clone(),
                url.clone(),
                config.poll.duration(),
            )));
        }
        self.publish(&state);
    }

    /// Waits until every source has been read once, or has failed, but no longer than `bound`.
    pub async fn first_lists(&self, bound: std::time::Duration) {
        let is_silent = |source: &Source| source.list.is_none() && source.wrong.is_none();
        let wait = async {
            while self.lock().sources.values().any(is_silent) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        };
        let _ = tokio::time::timeout(bound, wait).await;
    }

    /// A source has said something. True if that is news.
    fn said(&self, name: &str, said: Result<List, String>) -> bool {
        let mut state = self.lock();
        let Some(source) = state.sources.get_mut(name) else { return false };
        let is_news = match said {
            Ok(list) => {
                source.wrong = None;
                let is_news = source.list.as_ref() != Some(&list);
                source.list = Some(list);
                is_news
            }
            Err(wrong) => {
                let wrong = Some(wrong);
                let is_news = source.wrong != wrong;
                source.wrong = wrong;
                return is_news;
            }
        };
        if is_news {
            self.publish(&state);
        }
        is_news
    }

    /// Revokes something, for as long as it is not taken back.
    ///
    /// # Errors
    /// When the name cannot be one, or what is told cannot be kept.
    pub fn revoke(&self, kind: Kind, name: &str, until_s: Option<u64>) -> Result<(), String> {
        self.change(|told| told.add(kind, name, until_s))
    }

    /// Takes a revocation of the API's back. What a list says stays.
    ///
    /// # Errors
    /// When there is none, or what is told cannot be kept.
    pub fn restore(&self, kind: Kind, name: &str) -> Result<(), String> {
        self.change(|told| {
            let is_known = told.remove(kind, name);
            is_known.then_some(()).ok_or_else(|| format!("the API has not revoked {} `{name}`", kind.name()))
        })
    }

    fn change(&self, change: impl FnOnce(&mut List) -> Result<(), String>) -> Result<(), String> {
        let mut state = self.lock();
        let mut told = state.told.clone();
        change(&mut told)?;
        if let Some(folder) = &state.folder {
            write_whole(folder, FILE, &[told.text().as_bytes()])
                .map_err(|error| format!("{}: {error}", folder.join(FILE).display()))?;
        }
        state.told = told;
        self.publish(&state);
        Ok(())
    }

    /// For people: how many there are, from where, and those the API was told.
    pub fn view(&self) -> Value {
        let state = self.lock();
        let told: Vec<Value> = state
            .told
            .iter()
            .take(SHOWN_MAX)
            .map(|(kind, name, until_s)| json!({ "kind": kind, "name": name, "until": until_s }))
            .collect();
        let sources: Vec<Value> = state
            .sources
            .iter()
            .map(|(name, source)| {
                let entries = source.list.as_ref().map(|list| list.iter().count());
                json!({ "source": name, "entries": entries, "wrong": source.wrong })
            })
            .collect();
        let total = self.0.published.load().1.len();
        json!({ "total": total, "told": told, "sources": sources, "kept": state.folder.is_some() })
    }

    /// How many names are revoked, and how many sources are wrong.
    pub fn figures(&self) -> (usize, usize) {
        let wrong = self.lock().sources.values().filter(|source| source.wrong.is_some()).count();
        (self.0.published.load().1.len(), wrong)
    }

    fn publish(&self, state: &State) {
        let mut all = Revocations::default();
        state.told.add_to(&mut all);
        state
            .sources
            .values()
            .filter_map(|source| source.list.as_ref())
            .for_each(|list| list.add_to(&mut all));
        if *self.0.published.load().1 != all {
            self.0.published.publish(Frozen::new(all));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_there_again_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let desk = RevocationDesk::open(Some(folder.path())).expect("an empty one");
        desk.revoke(Kind::Token, "t-1", None).expect("it can be kept");
        desk.revoke(Kind::Subject, "ann", Some(7)).expect("it can be kept");
        desk.restore(Kind::Token, "t-1").expect("it is there");
        assert!(desk.restore(Kind::Token, "t-1").is_err());
        let again = RevocationDesk::open(Some(folder.path())).expect("it can be read");
        assert_eq!(again.published().load().1.subjects["ann"], 7);
        assert_eq!(again.figures(), (1, 0));
        std::fs::write(folder.path().join(FILE), "nonsense").expect("it can be written");
        assert!(RevocationDesk::open(Some(folder.path())).is_err());
    }

    #[tokio::test]
    async fn a_source_that_breaks_keeps_its_list() {
        let folder = tempfile::tempdir().expect("a folder");
        let desk = RevocationDesk::default();
        std::fs::write(folder.path().join("list"), "key k1\n").expect("it can be written");
        let config = RevocationsConfig { files: vec!["list".into()], ..RevocationsConfig::default() };
        desk.attach(&config, folder.path());
        desk.first_lists(std::time::Duration::from_secs(5)).await;
        assert!(desk.published().load().1.keys.contains("k1"));
        let name = folder.path().join("list").display().to_string();
        assert!(desk.said(&name, Err("away".to_owned())));
        assert!(!desk.said(&name, Err("away".to_owned())), "said once");
        assert!(desk.published().load().1.keys.contains("k1"));
        desk.attach(&RevocationsConfig::default(), folder.path());
        assert!(desk.published().load().1.is_empty());
    }
}
