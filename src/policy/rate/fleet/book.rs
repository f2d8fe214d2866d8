//! Accounts of one worker that other hosts spend from too.
//!
//! Owns what is known of the others and what they have not been told, bounded by [`KEYS_MAX`]; not the accounts
//! themselves. One batch is on its way at a time; what does not fit waits for the next, first come, first served.

use std::collections::{HashMap, VecDeque};

use foldhash::fast::FixedState;

use super::hold::{Hold, Stance};
use super::{AccountId, Batch, Known, Looked, Spent, Terms};

/// Most accounts in a batch: 10 000 a second at 100 ms for each worker, and some milliseconds of whoever counts.
pub const BATCH_MAX: usize = 1_024;

/// Most accounts of one worker that are known of at once, about 150 bytes each. An account beyond has its fair share
/// for each request and is not told of: [`Book::untold`].
pub const KEYS_MAX: usize = 65_536;

/// Entries looked at for leaving, each time a batch is cut.
const SWEPT: usize = 512;

/// What others spend of this worker's accounts, as far as it knows.
pub struct Book {
    entries: Vec<Entry>,
    by_id: HashMap<AccountId, u32, FixedState>,
    free: Vec<u32>,
    /// To be told at the next cut, in this order.
    queue: VecDeque<u32>,
    flight: Option<Flight>,
    number: u64,
    hosts: u32,
    /// How long a look is fresh.
    fresh_ms: u64,
    /// When anything was heard last; 0 for never.
    heard_ms: u64,
    /// Where sweeping goes on.
    hand: usize,
    untold: u64,
}

struct Entry {
    id: AccountId,
    hold: Hold,
    terms: Terms,
    is_queued: bool,
    is_used: bool,
}

/// A batch on its way.
struct Flight {
    number: u64,
    cut_ms: u64,
    spent: Vec<(u32, Spent)>,
}

impl Book {
    /// Nothing known yet. `sync_ms` is how often batches are cut, `hosts` how many hosts there are until it is known.
    pub fn new(sync_ms: u64, hosts: u32) -> Self {
        Self {
            entries: Vec::new(),
            by_id: HashMap::default(),
            free: Vec::new(),
            queue: VecDeque::new(),
            flight: None,
            number: 0,
            hosts: hosts.max(1),
            fresh_ms: fresh_ms(sync_ms),
            heard_ms: 0,
            hand: 0,
            untold: 0,
        }
    }

    /// Another interval or number of hosts to begin with, from a new configuration.
    pub fn adopt(&mut self, sync_ms: u64, hosts: u32) {
        self.fresh_ms = fresh_ms(sync_ms);
        if self.heard_ms == 0 {
            self.hosts = hosts.max(1);
        }
    }

    /// How much of this account may be given out now, in whole units, whatever its owner's own account says. `least`
    /// is the smallest amount that is of use, such as the cost of the request at hand. `now_ms` is of a clock that never goes
    /// back, everywhere here.
    pub fn room(&mut self, id: &AccountId, terms: &Terms, least: u64, now_ms: u64) -> u64 {
        let stance = self.stance(now_ms);
        let Some(at) = self.find(id, terms, now_ms) else {
            return (terms.size / u64::from(stance.hosts)).max(least).min(terms.size);
        };
        self.ask(at);
        let entry = &mut self.entries[at as usize];
        entry.terms = *terms;
        entry.hold.advance(terms.leak_per_ms, &stance, now_ms);
        entry.hold.room(terms, &stance, least)
    }

    /// This much was given out of it.
    pub fn spent(&mut self, id: &AccountId, terms: &Terms, amount: u64, now_ms: u64) {
        self.record(id, terms, amount as f64, now_ms);
    }

    /// This much came back unused.
    pub fn returned(&mut self, id: &AccountId, terms: &Terms, amount: u64, now_ms: u64) {
        self.record(id, terms, -(amount as f64), now_ms);
    }

    /// What is known of it: what all hosts have used. `None` if nothing is.
    pub fn level(&mut self, id: &AccountId, terms: &Terms, now_ms: u64) -> Option<u64> {
        let at = *self.by_id.get(id)? as usize;
        let stance = self.stance(now_ms);
        let hold = &mut self.entries[at].hold;
        hold.advance(terms.leak_per_ms, &stance, now_ms);
        Some(hold.level().ceil() as u64)
    }

    /// What the others are to be told now. `None` if there is nothing, or the batch before is still on its way.
    pub fn cut(&mut self, now_ms: u64) -> Option<Batch> {
        self.sweep(now_ms);
        if self.flight.is_some() || self.queue.is_empty() {
            return None;
        }
        self.number += 1;
        let stance = self.stance(now_ms);
        let mut spent = Vec::with_capacity(self.queue.len().min(BATCH_MAX));
        while let Some(at) = (spent.len() < BATCH_MAX).then(|| self.queue.pop_front()).flatten() {
            let entry = &mut self.entries[at as usize];
            let terms = entry.terms;
            entry.is_queued = false;
            entry.hold.advance(terms.leak_per_ms, &stance, now_ms);
            let (amount, known) = entry.hold.cut();
            let Terms { size, leak_per_ms, ends_ms, is_kept, .. } = terms;
            let id = entry.id;
            spent.push((at, Spent { id, amount, known, size, leak_per_ms, ends_ms, is_kept }));
        }
        let batch = Batch { number: self.number, spent: spent.iter().map(|(_, spent)| *spent).collect() };
        self.flight = Some(Flight { number: self.number, cut_ms: now_ms, spent });
        Some(batch)
    }

