//! Keeps the keys of an authenticator current: its files, and what the admin API has said of its keys.
//!
//! Both together make one set, published as a whole. If they contradict each other the set before stays in use, and the
//! reason is told.

pub mod store;

use crate::policy::auth::api_key::keys::{ApiKeys, KeyRow};
use crate::policy::auth::api_key::{ApiKeySource, read};
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, Published};
use store::{KeyStore, Origin};

use super::settled::{Looked, SettledFile};
use super::{LOOK, is_wanted};

type Rows = Vec<(String, KeyRow)>;

/// Keeps for as long as somebody wants them.
pub async fn keep(source: ApiKeySource, store: KeyStore, input: Published<ApiKeys>) {
    let mut files: Vec<SettledFile<Rows>> =
        source.files.iter().map(|path| SettledFile::new(path.clone(), read)).collect();
    let mut changes = store.changes();
    let keeper = store.enrol(&source.name);
    let mut applied = None;
    while is_wanted(&input) {
        let version = *changes.borrow_and_update();
        let mut is_new = applied != Some(version);
        for file in &mut files {
            let looked = file.look().await;
            is_new |= looked != Looked::Same;
            if looked == Looked::Broken {
                say_at(Level::Error, format_args!("API keys of `{}`: {}", source.name, file.complaint()));
            }
        }
        if is_new {
            publish(&source.name, &files, &store, &input);
            store.report(keeper, version, &files);
            applied = Some(version);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            // The store outlives its keepers: an error cannot come.
            _ = changes.changed() => {}
        }
    }
    store.leave(keeper);
}

fn publish(name: &str, files: &[SettledFile<Rows>], store: &KeyStore, input: &Published<ApiKeys>) {
    let is_partial = files.iter().any(|file| file.value.is_none());
    let rows = files.iter().flat_map(|file| {
        let origin = Origin::File(file.path.clone());
        let rows = file.value.iter().flat_map(|rows| rows.iter().cloned());
        rows.map(move |(id, row)| (origin.clone(), id, row)).collect::<Vec<_>>()
    });
    let merged = store.merge(name, rows.collect());
    let rows = merged.iter().map(|key| (key.id.clone(), key.row.clone())).collect();
    match ApiKeys::new(rows) {
        Ok(keys) => {
            let keys = keys.revoking(merged.iter().filter(|key| key.is_revoked).map(|key| key.id.as_str()));
            let keys = if is_partial { keys.partial() } else { keys };
            input.publish(Frozen::new(keys));
            store.show(name, merged, None);
        }
        Err(reason) => {
            say_at(Level::Error, format_args!("API keys of `{name}`: {reason}; the keys before stay in use"));
            store.show(name, merged, Some(reason));
        }
    }
}
