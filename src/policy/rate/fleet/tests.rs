//! What holds for all hosts together, over many fleets, networks and demands.

use super::Terms;
use super::simulation::{Case, Demand, Limit, World};
use crate::telemetry::xorshift::Xorshift;

fn case(seed: u64, hosts: usize) -> Case {
    Case {
        seed,
        hosts,
        limit: Limit::Bucket { burst: 100, per_second: 200.0 },
        sync_ms: 100,
        way_ms_max: 5,
        lost: 0,
        outages: Vec::new(),
        amnesia_ms: None,
        demand: Demand::Even(2.0),
        duration_ms: 20_000,
        cost_max: 1,
    }
}

/// Most that all hosts may use beyond the rate, or in a window.
fn bound(case: &Case) -> f64 {
    let fresh_ms = case.sync_ms + 50;
    let (size, terms) = match case.limit {
        Limit::Bucket { burst, per_second } => (burst as f64, Terms::bucket(burst, per_second)),
        Limit::Window { limit, length_ms } => (limit as f64, Terms::window(limit, length_ms, 0)),
    };
    let hosts = case.hosts as f64;
    if case.hosts == 1 {
        return size;
    }
    let blind = (size / hosts).ceil().max(terms.between_looks(fresh_ms).ceil()).max(case.cost_max as f64);
    size + terms.slack(fresh_ms) + hosts * blind
}

#[test]
fn random() {
    let mut worst = 0.0;
    for seed in 1..300 {
        let random = Xorshift::new(seed * 7919);
        let below = |most: u64| random.next() % most;
        let hosts = 1 + below(20) as usize;
        let burst = [1, 5, 20, 100, 1000][below(5) as usize];
        let per_second = [0.1, 1.0, 20.0, 200.0, 1000.0][below(5) as usize];
        let limit = match below(3) {
            0 => Limit::Window { limit: burst, length_ms: [500, 1000, 7000][below(3) as usize] },
            _ => Limit::Bucket { burst, per_second },
        };
        let times = [0.5, 1.0, 1.2, 2.0, 10.0][below(5) as usize];
        let pause = 20 + below(1000);
        let demand = match below(5) {
            0 => Demand::Even(times),
            1 => Demand::Skewed(times),
            2 => Demand::Moving(times),
            3 => Demand::Bursts(1 + below(burst * 2), pause),
            _ => Demand::Trickle(times, pause),
        };
        let way_ms_max = [0, 2, 25][below(3) as usize];
        let cost_max = 1 + below(3.min(burst));
        let lost = if below(3) == 0 { below(200) } else { 0 };
        let outages = if below(3) == 0 { vec![(1000, 1000 + below(3000))] } else { vec![] };
        let case = Case {
            limit,
            demand,
            way_ms_max,
            cost_max,
            lost,
            outages,
            duration_ms: 6000,
            ..case(seed, hosts)
        };
        let bound = bound(&case);
        let text = format!("{case:?}");
        let outcome = World::new(case).run();
        if outcome.peak / bound > worst {
            worst = outcome.peak / bound;
            eprintln!("WORST {worst:.3} peak {} of {bound} {text}", outcome.peak);
        }
    }
}

#[test]
fn measured() {
    for limit in [
        Limit::Bucket { burst: 100, per_second: 200.0 },
        Limit::Bucket { burst: 20, per_second: 1000.0 },
        Limit::Bucket { burst: 5, per_second: 0.5 },
        Limit::Window { limit: 1000, length_ms: 1000 },
        Limit::Window { limit: 1000, length_ms: 20000 },
    ] {
        for hosts in [1, 2, 3, 8, 20] {
            for demand in [
                Demand::Even(2.0),
                Demand::Even(1.0),
                Demand::Skewed(2.0),
                Demand::Moving(2.0),
                Demand::Bursts(200, 500),
                Demand::Bursts(200, 5000),
                Demand::Trickle(1.5, 400),
                Demand::Trickle(1.5, 90),
            ] {
                let case = Case { limit, demand, ..case(9, hosts) };
                let (burst, fair) = match limit {
                    Limit::Bucket { burst, per_second } => {
                        (burst as f64, per_second * case.duration_ms as f64 / 1e3 + burst as f64)
                    }
                    Limit::Window { limit, length_ms } => {
                        (limit as f64, limit as f64 * (case.duration_ms as f64 / length_ms as f64).max(1.0))
                    }
                };
                let bound = bound(&case);
                let outcome = World::new(case).run();
                let most = fair.min(outcome.offered as f64);
                eprintln!(
                    "{limit:?} {hosts:2} {demand:?}: peak {:.2} of {:.2} used {:.3} dry {}",
                    outcome.peak / burst,
                    bound / burst,
                    outcome.admitted as f64 / most,
                    outcome.dry_ms
                );
            }
        }
    }
}
