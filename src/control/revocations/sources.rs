//! Lists in files and behind URLs, followed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::RevocationDesk;
use super::list::List;
use crate::control::history::file::read_bounded;
use crate::control::http_client::backoff::{Backoff, seed};
use crate::control::http_client::{Credential, HttpClient, Url};
use crate::control::keepers::LOOK;
use crate::control::keepers::settled::{Looked, SettledFile};
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::upstream::config::ClusterTlsConfig;

/// Largest list that is read: a million names of 32 bytes.
const LIST_BYTES_MAX: usize = 48 << 20;
/// For a whole answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Longest pause after failures.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// Reads a file whenever it has changed and settled.
pub(super) async fn follow_file(desk: RevocationDesk, path: PathBuf) {
    let name = path.display().to_string();
    let mut file = SettledFile::new(path, read);
    loop {
        match file.look().await {
            Looked::Same => {}
            Looked::New => tell(&desk, &name, Ok(file.value.as_deref().cloned().unwrap_or_default())),
            Looked::Broken => tell(&desk, &name, Err(file.error.clone().unwrap_or_default())),
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn read(path: &Path) -> Result<List, String> {
    let bytes = read_bounded(path, LIST_BYTES_MAX as u64).map_err(|error| error.to_string())?;
    List::parse(&String::from_utf8(bytes).map_err(|error| error.to_string())?)
}

/// Asks a URL now and then.
pub(super) async fn follow_url(desk: RevocationDesk, name: String, poll: Duration) {
    let mut backoff = Backoff::new(seed(&name), PAUSE_MAX);
    let mut etag = None;
    loop {
        let pause = match fetch(&name, &mut etag).await {
            Ok(Some(list)) => {
                tell(&desk, &name, Ok(list));
                backoff.succeeded();
                backoff.around(poll)
            }
            Ok(None) => backoff.around(poll),
            Err(reason) => {
                tell(&desk, &name, Err(reason));
                backoff.failed()
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// The list, unless it is the one that is known.
async fn fetch(name: &str, etag: &mut Option<String>) -> Result<Option<List>, String> {
    let url = Url::parse(name).map_err(|error| error.to_string())?;
    let client = HttpClient::new(
        std::slice::from_ref(&url),
        &ClusterTlsConfig::default(),
        Path::new("/"),
        Credential::None,
    );
    let mut asking = client.map_err(|error| error.reason)?.get(url);
    if let Some(etag) = etag {
        asking = asking.field("if-none-match", etag);
    }
    let answer = asking.send(ANSWER_WITHIN).await.map_err(|error| error.reason)?;
    if answer.status() == 304 {
        return Ok(None);
    }
    let answer = answer.wanted().await.map_err(|error| error.reason)?;
    let next = answer.field("etag").map(str::to_owned);
    let list = List::parse(&answer.text(LIST_BYTES_MAX).await.map_err(|error| error.reason)?)?;
    *etag = next;
    Ok(Some(list))
}

fn tell(desk: &RevocationDesk, name: &str, said: Result<List, String>) {
    let line = match &said {
        Ok(list) => format!("revocations: {name}: {} entries", list.iter().count()),
        Err(reason) => format!("revocations: {name}: {reason}; its last list holds"),
    };
    let level = if said.is_ok() { Level::Info } else { Level::Warn };
    if desk.said(name, said) {
        say_at(level, format_args!("{line}"));
    }
}
