//! Tests of [`super`].

use super::*;

fn outcomes(list: &[bool]) -> OutcomeMetrics {
    let outcomes = OutcomeMetrics::default();
    list.iter().for_each(|passed| outcomes.count(*passed, 1_000, u64::MAX));
    outcomes
}

#[test]
fn a_meter_tells_what_has_come_since_and_nothing_of_before() {
    let workers = [outcomes(&[true, false, false]), outcomes(&[])];
    let mut meter = Meter::new(workers.iter());
    assert_eq!(meter.read(workers.iter()), None);
    workers[1].count(false, 1_000, 500);
    let came = meter.read(workers.iter()).unwrap();
    assert_eq!(came.tally, Tally { successes: 0, failures: 1, slow: 1, nanos: 0 });
    assert_eq!(meter.read(workers.iter()), None);
}

#[test]
fn failures_in_a_row_are_those_after_the_last_success_that_was_seen() {
    let workers = [outcomes(&[]), outcomes(&[]), outcomes(&[])];
    let mut meter = Meter::new(workers.iter());
    workers[0].count(true, 1, u64::MAX);
    (0..4).for_each(|_| workers[0].count(false, 1, u64::MAX));
    (0..2).for_each(|_| workers[1].count(false, 1, u64::MAX));
    assert_eq!(meter.read(workers.iter()).unwrap().in_row, 4);
    workers[2].count(true, 1, u64::MAX);
    workers[2].count(false, 1, u64::MAX);
    workers[0].count(true, 1, u64::MAX);
    assert_eq!(meter.read(workers.iter()).unwrap().in_row, 0, "the least that is known");
}
