//! The gateway's own keys: made when there are none, followed by others in time, kept in the gateway's own folder.
//!
//! The rules of succession are in [`crate::policy::identity::own_keys`]; here is what they need of the world: a clock,
//! randomness, a file. Where keys cannot be kept, they are good until the gateway stops.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};

use super::{Followed, LOOK, is_wanted};
use crate::control::history::file::{read_bounded, write_whole};
use crate::http::base64;
use crate::policy::identity::own_keys::{OwnKey, OwnKeys, OwnKeysConfig};
use crate::rt::clock;
use crate::rt::say::say;
use crate::shared::{Frozen, Published};

/// Their file in the gateway's own folder.
const FILE: &str = "own-keys.json";
/// Far more than some keys take.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A key as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// PKCS #8, in base64.
    pkcs8: String,
    /// When it was announced, in seconds since 1970.
    since_s: u64,
}

/// Keeps the keys current for as long as somebody holds them.
pub(super) async fn keep(
    config: OwnKeysConfig,
    base: PathBuf,
    state: Option<PathBuf>,
    published: Published<OwnKeys>,
) {
    let given = config.file.as_ref().map(|file| base.join(file));
    let mut followed = Followed::new(given.clone());
    let (_, mut keys) = published.load();
    if given.is_none()
        && let Some(folder) = &state
        && keys.keys().is_empty()
    {
        keys = Frozen::new(kept(folder));
    }
    let mut is_first = true;
    while is_wanted(&published) {
        let now_s = clock::wall_seconds();
        let mut next = keys.later(now_s);
        match &given {
            Some(file) if followed.have_changed() => match read(file, now_s) {
                Ok(key) => next = next.with(key, now_s),
                Err(why) => say(format_args!("{}: not taken: {why}", file.display())),
            },
            None if next.is_due(config.rotate.duration().as_secs(), now_s) => match OwnKey::make(now_s) {
                Ok(key) => {
                    next = next.with(key, now_s);
                    remember(state.as_deref(), &next);
                }
                Err(why) => say(format_args!("no key for the gateway's own tokens: {why}")),
            },
            _ => {}
        }
        if is_first || !next.is_same(&keys) {
            keys = Frozen::new(next);
            published.publish(keys.clone());
            is_first = false;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The key of a file. PEM.
fn read(file: &Path, now_s: u64) -> Result<OwnKey, String> {
    let pem = read_bounded(file, FILE_BYTES_MAX).map_err(|error| error.to_string())?;
    let der = PrivatePkcs8KeyDer::from_pem_slice(&pem).map_err(|error| error.to_string())?;
    OwnKey::of(der.secret_pkcs8_der(), now_s).map_err(|error| error.to_string())
}

/// What was kept before. What cannot be read is said, and done without: services fetch the new key.
fn kept(folder: &Path) -> OwnKeys {
    let file = folder.join(FILE);
    let all: Vec<Kept> = match read_bounded(&file, FILE_BYTES_MAX).map(|text| serde_json::from_slice(&text)) {
        Ok(Ok(all)) => all,
        Ok(Err(error)) => {
            say(format_args!("{}: not taken: {error}", file.display()));
            return OwnKeys::default();
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return OwnKeys::default(),
        Err(error) => {
            say(format_args!("{}: not taken: {error}", file.display()));
            return OwnKeys::default();
        }
    };
    let key = |kept: &Kept| {
        let mut der = Vec::new();
        base64::Decoder::default().decode(kept.pkcs8.as_bytes(), &mut der).ok()?;
        OwnKey::of(&der, kept.since_s).ok().map(Frozen::new)
    };
    OwnKeys::at(all.iter().filter_map(key).collect(), clock::wall_seconds())
}

fn remember(folder: Option<&Path>, keys: &OwnKeys) {
    let Some(folder) = folder else { return };
    let encoded = |key: &OwnKey| {
        let mut digits = Vec::new();
        base64::encode(&key.pkcs8, &mut digits);
        Kept { pkcs8: String::from_utf8_lossy(&digits).into_owned(), since_s: key.since_s }
    };
    let all: Vec<_> = keys.keys().iter().map(|key| encoded(key)).collect();
    let text = serde_json::to_vec(&all).unwrap_or_default();
    if let Err(error) = write_whole(folder, FILE, &[&text]) {
        say(format_args!("{}: the gateway's own keys are not kept: {error}", folder.join(FILE).display()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_same_after_a_restart_and_others_where_the_file_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        assert!(kept(folder.path()).keys().is_empty());
        let now_s = clock::wall_seconds();
        let keys = OwnKeys::default().with(OwnKey::make(now_s).unwrap(), now_s);
        remember(Some(folder.path()), &keys);
        assert!(kept(folder.path()).is_same(&keys));
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        assert!(kept(folder.path()).keys().is_empty());
    }

    #[tokio::test]
    async fn a_key_is_published_and_the_task_ends_with_its_last_holder() {
        let published = Published::new(Frozen::new(OwnKeys::default()));
        let task = tokio::spawn(keep(OwnKeysConfig::default(), PathBuf::new(), None, published.clone()));
        while published.generation() == 1 {
            tokio::task::yield_now().await;
        }
        assert!(published.load().1.signer().is_some());
        drop(published);
        task.await.unwrap();
    }
}
