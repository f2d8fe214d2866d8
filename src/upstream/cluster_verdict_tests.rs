//! A cluster of which not all endpoints are to be used, on one worker, without sockets.

use std::collections::BTreeMap;

use super::tests::{chosen, plan, set};
use super::*;
use crate::shared::probe::ProbeSlot;
use crate::upstream::balance::slow_start::SlowStart;
use crate::upstream::balance::tiers::WHOLE;
use crate::upstream::config::BalanceConfig;
use crate::upstream::verdict::{Out, Verdict};

struct Bench {
    live: Published<EndpointSet>,
    plan: Frozen<ClusterPlan>,
    registry: Registry,
    cluster: Rc<Cluster>,
}

impl Bench {
    fn start(config: &BalanceConfig, numbers: &[u8], spread: Spread) -> Self {
        let live = Published::new(set(config, numbers, &[]));
        let plan = Frozen::new(ClusterPlan { spread, ..plan(&live, 1) });
        let registry = Registry::new(1);
        let cluster = Cluster::start(plan.clone(), &registry, 0, 1, None);
        Self { live, plan, registry, cluster }
    }

    fn believe(&self, verdicts: &[(u8, Verdict)]) {
        let endpoints = verdicts.iter().map(|(number, verdict)| (number.to_string().into(), verdict.clone()));
        let endpoints = endpoints.collect();
        self.plan.verdicts.publish(Frozen::new(Verdicts { cluster: Breaker::Closed, endpoints }));
        self.cluster.refresh(&self.registry);
    }

    fn counts(&self, choices: usize) -> BTreeMap<u8, usize> {
        let mut counts = BTreeMap::new();
        (0..choices).filter_map(|_| chosen(&self.cluster)).for_each(|it| *counts.entry(it).or_default() += 1);
        counts
    }
}

fn out() -> Verdict {
    Verdict { out: Some(Out::Ejected), ..Verdict::default() }
}

fn breaker(breaker: Breaker) -> Verdict {
    Verdict { breaker, ..Verdict::default() }
}

#[test]
fn who_is_out_is_not_chosen_until_it_is_back() {
    let bench = Bench::start(&BalanceConfig::RoundRobin, &[3, 6, 9], Spread::default());
    bench.believe(&[(6, out())]);
    assert_eq!(bench.counts(100), [(3, 50), (9, 50)].into());
    let endpoint = bench.cluster.running().endpoints()[1].clone();
    bench.believe(&[]);
    assert_eq!(bench.counts(99), [(3, 33), (6, 33), (9, 33)].into());
    assert!(Rc::ptr_eq(&endpoint, &bench.cluster.running().endpoints()[1]), "with its connections");
    assert!(!endpoint.is_retired.get());
}

#[test]
fn that_all_are_out_is_told_from_that_there_are_none() {
    let bench = Bench::start(&BalanceConfig::LeastRequest, &[3, 6], Spread::default());
    bench.believe(&[(3, out()), (6, breaker(Breaker::Open { until_ms: 1 }))]);
    assert_eq!(bench.cluster.choose(&Ask::default()).err(), Some(Unchosen::AllOut));
    bench.believe(&[(3, out())]);
    let tried = bench.cluster.running().endpoints()[1].clone();
    let again = Ask { excluded: &[tried], ..Ask::default() };
    assert_eq!(bench.cluster.choose(&again).err(), Some(Unchosen::None));
    bench.live.publish(set(&BalanceConfig::LeastRequest, &[], &[]));
    bench.cluster.refresh(&bench.registry);
    assert_eq!(bench.cluster.choose(&Ask::default()).err(), Some(Unchosen::None));
}

#[test]
fn one_exchange_tries_an_endpoint_whose_breaker_is_half_open() {
    for config in [BalanceConfig::RoundRobin, BalanceConfig::PeakEwma] {
        let bench = Bench::start(&config, &[3, 6], Spread::default());
        let slot = ProbeSlot::new();
        bench.believe(&[(6, breaker(Breaker::HalfOpen(slot.clone())))]);
        let probing = bench.cluster.choose(&Ask::default()).ok().unwrap();
        assert_eq!(&*probing.endpoint().label, "6");
        assert_eq!(bench.counts(10), [(3, 10)].into());
        // Given up without a word: the next one tries.
        probing.settle(Outcome::Cancelled, 0);
        drop(probing);
        let probing = bench.cluster.choose(&Ask::default()).ok().unwrap();
        probing.settle(Outcome::Failure, 1);
        assert_eq!(slot.outcome(), Some(false));
        assert_eq!(bench.counts(10), [(3, 10)].into(), "until it is believed that it is well");
    }
}

#[test]
fn verdicts_hold_for_endpoints_that_come_later_and_for_the_next_generation() {
    let config = BalanceConfig::RoundRobin;
    let bench = Bench::start(&config, &[3], Spread::default());
    bench.believe(&[(6, out())]);
    assert_eq!(bench.counts(10), [(3, 10)].into());
    bench.live.publish(set(&config, &[3, 6, 9], &[]));
    bench.cluster.refresh(&bench.registry);
    assert_eq!(bench.counts(10), [(3, 5), (9, 5)].into());
    let next = Cluster::start(bench.plan.clone(), &bench.registry, 0, 1, Some(&bench.cluster));
    assert!((0..10).all(|_| chosen(&next) != Some(6)));
}

#[test]
fn who_joins_or_comes_back_begins_with_a_part() {
    // Long, so that it is the same step however slow the machine is.
    let slow_start = Some(SlowStart { window_ms: 3_600_000, from: WHOLE / 10 });
    let config = BalanceConfig::RoundRobin;
    let bench = Bench::start(&config, &[3, 6], Spread { slow_start, ..Spread::default() });
    assert_eq!(bench.counts(100), [(3, 50), (6, 50)].into(), "the first ones are as old");
    bench.live.publish(set(&config, &[3, 6, 9], &[]));
    bench.cluster.refresh(&bench.registry);
    assert_eq!(bench.counts(210), [(3, 100), (6, 100), (9, 10)].into());
    let back = Verdict { back_since_ms: Some(clock::coarse_ms()), ..Verdict::default() };
    bench.live.publish(set(&config, &[3, 6], &[]));
    bench.believe(&[(3, back)]);
    assert_eq!(bench.counts(110), [(3, 10), (6, 100)].into());
    assert!(!bench.cluster.running().is_due());
}

#[test]
fn the_quicker_one_is_chosen_and_the_slow_one_tried_again() {
    let bench = Bench::start(&BalanceConfig::PeakEwma, &[3, 6], Spread::default());
    for _ in 0..20 {
        let chosen = bench.cluster.choose(&Ask::default()).ok().unwrap();
        let nanos = if &*chosen.endpoint().label == "3" { 50_000_000 } else { 1_000_000 };
        chosen.settle(Outcome::Success, nanos);
    }
    assert_eq!(bench.counts(20), [(6, 20)].into(), "once both are known");
    // With fifty in flight there, waiting is as long at the slow one.
    let busy: Vec<_> = (0..60).map(|_| bench.cluster.choose(&Ask::default()).ok().unwrap()).collect();
    assert!(busy.iter().any(|chosen| &*chosen.endpoint().label == "3"));
}
