//! What is believed of a source's answers, and when.
//!
//! Two things are held back: a loss of many endpoints at once, because a broken registry looks like that, and an endpoint
//! that comes and goes, because each of its comings costs requests. Both are believed in the end. New endpoints and the
//! departure of a few are believed at once. Time comes in as an argument; nothing here waits.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::feed::Found;
use crate::upstream::balance::ENDPOINTS_MAX;
use crate::upstream::config::discover::MembershipConfig;

/// Endpoints that are remembered, those that are gone included. Beyond it they are forgotten at once.
const KNOWN_MAX: usize = 4 * ENDPOINTS_MAX;

/// What is believed, and what is remembered to decide it.
#[derive(Debug, Clone, Default)]
pub struct Settling {
    accepted: Vec<Found>,
    known: BTreeMap<Key, Past>,
    /// Since when a loss is held back, and of how many endpoints.
    held: Option<(Instant, usize)>,
    is_begun: bool,
}

/// An endpoint stays the same where its address and its name do.
type Key = (SocketAddr, String);

/// An endpoint that is there, or was not long ago.
#[derive(Debug, Clone)]
struct Past {
    found: Found,
    is_here: bool,
    /// When it came, or went.
    since: Instant,
    /// How often it has gone.
    departures: u32,
}

impl Past {
    /// How long it has to stay before it is used. Once is a restart; again is a pattern.
    fn delay(&self, rules: &MembershipConfig) -> Duration {
        match self.departures {
            0 | 1 => Duration::ZERO,
            more => {
                let doublings = (more - 2).min(20);
                (rules.damp.duration() * (1 << doublings)).min(rules.damp_max.duration())
            }
        }
    }
}

impl Settling {
    /// Takes an answer. It is believed by [`Settling::settle`].
    pub fn report(&mut self, now: Instant, found: &[Found]) {
        let here: BTreeMap<Key, &Found> = found.iter().map(|one| (key(one), one)).collect();
        for (key, past) in &mut self.known {
            if past.is_here && !here.contains_key(key) {
                past.is_here = false;
                past.since = now;
                past.departures = past.departures.saturating_add(1);
            }
        }
        for (key, found) in here {
            let past = self.known.entry(key).or_insert_with(|| Past {
                found: found.clone(),
                is_here: true,
                since: now,
                departures: 0,
            });
            past.found = found.clone();
            if !past.is_here {
                past.is_here = true;
                past.since = now;
            }
        }
        if self.known.len() > KNOWN_MAX {
            self.known.retain(|_, past| past.is_here);
        }
    }

    /// Decides what is in use from now on. True if that has changed.
    pub fn settle(&mut self, now: Instant, rules: &MembershipConfig) -> bool {
        self.forget(now, rules.damp_max.duration());
        let here = self.known.values().filter(|past| past.is_here);
        let is_ready = |past: &&Past| {
            now.saturating_duration_since(past.since) >= past.delay(rules) || self.accepts(&past.found)
        };
        let mut next: Vec<Found> = here.clone().filter(is_ready).map(|past| past.found.clone()).collect();
        if next.is_empty() {
            // Endpoints that come and go are better than none.
            next = here.map(|past| past.found.clone()).collect();
        }
        if self.holds_back(now, next.len(), rules) {
            let leaving = self.accepted.iter().filter(|one| !self.is_here(one)).cloned();
            next.extend(leaving.collect::<Vec<_>>());
        }
        next.sort();
        self.is_begun |= !next.is_empty();
        let has_changed = next != self.accepted;
        self.accepted = next;
        has_changed
    }

    /// Whether the loss there is must wait, where `left` endpoints could be used.
    fn holds_back(&mut self, now: Instant, left: usize, rules: &MembershipConfig) -> bool {
        let (since, before) = self.held.unwrap_or((now, self.accepted.len()));
        // A replacement is no loss: registries that lose what they know do not report others instead.
        let is_loss = (left as f64) < before as f64 * (1.0 - rules.hold_back.fraction());
        let is_held = is_loss && now.saturating_duration_since(since) < rules.hold_time.duration();
        self.held = is_held.then_some((since, before));
        is_held
    }

    /// The past of those that are gone, or have stayed for long enough, counts no more.
    fn forget(&mut self, now: Instant, after: Duration) {
        self.known.retain(|_, past| {
            let is_old = now.saturating_duration_since(past.since) >= after;
            if past.is_here && is_old {
                past.departures = 0;
            }
            past.is_here || !is_old
        });
    }

    /// When there is something to decide although nothing is reported.
    pub fn due(&self, rules: &MembershipConfig) -> Option<Instant> {
        let waiting = self.known.values().filter(|past| past.is_here && !self.accepts(&past.found));
        let ready = waiting.map(|past| past.since + past.delay(rules));
        ready.chain(self.held.map(|(since, _)| since + rules.hold_time.duration())).min()
    }

    /// What is in use, in the order of addresses.
    pub fn accepted(&self) -> &[Found] {
        &self.accepted
    }

    /// False until there has been an endpoint to use.
    pub fn is_begun(&self) -> bool {
        self.is_begun
    }

    /// True while a loss is held back.
    pub fn is_holding(&self) -> bool {
        self.held.is_some()
    }

    /// How long a loss is held back for at most.
    pub fn held_for(&self, now: Instant, rules: &MembershipConfig) -> Option<Duration> {
        let (since, _) = self.held?;
        Some(rules.hold_time.duration().saturating_sub(now.saturating_duration_since(since)))
    }

    /// Whether an endpoint in use is reported: if not, its loss is held back.
    pub fn is_here(&self, found: &Found) -> bool {
        self.known.get(&key(found)).is_some_and(|past| past.is_here)
    }

    /// Those that are reported and not used yet, because they come and go.
    pub fn damped(&self) -> impl Iterator<Item = &Found> {
        self.known.values().filter(|past| past.is_here && !self.accepts(&past.found)).map(|past| &past.found)
    }

    fn accepts(&self, found: &Found) -> bool {
        self.accepted
            .binary_search_by(|one| (one.address, &one.label).cmp(&(found.address, &found.label)))
            .is_ok()
    }
}

fn key(found: &Found) -> Key {
    (found.address, found.label.clone())
}

#[cfg(test)]
#[path = "settle_tests.rs"]
mod tests;
