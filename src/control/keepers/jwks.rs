//! Keeps the keys of an issuer current: fetched when their time is over, when a worker meets one that is not known, and when
//! their file changes.
//!
//! Owns when it is asked, and that what cannot be had or understood replaces nothing: the keys at hand stay until there are
//! better ones. A question of workers costs at most one fetch per cool-down for the whole process.

mod page;

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};

use self::page::{Fetched, Page};
use super::{Followed, LOOK, is_wanted};
use crate::control::answers::key_sets::{KeyDesk, KeySetState, Wish};
use crate::control::http_client::backoff::{Backoff, seed};
use crate::policy::auth::jwt::jwk::{self, Symmetric};
use crate::policy::auth::jwt::keys::KeySet;
use crate::policy::auth::jwt::source::{KeySetPlace, KeySetSource};
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, Published};

/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Largest set that is read.
const BYTES_MAX: usize = 256 * 1024;
/// A file is read at once when it is asked for; not more often than this.
const FILE_COOL_DOWN: Duration = Duration::from_secs(1);

/// Keeps `input` as `source` says, until nobody else holds it.
pub async fn keep(input: Published<KeySet>, source: KeySetSource, base: Box<Path>, desk: KeyDesk) {
    let mut wishes = desk.open(&source.id());
    let mut keeper = Keeper::new(input, source, &base, desk);
    keeper.refresh().await;
    let mut is_open = true;
    loop {
        tokio::select! {
            () = sleep_until(keeper.due) => keeper.refresh().await,
            wish = wishes.recv(), if is_open => match wish {
                Some(wish) => keeper.grant(wish, &mut wishes).await,
                None => is_open = false,
            },
            () = sleep(LOOK) => {
                if !is_wanted(&keeper.input) {
                    return keeper.desk.close(&keeper.source.id());
                }
                keeper.look_at_file().await;
            }
        }
    }
}

struct Keeper {
    input: Published<KeySet>,
    source: KeySetSource,
    desk: KeyDesk,
    place: Place,
    pace: Backoff,
    /// When it is asked again, come what may.
    due: Instant,
    /// When it was asked last, and whether there was an answer.
    last: Option<(Instant, bool)>,
    digest: Option<[u8; 32]>,
    state: KeySetState,
}

enum Place {
    Page(Page),
    File(Followed, Box<Path>),
}

impl Keeper {
    fn new(input: Published<KeySet>, source: KeySetSource, base: &Path, desk: KeyDesk) -> Self {
        let place = match &source.place {
            KeySetPlace::File(path) => {
                let path = base.join(path);
                Place::File(Followed::new([path.clone()]), path.into())
            }
            KeySetPlace::Url(_) | KeySetPlace::Discovery(_) => Place::Page(Page::new(&source, base)),
        };
        let shown = source.to_string();
        let pace = Backoff::new(seed(&shown), LONGEST_PAUSE);
        let state = KeySetState { source: shown, ..KeySetState::default() };
        Self { input, source, desk, place, pace, due: Instant::now(), last: None, digest: None, state }
    }

    /// A worker has met a key that is not known. Everybody who waits gets the same answer.
    async fn grant(&mut self, wish: Wish, wishes: &mut mpsc::Receiver<Wish>) {
        let cool_down = match self.place {
            Place::Page(_) => self.source.cool_down,
            Place::File(..) => FILE_COOL_DOWN,
        };
        let is_recent = self.last.is_some_and(|(when, _)| when.elapsed() < cool_down);
        if !is_recent {
            self.refresh().await;
        }
        let is_newest = self.last.is_some_and(|(_, was_answered)| was_answered);
        let _ = wish.send(is_newest);
        while let Ok(wish) = wishes.try_recv() {
            let _ = wish.send(is_newest);
        }
    }

    async fn look_at_file(&mut self) {
        let has_changed = match &mut self.place {
            Place::File(followed, _) => followed.have_changed(),
            Place::Page(_) => false,
        };
        if has_changed {
            self.refresh().await;
        }
    }

    /// Asks, takes what comes, and says when to ask again.
    async fn refresh(&mut self) {
        let fetched = match &mut self.place {
            Place::Page(page) => page.fetch().await,
            Place::File(followed, path) => {
                // What is read now is what the next look compares with.
                let _ = followed.have_changed();
                read(path)
            }
        };
        let taken = fetched.and_then(|fetched| self.take(fetched));
        self.last = Some((Instant::now(), taken.is_ok()));
        self.state.fetches += 1;
        let wait = match taken {
            Ok(lifetime) => {
                if self.state.failure.take().is_some() {
                    say_at(Level::Info, format_args!("keys of {}: there again", self.source));
                }
                self.state.fetched_at_ms = clock::wall_ms();
                self.pace.succeeded();
                self.pace.around(lifetime)
            }
            Err(reason) => {
                self.fail(reason);
                self.pace.failed()
            }
        };
        self.due = Instant::now() + wait;
        self.desk.show(&self.source.id(), self.state.clone());
    }

    fn fail(&mut self, reason: String) {
        self.state.failures += 1;
        if self.state.failure.as_ref() != Some(&reason) {
            let kept = match self.state.keys {
                0 => "there are none".to_owned(),
                keys => format!("the {keys} at hand stay in use"),
            };
            say_at(Level::Warn, format_args!("keys of {} cannot be had: {reason}; {kept}", self.source));
        }
        self.state.failure = Some(reason);
        if self.input.generation() == 1 {
            // Whoever waits for a first word has it: there are no keys yet.
            self.input.publish(Frozen::new(KeySet::unknown()));
        }
    }

    /// Publishes a set that is another one. Returns how long it is good for.
    fn take(&mut self, fetched: Fetched) -> Result<Duration, String> {
        let Fetched { body, lifetime, etag } = fetched;
        let Some(body) = body else { return Ok(lifetime) };
        let digest: [u8; 32] = Sha256::digest(&body).into();
        if self.digest != Some(digest) {
            self.replace(&body)?;
            self.digest = Some(digest);
        }
        if let Place::Page(page) = &mut self.place {
            page.accept(etag);
        }
        Ok(lifetime)
    }

    fn replace(&mut self, body: &[u8]) -> Result<(), String> {
        let symmetric = match self.place {
            Place::Page(_) => Symmetric::PassOver,
            Place::File(..) => Symmetric::Take,
        };
        let read = jwk::read(body, symmetric).map_err(|fault| fault.to_string())?;
        for remark in &read.remarks {
            say_at(Level::Warn, format_args!("keys of {}: {remark}; it is not used", self.source));
        }
        let (before, now) = (self.state.keys, read.keys.keys().len());
        say_at(Level::Info, format_args!("keys of {}: {now} now, {before} before", self.source));
        self.state.keys = now;
        self.state.changes += 1;
        self.input.publish(Frozen::new(read.keys));
        Ok(())
    }
}

/// A file is looked at for changes; read anyway once an hour.
fn read(path: &Path) -> Result<Fetched, String> {
    let shown = path.display();
    let length = std::fs::metadata(path).map_err(|error| format!("`{shown}`: {error}"))?.len();
    if length > BYTES_MAX as u64 {
        return Err(format!("`{shown}` is larger than 256 KiB"));
    }
    let body = std::fs::read(path).map_err(|error| format!("`{shown}`: {error}"))?;
    Ok(Fetched { body: Some(body), lifetime: Duration::from_secs(3600), etag: None })
}

#[cfg(test)]
#[path = "jwks/tests.rs"]
mod tests;
