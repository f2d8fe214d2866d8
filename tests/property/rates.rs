//! Limits are what they say: each algorithm against a plain reference, and workers that share one against the law.
//!
//! The law: in any window of any length, no more than rate times length plus burst is admitted on all workers together,
//! whatever mail between them does; fixed windows and logs have their own. And little of a limit goes to waste.

use std::time::Duration;

use proptest::prelude::*;
use ringgate::policy::rate::account::Account;
use ringgate::policy::rate::log::Logs;
use ringgate::policy::rate::rule::Rule;

use super::rates_reference::{Reference, admits, worst_excess};
use super::rates_simulation::{Demand, MS, Mail, Report, Setup, Simulation};

fn rule(kind: u8, count: u32, seconds: u64, burst: u32) -> Rule {
    let period = Duration::from_secs(seconds);
    match kind {
        0 => Rule::token_bucket(count, period, burst),
        1 => Rule::leaky_bucket(count, period, burst, Duration::from_millis(u64::from(burst) * 7)),
        2 => Rule::fixed_window(count, period),
        3 => Rule::sliding_window(count, period),
        _ => Rule::sliding_log(count.min(200), period),
    }
}

const NAMES: [&str; 5] = ["token_bucket", "leaky_bucket", "fixed_window", "sliding_window", "sliding_log"];

fn any_demand() -> impl Strategy<Value = Demand> {
    prop_oneof![Just(Demand::Uniform), Just(Demand::Skewed), Just(Demand::Bursty), Just(Demand::Moving)]
}

fn total(requests: &[(u64, u32)]) -> u64 {
    requests.iter().map(|(_, cost)| u64::from(*cost)).sum()
}

