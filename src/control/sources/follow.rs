//! Following a source elsewhere: asking, telling, and not giving up.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::access::SourceAccess;
use super::fetched::{SourceError, Taken};
use super::place::{Place, Remote};
use super::state::Ledger;
use crate::config::secret::Environment;
use crate::control::http_client::backoff::{Backoff, seed};

/// Between two attempts at a source that does not answer, at most.
const LONGEST: Duration = Duration::from_secs(60);
/// After this a change that was told, and read in vain, is told again.
const REMINDS: Duration = Duration::from_secs(5);

/// Follows until nobody listens.
pub(super) async fn remote(
    place: &Place,
    access: &SourceAccess,
    environment: &Environment,
    ledger: &Ledger,
    changed: &mpsc::Sender<()>,
) {
    let mut backoff = Backoff::new(seed(&place.described()), LONGEST);
    let mut teller = Teller { ledger, changed, told: None };
    // Never read: the first answer is news.
    let mut seen = (*ledger.taken().1).clone();
    let mut remote = None;
    while !changed.is_closed() {
        let asked = async {
            match &mut remote {
                // What happened meanwhile was not told: begin by reading.
                None => {
                    let remote = remote.insert(place.remote(access, environment)?);
                    Ok(remote.read(&seen).await?.taken())
                }
                Some(remote) => next(remote, &seen, &mut teller).await,
            }
        };
        match asked.await {
            Ok(taken) => {
                backoff.succeeded();
                ledger.answered(None);
                seen = taken;
                teller.tell(&seen);
            }
            Err(error) => {
                ledger.failed(&error);
                // Made anew, because its certificates may be what is wrong.
                remote = None;
                sleep(backoff.failed()).await;
            }
        }
    }
}

async fn next(remote: &mut Remote, seen: &Taken, teller: &mut Teller<'_>) -> Result<Taken, SourceError> {
    let mut answer = pin!(remote.next(seen));
    loop {
        tokio::select! {
            answered = &mut answer => return Ok(answered?.taken()),
            () = sleep(REMINDS) => teller.tell(seen),
        }
    }
}

/// Tells of what was seen and not read.
struct Teller<'a> {
    ledger: &'a Ledger,
    changed: &'a mpsc::Sender<()>,
    /// The reading before which it was told, and of what.
    told: Option<(u64, String)>,
}

impl Teller<'_> {
    fn tell(&mut self, seen: &Taken) {
        let (reading, read) = self.ledger.taken();
        let is_told = self.told.as_ref().is_some_and(|(at, digest)| *at == reading && *digest == seen.digest);
        if seen.digest.is_empty() || read.digest == seen.digest || is_told {
            return;
        }
        self.told = Some((reading, seen.digest.clone()));
        // Full: it is to be read again already.
        let _ = self.changed.try_send(());
    }
}
