//! Times of single admissions, for limits that are exact in any period.
//!
//! A log has room for as many times as its rule admits, made when the key is first seen; nothing is allocated
//! after that. Logs are numbered from 1, and a freed one is used again.

use std::collections::VecDeque;

use super::rule::Rule;

/// All logs of one limit on one worker.
#[derive(Debug, Default)]
pub struct Logs {
    rings: Vec<VecDeque<u64>>,
    free: Vec<u64>,
}

impl Logs {
    /// A new log with room for `count`. Its number, which is not 0.
    pub fn open(&mut self, count: u32) -> u64 {
        if let Some(number) = self.free.pop() {
            return number;
        }
        self.rings.push(VecDeque::with_capacity(count as usize));
        self.rings.len() as u64
    }

    /// Frees a log. Number 0 is none.
    pub fn close(&mut self, number: u64) {
        if let Some(ring) = self.ring(number) {
            ring.clear();
            self.free.push(number);
        }
    }

    /// Room for another count from now on.
    pub fn resize(&mut self, number: u64, count: u32) {
        if let Some(ring) = self.ring(number) {
            ring.reserve((count as usize).saturating_sub(ring.len()));
        }
    }

    /// How many are within the period before `now`.
    pub fn len(&self, number: u64, rule: &Rule, now: u64) -> u32 {
        let times = (number as usize).checked_sub(1).and_then(|at| self.rings.get(at));
        times.map_or(0, |times| live(times, rule, now).count() as u32)
    }

    /// Whether `amount` more are within the rule.
    pub fn check(&self, number: u64, rule: &Rule, amount: u32, now: u64) -> Result<u64, u64> {
        let Some(times) = (number as usize).checked_sub(1).and_then(|at| self.rings.get(at)) else {
            return Ok(now);
        };
        let len = live(times, rule, now).count();
        let over = (len + amount as usize).saturating_sub(rule.count as usize);
        match over.checked_sub(1).and_then(|last| live(times, rule, now).nth(last)) {
            Some(time) => Err(time + rule.period_ns()),
            None if over > 0 => Err(u64::MAX),
            None => Ok(now),
        }
    }

    /// Writes `amount` more down.
    pub fn take(&mut self, number: u64, rule: &Rule, amount: u32, now: u64) -> Result<u64, u64> {
        if let Some(times) = self.ring(number) {
            while times.front().is_some_and(|&time| is_past(time, rule, now)) {
                times.pop_front();
            }
        }
        self.check(number, rule, amount, now)?;
        if let Some(times) = self.ring(number) {
            times.extend(std::iter::repeat_n(now, amount as usize));
        }
        Ok(now)
    }

    /// Strikes out `amount` of those at `at`.
    pub fn forget(&mut self, number: u64, amount: u32, at: u64) {
        let Some(times) = self.ring(number) else { return };
        for _ in 0..amount {
            let Some(place) = times.iter().rposition(|&time| time == at) else { return };
            times.remove(place);
        }
    }

    fn ring(&mut self, number: u64) -> Option<&mut VecDeque<u64>> {
        (number as usize).checked_sub(1).and_then(|at| self.rings.get_mut(at))
    }
}

fn live(times: &VecDeque<u64>, rule: &Rule, now: u64) -> impl Iterator<Item = u64> {
    times.iter().copied().filter(move |&time| !is_past(time, rule, now))
}

fn is_past(time: u64, rule: &Rule, now: u64) -> bool {
    now.saturating_sub(time) >= rule.period_ns()
}
