//! Accounts that several hosts spend from: what one worker knows of the others, and what it may spend meanwhile.
//!
//! The owner of an account keeps a [`Book`](book::Book). Before it gives anything out it asks the book for
//! [`room`](book::Book::room), and tells it what it gave. Every sync interval it hands a [`Batch`] to control, which
//! tells the other hosts and comes back with [`Looked`]. No request ever waits for that.
//!
//! Plain values and arithmetic: time comes in as an argument, and nothing here knows of Redis. Amounts are in units of
//! cost, not in shares of a limit, so that hosts whose limits of one name differ still count the same thing.

pub mod abroad;
pub mod book;
pub mod courier;
pub mod hold;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use sha2::{Digest, Sha256};

use crate::config::secret::Secret;

/// What a configuration says of the fleet and is not written in it.
#[derive(Debug, Clone)]
pub struct FleetPlan {
    /// The server's password.
    pub password: Option<Secret>,
    /// What keys of limits are hashed with, so that they are the same on all hosts.
    pub hash_key: [u8; 16],
}

impl FleetPlan {
    /// Of a fleet with this namespace, and this secret if it has one.
    pub fn new(namespace: &str, secret: Option<&Secret>, password: Option<Secret>) -> Self {
        let mut digest = Sha256::new();
        for part in ["ringgate: keys of limits", namespace, secret.map_or("", Secret::expose)] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let mut hash_key = [0; 16];
        hash_key.copy_from_slice(&digest.finalize()[..16]);
        Self { password, hash_key }
    }
}

/// Which limit, the same number on all hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LimitId(pub u64);

impl LimitId {
    /// That of a limit with this name. For compiling, not for the path of a request.
    pub fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }
}

/// One account: a limit, whose it is, and for limits with windows which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountId {
    /// The limit.
    pub limit: LimitId,
    /// Hash of the key under the fleet's secret: 128 bits, the same on all hosts, and no way back.
    pub key: [u8; 16],
    /// Number of the window, counted from 1970; 0 for buckets, which have none.
    pub window: u64,
}

/// What a limit admits, as far as it matters between hosts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Most that may be used at once: the burst of a bucket, the limit of a window. For a sliding window what the
    /// present one may still hold, beside what the one before weighs.
    pub size: u64,
    /// What flows back each millisecond: the rate of a bucket, 0 for a window.
    pub leak_per_ms: f64,
    /// What is spent each millisecond if all is spent evenly: the rate of a bucket, limit by length for a window.
    pub pace_per_ms: f64,
    /// Most that is given out before the first word from the others while they can be heard; `u64::MAX` leaves that
    /// to a fair share. For long windows, whose share would be large.
    pub first: u64,
    /// When it may be forgotten, by the clock of `now_ms`: the end of the last window that it still matters for. 0 for a
    /// bucket, which is forgotten when it is full again.
    pub ends_ms: u64,
    /// Whether it has to survive this process, as a quota does.
    pub is_kept: bool,
}

impl Terms {
    /// A bucket that holds `burst` and gets `per_second` back.
    pub fn bucket(burst: u64, per_second: f64) -> Self {
        let per_ms = per_second / 1_000.0;
        Self {
            size: burst,
            leak_per_ms: per_ms,
            pace_per_ms: per_ms,
            first: u64::MAX,
            ends_ms: 0,
            is_kept: false,
        }
    }

    /// A window of `limit` in `length_ms`, of no use to anybody after `ends_ms`.
    pub fn window(limit: u64, length_ms: u64, ends_ms: u64) -> Self {
        let pace_per_ms = limit as f64 / length_ms.max(1) as f64;
        Self { size: limit, leak_per_ms: 0.0, pace_per_ms, first: u64::MAX, ends_ms, is_kept: false }
    }

    /// What all hosts spend evenly until what one spends is known to all: it is told at its next look, and heard at theirs.
    pub fn between_looks(&self, fresh_ms: u64) -> f64 {
        self.pace_per_ms * 2.0 * fresh_ms as f64
    }

    /// Most that all hosts together admit beyond what flows back: in a window, or in any time beyond rate times time. Each
    /// host spends a fair share, or what flows back, or two requests before the others know; what they know is within the
    /// size. Holds while what one host tells is known to the others within twice `fresh_ms`.
    pub fn most_together(&self, hosts: u32, fresh_ms: u64, cost_max: u64) -> f64 {
        if hosts <= 1 {
            return self.size as f64;
        }
        let share = (self.size as f64 / f64::from(hosts)).ceil();
        let blind = share.max(self.between_looks(fresh_ms).ceil()).max(2.0 * cost_max as f64);
        self.size as f64 + self.slack(fresh_ms) + f64::from(hosts) * blind
    }

    /// How much more than its size a bucket may seem to have been used, because what was spent evenly over an interval is
    /// told at its end.
    pub fn slack(&self, fresh_ms: u64) -> f64 {
        self.leak_per_ms * fresh_ms as f64
    }
}

/// What this worker has spent of an account since the last time, for the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spent {
    /// The account.
    pub id: AccountId,
    /// How much; less than 0 if more was given back than spent, 0 to ask only.
    pub amount: f64,
    /// What all hosts had used as far as this one knew, without `amount`: whoever keeps the counts may have lost
    /// them.
    pub known: f64,
    /// As in [`Terms`].
    pub size: u64,
    /// As in [`Terms`].
    pub leak_per_ms: f64,
    /// As in [`Terms`].
    pub ends_ms: u64,
    /// As in [`Terms`].
    pub is_kept: bool,
}

impl Spent {
    /// Most that a level may come to, so that a key is locked out for no longer than it takes twice its burst to flow back
    /// after others have spent blindly.
    pub fn most(&self) -> f64 {
        if self.leak_per_ms > 0.0 { 3.0 * self.size as f64 + self.leak_per_ms * 2_000.0 } else { f64::MAX }
    }
}

/// What a worker tells the others at once. The next one is not cut before this one is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Counts up, so that a batch that is sent twice is counted once.
    pub number: u64,
    /// At most [`BATCH_MAX`](book::BATCH_MAX), each account once.
    pub spent: Vec<Spent>,
}

/// The answer to a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// Of the batch.
    pub number: u64,
    /// Hosts that are alive, this one among them; at least 1.
    pub hosts: u32,
    /// What all hosts have used of each account, in the order of the batch and with it: the debt of a bucket, the count
    /// of a window.
    pub levels: Vec<f64>,
}

/// A batch on its way to control.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// Whose it is.
    pub worker: usize,
    /// What is told.
    pub batch: Batch,
    /// Accounts that wait for the next.
    pub waiting: usize,
    /// Times so far that an account had no place in the book.
    pub untold: u64,
}

/// What control says to a worker.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// The answer to a batch.
    Looked(Looked),
    /// The batch of this number has not left, because the others are away.
    Unsent(u64),
    /// So many hosts are alive.
    Hosts(u32),
    /// What was used of these accounts before this process began, and when their windows end.
    Restored(Vec<(AccountId, f64, u64)>),
    /// How it is done from now on.
    Turned {
        /// Between two batches.
        sync_ms: u64,
        /// Hosts until it is heard how many there are.
        hosts: u32,
    },
}

/// What is known of an account after a look at it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// What all hosts have used, with what this one has spent since: the debt of a bucket, the count of a window.
    /// The owner sets its own account to it.
    pub level: f64,
    /// How much of it is news: spent by others since the last look.
    pub others: f64,
    /// How much more than the limit admits others have used meanwhile.
    pub over: f64,
}
