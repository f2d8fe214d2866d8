//! Laws of verdicts, over thousands of simulated minutes: nobody is sent away who is well, who is dead is, never more than
//! may be, and everything is as it was once everybody is well again.

use proptest::prelude::*;
use ringgate::config::units::{Share, Span};
use ringgate::upstream::config::health::{BreakerConfig, HealthConfig, OutliersConfig};
use ringgate::upstream::verdict::fuse::{Cause, Standing};
use ringgate::upstream::verdict::ward::{WardPlan, What};

use super::verdicts_simulation::{LOOK_MS, Phase, Simulation};

/// An endpoint that is well from then on.
const WELL: Phase = Phase { until_ms: u64::MAX, failing: 0.0, took_ms: 20 };
const MINUTE_MS: u64 = 60_000;

fn all() -> WardPlan {
    WardPlan {
        health: Some(HealthConfig::default()),
        outliers: Some(OutliersConfig::default()),
        breaker: Some(BreakerConfig::default()),
        endpoint_breaker: Some(BreakerConfig::default()),
        ramp_ms: 0,
    }
}

fn phases() -> impl Strategy<Value = Vec<Phase>> {
    let phase = (1u64..4 * MINUTE_MS, prop_oneof![Just(0.0), Just(1.0), 0.0..1.0f64], 1u64..200);
    prop::collection::vec(phase, 1..6).prop_map(|phases| {
        let mut until_ms = 0;
        let phase = |(length, failing, took_ms)| {
            until_ms += length;
            Phase { until_ms, failing, took_ms }
        };
        let mut phases: Vec<Phase> = phases.into_iter().map(phase).collect();
        phases.push(WELL);
        phases
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 50, ..ProptestConfig::default() })]

    /// 50 cases of about 20 minutes.
    #[test]
    fn whatever_happens_to_endpoints(
        seed: u64,
        workers in 1usize..5,
        endpoints in prop::collection::vec(phases(), 1..7),
        load in 1usize..8,
        share_max in 0u32..=100,
    ) {
        let outliers = OutliersConfig { share_max: Share::percent(share_max), ..OutliersConfig::default() };
        let room = endpoints.len() as u64 * u64::from(share_max) / 100;
        let plan = WardPlan { outliers: Some(outliers), ..all() };
        let count = endpoints.len();
        let end_ms = endpoints.iter().map(|phases| phases[phases.len() - 2].until_ms).max().unwrap_or(0);
        let mut simulation = Simulation::new(seed, plan, workers, endpoints);
        // Well again for longer than the longest time away.
        while simulation.now_ms < end_ms + 8 * MINUTE_MS {
            let events = simulation.step(load);
            let now_ms = simulation.now_ms;
            let ejected = simulation.labels.iter().filter(|it| simulation.ward.ejected(it).is_some()).count();
            let healthy_ejected = simulation.labels.iter().filter(|label| {
                let ill = simulation.ward.member(label).and_then(|it| it.checks.as_ref()).is_some_and(|it| it.is_unhealthy());
                !ill && simulation.ward.ejected(label).is_some()
            }).count();
            prop_assert!(healthy_ejected as u64 <= room, "{ejected} of {count}, room for {room}");
            for event in events {
                match event.what {
                    What::Ejected(away) => {
                        let took = away.until_ms - away.since_ms;
                        prop_assert!((10_000..=300_000).contains(&took) && away.since_ms == now_ms);
                    }
                    What::Breaker(Standing::Open { until_ms }, cause) => {
                        prop_assert!((5_000..=60_000).contains(&(until_ms - now_ms)), "{until_ms} {now_ms}");
                        if let Cause::Failures { failures, calls } = cause {
                            let seen = |window: u64| {
                                let is_seen = |at: u64| at + window > now_ms;
                                let of = event.endpoint.as_deref().map(|it| simulation.labels.iter().position(|one| **one == *it));
                                let calls = simulation.calls.iter().filter(|call| is_seen(call.at_ms) && of.is_none_or(|of| of == Some(call.endpoint)));
                                calls.fold((0, 0), |(failed, all), call| (failed + u64::from(!call.passed), all + 1))
                            };
                            // No call is told of that was not made within the window.
                            let (failed, made) = seen(10_000);
                            prop_assert!(calls >= 20 && 2 * failures >= calls, "{failures} of {calls}");
                            prop_assert!(failures <= failed && calls <= made, "{failures} of {calls}, {failed} of {made}");
                        }
                    }
                    _ => {}
                }
            }
        }
        prop_assert!(simulation.probes_most <= 1);
        let verdicts = simulation.ward.verdicts(simulation.now_ms);
        prop_assert!(verdicts.cluster.is_closed(), "{:?}", verdicts);
        prop_assert!(verdicts.endpoints.is_empty(), "{:?}", verdicts);
        let refused = simulation.refused;
        (0..40).for_each(|_| _ = simulation.step(load));
        prop_assert_eq!(simulation.refused, refused, "all is as if nothing had been");
    }

    /// 50 cases of 20 minutes.
    #[test]
    fn who_is_well_is_left_in_peace(seed: u64, workers in 1usize..5, count in 1usize..7, load in 1usize..8) {
        let well = Phase { failing: 0.01, ..WELL };
        let mut simulation = Simulation::new(seed, all(), workers, vec![vec![well]; count]);
        // Checks are not part of it: three of a hundred in a row do happen.
        let plan = WardPlan { health: None, ..all() };
        simulation.ward.set(plan, 0);
        while simulation.now_ms < 20 * MINUTE_MS {
            let events = simulation.step(load);
            prop_assert!(events.is_empty(), "{:?}", events);
        }
        prop_assert_eq!(simulation.refused, 0);
    }

    #[test]
    fn who_dies_is_sent_away_at_the_fifth_failure(
        seed: u64, workers in 1usize..5, count in 2usize..9, dies_ms in 1_000u64..60_000,
    ) {
        let dying = vec![Phase { until_ms: dies_ms, ..WELL }, Phase { failing: 1.0, ..WELL }];
        let mut endpoints = vec![vec![WELL]; count - 1];
        endpoints.push(dying);
        let plan = WardPlan { health: None, breaker: None, endpoint_breaker: None, ..all() };
        let mut simulation = Simulation::new(seed, plan, workers, endpoints);
        loop {
            let events = simulation.step(1);
            if let Some(event) = events.first() {
                prop_assert!(matches!(event.what, What::Ejected(_)), "{:?}", event);
                break;
            }
            let failures = simulation.calls.iter().filter(|call| !call.passed).count();
            prop_assert!(failures < 5, "{failures} failures");
        }
        let label = simulation.labels[count - 1].clone();
        prop_assert!(simulation.ward.ejected(&label).is_some());
        // Workers hear of it a look later.
        simulation.step(0);
        let before = simulation.now_ms;
        (0..20).for_each(|_| _ = simulation.step(5));
        prop_assert!(simulation.calls.iter().filter(|call| call.at_ms > before).all(|call| call.passed));
    }

    #[test]
    fn who_is_much_slower_is_sent_away_where_told_to(seed: u64, workers in 1usize..5, count in 2usize..7) {
        let mut endpoints = vec![vec![WELL]; count];
        endpoints[0] = vec![Phase { took_ms: 200, ..WELL }];
        let latency = serde_json::from_str(r#"{"times": 3, "by": "50ms"}"#).unwrap();
        let outliers = OutliersConfig { latency: Some(latency), ..OutliersConfig::default() };
        let plan = WardPlan { outliers: Some(outliers), ..WardPlan::default() };
        let mut simulation = Simulation::new(seed, plan, workers, endpoints);
        let mut gone = Vec::new();
        while simulation.now_ms < 60_000 && gone.is_empty() {
            gone = simulation.step(4);
        }
        prop_assert_eq!(gone.len(), 1);
        prop_assert_eq!(&gone[0].endpoint, &Some(simulation.labels[0].clone()));
    }

    /// A service that is down for hours under load gets one request each time the breaker lets one try, and no more.
    #[test]
    fn a_dead_service_gets_few_tries(seed: u64, workers in 1usize..5, load in 1usize..20, hours in 1u64..2) {
        let dead = vec![vec![Phase { until_ms: hours * 60 * MINUTE_MS, failing: 1.0, took_ms: 1 }, WELL]];
        let open_max = Span::from_secs(60);
        let plan = WardPlan { breaker: Some(BreakerConfig { open_max, ..BreakerConfig::default() }), ..WardPlan::default() };
        let mut simulation = Simulation::new(seed, plan, workers, dead);
        let mut calls = 0;
        while simulation.now_ms < hours * 60 * MINUTE_MS {
            simulation.step(load);
            calls += simulation.calls.iter().rev().take_while(|call| call.at_ms == simulation.now_ms).count() as u64;
        }
        // Until it opens, and what is sent before workers hear of it; then at 5, 10, 20, 40, 60, 60... seconds.
        let at_first = 20 + 2 * load as u64;
        prop_assert!(calls <= at_first + hours * 60 + 5, "{calls}");
        prop_assert!(calls >= hours * 58, "{calls}");
        // Back within the longest time, and a few looks for its tries.
        let by_ms = simulation.now_ms + 60_000 + 10 * LOOK_MS;
        while simulation.now_ms < by_ms {
            simulation.step(load);
        }
        prop_assert!(simulation.ward.verdicts(simulation.now_ms).cluster.is_closed());
    }
}
