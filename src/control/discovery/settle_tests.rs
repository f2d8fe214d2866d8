//! What is believed of a source, second by second, on a clock of the test's own.

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn found(number: u8) -> Found {
    let address = SocketAddr::from(([10, 0, 0, number], 80));
    Found::plain(address, address.to_string())
}

fn all(numbers: &[u8]) -> Vec<Found> {
    numbers.iter().copied().map(found).collect()
}

fn numbers(settling: &Settling) -> Vec<u8> {
    settling
        .accepted()
        .iter()
        .map(|one| one.label.split(['.', ':']).nth(3).unwrap().parse().unwrap())
        .collect()
}

/// A source and its clock.
struct Bench {
    settling: Settling,
    rules: MembershipConfig,
    now: Instant,
}

impl Bench {
    fn new() -> Self {
        Self { settling: Settling::default(), rules: MembershipConfig::default(), now: Instant::now() }
    }

    /// Reports these, after so many seconds; what is in use then.
    fn report(&mut self, after: u64, reported: &[u8]) -> Vec<u8> {
        self.now += SECOND * u32::try_from(after).unwrap();
        self.settling.report(self.now, &all(reported));
        self.wait(0)
    }

    /// Lets seconds pass; what is in use then.
    fn wait(&mut self, seconds: u64) -> Vec<u8> {
        for _ in 0..seconds {
            self.now += SECOND;
            self.settling.settle(self.now, &self.rules);
        }
        self.settling.settle(self.now, &self.rules);
        numbers(&self.settling)
    }
}

#[test]
fn what_comes_and_the_departure_of_a_few_are_believed_at_once() {
    let mut bench = Bench::new();
    assert!(!bench.settling.is_begun());
    assert_eq!(bench.report(0, &[1, 2]), [1, 2]);
    assert_eq!(bench.report(1, &[1, 2, 3, 4]), [1, 2, 3, 4]);
    assert_eq!(bench.report(1, &[1, 4]), [1, 4]);
    assert!(bench.settling.is_begun() && !bench.settling.is_holding());
}

#[test]
fn a_loss_of_more_than_half_is_held_back_until_it_has_stood_for_long_enough() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2, 3, 4]);
    assert_eq!(bench.report(1, &[1]), [1, 2, 3, 4]);
    assert!(bench.settling.is_holding() && !bench.settling.is_here(&found(2)));
    assert_eq!(bench.settling.held_for(bench.now, &bench.rules), Some(SECOND * 30));
    assert_eq!(bench.settling.due(&bench.rules), Some(bench.now + SECOND * 30));
    assert_eq!(bench.wait(29), [1, 2, 3, 4]);
    assert_eq!(bench.wait(1), [1]);
    assert!(!bench.settling.is_holding());
}

#[test]
fn a_registry_that_recovers_in_time_has_done_nothing() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2, 3, 4]);
    assert_eq!(bench.report(1, &[]), [1, 2, 3, 4]);
    assert_eq!(bench.wait(20), [1, 2, 3, 4]);
    assert_eq!(bench.report(1, &[1, 2, 3, 4]), [1, 2, 3, 4]);
    assert!(!bench.settling.is_holding());
    assert_eq!(bench.wait(100), [1, 2, 3, 4]);
}

#[test]
fn further_answers_during_a_loss_do_not_make_it_last_longer_and_new_endpoints_are_used() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2, 3, 4, 5, 6]);
    assert_eq!(bench.report(1, &[7]), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(bench.report(15, &[7, 8]), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(bench.report(15, &[7, 8]), [7, 8]);
}

#[test]
fn an_exchange_of_all_for_others_is_no_loss() {
    let mut bench = Bench::new();
    bench.report(0, &[1]);
    assert_eq!(bench.report(1, &[2]), [2]);
    assert_eq!(bench.report(1, &[3, 4, 5]), [3, 4, 5]);
    assert_eq!(bench.report(1, &[6, 7, 8]), [6, 7, 8]);
}

#[test]
fn nothing_is_held_back_where_that_is_written() {
    let mut bench = Bench::new();
    bench.rules.hold_back = "100%".parse().unwrap();
    bench.report(0, &[1, 2, 3, 4]);
    assert_eq!(bench.report(1, &[1]), [1]);
    assert_eq!(bench.report(1, &[]), [] as [u8; 0]);
}

#[test]
fn what_comes_and_goes_has_to_stay_longer_each_time() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2, 3]);
    // The first return is a restart.
    bench.report(1, &[1, 2]);
    assert_eq!(bench.report(1, &[1, 2, 3]), [1, 2, 3]);
    for seconds in [5, 10, 20, 40] {
        bench.report(1, &[1, 2]);
        assert_eq!(bench.report(1, &[1, 2, 3]), [1, 2], "at once, the time before {seconds}");
        assert_eq!(bench.settling.damped().count(), 1);
        assert_eq!(bench.settling.due(&bench.rules), Some(bench.now + SECOND * seconds));
        assert_eq!(bench.wait(u64::from(seconds) - 1), [1, 2]);
        assert_eq!(bench.wait(1), [1, 2, 3], "after {seconds}");
    }
}

#[test]
fn the_past_of_what_stays_is_forgotten() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2]);
    for _ in 0..3 {
        bench.report(1, &[1]);
        bench.report(1, &[1, 2]);
    }
    assert_eq!(bench.wait(300), [1, 2]);
    bench.report(1, &[1]);
    assert_eq!(bench.report(1, &[1, 2]), [1, 2]);
}

#[test]
fn endpoints_that_come_and_go_are_better_than_none() {
    let mut bench = Bench::new();
    bench.rules.hold_back = "100%".parse().unwrap();
    for _ in 0..5 {
        assert_eq!(bench.report(1, &[1]), [1]);
        assert_eq!(bench.report(1, &[]), [] as [u8; 0]);
    }
}

#[test]
fn weights_change_at_once_and_a_new_address_under_an_old_name_is_another_endpoint() {
    let mut bench = Bench::new();
    bench.report(0, &[1, 2]);
    let mut heavier = all(&[1, 2]);
    heavier[1].weight = 9;
    bench.settling.report(bench.now, &heavier);
    assert!(bench.settling.settle(bench.now, &bench.rules));
    assert_eq!(bench.settling.accepted()[1].weight, 9);
    assert!(!bench.settling.settle(bench.now, &bench.rules));
}

proptest! {
    /// Whatever is reported: what is in use was reported, nothing that is reported for long enough is left out, and
    /// nothing that is not reported for long enough is in use.
    #[test]
    fn everything_is_believed_in_the_end(
        reports in vec((0u64..40, btree_set(0u8..8, 0..8)), 1..40),
        last in btree_set(0u8..8, 0..8),
    ) {
        let mut bench = Bench::new();
        let mut ever = std::collections::BTreeSet::new();
        for (after, reported) in reports {
            bench.wait(after);
            let reported: Vec<u8> = reported.into_iter().collect();
            ever.extend(reported.iter().copied());
            let (before, was_holding) = (numbers(&bench.settling), bench.settling.is_holding());
            let used = bench.report(0, &reported);
            prop_assert!(used.iter().all(|one| ever.contains(one)));
            // A report that has endpoints leaves some to use, and never takes more than it may at once.
            prop_assert!(reported.is_empty() || !used.is_empty());
            prop_assert!(was_holding || used.len() * 2 >= before.len());
        }
        let last: Vec<u8> = last.into_iter().collect();
        bench.report(0, &last);
        prop_assert_eq!(bench.wait(301), last);
        prop_assert_eq!(bench.settling.due(&bench.rules), None);
    }
}
