//! What holds for all hosts together, over many fleets, networks and demands.

use proptest::prelude::*;

use super::book::fresh_ms;
use super::simulation::{Case, Demand, Limit, Outcome, World};

const BUCKET: Limit = Limit::Bucket { burst: 100, per_second: 200.0 };
const SMALL: Limit = Limit::Bucket { burst: 20, per_second: 1000.0 };
const LOW: Limit = Limit::Bucket { burst: 5, per_second: 0.5 };
const WINDOW: Limit = Limit::Window { limit: 1000, length_ms: 1000 };
const LONG: Limit = Limit::Window { limit: 1000, length_ms: 20_000 };

fn case(hosts: usize, limit: Limit, demand: Demand) -> Case {
    Case {
        seed: 9,
        hosts,
        limit,
        sync_ms: 100,
        way_ms_max: 5,
        lost: 0,
        outages: Vec::new(),
        amnesia_ms: None,
        demand,
        duration_ms: 20_000,
        cost_max: 1,
    }
}

/// Most that all hosts may use beyond the rate, or in a window.
fn bound(case: &Case) -> f64 {
    let hosts = u32::try_from(case.hosts).expect("a few");
    case.limit.terms().most_together(hosts, fresh_ms(case.sync_ms), case.cost_max)
}

/// Share of what could be admitted that was.
fn used(case: &Case, outcome: &Outcome) -> f64 {
    let seconds = case.duration_ms as f64 / 1e3;
    let admissible = match case.limit {
        Limit::Bucket { burst, per_second } => per_second * seconds + burst as f64,
        Limit::Window { limit, length_ms } => limit as f64 * (seconds * 1e3 / length_ms as f64).ceil(),
    };
    outcome.admitted as f64 / admissible.min(outcome.offered as f64)
}

fn limits() -> impl Strategy<Value = Limit> {
    let size = prop::sample::select(vec![1_u64, 5, 20, 100, 1000]);
    let per_second = prop::sample::select(vec![0.1, 1.0, 20.0, 200.0, 1000.0]);
    let length_ms = prop::sample::select(vec![500_u64, 1000, 7000]);
    prop_oneof![
        2 => (size.clone(), per_second).prop_map(|(burst, per_second)| Limit::Bucket { burst, per_second }),
        1 => (size, length_ms).prop_map(|(limit, length_ms)| Limit::Window { limit, length_ms }),
    ]
}

fn demands() -> impl Strategy<Value = Demand> {
    let times = prop::sample::select(vec![0.5, 1.0, 1.2, 2.0, 10.0]);
    prop_oneof![
        times.clone().prop_map(Demand::Even),
        times.clone().prop_map(Demand::Skewed),
        times.clone().prop_map(Demand::Moving),
        (1_u64..500, 20_u64..1000).prop_map(|(units, pause_ms)| Demand::Bursts(units, pause_ms)),
        (times, 20_u64..1000).prop_map(|(times, pause_ms)| Demand::Trickle(times, pause_ms)),
    ]
}

fn cases() -> impl Strategy<Value = Case> {
    let network = (0_u64..25, prop_oneof![Just(0_u64), 0_u64..200], any::<bool>(), 500_u64..4000);
    (any::<u64>(), 1_usize..=20, limits(), demands(), network, 1_u64..4).prop_map(
        |(seed, hosts, limit, demand, (way_ms_max, lost, is_out, end_ms), cost_max)| {
            let outages = if is_out { vec![(400, end_ms)] } else { Vec::new() };
            let cost_max = cost_max.min(limit.terms().size);
            let case = case(hosts, limit, demand);
            Case { seed, way_ms_max, lost, outages, cost_max, duration_ms: 5000, ..case }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn hosts_never_admit_more_than_the_bound(case in cases()) {
        let most = bound(&case);
        let outcome = World::new(case).run();
        prop_assert!(outcome.peak <= most + 1e-6, "{} of {most}", outcome.peak);
    }
}

#[test]
fn a_limit_is_used_wherever_its_traffic_comes_to() {
    for limit in [BUCKET, SMALL, WINDOW, LONG] {
        for hosts in [1, 2, 3, 8, 20] {
            for demand in [Demand::Even(2.0), Demand::Skewed(2.0), Demand::Moving(2.0)] {
                let case = case(hosts, limit, demand);
                let least = if limit == SMALL && demand == Demand::Moving(2.0) { 0.90 } else { 0.98 };
                let used = used(&case, &World::new(case.clone()).run());
                assert!(used >= least, "{limit:?} {demand:?} on {hosts} hosts: {used:.3}");
            }
        }
    }
}

#[test]
fn one_host_alone_is_exact() {
    for limit in [BUCKET, SMALL, LOW, WINDOW, LONG] {
        for demand in [Demand::Even(3.0), Demand::Bursts(2000, 700)] {
            let outcome = World::new(case(1, limit, demand)).run();
            assert!(
                outcome.peak <= limit.terms().size as f64 + 1e-6,
                "{limit:?} {demand:?}: {}",
                outcome.peak
            );
        }
    }
}

/// Hosts go on with their shares, none is let in twice when the server is back, and nobody is locked out.
#[test]
fn an_outage_and_what_comes_after_stay_within_the_bound() {
    for limit in [BUCKET, WINDOW, LONG] {
        for hosts in [2, 3, 8] {
            let mut case = case(hosts, limit, Demand::Even(2.0));
            case.outages = vec![(5_000, 12_000)];
            let outcome = World::new(case.clone()).run();
            assert!(outcome.peak <= bound(&case), "{limit:?} on {hosts}: {}", outcome.peak);
            let used = used(&case, &outcome);
            assert!(used >= 0.95, "{limit:?} on {hosts}: {used:.3}");
            // A long window that is used up is dry until its end.
            assert!(limit == LONG || outcome.dry_ms <= 1_000, "{limit:?} on {hosts}: {} ms", outcome.dry_ms);
        }
    }
}

#[test]
fn a_server_that_forgets_everything_opens_nothing() {
    for limit in [BUCKET, LONG] {
        let mut case = case(3, limit, Demand::Even(3.0));
        case.amnesia_ms = Some(9_000);
        let outcome = World::new(case.clone()).run();
        assert!(outcome.peak <= bound(&case), "{limit:?}: {}", outcome.peak);
        let before = World::new(Case { amnesia_ms: None, ..case }).run();
        assert!(outcome.admitted <= before.admitted + 40, "{} and {}", outcome.admitted, before.admitted);
    }
}

/// The table of the README: `cargo nextest run --lib --run-ignored only --no-capture fleet::tests::table`.
#[test]
#[ignore = "prints a table"]
fn table() {
    for limit in [BUCKET, SMALL, LOW, WINDOW, LONG] {
        for hosts in [1, 3, 8, 20] {
            for demand in [
                Demand::Even(2.0),
                Demand::Skewed(2.0),
                Demand::Moving(2.0),
                Demand::Bursts(200, 500),
                Demand::Trickle(1.5, 90),
            ] {
                let case = case(hosts, limit, demand);
                let (outcome, size) = (World::new(case.clone()).run(), limit.terms().size as f64);
                let (most, used) = (bound(&case) / size, used(&case, &outcome));
                println!(
                    "{limit:?} {hosts} {demand:?}: peak {:.2} bound {most:.2} used {used:.3}",
                    outcome.peak / size
                );
            }
        }
    }
}