/// Hundredths of a per cent of what one account would have admitted that were lost.
fn lost(setup: &Setup, report: &Report) -> i64 {
    let reference = admits(setup.rule, &report.offered) as i64;
    (reference - total(&report.admitted) as i64) * 10_000 / reference.max(1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rates that divide their period: then a token is a whole number of units, and every answer is the same.
    #[test]
    fn an_account_decides_as_the_reference_does(
        kind in 0_u8..5,
        count in prop_oneof![Just(1_u32), Just(2), Just(5), Just(50), Just(100), Just(1_000)],
        seconds in 1_u64..4,
        burst in 1_u32..40,
        steps in prop::collection::vec((0_u64..40 * MS, 1_u32..4), 1..400),
    ) {
        let rule = rule(kind, count, seconds, burst);
        let (mut account, mut logs, mut reference) = (Account::default(), Logs::default(), Reference::new(rule));
        let mut now = 0;
        for (pause, cost) in steps {
            now += pause;
            let expected = if cost > rule.size() { None } else { reference.take(cost, now) };
            let room = account.room(&rule, &logs, now);
            let answer = account.take(&rule, &mut logs, cost, now);
            prop_assert_eq!(answer.ok(), expected, "at {}, {} of {}", now, cost, room);
            match answer {
                Ok(at) => prop_assert!(at > now || cost <= room),
                Err(at) if cost <= rule.size() => {
                    prop_assert!(at > now && cost > room);
                    let mut later = account;
                    let mut then = Logs::default();
                    if kind != 4 {
                        prop_assert!(later.take(&rule, &mut then, cost, at).is_ok(), "there at {}", at);
                        prop_assert!(account.check(&rule, &logs, cost, at - 1).is_err(), "not before {}", at);
                    }
                }
                Err(_) => {}
            }
        }
    }

    /// Rates that do not: never more than the law, and not a token less than the reference.
    #[test]
    fn a_rate_that_divides_nothing_is_never_exceeded(
        count in 1_u32..100_000,
        burst in 1_u32..1_000,
        pauses in prop::collection::vec(0_u64..3 * MS, 1..600),
    ) {
        let rule = Rule::token_bucket(count, Duration::from_secs(1), burst);
        let (mut account, mut logs, mut now) = (Account::default(), Logs::default(), 0);
        let (mut offered, mut admitted) = (Vec::new(), Vec::new());
        for pause in pauses {
            now += pause;
            offered.push((now, 1));
            if account.take(&rule, &mut logs, 1, now).is_ok() {
                admitted.push((now, 1));
            }
        }
        prop_assert!(worst_excess(&rule, &admitted) <= 0);
        prop_assert!(admits(rule, &offered) <= total(&admitted) + 1);
    }

    /// What was taken and given back at the same moment was never taken, but for a turn in a queue.
    #[test]
    fn giving_back_at_once_leaves_no_trace(kind in prop_oneof![Just(0_u8), 2_u8..5], taken in 1_u32..20, cost in 1_u32..20) {
        let rule = rule(kind, 100, 1, 40);
        let (mut account, mut logs) = (Account::default(), Logs::default());
        let now = 5_000 * MS;
        let _ = account.take(&rule, &mut logs, taken, now);
        let before = (account.room(&rule, &logs, now + MS), account.owes_ns(&rule, &logs, now + MS));
        if account.take(&rule, &mut logs, cost, now + MS).is_ok() {
            account.give_back(&rule, &mut logs, cost, now + MS, now + MS);
        }
        prop_assert_eq!(account.room(&rule, &logs, now + MS), before.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Mail that is lost, late, doubled and overtaken, requests that are given up by other limits: never over.
    #[test]
    fn no_schedule_admits_more_than_the_law(
        kind in 0_u8..5,
        count in 1_u32..3_000,
        burst in 1_u32..500,
        workers in prop_oneof![Just(1_usize), Just(2), Just(3), Just(8), Just(64)],
        demand in any_demand(),
        bad in prop_oneof![Just(Mail::GOOD), Just(Mail::BAD), Just(Mail { lost: 50, doubled: 50, late_max: 1_500 * MS })],
        load in 20_u64..400,
        held in any::<bool>(),
        cost_max in 1_u32..4,
        seed in any::<u64>(),
    ) {
        let rule = rule(kind, count, 1, burst);
        let setup = Setup { rule, workers, demand, mail: bad, load, held, cost_max, seed, length: 1_500 * MS };
        let report = Simulation::run(setup);
        let excess = worst_excess(&rule, &report.admitted);
        prop_assert!(excess <= 0, "{excess} over: {} of {}", total(&report.admitted), total(&report.offered));
    }
}

fn setup(rule: Rule, workers: usize, demand: Demand, load: u64) -> Setup {
    let mail = Mail::GOOD;
    Setup { rule, workers, demand, mail, load, held: false, cost_max: 1, seed: 7, length: 4_000 * MS }
}

const DEMANDS: [Demand; 4] = [Demand::Uniform, Demand::Skewed, Demand::Bursty, Demand::Moving];

/// The table of the README: `cargo nextest run --test suite limits_are_used --no-capture`.
#[test]
fn limits_are_used_whatever_the_demand() {
    println!("| algorithm | demand | 1 | 2 | 8 | 64 |\n| --- | --- | --- | --- | --- | --- |");
    for kind in 0..5 {
        let rule = rule(kind, if kind == 4 { 200 } else { 2_000 }, 1, 200);
        for demand in DEMANDS {
            let mut cells = Vec::new();
            for workers in [1, 2, 8, 64] {
                let setup = setup(rule, workers, demand, 200);
                let report = Simulation::run(setup);
                let (excess, lost) = (worst_excess(&rule, &report.admitted), lost(&setup, &report));
                cells.push(format!("{} / {:.2}", excess.max(0), lost as f64 / 100.0));
                assert!(excess <= 0, "{excess} over");
                assert!(lost <= 200, "{} {demand:?} {workers}: {lost} lost", NAMES[kind as usize]);
            }
            println!("| {} | {demand:?} | {} |", NAMES[kind as usize], cells.join(" | "));
        }
    }
}

#[test]
fn a_low_limit_is_exact_wherever_requests_come_in() {
    for workers in [1, 2, 8, 64] {
        for demand in DEMANDS {
            let rule = Rule::fixed_window(5, Duration::from_secs(60));
            let report = Simulation::run(setup(rule, workers, demand, 60_000));
            assert_eq!(report.admitted.len(), 5, "{workers} workers, {demand:?}");
            let rule = Rule::token_bucket(5, Duration::from_secs(60), 5);
            let report = Simulation::run(setup(rule, workers, demand, 60_000));
            assert_eq!(report.admitted.len(), 5, "{workers} workers, {demand:?}");
        }
    }
}

#[test]
fn below_the_limit_nobody_is_refused() {
    for workers in [1, 2, 8, 64] {
        for demand in [Demand::Uniform, Demand::Skewed, Demand::Moving] {
            let rule = Rule::token_bucket(2_000, Duration::from_secs(1), 2_000);
            let report = Simulation::run(setup(rule, workers, demand, 80));
            assert_eq!(report.admitted.len(), report.offered.len(), "{workers} workers, {demand:?}");
        }
    }
}

#[test]
fn little_mail_is_needed() {
    let rule = Rule::token_bucket(20_000, Duration::from_secs(1), 20_000);
    let report = Simulation::run(setup(rule, 2, Demand::Skewed, 90));
    let share = report.messages * 100 / report.admitted.len() as u64;
    assert!(share <= 10, "{share} messages for 100 requests");
}