    /// The batch of this number never left: what it told is told again with the next. Not for one that may have
    /// arrived.
    pub fn unsent(&mut self, number: u64) {
        let Some(flight) = self.flight.take_if(|flight| flight.number == number) else { return };
        for (at, spent) in flight.spent {
            if spent.amount != 0.0 && self.is_of(at, &spent.id) {
                self.ask(at);
            }
        }
    }

    /// Gives what is left to tell when this worker ends, batch by batch, without waiting for the one on its way: whoever has
    /// that one goes on with it.
    pub fn last(&mut self, now_ms: u64) -> Option<Batch> {
        for (at, spent) in self.flight.take().map(|flight| flight.spent).unwrap_or_default() {
            if self.is_of(at, &spent.id) {
                self.entries[at as usize].hold.hand_over();
            }
        }
        self.cut(now_ms)
    }

    /// Takes an answer in; `each` sets the owner's accounts right. An answer to anything but the batch on its way is
    /// dropped.
    pub fn learn(&mut self, looked: &Looked, now_ms: u64, mut each: impl FnMut(&AccountId, Known)) {
        let Some(flight) = self.flight.take_if(|flight| flight.number == looked.number) else { return };
        self.hosts = looked.hosts.max(1);
        self.heard_ms = now_ms.max(1);
        let stance = self.stance(now_ms);
        for ((at, spent), level) in flight.spent.iter().zip(&looked.levels) {
            // It may have left meanwhile, and another come to its place.
            if !self.is_of(*at, &spent.id) {
                continue;
            }
            let entry = &mut self.entries[*at as usize];
            entry.hold.advance(spent.leak_per_ms, &stance, now_ms);
            let known = entry.hold.look(*level, flight.cut_ms, spent);
            each(&entry.id, known);
        }
    }

    /// So much was used of an account before this process began.
    pub fn restore(&mut self, id: &AccountId, terms: &Terms, level: f64, now_ms: u64) {
        if let Some(at) = self.find(id, terms, now_ms) {
            self.entries[at as usize].hold.restore(level, now_ms);
        }
    }

    /// Hosts that were alive when last heard of.
    pub fn hosts(&self) -> u32 {
        self.hosts
    }

    /// How this host stands to the others at present.
    pub fn stance(&self, now_ms: u64) -> Stance {
        let silent_ms = now_ms.saturating_sub(self.heard_ms);
        let connected = self.heard_ms != 0 && silent_ms <= PATIENCE.max(4 * self.fresh_ms);
        Stance { hosts: self.hosts, fresh_ms: self.fresh_ms, connected }
    }

    /// Something was heard from the others without a batch: they are so many.
    pub fn heard(&mut self, hosts: u32, now_ms: u64) {
        self.hosts = hosts.max(1);
        self.heard_ms = now_ms.max(1);
    }

    /// Accounts that are waiting to be told of.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Times that an account found no room here and was not told of.
    pub fn untold(&self) -> u64 {
        self.untold
    }

    fn record(&mut self, id: &AccountId, terms: &Terms, amount: f64, now_ms: u64) {
        let Some(at) = self.find(id, terms, now_ms) else {
            self.untold += 1;
            return;
        };
        let stance = self.stance(now_ms);
        let entry = &mut self.entries[at as usize];
        entry.hold.advance(terms.leak_per_ms, &stance, now_ms);
        entry.hold.spend(amount);
        self.ask(at);
    }

    /// The entry of an account, a new one if there is none; `None` if there is no place for it.
    fn find(&mut self, id: &AccountId, terms: &Terms, now_ms: u64) -> Option<u32> {
        if let Some(at) = self.by_id.get(id) {
            return Some(*at);
        }
        if self.by_id.len() >= KEYS_MAX {
            self.sweep(now_ms);
        }
        let entry =
            Entry { id: *id, hold: Hold::new(now_ms), terms: *terms, is_queued: false, is_used: true };
        let at = if let Some(at) = self.free.pop() {
            self.entries[at as usize] = entry;
            at
        } else if self.entries.len() < KEYS_MAX {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            return None;
        };
        self.by_id.insert(*id, at);
        Some(at)
    }

    fn is_of(&self, at: u32, id: &AccountId) -> bool {
        let entry = &self.entries[at as usize];
        entry.is_used && entry.id == *id
    }

    /// Asks for a look at the next cut.
    fn ask(&mut self, at: u32) {
        let entry = &mut self.entries[at as usize];
        if !entry.is_queued {
            entry.is_queued = true;
            self.queue.push_back(at);
        }
    }

    /// Forgets some of what is of no more use, a part of the book each time; where room is short, also what would only
    /// make for a fairer share.
    fn sweep(&mut self, now_ms: u64) {
        let stance = self.stance(now_ms);
        let is_crowded = self.by_id.len() >= KEYS_MAX / 4 * 3;
        for _ in 0..SWEPT.min(self.entries.len()) {
            self.hand = (self.hand + 1) % self.entries.len();
            let entry = &mut self.entries[self.hand];
            if !entry.is_used || entry.is_queued {
                continue;
            }
            let Terms { leak_per_ms, ends_ms, .. } = entry.terms;
            entry.hold.advance(leak_per_ms, &stance, now_ms);
            let has_ended = ends_ms != 0 && ends_ms < now_ms;
            if entry.hold.is_idle() || (has_ended || is_crowded) && entry.hold.pending() == 0.0 {
                entry.is_used = false;
                self.by_id.remove(&entry.id);
                self.free.push(self.hand as u32);
            }
        }
    }
}

/// How long a look is fresh: an interval, and 50 ms for the way there and back.
pub fn fresh_ms(sync_ms: u64) -> u64 {
    sync_ms + 50
}

/// Silence in milliseconds after which the others count as away, unless looks are rarer than that.
const PATIENCE: u64 = 1_000;
