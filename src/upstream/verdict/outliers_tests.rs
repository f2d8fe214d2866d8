//! Tests of [`super`], each a few looks at a few endpoints.

use super::*;
use crate::config::units::Span;

fn of(labels: &[&str], settings: &OutliersConfig) -> Outliers {
    let mut outliers = Outliers::new(settings);
    outliers.keep(labels.iter().copied());
    outliers
}

fn tally(successes: u64, failures: u64) -> Tally {
    Tally { successes, failures, ..Tally::default() }
}

fn gone(turns: &[Turn]) -> Vec<&str> {
    turns.iter().filter(|turn| turn.ejected.is_some()).map(|turn| &*turn.label).collect()
}

#[test]
fn failures_in_a_row_add_up_over_looks_and_a_success_ends_them() {
    let mut outliers = of(&["a", "b"], &OutliersConfig::default());
    outliers.report("a", 10, &tally(0, 4), 0);
    assert!(outliers.look(10).is_empty());
    outliers.report("a", 20, &tally(1, 3), 2);
    assert!(outliers.look(20).is_empty(), "two since the success");
    outliers.report("a", 30, &tally(0, 3), 0);
    let turns = outliers.look(30);
    let ejected = turns[0].ejected.unwrap();
    assert_eq!((gone(&turns), ejected.fault), (vec!["a"], Fault::InRow(5)));
    assert_eq!(ejected.until_ms, 10_030);
}

#[test]
fn comes_back_and_stays_away_longer_the_next_time() {
    let mut outliers = of(&["a", "b"], &OutliersConfig::default());
    let mut now = 0;
    let mut times = Vec::new();
    for _ in 0..7 {
        outliers.report("a", now, &tally(0, 5), 0);
        let until = outliers.look(now)[0].ejected.unwrap().until_ms;
        times.push((until - now) / 1000);
        assert!(outliers.look(until - 1).is_empty());
        assert_eq!(outliers.look(until), [Turn { label: "a".into(), ejected: None }]);
        now = until;
    }
    assert_eq!(times, [10, 20, 40, 80, 160, 300, 300]);
}

#[test]
fn being_well_for_long_is_forgiven_step_by_step() {
    let mut outliers = of(&["a", "b"], &OutliersConfig::default());
    let away = |outliers: &mut Outliers, now| {
        outliers.report("a", now, &tally(0, 5), 0);
        let until = outliers.look(now)[0].ejected.unwrap().until_ms;
        outliers.look(until);
        (until, until - now)
    };
    let (now, _) = away(&mut outliers, 0);
    let (now, second) = away(&mut outliers, now);
    assert_eq!(second, 20_000);
    outliers.look(now + 20_000);
    assert_eq!(away(&mut outliers, now + 20_000).1, 20_000, "one of two times is forgiven");
}

#[test]
fn never_more_than_its_share_and_the_worst_first() {
    let mut outliers = of(&["a", "b", "c", "d", "e"], &OutliersConfig::default());
    for (label, failures) in [("a", 5), ("b", 9), ("c", 7), ("d", 6), ("e", 20)] {
        outliers.report(label, 10, &tally(0, failures), 0);
    }
    assert_eq!(gone(&outliers.look(10)), ["e", "b"]);
    assert!(outliers.look(20).is_empty());
}

#[test]
fn whom_others_have_taken_out_count() {
    let mut outliers = of(&["a", "b", "c", "d"], &OutliersConfig::default());
    outliers.is_out("a", true);
    outliers.is_out("b", true);
    outliers.report("c", 10, &tally(0, 50), 0);
    assert!(outliers.look(10).is_empty());
    outliers.report("b", 20, &tally(0, 50), 0);
    assert_eq!(gone(&outliers.look(20)), ["b"], "it is out anyway");
}

#[test]
fn an_endpoint_without_others_is_never_left_alone() {
    let mut outliers = of(&["a"], &OutliersConfig::default());
    outliers.report("a", 10, &tally(0, 1000), 0);
    assert!(outliers.look(10).is_empty());
}

#[test]
fn a_share_of_failures_counts_only_against_others() {
    let mut outliers = of(&["a", "b", "c"], &OutliersConfig::default());
    for label in ["a", "b", "c"] {
        outliers.report(label, 10, &tally(10, 15), 0);
    }
    assert!(outliers.look(10).is_empty(), "all are as bad");
    let mut outliers = of(&["a", "b", "c"], &OutliersConfig::default());
    outliers.report("a", 10, &tally(10, 9), 0);
    outliers.report("b", 10, &tally(100, 2), 0);
    assert!(outliers.look(10).is_empty(), "too few calls, too small a share");
    outliers.report("a", 20, &tally(1, 3), 0);
    let turns = outliers.look(20);
    assert_eq!(turns[0].ejected.unwrap().fault, Fault::Share { failures: 12, calls: 23 });
}

#[test]
fn who_is_much_slower_than_the_one_in_the_middle_goes_where_told_to() {
    let latency = serde_json::from_str(r#"{"times": 3, "by": "50ms"}"#).unwrap();
    let settings = OutliersConfig { latency: Some(latency), ..OutliersConfig::default() };
    let took = |ms: u64| Tally { successes: 20, nanos: 20 * ms * 1_000_000, ..Tally::default() };
    let look = |settings: &OutliersConfig, all: [u64; 3]| {
        let mut outliers = of(&["a", "b", "c"], settings);
        ["a", "b", "c"].iter().zip(all).for_each(|(label, ms)| outliers.report(label, 10, &took(ms), 0));
        gone(&outliers.look(10)).join(",")
    };
    assert_eq!(look(&settings, [100, 20, 25]), "a");
    assert_eq!(look(&settings, [60, 20, 25]), "", "less than three times");
    assert_eq!(look(&settings, [40, 4, 5]), "", "but not by 50 ms");
    assert_eq!(look(&OutliersConfig::default(), [1000, 2, 2]), "");
}

#[test]
fn who_leaves_is_forgotten_and_who_stays_is_not() {
    let mut outliers = of(&["a", "b", "c", "d"], &OutliersConfig::default());
    for label in ["a", "b"] {
        outliers.report(label, 10, &tally(0, 9), 0);
    }
    outliers.look(10);
    outliers.keep(["b", "c", "d", "e"].into_iter());
    assert!(outliers.ejected("a").is_none() && outliers.ejected("b").is_some());
    outliers.keep(["a", "b"].into_iter());
    assert!(outliers.ejected("a").is_none());
}

#[test]
fn what_was_on_its_way_says_nothing_new() {
    let settings = OutliersConfig { time: Span::from_secs(1), ..OutliersConfig::default() };
    let mut outliers = of(&["a", "b"], &settings);
    outliers.report("a", 0, &tally(0, 5), 0);
    outliers.look(0);
    outliers.report("a", 500, &tally(0, 50), 0);
    assert_eq!(outliers.look(1_000).len(), 1);
    assert!(outliers.look(1_010).is_empty());
}
