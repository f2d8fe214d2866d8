//! What limits mean, told as plainly as can be and in whole numbers: slow, with all the past at hand.

use std::collections::{HashMap, VecDeque};

use ringgate::policy::rate::rule::{Algorithm, Rule};

/// One account in one place, exact.
pub struct Reference {
    rule: Rule,
    /// Tokens times the period, as of `at`.
    level: i128,
    at: u64,
    counts: HashMap<u64, u64>,
    log: VecDeque<u64>,
}

impl Reference {
    pub fn new(rule: Rule) -> Self {
        let level = i128::from(rule.burst) * i128::from(rule.period_ns());
        Self { rule, level, at: 0, counts: HashMap::new(), log: VecDeque::new() }
    }

    /// Whether `cost` is admitted at `now`, and when it may go.
    pub fn take(&mut self, cost: u32, now: u64) -> Option<u64> {
        let (cost, count) = (u64::from(cost), u64::from(self.rule.count));
        match self.rule.algorithm {
            Algorithm::TokenBucket | Algorithm::LeakyBucket => self.take_tokens(cost, now),
            Algorithm::FixedWindow => {
                let used = self.counts.entry(now / self.rule.period_ns()).or_default();
                (*used + cost <= count).then(|| *used += cost).map(|()| now)
            }
            Algorithm::SlidingWindow => {
                let period = self.rule.period_ns();
                let (number, past) = (now / period, now % period);
                let of = |number: Option<u64>| {
                    number.and_then(|number| self.counts.get(&number)).copied().unwrap_or(0)
                };
                let before = u128::from(of(number.checked_sub(1))) * u128::from(period - past);
                let here = u128::from(of(Some(number)) + cost) * u128::from(period);
                let fits = before + here <= u128::from(count) * u128::from(period);
                fits.then(|| *self.counts.entry(number).or_default() += cost).map(|()| now)
            }
            Algorithm::SlidingLog => {
                while self.log.front().is_some_and(|&time| now - time >= self.rule.period_ns()) {
                    self.log.pop_front();
                }
                let fits = self.log.len() as u64 + cost <= count;
                fits.then(|| self.log.extend((0..cost).map(|_| now))).map(|()| now)
            }
            Algorithm::Slots => None,
        }
    }

    fn take_tokens(&mut self, cost: u64, now: u64) -> Option<u64> {
        let (count, period) = (i128::from(self.rule.count), i128::from(self.rule.period_ns()));
        let most = i128::from(self.rule.burst) * period;
        let level = (self.level + i128::from(now - self.at) * count).min(most) - i128::from(cost) * period;
        // What is missing comes back at `count` each nanosecond.
        let wait = if level < 0 { (-level + count - 1) / count } else { 0 };
        if wait > i128::from(self.rule.max_wait_ns) {
            return None;
        }
        (self.level, self.at) = (level, now);
        Some(now + wait as u64)
    }
}

/// How much all admissions together are beyond what the law lets through in the worst of all windows: 0 or less if it
/// was kept. In tokens, rounded up.
pub fn worst_excess(rule: &Rule, admitted: &[(u64, u32)]) -> i64 {
    match rule.algorithm {
        Algorithm::FixedWindow => {
            let mut counts: HashMap<u64, i64> = HashMap::new();
            for &(at, cost) in admitted {
                *counts.entry(at / rule.period_ns()).or_default() += i64::from(cost);
            }
            counts.values().max().copied().unwrap_or(0) - i64::from(rule.count)
        }
        Algorithm::SlidingLog => {
            let (mut first, mut sum, mut most) = (0, 0, 0);
            for &(at, cost) in admitted {
                sum += i64::from(cost);
                while at - admitted[first].0 >= rule.period_ns() {
                    sum -= i64::from(admitted[first].1);
                    first += 1;
                }
                most = most.max(sum);
            }
            most - i64::from(rule.count)
        }
        // In any window of any length no more than rate * length + burst: the same as a bucket that never goes below 0.
        // The proof that a sliding window keeps this too, with its count for a burst, is in the code map.
        _ => {
            let (count, period) = (i128::from(rule.count), i128::from(rule.period_ns()));
            let most = i128::from(rule.size()) * period;
            let (mut level, mut last, mut lowest) = (most, 0, most);
            for &(at, cost) in admitted {
                level = (level + i128::from(at - last) * count).min(most) - i128::from(cost) * period;
                last = at;
                lowest = lowest.min(level);
            }
            i64::try_from((-lowest).div_euclid(period) + i64::from(-lowest % period > 0) as i128)
                .unwrap_or(i64::MAX)
        }
    }
}

/// What one account in one place admits of the same requests.
pub fn admits(rule: Rule, offered: &[(u64, u32)]) -> u64 {
    let mut reference = Reference::new(rule);
    offered
        .iter()
        .filter(|(at, cost)| reference.take(*cost, *at).is_some())
        .map(|(_, cost)| u64::from(*cost))
        .sum()
}
