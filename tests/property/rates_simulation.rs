//! Workers that share one key of a limit, on a clock of their own and with mail that may go wrong.
//!
//! Drives the very ledgers that workers run. Requests come as a demand has it, mail takes its time, and every admission
//! is written down with its moment. What is held against what: `rates_reference`.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use ringgate::policy::rate::borrowing::Outcome;
use ringgate::policy::rate::key::Key;
use ringgate::policy::rate::ledger::{Held, Lack, Ledger, Outbox, Wish};
use ringgate::policy::rate::message::{LimitNumber, RateMessage, Tier, Word};
use ringgate::policy::rate::rule::{Algorithm, Rule};
use ringgate::policy::rate::table::Salt;

pub const MS: u64 = 1_000_000;
const TICK: u64 = 20 * MS;
/// So long a request waits for an answer.
const PATIENCE: u64 = 100 * MS;

/// Where requests come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Anywhere.
    Uniform,
    /// All at one worker that does not own the key.
    Skewed,
    /// Anywhere, all at once for a tenth of the time.
    Bursty,
    /// All at one worker, another one every fifth of a second.
    Moving,
}

/// What the mail does, in parts of 100 and nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Mail {
    pub lost: u64,
    pub doubled: u64,
    pub late_max: u64,
}

impl Mail {
    /// As between the workers of a host that has CPU time to spare.
    pub const GOOD: Self = Self { lost: 0, doubled: 0, late_max: 0 };
    pub const BAD: Self = Self { lost: 20, doubled: 20, late_max: 60 * MS };
}

#[derive(Debug, Clone, Copy)]
pub struct Setup {
    pub rule: Rule,
    pub workers: usize,
    pub demand: Demand,
    pub mail: Mail,
    /// Requests come in at this many hundredths of the rate.
    pub load: u64,
    /// Whether requests have other limits too, some of which refuse.
    pub held: bool,
    pub cost_max: u32,
    pub seed: u64,
    pub length: u64,
}

/// What happened.
#[derive(Debug, Default)]
pub struct Report {
    /// Requests by their moment, with their cost.
    pub offered: Vec<(u64, u32)>,
    /// Those that went, by the moment they may go.
    pub admitted: Vec<(u64, u32)>,
    /// Messages between workers.
    pub messages: u64,
}

#[derive(Debug)]
enum Event {
    Arrival { worker: usize, cost: u32 },
    Letter { from: usize, to: usize, message: RateMessage },
    Decision { worker: usize, wish: Wish, held: Held },
    Tick(usize),
}

struct Waiting {
    wish: Wish,
    since: u64,
}

pub struct Simulation {
    setup: Setup,
    key: Key,
    ledgers: Vec<Ledger>,
    events: BinaryHeap<Reverse<(u64, u64)>>,
    bodies: HashMap<u64, Event>,
    waiting: Vec<HashMap<u64, Waiting>>,
    /// Mail between two workers stays in order, if it is good.
    arrives: HashMap<(usize, usize), u64>,
    now: u64,
    next: u64,
    random: u64,
    report: Report,
}

impl Simulation {
    pub fn run(setup: Setup) -> Report {
        let mut simulation = Self::new(setup);
        simulation.schedule_requests();
        for worker in 0..setup.workers {
            let first = simulation.below(TICK);
            simulation.at(first, Event::Tick(worker));
        }
        while let Some(Reverse((at, number))) = simulation.events.pop() {
            if at > setup.length + 200 * MS {
                break;
            }
            simulation.now = at;
            let event = simulation.bodies.remove(&number).expect("an event has a body");
            simulation.happen(event);
        }
        simulation.report.admitted.sort_unstable();
        simulation.report
    }

    fn new(setup: Setup) -> Self {
        let rules = || Box::new([(Tier::default(), setup.rule)]);
        let ledger =
            |worker| Ledger::new(LimitNumber(1), (worker, setup.workers), rules(), (1_000, Salt([1, 2])));
        let mut simulation = Self {
            setup,
            key: Key(1),
            ledgers: (0..setup.workers).map(ledger).collect(),
            events: BinaryHeap::new(),
            bodies: HashMap::new(),
            waiting: (0..setup.workers).map(|_| HashMap::new()).collect(),
            arrives: HashMap::new(),
            now: 0,
            next: 1,
            random: setup.seed | 1,
            report: Report::default(),
        };
        let (high, low) = (simulation.random(), simulation.random());
        simulation.key = Key(u128::from(high) << 64 | u128::from(low) | 1);
        simulation
    }

