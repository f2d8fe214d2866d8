//! Wrong tokens: each is answered later than the one before, and whoever goes on is not listened to for a while.
//!
//! Counts by address, in a bounded table. Time comes in as an argument. From the loopback nobody is turned away,
//! only made to wait: there an operator shares the address with whatever else runs.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// How long failures are remembered.
const WINDOW: Duration = Duration::from_secs(60);
/// Failures of one address within it; then it is not listened to until the window is over.
const FAILURES_MAX: u32 = 20;
/// For every failure within the window.
const DELAY_STEP: Duration = Duration::from_millis(50);
/// Longest that an answer waits. It holds a connection meanwhile, of which there are few.
const DELAY_MAX: Duration = Duration::from_secs(1);
/// Addresses that are remembered; beyond, the oldest is forgotten.
const ADDRESSES_MAX: usize = 1_024;

/// Failures by address.
#[derive(Debug, Default)]
pub struct Failures(HashMap<IpAddr, (Instant, u32)>);

impl Failures {
    /// Notes one more; how long its answer should wait.
    pub fn note(&mut self, ip: IpAddr, now: Instant) -> Duration {
        if self.0.len() >= ADDRESSES_MAX && !self.0.contains_key(&ip) {
            let oldest = self.0.iter().min_by_key(|(_, (since, _))| *since).map(|(ip, _)| *ip);
            self.0.remove(&oldest.unwrap_or(ip));
        }
        let (since, count) = self.0.entry(ip).or_insert((now, 0));
        if now.duration_since(*since) > WINDOW {
            (*since, *count) = (now, 0);
        }
        *count += 1;
        (DELAY_STEP * *count).min(DELAY_MAX)
    }

    /// How long this address is not listened to, if it is not.
    pub fn banned(&self, ip: IpAddr, now: Instant) -> Option<Duration> {
        let (since, count) = self.0.get(&ip)?;
        let left = WINDOW.checked_sub(now.duration_since(*since))?;
        (*count >= FAILURES_MAX && !ip.to_canonical().is_loopback()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_failure_waits_longer_until_the_address_is_not_listened_to() {
        let (mut failures, start) = (Failures::default(), Instant::now());
        let one = ip("192.0.2.1");
        let delays: Vec<Duration> = (0..30).map(|_| failures.note(one, start)).collect();
        assert!(delays.is_sorted() && delays[0] == DELAY_STEP && delays[29] == DELAY_MAX, "{delays:?}");
        assert_eq!(failures.banned(one, start + WINDOW / 2), Some(WINDOW / 2));
        assert_eq!(failures.banned(ip("192.0.2.2"), start), None, "others are not concerned");
        assert_eq!(failures.banned(one, start + WINDOW * 2), None);
        assert_eq!(failures.note(one, start + WINDOW * 2), DELAY_STEP, "forgotten");
    }

    #[test]
    fn the_loopback_waits_and_is_never_turned_away() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for _ in 0..FAILURES_MAX * 2 {
            failures.note(ip("127.0.0.1"), now);
            failures.note(ip("::ffff:127.0.0.1"), now);
        }
        assert_eq!(failures.banned(ip("127.0.0.1"), now), None);
        assert_eq!(failures.banned(ip("::ffff:127.0.0.1"), now), None);
    }

    #[test]
    fn remembers_no_more_than_its_bound() {
        let (mut failures, now) = (Failures::default(), Instant::now());
        for number in 0..2 * ADDRESSES_MAX as u32 {
            failures.note(IpAddr::from(number.to_be_bytes()), now + Duration::from_millis(number.into()));
        }
        assert_eq!(failures.0.len(), ADDRESSES_MAX);
    }
}
