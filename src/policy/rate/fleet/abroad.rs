//! One limit of one worker that other hosts spend from too: its keys and windows as the book has them.
//!
//! Times are nanoseconds of the clock that never goes back, as everywhere in limits; the book reckons in milliseconds.

use std::rc::Rc;

use super::courier::Courier;
use super::{AccountId, LimitId, Terms};
use crate::policy::rate::key::Key;
use crate::policy::rate::rule::{Algorithm, Rule};

/// A limit across hosts.
#[derive(Clone)]
pub struct Abroad {
    courier: Rc<Courier>,
    limit: LimitId,
    is_kept: bool,
}

impl Abroad {
    /// The limit of this name, which is the same on all hosts. `is_kept` for a quota.
    pub fn new(courier: Rc<Courier>, name: &str, is_kept: bool) -> Self {
        Self { courier, limit: LimitId::of(name), is_kept }
    }

    /// Whether limits of this kind can be shared by hosts.
    pub fn suits(algorithm: Algorithm) -> bool {
        !matches!(algorithm, Algorithm::SlidingLog | Algorithm::Slots)
    }

    /// Gives when to ask again if so much may not be given out now, whatever the account says.
    ///
    /// # Errors
    /// With the time before which it is of no use to ask.
    pub fn check(&self, key: Key, rule: &Rule, cost: u32, now: u64) -> Result<(), u64> {
        if self.room(key, rule, cost, now) >= cost {
            return Ok(());
        }
        let (id, terms) = self.account(key, rule, now);
        let level = self.courier.book().level(&id, &terms, ms(now)).unwrap_or(0);
        let over = (level + u64::from(cost)).saturating_sub(terms.size);
        let wait_ms = match rule.has_windows() {
            // The limit has it, only this host must hear of the others first.
            _ if over == 0 => ASK_AGAIN_MS,
            true => return Err(rule.window(now).end),
            false => ((over as f64 / terms.leak_per_ms) as u64).max(ASK_AGAIN_MS),
        };
        Err(now.saturating_add(wait_ms * 1_000_000))
    }

    /// How much may be given out now. `least` is what is of use.
    pub fn room(&self, key: Key, rule: &Rule, least: u32, now: u64) -> u32 {
        let (id, terms) = self.account(key, rule, now);
        let room = self.courier.book().room(&id, &terms, u64::from(least), ms(now));
        u32::try_from(room).unwrap_or(u32::MAX)
    }

    /// So much was given out.
    pub fn take(&self, key: Key, rule: &Rule, amount: u32, now: u64) {
        let (id, terms) = self.account(key, rule, now);
        self.courier.book().spent(&id, &terms, u64::from(amount), ms(now));
    }

    /// So much of what was given out at `at` is back.
    pub fn give_back(&self, key: Key, rule: &Rule, amount: u32, at: u64, now: u64) {
        if rule.has_windows() && rule.window(at).number != rule.window(now).number {
            return;
        }
        let (id, terms) = self.account(key, rule, now);
        self.courier.book().returned(&id, &terms, u64::from(amount), ms(now));
    }

    /// How much all hosts have left, as far as is known here.
    pub fn left(&self, key: Key, rule: &Rule, now: u64) -> u32 {
        let (id, terms) = self.account(key, rule, now);
        let level = self.courier.book().level(&id, &terms, ms(now)).unwrap_or(0);
        u32::try_from(terms.size.saturating_sub(level)).unwrap_or(u32::MAX)
    }

    fn account(&self, key: Key, rule: &Rule, now: u64) -> (AccountId, Terms) {
        let (limit, key) = (self.limit, key.bytes());
        if rule.is_bucket() {
            let per_second = f64::from(rule.count) / (rule.period_ns() as f64 / 1e9);
            return (AccountId { limit, key, window: 0 }, Terms::bucket(u64::from(rule.burst), per_second));
        }
        let window = rule.window(now);
        let id = AccountId { limit, key, window: window.number };
        let length_ms = ms(rule.period_ns());
        let mut terms = Terms::window(u64::from(rule.count), length_ms, ms(window.end));
        terms.is_kept = self.is_kept;
        if length_ms >= LONG_MS {
            terms.first = (terms.size / FIRST_PART).max(FIRST_MIN);
        }
        if rule.algorithm == Algorithm::SlidingWindow {
            let before = AccountId { window: window.number.wrapping_sub(1), ..id };
            let used = self.courier.book().level(&before, &terms, ms(now)).unwrap_or(0);
            let in_sight = (window.end - now) as f64 / rule.period_ns() as f64;
            terms.size = terms.size.saturating_sub((used as f64 * in_sight).ceil() as u64);
            terms.ends_ms += length_ms;
        }
        (id, terms)
    }
}

fn ms(nanos: u64) -> u64 {
    nanos / 1_000_000
}

/// A host that must hear of the others first will have done so after this long.
const ASK_AGAIN_MS: u64 = 100;

/// Windows of at least this length are not given out by fair shares before anything is known: an hour.
const LONG_MS: u64 = 3_600_000;
/// This part of a long window instead.
const FIRST_PART: u64 = 1_000;
/// And at least so much.
const FIRST_MIN: u64 = 10;
