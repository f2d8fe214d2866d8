//! Where a configuration comes from: a file, a folder, a URL, Consul's KV or a prefix of etcd.
//!
//! A [`Source`] reads it, and tells when reading it again may find something else. It owns what it knows of the source's state; what
//! a text means is `check`'s, and what becomes of a change is the steward's. Credentials never stand in a
//! configuration and are never printed.

mod access;
mod consul;
mod etcd;
mod fetched;
mod follow;
mod http;
mod local;
mod place;
mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use tokio::sync::mpsc;

pub use access::SourceAccess;
pub use fetched::{Fetched, SourceError};
pub use state::SourceState;

use crate::config::secret::Environment;
use crate::shared::Published;
use fetched::{Answered, Taken};
use place::Place;
use state::Ledger;

/// Largest configuration, all its files together.
const BYTES_MAX: usize = 16 << 20;

/// Where a configuration comes from. A clone is a handle to the same source.
#[derive(Debug, Clone)]
pub struct Source {
    described: String,
    place: Place,
    access: SourceAccess,
    ledger: Ledger,
}

impl Source {
    /// Takes what is written on the command line: a path, or a URL whose scheme is one of `http`, `https`, `consul`,
    /// `consul+https`, `etcd` and `etcd+https`. Whether there is anything is not looked at.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it, and what to write.
    pub fn parse(text: &str, access: SourceAccess) -> Result<Self, String> {
        let place = Place::parse(text)?;
        let described = place.described();
        let ledger = Ledger::new(&described);
        Ok(Self { described, place, access, ledger })
    }

    /// A file or a folder.
    pub fn at_path(path: impl Into<PathBuf>) -> Self {
        let place = Place::Local(path.into());
        let described = place.described();
        let ledger = Ledger::new(&described);
        Self { described, place, access: SourceAccess::default(), ledger }
    }

    /// As it may be shown: without credentials and query.
    pub fn describe(&self) -> &str {
        &self.described
    }

    /// The file or folder, if it is one.
    pub fn path(&self) -> Option<&std::path::Path> {
        if let Place::Local(path) = &self.place { Some(path) } else { None }
    }

    /// How it stands with the source. Renewed by reading and by following.
    pub fn state(&self) -> Published<SourceState> {
        self.ledger.state()
    }

    /// Reads it. Of a file or folder nothing is read yet: that is done, with what it includes, when it is loaded.
    ///
    /// # Errors
    /// When it is not there, refuses, or is too large; after that the state says so too.
    pub async fn read(&self, environment: &Environment) -> Result<Fetched, SourceError> {
        if let Place::Local(path) = &self.place {
            return Ok(Fetched::local(path.clone(), self.ledger.clone()));
        }
        let outcome = async {
            let mut remote = self.place.remote(&self.access, environment)?;
            match remote.read(&Taken::default()).await? {
                Answered::Changed(files, taken) => Ok((files, taken)),
                // Asked without conditions, so this is a mistake of the source.
                Answered::Same(_) => {
                    Err(SourceError::new("the source says that nothing has changed since never"))
                }
            }
        };
        match outcome.await {
            Ok((files, taken)) => {
                let version = taken.version.clone();
                self.ledger.read(taken);
                Ok(Fetched::texts(&self.described, files, version))
            }
            Err(error) => {
                self.ledger.not_read(&error);
                Err(error)
            }
        }
    }

    /// Follows it until dropped: sends when reading again may find something else than the last reading. What waits in `changed` is not doubled, so a
    /// bound of one is enough. Ends only when nobody listens any more.
    pub async fn follow(self, environment: Environment, changed: mpsc::Sender<()>) {
        match &self.place {
            Place::Local(_) => local::follow(&self.ledger, &self.described, &changed).await,
            place => follow::remote(place, &self.access, &environment, &self.ledger, &changed).await,
        }
    }
}
