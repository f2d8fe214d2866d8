//! Hosts, the counts they share, and a network between them that loses and delays, on a clock of numbers.
//!
//! The counts here say what the script on Redis does; `tests/fleet` holds the two against each other. Everything follows
//! from a seed.

use std::collections::HashMap;

use super::book::Book;
use super::{AccountId, Batch, LimitId, Looked, Terms};
use crate::telemetry::xorshift::Xorshift;

/// The counts that hosts share, as the script keeps them.
#[derive(Default)]
pub struct Counts {
    levels: HashMap<AccountId, (f64, u64)>,
    /// Of each host, the last batch that was counted.
    numbers: HashMap<usize, u64>,
}

impl Counts {
    /// Counts a batch, unless it has been counted, and says what there is.
    pub fn count(&mut self, host: usize, batch: &Batch, hosts: u32, now_ms: u64) -> Looked {
        let last = self.numbers.entry(host).or_default();
        let is_new = *last < batch.number;
        *last = batch.number.max(*last);
        let levels = batch.spent.iter().map(|spent| {
            let (level, at_ms) = self.levels.get(&spent.id).copied().unwrap_or((0.0, now_ms));
            let leaked = (level - spent.leak_per_ms * (now_ms - at_ms) as f64).max(0.0).max(spent.known);
            let level = if is_new { (leaked + spent.amount).max(0.0) } else { leaked };
            self.levels.insert(spent.id, (level, now_ms));
            level
        });
        let levels = levels.collect();
        Looked { number: batch.number, hosts, levels }
    }

    /// Everything is lost.
    pub fn forget(&mut self) {
        self.levels.clear();
        self.numbers.clear();
    }
}

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Case {
    pub seed: u64,
    pub hosts: usize,
    pub limit: Limit,
    pub sync_ms: u64,
    /// Longest way in one direction.
    pub way_ms_max: u64,
    /// Of 1000 messages, how many are lost.
    pub lost: u64,
    /// When the counts cannot be reached, from and to.
    pub outages: Vec<(u64, u64)>,
    /// When the counts forget everything.
    pub amnesia_ms: Option<u64>,
    pub demand: Demand,
    pub duration_ms: u64,
    /// Largest cost of a request; they cost from 1 to this.
    pub cost_max: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    Bucket { burst: u64, per_second: f64 },
    Window { limit: u64, length_ms: u64 },
}

impl Limit {
    /// What it admits, whenever it ends.
    pub fn terms(self) -> Terms {
        match self {
            Self::Bucket { burst, per_second } => Terms::bucket(burst, per_second),
            Self::Window { limit, length_ms } => Terms::window(limit, length_ms, 0),
        }
    }
}

/// Where requests come to, and how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Demand {
    /// To all hosts alike; so many times the rate.
    Even(f64),
    /// To the first host.
    Skewed(f64),
    /// To one host for a while, then to another.
    Moving(f64),
    /// To all at once, so many units each, and nothing for as many milliseconds.
    Bursts(u64, u64),
    /// To the first host without an end, to the others one now and then.
    Trickle(f64, u64),
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Bucket: most that was ever used beyond the rate. Window: most in one window.
    pub peak: f64,
    pub admitted: u64,
    pub offered: u64,
    pub refused: u64,
    /// Longest time in which requests came and none was admitted.
    pub dry_ms: u64,
}

struct Host {
    book: Book,
    /// Batch on its way, as control has it, and when it tries again.
    trying: Option<(Batch, u64)>,
    next_cut_ms: u64,
    /// Bucket: its own account, as its owner keeps it.
    own: (f64, u64),
}

enum Message {
    Ask(usize, Batch),
    Answer(usize, Looked),
}

/// One run.
pub struct World {
    case: Case,
    random: Xorshift,
    hosts: Vec<Host>,
    counts: Counts,
    /// By time of arrival.
    ways: Vec<(u64, Message)>,
    outcome: Outcome,
    /// Bucket: debt of all hosts, by an account that knows everything. Window: count of the present one.
    truth: (f64, u64),
    last_admitted_ms: u64,
}

const START_MS: u64 = 1_000_000;
/// How long control waits for an answer.
const PATIENCE_MS: u64 = 250;

impl World {
    pub fn new(case: Case) -> Self {
        let random = Xorshift::new(case.seed | 1);
        let hosts = (0..case.hosts)
            .map(|_| Host {
                book: Book::new(case.sync_ms, case.hosts as u32),
                trying: None,
                own: (0.0, START_MS),
                next_cut_ms: START_MS + random.next() % case.sync_ms,
            })
            .collect();
        let (counts, outcome) = Default::default();
        let last_admitted_ms = START_MS;
        Self {
            case,
            random,
            hosts,
            counts,
            ways: Vec::new(),
            outcome,
            truth: (0.0, START_MS),
            last_admitted_ms,
        }
    }

    pub fn run(mut self) -> Outcome {
        for now_ms in START_MS..START_MS + self.case.duration_ms {
            if self.case.amnesia_ms.is_some_and(|at| START_MS + at == now_ms) {
                self.counts.forget();
            }
            self.deliver(now_ms);
            for host in 0..self.hosts.len() {
                self.sync(host, now_ms);
                for _ in 0..self.arriving(host, now_ms) {
                    self.request(host, now_ms);
                }
            }
        }
        self.outcome
    }

