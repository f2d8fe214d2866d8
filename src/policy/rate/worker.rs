//! All limits of one worker: their ledgers from generation to generation, its mail, and requests that wait for answers.
//!
//! Nothing here decides how much is admitted; the ledgers do. Bounded: requests wait for [`PATIENCE_NS`] at most, and a
//! limit that no route names any more is forgotten once nobody owes anything.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use foldhash::fast::FixedState;

use super::fleet::abroad::Abroad;
use super::fleet::courier::Courier;
use super::ledger::{Held, Ledger, Outbox, Tally, Wish};
use super::message::{Answer, LimitNumber, LoanNumber, RateMessage, Ruling, Tier, Word};
use super::plan::{LimitPlan, Shared};
use super::rule::Rule;
use super::table::Salt;
use super::waiting::{Answered, Waiting};
use crate::policy::post::{Letter, Post};
use crate::rt::clock;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::RateMetrics;
use crate::telemetry::registry::Registry;

/// How long a request waits for the owner of its key. One that hears nothing is refused: the owner's thread has not
/// run for so long, and what cannot be counted is not let through.
pub const PATIENCE_NS: u64 = 100_000_000;

/// How long a limit is kept that nobody names any more.
const KEPT_NS: u64 = 60_000_000_000;

/// Keys of a limit that another worker has told us of: it runs a configuration that we do not have yet.
const KEYS_TOLD: usize = 10_000;

/// The wall clock has been set if it is off by more than this.
const SET_NS: u64 = 500_000_000;

/// Ticks between two looks at what seldom changes.
const TICKS_PER_ROUND: u64 = 50;

/// Letters of former rounds that are kept to be written on again.
const SPARE_LETTERS: usize = 16;

/// A limit on one worker.
pub struct Limit {
    /// What it decides by.
    pub ledger: RefCell<Ledger>,
    /// Its figures; None as long as it is known from another worker only.
    metrics: RefCell<Option<Slot<RateMetrics>>>,
    told: Cell<Tally>,
    settled_at: Cell<u64>,
    used_at: Cell<u64>,
}

impl Limit {
    /// Its figures.
    pub fn count(&self, with: impl FnOnce(&RateMetrics)) {
        if let Some(metrics) = &*self.metrics.borrow() {
            with(metrics);
        }
    }
}

/// All limits of one worker.
pub struct Worker {
    worker: usize,
    workers: usize,
    post: Post,
    /// The way to other hosts.
    courier: Rc<Courier>,
    salt: Salt,
    limits: RefCell<HashMap<LimitNumber, Rc<Limit>, FixedState>>,
    pub(super) waiting: Waiting,
    outbox: RefCell<Outbox>,
    /// Mail by whom it goes to, as long as it has not gone.
    mail: RefCell<Vec<Vec<RateMessage>>>,
    spare: RefCell<Vec<Vec<RateMessage>>>,
    offset_ns: Cell<u64>,
    ticks: Cell<u64>,
}

impl Worker {
    /// That of `worker` of `workers`.
    pub fn new(worker: usize, workers: usize, post: Post, courier: Rc<Courier>) -> Rc<Self> {
        let mut mail = Vec::new();
        mail.resize_with(workers, Vec::new);
        Rc::new(Self {
            worker,
            workers,
            post,
            courier,
            salt: salt(),
            limits: RefCell::default(),
            waiting: Waiting::default(),
            outbox: RefCell::default(),
            mail: RefCell::new(mail),
            spare: RefCell::default(),
            offset_ns: Cell::new(offset_ns(clock::nanos())),
            ticks: Cell::new(0),
        })
    }