    fn schedule_requests(&mut self) {
        let setup = self.setup;
        let per_second =
            u64::from(setup.rule.count) * setup.load * 10_000_000 / setup.rule.period_ns().max(1);
        let cost_mean = u64::from(setup.cost_max).div_ceil(2).max(1);
        let between = 1_000_000_000 / per_second.max(1) * cost_mean;
        let (mut at, mut hot) = (0, 0);
        let mut until = 0;
        while at < setup.length {
            at += self.below(2 * between.max(1)) + 1;
            if at >= until {
                until = at + 200 * MS;
                hot = self.below(setup.workers as u64) as usize;
            }
            let anywhere = self.below(setup.workers as u64) as usize;
            let worker = match setup.demand {
                Demand::Uniform | Demand::Bursty => anywhere,
                Demand::Skewed => (self.key.owner(setup.workers) + 1) % setup.workers,
                Demand::Moving => hot,
            };
            let cost = 1 + self.below(u64::from(setup.cost_max)) as u32;
            let second = at / (1_000 * MS) * 1_000 * MS;
            // All of a second's requests in its first tenth.
            let moment = if setup.demand == Demand::Bursty { second + (at - second) / 10 } else { at };
            self.at(moment, Event::Arrival { worker, cost });
        }
    }

    fn happen(&mut self, event: Event) {
        let mut out = Outbox::new();
        let now = self.now;
        let from = match event {
            Event::Arrival { worker, cost } => {
                self.report.offered.push((now, cost));
                let wish = Wish { key: self.key, tier: Tier::default(), cost };
                self.arrive(worker, wish, &mut out);
                worker
            }
            Event::Letter { from, to, message } => {
                self.deliver(from, to, &message, &mut out);
                to
            }
            Event::Decision { worker, wish, held } => {
                if self.below(100) < 70 {
                    // Windows, logs and queues count a request when it is decided.
                    let is_bucket = self.setup.rule.algorithm == Algorithm::TokenBucket;
                    let at = if is_bucket { now } else { held.go_at };
                    self.report.admitted.push((at, wish.cost));
                    self.ledgers[worker].commit(&wish, &held, now, &mut out);
                } else {
                    self.ledgers[worker].cancel(&wish, &held, now, &mut out);
                }
                worker
            }
            Event::Tick(worker) => {
                self.ledgers[worker].tick(now, &mut out);
                self.waiting[worker].retain(|_, waiting| now - waiting.since < PATIENCE);
                let jitter = self.below(MS);
                self.at(now + TICK + jitter, Event::Tick(worker));
                worker
            }
        };
        self.post(from, out);
    }

    fn arrive(&mut self, worker: usize, wish: Wish, out: &mut Outbox) {
        let now = self.now;
        let lack = if self.setup.held {
            match self.ledgers[worker].hold(&wish, now, out) {
                Ok(held) => return self.decide_later(worker, wish, held),
                Err(lack) => lack,
            }
        } else {
            match self.ledgers[worker].take(&wish, now, out) {
                Ok(go_at) => return self.report.admitted.push((go_at, wish.cost)),
                Err(lack) => lack,
            }
        };
        if lack == Lack::Unknown {
            let ticket = self.next;
            self.next += 1;
            self.waiting[worker].insert(ticket, Waiting { wish, since: now });
            self.ledgers[worker].ask(&wish, self.setup.held, ticket, now, out);
        }
    }

    fn decide_later(&mut self, worker: usize, wish: Wish, held: Held) {
        let at = self.now + self.below(2 * MS);
        self.at(at, Event::Decision { worker, wish, held });
    }

    fn deliver(&mut self, from: usize, to: usize, message: &RateMessage, out: &mut Outbox) {
        let (now, held) = (self.now, self.setup.held);
        let mut wish = Wish { key: message.key, tier: message.tier, cost: 0 };
        let ledger = &mut self.ledgers[to];
        match &message.word {
            Word::Ask(ask) => {
                wish.cost = ask.cost;
                ledger.asked(from, &wish, ask, now, out);
            }
            Word::Settle(settled) => ledger.settled(from, &wish, settled, now),
            Word::Recall => ledger.recalled(message.key, now, out),
            Word::Introduce(_) => {}
            Word::Answer(answer) => {
                ledger.learn(message.key, answer, now);
                let Some(waiting) = self.waiting[to].remove(&answer.ticket) else { return };
                match ledger.decided(&waiting.wish, answer, held, now, out) {
                    // Paid for when it was decided, which mail that takes long does not change.
                    Outcome::Given(go_at) => self.report.admitted.push((go_at, waiting.wish.cost)),
                    Outcome::Held(held) => self.decide_later(to, waiting.wish, held),
                    Outcome::Refused(_) | Outcome::Unknown => {}
                }
            }
        }
    }

    fn post(&mut self, from: usize, out: Outbox) {
        for (to, message) in out {
            self.report.messages += 1;
            let mail = self.setup.mail;
            if self.below(100) < mail.lost {
                continue;
            }
            let copies = 1 + u64::from(self.below(100) < mail.doubled);
            for _ in 0..copies {
                let mut at = self.now + 20_000 + self.below(40_000);
                if mail.late_max > 0 && self.below(4) == 0 {
                    at += self.below(mail.late_max);
                } else if mail.late_max == 0 {
                    let last = self.arrives.entry((from, to)).or_default();
                    at = at.max(*last);
                    *last = at;
                }
                self.at(at, Event::Letter { from, to, message: message.clone() });
            }
        }
    }

    fn at(&mut self, at: u64, event: Event) {
        self.next += 1;
        self.events.push(Reverse((at, self.next)));
        self.bodies.insert(self.next, event);
    }

    fn random(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random() % bound.max(1)
    }
}