    /// Bucket: id and terms as of now.
    fn account(&self, now_ms: u64) -> (AccountId, Terms) {
        let limit = LimitId::of("api");
        match self.case.limit {
            Limit::Bucket { burst, per_second } => {
                (AccountId { limit, key: [7; 16], window: 0 }, Terms::bucket(burst, per_second))
            }
            Limit::Window { limit: most, length_ms } => {
                let window = now_ms / length_ms;
                let terms = Terms::window(most, length_ms, (window + 2) * length_ms);
                (AccountId { limit, key: [7; 16], window }, terms)
            }
        }
    }

    fn is_away(&self, now_ms: u64) -> bool {
        self.case.outages.iter().any(|(from, to)| (from + START_MS..to + START_MS).contains(&now_ms))
    }

    fn chance(&mut self, of_1000: u64) -> bool {
        self.random.next() % 1_000 < of_1000
    }

    fn way_ms(&mut self) -> u64 {
        self.random.next() % (self.case.way_ms_max + 1)
    }

    fn deliver(&mut self, now_ms: u64) {
        let (due, later) = std::mem::take(&mut self.ways).into_iter().partition(|(at, _)| *at <= now_ms);
        self.ways = later;
        let mut due: Vec<(u64, Message)> = due;
        due.sort_by_key(|(at, _)| *at);
        for (_, message) in due {
            match message {
                Message::Ask(host, batch) if !self.is_away(now_ms) => {
                    let looked = self.counts.count(host, &batch, self.case.hosts as u32, now_ms);
                    if !self.chance(self.case.lost) {
                        let at = now_ms + self.way_ms();
                        self.ways.push((at, Message::Answer(host, looked)));
                    }
                }
                Message::Ask(..) => {}
                Message::Answer(host, looked) => {
                    let host = &mut self.hosts[host];
                    host.trying = host.trying.take().filter(|(batch, _)| batch.number != looked.number);
                    host.book.learn(&looked, now_ms, |_, _| {});
                }
            }
        }
    }

    fn sync(&mut self, at: usize, now_ms: u64) {
        let host = &mut self.hosts[at];
        if now_ms >= host.next_cut_ms {
            host.next_cut_ms += self.case.sync_ms;
            if let Some(batch) = host.book.cut(now_ms) {
                host.trying = Some((batch, now_ms));
            }
        }
        let again = host.trying.as_mut().filter(|(_, when)| *when <= now_ms).map(|(batch, when)| {
            *when = now_ms + PATIENCE_MS;
            batch.clone()
        });
        if let Some(batch) = again
            && !self.chance(self.case.lost)
        {
            let arrives = now_ms + self.way_ms();
            self.ways.push((arrives, Message::Ask(at, batch)));
        }
    }

    fn arriving(&mut self, host: usize, now_ms: u64) -> u64 {
        let per_ms = match self.case.limit {
            Limit::Bucket { per_second, .. } => per_second / 1_000.0,
            Limit::Window { limit, length_ms } => limit as f64 / length_ms as f64,
        };
        let since = now_ms - START_MS;
        let hosts = self.case.hosts as u64;
        let mean = match self.case.demand {
            Demand::Even(times) => times * per_ms / hosts as f64,
            Demand::Skewed(times) if host == 0 => times * per_ms,
            Demand::Moving(times) if since / 1_700 % hosts == host as u64 => times * per_ms,
            Demand::Bursts(units, pause_ms) if since.is_multiple_of(pause_ms) => return units,
            Demand::Trickle(times, _) if host == 0 => times * per_ms,
            Demand::Trickle(_, pause_ms) => {
                return u64::from((since + host as u64 * 37).is_multiple_of(pause_ms)) * 50;
            }
            _ => 0.0,
        };
        let part = self.random.next() % 1_000_000;
        mean as u64 + u64::from((part as f64) < mean.fract() * 1e6)
    }

    fn request(&mut self, host: usize, now_ms: u64) {
        let cost = 1 + self.random.next() % self.case.cost_max;
        let (id, terms) = self.account(now_ms);
        let host = &mut self.hosts[host];
        self.outcome.offered += cost;
        let own = after(self.case.limit, host.own, now_ms) + cost as f64;
        if own > terms.size as f64 || host.book.room(&id, &terms, cost, now_ms) < cost {
            self.outcome.refused += cost;
            self.outcome.dry_ms = self.outcome.dry_ms.max(now_ms - self.last_admitted_ms);
            return;
        }
        host.own = (own, now_ms);
        host.book.spent(&id, &terms, cost, now_ms);
        self.last_admitted_ms = now_ms;
        self.outcome.admitted += cost;
        self.truth = (after(self.case.limit, self.truth, now_ms) + cost as f64, now_ms);
        self.outcome.peak = self.outcome.peak.max(self.truth.0);
    }
}

/// What is left now of what was used then.
fn after(limit: Limit, (level, then_ms): (f64, u64), now_ms: u64) -> f64 {
    match limit {
        Limit::Bucket { per_second, .. } => (level - per_second / 1e3 * (now_ms - then_ms) as f64).max(0.0),
        Limit::Window { length_ms, .. } if then_ms / length_ms != now_ms / length_ms => 0.0,
        Limit::Window { .. } => level,
    }
}