    /// The limit of this plan. It goes on from the generation before, with the new numbers.
    pub fn limit(&self, plan: &LimitPlan, registry: &Registry) -> Rc<Limit> {
        let now = clock::nanos();
        let mut limits = self.limits.borrow_mut();
        let limit = limits.entry(plan.number).or_insert_with(|| {
            let seat = (self.worker, self.workers);
            let ledger = Ledger::new(plan.number, seat, plan.rules.clone(), (plan.keys_max, self.salt));
            Rc::new(Limit::new(ledger, self.offset_ns.get(), now))
        });
        let abroad = |shared: &Shared| Abroad::new(self.courier.clone(), &shared.name, shared.is_kept);
        limit.ledger.borrow_mut().fleet = plan.shared.as_ref().map(abroad);
        limit.ledger.borrow_mut().adopt(plan.rules.clone(), plan.keys_max, now);
        limit.metrics.borrow_mut().get_or_insert_with(|| registry.rate(&plan.name, self.worker));
        limit.used_at.set(now);
        limit.clone()
    }

    /// Does something with a ledger, and sends what comes of it.
    pub fn with<T>(&self, limit: &Limit, act: impl FnOnce(&mut Ledger, &mut Outbox) -> T) -> T {
        let mut outbox = self.outbox.borrow_mut();
        let done = act(&mut limit.ledger.borrow_mut(), &mut outbox);
        if !outbox.is_empty() {
            self.send(&mut outbox);
        }
        done
    }

    /// Asks the owner, and gives what waits for the answer.
    pub fn ask(self: &Rc<Self>, limit: &Rc<Limit>, wish: &Wish, hold: bool, now: u64) -> Answered {
        let ticket = self.waiting.begin(limit, wish, hold, now);
        self.with(limit, |ledger, out| ledger.ask(wish, hold, ticket, now, out));
        Answered::new(self.clone(), ticket)
    }

    /// Gives back what was held for a request that is not admitted.
    pub fn cancel(&self, limit: &Limit, wish: &Wish, held: &Held) {
        self.with(limit, |ledger, out| ledger.cancel(wish, held, clock::nanos(), out));
    }

    /// A letter from another worker.
    pub fn take(&self, messages: Vec<RateMessage>, from: usize) {
        let now = clock::nanos();
        let mut messages = messages;
        let mut outbox = self.outbox.borrow_mut();
        for message in messages.drain(..) {
            self.read(message, from, now, &mut outbox);
        }
        self.send(&mut outbox);
        let mut spare = self.spare.borrow_mut();
        if spare.len() < SPARE_LETTERS {
            spare.push(messages);
        }
    }

    /// Once a tick.
    pub fn tick(&self) {
        let now = clock::nanos();
        let round = self.ticks.get().is_multiple_of(TICKS_PER_ROUND);
        self.ticks.set(self.ticks.get() + 1);
        let mut outbox = self.outbox.borrow_mut();
        for limit in self.limits.borrow().values() {
            limit.ledger.borrow_mut().tick(now, &mut outbox);
            limit.tell(now);
        }
        self.waiting.expire(now);
        self.send(&mut outbox);
        if round {
            self.keep_house(now);
        }
    }

    fn read(&self, message: RateMessage, from: usize, now: u64, out: &mut Outbox) {
        let RateMessage { limit: number, key, tier, word } = message;
        let known = self.limits.borrow().get(&number).cloned();
        let mut wish = Wish { key, tier, cost: 0 };
        let Some(limit) = known else {
            match word {
                Word::Introduce(rules) => self.introduce(number, rules, now),
                Word::Ask(ask) => {
                    let answer = Answer { ticket: ask.ticket, cost: ask.cost, ..Answer::unknown() };
                    out.push((from, RateMessage { limit: number, key, tier, word: Word::Answer(answer) }));
                }
                _ => {}
            }
            return;
        };
        limit.used_at.set(now);
        let mut ledger = limit.ledger.borrow_mut();
        match word {
            Word::Ask(ask) => {
                wish.cost = ask.cost;
                limit.settled_at.set(now);
                ledger.asked(from, &wish, &ask, now, out);
            }
            Word::Settle(settled) => {
                limit.settled_at.set(now);
                ledger.settled(from, &wish, &settled, now);
            }
            Word::Recall => ledger.recalled(key, now, out),
            Word::Introduce(_) => {}
            Word::Answer(answer) => {
                ledger.learn(key, &answer, now);
                self.waiting.answered(&mut ledger, &answer, now, out);
            }
        }
    }

