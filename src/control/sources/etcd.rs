//! Keys below a prefix of etcd, one a file, followed by a watch.
//!
//! After a change everything is read again at once, of one revision; the next watch begins right behind that, so
//! that nothing is missed. Where etcd has forgotten that revision (compaction), reading again is all there is to do.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::BYTES_MAX;
use super::access::SourceAccess;
use super::fetched::{Answered, SourceError, Taken, digest, files};
use super::place::Keys;
use crate::config::secret::Secret;
use crate::control::http_client::Credential;
use crate::control::http_client::etcd::{Etcd, Told};

/// A change is read when nothing else has changed for so long: whoever writes several keys does it one by one.
const SETTLES: Duration = Duration::from_millis(200);
/// For changes that never settle.
const SETTLES_MAX: Duration = Duration::from_secs(5);
/// For how long a watch is believed that says nothing. Then everything is read again.
const WATCHES: Duration = Duration::from_secs(300);

/// A prefix that can be asked for.
#[derive(Debug)]
pub(super) struct EtcdPrefix {
    etcd: Etcd,
    keys: Keys,
}

impl EtcdPrefix {
    pub(super) fn new(keys: &Keys, access: &SourceAccess, base: &Path) -> Result<Self, SourceError> {
        let user = match (&keys.user, &access.token) {
            (Some(user), _) => Some(user.clone()),
            (None, None) => None,
            (None, Some(token)) => match token.expose().split_once(':') {
                Some((name, password)) => Some((name.to_owned(), Secret::new(password))),
                None => {
                    return Err(SourceError::new("for etcd RINGGATE_SOURCE_TOKEN has to be `user:password`"));
                }
            },
        };
        let client = access.client(&keys.urls, base, Credential::None)?;
        Ok(Self { etcd: Etcd::new(client, keys.urls.clone(), user), keys: keys.clone() })
    }

    pub(super) async fn read(&mut self) -> Result<Answered, SourceError> {
        let range = self.etcd.range(&self.keys.prefix, BYTES_MAX).await?;
        let files = files(&self.keys.shown, &self.keys.prefix, range.pairs)?;
        let revision = range.revision;
        let version = revision.to_string();
        let taken = Taken { digest: digest(&files), version, revision, ..Taken::default() };
        Ok(Answered::Changed(files, taken))
    }

    pub(super) async fn next(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        if taken.revision > 0 {
            timeout(WATCHES, self.change(taken.revision)).await.unwrap_or(Ok(()))?;
        }
        self.read().await
    }

    /// Returns when something has changed behind a revision, or may have.
    async fn change(&mut self, revision: i64) -> Result<(), SourceError> {
        let mut watch = self.etcd.watch(&self.keys.prefix, revision.saturating_add(1)).await?;
        loop {
            match watch.next().await? {
                Some(Told::Created | Told::Progress) => {}
                Some(Told::Lost) | None => return Ok(()),
                Some(Told::Changed) => break,
            }
        }
        let settled =
            async { while let Ok(Ok(Some(Told::Changed))) = timeout(SETTLES, watch.next()).await {} };
        let _ = timeout(SETTLES_MAX, settled).await;
        Ok(())
    }
}
