//! An account: what one key owes under a rule, and the arithmetic of every algorithm.
//!
//! Only the worker that owns the key has its account. What is lent to other workers has been taken out of it; a
//! bucket takes nothing in as long as level and loans together are the burst, so that nothing is ever minted beyond it.
//! Time comes in as an argument, in nanoseconds of a clock that never goes back.

use super::log::Logs;
use super::rule::{Algorithm, Rule};

/// What one key owes. What the numbers mean is the algorithm's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Account {
    /// Bucket: debt in units as of `stamp`. Windows: count of this window, and above bit 32 of the one before. Log:
    /// its number, from 1. Slots: taken.
    level: u64,
    /// Bucket: when the debt was reckoned. Windows: number of the window. Log: the latest time.
    stamp: u64,
    /// How much is out on loan, or held until a request is decided. It is part of what has been taken.
    pub lent: u32,
}

impl Account {
    /// Takes `amount` out. Gives the time at which the request may go: `now`, but for a leaky bucket.
    ///
    /// # Errors
    /// With the time before which it cannot be had; `u64::MAX` if that is not known.
    pub fn take(&mut self, rule: &Rule, logs: &mut Logs, amount: u32, now: u64) -> Result<u64, u64> {
        if amount > rule.size() {
            return Err(u64::MAX);
        }
        match rule.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => self.take_tokens(rule, amount, now),
            Algorithm::FixedWindow | Algorithm::SlidingWindow => self.take_counted(rule, amount, now),
            Algorithm::SlidingLog => {
                if self.level == 0 {
                    self.level = logs.open(rule.count);
                }
                self.stamp = now;
                logs.take(self.level, rule, amount, now)
            }
            Algorithm::Slots if self.level + u64::from(amount) > u64::from(rule.count) => Err(u64::MAX),
            Algorithm::Slots => {
                self.level += u64::from(amount);
                Ok(now)
            }
        }
    }

    /// Whether so much could be taken now. The same answer as [`Account::take`], without taking.
    pub fn check(&self, rule: &Rule, logs: &Logs, amount: u32, now: u64) -> Result<u64, u64> {
        if amount > rule.size() {
            return Err(u64::MAX);
        }
        match rule.algorithm {
            Algorithm::SlidingLog if self.level == 0 => Ok(now),
            Algorithm::SlidingLog => logs.check(self.level, rule, amount, now),
            _ => Self { ..*self }.take(rule, &mut Logs::default(), amount, now),
        }
    }

    /// How much could be taken now without waiting.
    pub fn room(&self, rule: &Rule, logs: &Logs, now: u64) -> u32 {
        let size = u64::from(rule.size());
        let left = match rule.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => {
                (size * rule.token).saturating_sub(self.debt(rule, now)) / rule.token
            }
            Algorithm::FixedWindow | Algorithm::SlidingWindow => {
                let used = self.used(rule, now);
                size.saturating_sub(u64::try_from(used.div_ceil(period(rule))).unwrap_or(u64::MAX))
            }
            Algorithm::SlidingLog => size - u64::from(logs.len(self.level, rule, now)).min(size),
            Algorithm::Slots => size.saturating_sub(self.level),
        };
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// Gives back what was taken at `at` and not used. A turn in a leaky bucket is not: others have had theirs after it.
    pub fn give_back(&mut self, rule: &Rule, logs: &mut Logs, amount: u32, at: u64, now: u64) {
        match rule.algorithm {
            Algorithm::LeakyBucket => {}
            Algorithm::TokenBucket => {
                let debt = self.debt(rule, now).saturating_sub(u64::from(amount) * rule.token);
                self.stamp = self.stamp.max(now);
                self.level = debt.max(u64::from(self.lent) * rule.token);
            }
            Algorithm::FixedWindow | Algorithm::SlidingWindow => {
                self.turn(rule, now);
                if rule.window(at).number == self.stamp {
                    let back = u64::from(amount).min(self.level & LOW);
                    self.level -= back;
                }
            }
            Algorithm::SlidingLog => logs.forget(self.level, amount, at),
            Algorithm::Slots => self.level = self.level.saturating_sub(u64::from(amount)),
        }
    }

    /// So much of what was lent is known to be used, or void: from now on it flows off like all that is owed.
    pub fn unlend(&mut self, rule: &Rule, amount: u32, now: u64) {
        if rule.is_bucket() {
            self.level = self.debt(rule, now);
            self.stamp = self.stamp.max(now);
        }
        self.lent = self.lent.saturating_sub(amount);
    }

    /// Takes `amount` out whatever is left: others have used it.
    pub fn debit(&mut self, rule: &Rule, amount: u64, now: u64) {
        match rule.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => {
                let most = u64::from(rule.burst) * rule.token;
                let debt = self.debt(rule, now);
                let more = amount.min(u64::from(rule.burst)) * rule.token;
                self.stamp = self.stamp.max(now);
                self.level = (debt + more).min(most.max(debt));
            }
            Algorithm::FixedWindow | Algorithm::SlidingWindow => {
                self.turn(rule, now);
                let count = (self.level & LOW).saturating_add(amount).min(u64::from(rule.count));
                self.level = (self.level & !LOW) | count.max(self.level & LOW);
            }
            Algorithm::SlidingLog | Algorithm::Slots => {}
        }
    }

    /// How long until it owes nothing. 0 for an account that could as well be forgotten.
    pub fn owes_ns(&self, rule: &Rule, logs: &Logs, now: u64) -> u64 {
        match rule.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => self.debt(rule, now).div_ceil(1 << rule.shift),
            Algorithm::FixedWindow | Algorithm::SlidingWindow if self.used(rule, now) == 0 => 0,
            Algorithm::FixedWindow => rule.window(now).end - now,
            Algorithm::SlidingWindow if self.current(rule, now).level & LOW == 0 => {
                rule.window(now).end - now
            }
            Algorithm::SlidingWindow => rule.window(now).end - now + rule.period_ns(),
            Algorithm::SlidingLog if logs.len(self.level, rule, now) == 0 => 0,
            Algorithm::SlidingLog => (self.stamp + rule.period_ns()).saturating_sub(now),
            Algorithm::Slots if self.level == 0 => 0,
            Algorithm::Slots => u64::MAX,
        }
    }

    /// Which share of its size it owes, in parts of 256. A key that owes much is hot.
    pub fn heat(&self, rule: &Rule, logs: &Logs, now: u64) -> u32 {
        let size = u64::from(rule.size());
        let owed = size.saturating_sub(u64::from(self.room(rule, logs, now)));
        u32::try_from(owed * 256 / size.max(1)).unwrap_or(256)
    }

    /// Frees what it has besides itself.
    pub fn close(&mut self, rule: &Rule, logs: &mut Logs) {
        if rule.algorithm == Algorithm::SlidingLog {
            logs.close(self.level);
        }
        *self = Self::default();
    }

    /// Carries it over from one rule to another that counts alike: what is owed stays owed, up to the new size.
    pub fn carry(&mut self, old: &Rule, new: &Rule, logs: &mut Logs, now: u64) {
        match new.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => {
                let debt = u128::from(self.debt(old, now));
                let carried = (debt * u128::from(new.token)).div_ceil(u128::from(old.token));
                let most = u128::from(new.burst.max(self.lent)) * u128::from(new.token);
                self.level = u64::try_from(carried.min(most)).unwrap_or(u64::MAX);
                self.stamp = now;
            }
            Algorithm::SlidingLog => logs.resize(self.level, new.count),
            Algorithm::FixedWindow | Algorithm::SlidingWindow | Algorithm::Slots => {}
        }
    }

    /// Debt of a bucket at `now`, in units. What is lent stays owed: it flows off once it is spent.
    fn debt(&self, rule: &Rule, now: u64) -> u64 {
        let drained = u128::from(now.saturating_sub(self.stamp)) << rule.shift;
        let debt = u128::from(self.level).saturating_sub(drained);
        u64::try_from(debt).unwrap_or(u64::MAX).max(u64::from(self.lent) * rule.token)
    }

    fn take_tokens(&mut self, rule: &Rule, amount: u32, now: u64) -> Result<u64, u64> {
        let before = self.debt(rule, now);
        let debt = before + u64::from(amount) * rule.token;
        let most = u64::from(rule.burst) * rule.token;
        let wait = debt.saturating_sub(most).div_ceil(1 << rule.shift);
        if wait > rule.max_wait_ns {
            return Err(now + (wait - rule.max_wait_ns));
        }
        // A turn is at a whole nanosecond, and the next one is reckoned from there.
        let debt = if wait > 0 { most + (wait << rule.shift) } else { debt };
        (self.level, self.stamp) = (debt, now.max(self.stamp));
        Ok(now + wait)
    }

    /// With the counts of the window that `now` is in.
    fn current(&self, rule: &Rule, now: u64) -> Self {
        let number = rule.window(now).number;
        let level = match number.wrapping_sub(self.stamp) {
            0 => self.level,
            1 if rule.algorithm == Algorithm::SlidingWindow => self.level << 32,
            _ => 0,
        };
        Self { level, stamp: number, lent: self.lent }
    }

    fn turn(&mut self, rule: &Rule, now: u64) {
        *self = self.current(rule, now);
    }

    /// What has been used as of `now`, in counts times the period: whole numbers.
    fn used(&self, rule: &Rule, now: u64) -> u128 {
        let current = self.current(rule, now);
        let (before, count) = (current.level >> 32, current.level & LOW);
        let in_sight = match rule.algorithm {
            Algorithm::SlidingWindow => rule.window(now).end.saturating_sub(now),
            _ => 0,
        };
        u128::from(before) * u128::from(in_sight) + u128::from(count) * period(rule)
    }

    fn take_counted(&mut self, rule: &Rule, amount: u32, now: u64) -> Result<u64, u64> {
        self.turn(rule, now);
        let most = u128::from(rule.count) * period(rule);
        if self.used(rule, now) + u128::from(amount) * period(rule) <= most {
            self.level += u64::from(amount);
            return Ok(now);
        }
        let end = rule.window(now).end;
        if rule.algorithm == Algorithm::FixedWindow {
            return Err(end);
        }
        let (before, count) = (self.level >> 32, self.level & LOW);
        let spare = u64::from(rule.count).checked_sub(count + u64::from(amount));
        match spare {
            // Once so much of the window before is out of sight.
            Some(spare) => Err(end.saturating_sub(in_sight(spare, before, rule))),
            None => {
                let spare = u64::from(rule.count - amount);
                Err((end + rule.period_ns()).saturating_sub(in_sight(spare, count, rule)))
            }
        }
    }
}

/// How much of a window with `count` may be in sight for it to weigh at most `spare`.
fn in_sight(spare: u64, count: u64, rule: &Rule) -> u64 {
    let nanos = u128::from(spare) * period(rule) / u128::from(count.max(1));
    u64::try_from(nanos).unwrap_or(u64::MAX).min(rule.period_ns())
}

fn period(rule: &Rule) -> u128 {
    u128::from(rule.period_ns())
}

const LOW: u64 = 0xffff_ffff;