    fn introduce(&self, number: LimitNumber, rules: Box<[(Tier, Rule)]>, now: u64) {
        if rules.is_empty() {
            return;
        }
        let ledger = Ledger::new(number, (self.worker, self.workers), rules, (KEYS_TOLD, self.salt));
        let limit = Rc::new(Limit::new(ledger, self.offset_ns.get(), now));
        self.limits.borrow_mut().insert(number, limit);
    }

    /// Puts messages into letters and sends those. What a full mailbox gives back waits for the next tick.
    fn send(&self, outbox: &mut Outbox) {
        let mut mail = self.mail.borrow_mut();
        for (to, message) in outbox.drain(..) {
            if let Some(letter) = mail.get_mut(to) {
                letter.push(message);
            }
        }
        for (to, letter) in mail.iter_mut().enumerate().filter(|(_, letter)| !letter.is_empty()) {
            let next = self.spare.borrow_mut().pop().unwrap_or_default();
            let messages = std::mem::replace(letter, next);
            if let Err(Letter::Rates { messages, .. }) =
                self.post.send(to, Letter::Rates { from: self.worker, messages })
            {
                *letter = messages;
            }
        }
    }

    fn keep_house(&self, now: u64) {
        let offset_ns = offset_ns(now);
        if offset_ns.abs_diff(self.offset_ns.get()) > SET_NS {
            self.offset_ns.set(offset_ns);
            self.limits.borrow().values().for_each(|limit| limit.ledger.borrow_mut().align(offset_ns));
        }
        self.limits.borrow_mut().retain(|_, limit| {
            let is_named = Rc::strong_count(limit) > 1;
            let is_owed = limit.ledger.borrow().outstanding() > 0;
            is_named || is_owed || now.saturating_sub(limit.used_at.get()) < KEPT_NS
        });
    }
}

impl Limit {
    fn new(mut ledger: Ledger, offset_ns: u64, now: u64) -> Self {
        ledger.align(offset_ns);
        Self {
            ledger: RefCell::new(ledger),
            metrics: RefCell::default(),
            told: Cell::default(),
            settled_at: Cell::new(now),
            used_at: Cell::new(now),
        }
    }

    /// Brings its figures up to date.
    fn tell(&self, now: u64) {
        let metrics = self.metrics.borrow();
        let Some(metrics) = &*metrics else { return };
        let ledger = self.ledger.borrow();
        let tally = ledger.tally();
        let told = self.told.replace(tally);
        metrics.asked.add(tally.asked - told.asked);
        metrics.asked_ahead.add(tally.asked_ahead - told.asked_ahead);
        metrics.evicted.add(tally.evicted - told.evicted);
        metrics.crowded.add(tally.crowded - told.crowded);
        metrics.voided.add(tally.voided - told.voided);
        let (accounts, shares) = ledger.keys();
        metrics.accounts.set(accounts as i64);
        metrics.shares.set(shares as i64);
        metrics.outstanding.set(ledger.outstanding() as i64);
        let is_owed = ledger.outstanding() > 0;
        let age_ms = now.saturating_sub(self.settled_at.get()) / 1_000_000;
        metrics.unsettled_ms.set(if is_owed { age_ms as i64 } else { 0 });
    }
}

impl Answer {
    /// That of a worker which has not heard of the limit.
    fn unknown() -> Self {
        Self {
            ticket: 0,
            cost: 0,
            ruling: Ruling::Unknown,
            loan: LoanNumber::default(),
            lent: 0,
            until: 0,
            left: 0,
            full_at: 0,
            calm: false,
        }
    }
}

/// By how much the wall clock is ahead of the one that never goes back.
fn offset_ns(now: u64) -> u64 {
    (clock::wall_ms() * 1_000_000).saturating_sub(now)
}

/// Places of keys in tables cannot be told from outside, even by who knows how keys are hashed.
fn salt() -> Salt {
    let mut bytes = [0; 16];
    // Without random numbers the place of a key is still told by a hash; only who knows its secret could aim at one.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    let salt = u128::from_le_bytes(bytes);
    Salt([salt as u64, (salt >> 64) as u64])
}
