//! A cluster whose endpoints and generations change, on one worker, without sockets.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::net::addr::EndpointAddr;
use crate::shared::ledger::Ledger;
use crate::upstream::config::BalanceConfig;
use crate::upstream::endpoint::EndpointPlan;

pub(super) fn set(config: &BalanceConfig, numbers: &[u8], drained: &[u8]) -> Frozen<EndpointSet> {
    let plan = |number: &u8| EndpointPlan {
        addr: EndpointAddr::Tcp(([10, 0, 0, *number], 80).into()),
        label: number.to_string().into(),
        tls_name: None,
        weight: 1 + u32::from(*number % 3),
        tier: 0,
        zone: None,
        connections: Ledger::new(None),
        requests: Ledger::new(None),
    };
    let plans = |numbers: &[u8]| numbers.iter().map(plan).collect();
    Frozen::new(EndpointSet::compile(config, plans(numbers), plans(drained)).unwrap())
}

pub(super) fn plan(live: &Published<EndpointSet>, identity: u64) -> ClusterPlan {
    let second = Duration::from_secs(1);
    ClusterPlan {
        name: "c".into(),
        live: live.clone(),
        spread: Spread::default(),
        hash_key: None,
        identity,
        timeouts: Timeouts { connect: second, head: second, idle: second, total: None },
        pool: PoolPlan { idle: 1, idle_timeout: second },
        head_bytes: 1024,
        tls: None,
        http2: None,
        host: None,
        proxy_header: None,
        verdicts: Published::new(Frozen::new(Verdicts::default())),
        slow_nanos: u64::MAX,
        admission: None,
        endpoint_requests: None,
        connections: None,
        budgets: Budgets::default(),
        deadline_field: None,
    }
}

pub(super) fn chosen(cluster: &Cluster) -> Option<u8> {
    cluster.choose(&Ask::default()).ok().map(|chosen| chosen.endpoint().label.parse().unwrap())
}

fn started(live: &Published<EndpointSet>) -> Rc<Cluster> {
    Cluster::start(Frozen::new(plan(live, 1)), &Registry::new(1), 0, 1, None)
}

#[test]
fn what_stays_in_the_set_stays_the_same_endpoint_and_what_goes_is_retired() {
    let live = Published::new(set(&BalanceConfig::RoundRobin, &[1, 2, 3], &[]));
    let cluster = started(&live);
    let before = cluster.running();
    live.publish(set(&BalanceConfig::RoundRobin, &[2, 3, 4], &[]));
    assert!(Rc::ptr_eq(&before, &cluster.running()), "not before it is looked at");
    cluster.refresh(&Registry::new(1));
    let after = cluster.running();
    assert!(Rc::ptr_eq(&before.endpoints()[1], &after.endpoints()[0]));
    assert!(before.endpoints()[0].is_retired.get());
    assert!(after.endpoints().iter().all(|endpoint| !endpoint.is_retired.get()));
}

#[test]
fn requests_in_flight_are_counted_across_sets_and_generations() {
    let least = BalanceConfig::LeastRequest;
    let live = Published::new(set(&least, &[3, 6], &[]));
    let cluster = started(&live);
    let busy: Vec<_> = (0..4).map(|_| cluster.choose(&Ask::default()).ok().unwrap()).collect();
    live.publish(set(&least, &[3, 6, 9], &[]));
    cluster.refresh(&Registry::new(1));
    let next = Cluster::start(Frozen::new(plan(&live, 1)), &Registry::new(1), 0, 1, Some(&cluster));
    cluster.hand_over(Some(&next));
    let in_flight = |at: usize| next.running().endpoints()[at].in_flight.get();
    assert_eq!((in_flight(0) + in_flight(1), in_flight(2)), (4, 0));
    // Of two that are drawn, the third is always the idler one.
    let picked = (0..30).filter(|_| chosen(&next) == Some(9)).count();
    assert!(picked > 10, "{picked}");
    drop(busy);
    assert_eq!(in_flight(0) + in_flight(1), 0);
}

#[test]
fn another_way_of_connecting_shares_nothing() {
    let live = Published::new(set(&BalanceConfig::RoundRobin, &[1], &[]));
    let cluster = started(&live);
    let same = Cluster::start(Frozen::new(plan(&live, 1)), &Registry::new(1), 0, 1, Some(&cluster));
    assert!(Rc::ptr_eq(&cluster.running().endpoints()[0], &same.running().endpoints()[0]));
    let other = Cluster::start(Frozen::new(plan(&live, 2)), &Registry::new(1), 0, 1, Some(&same));
    assert!(!Rc::ptr_eq(&cluster.running().endpoints()[0], &other.running().endpoints()[0]));
    same.hand_over(Some(&other));
    assert!(cluster.running().endpoints()[0].is_retired.get());
    // Back to the generation before, as it was.
    other.hand_over(Some(&cluster));
    assert!(!cluster.running().endpoints()[0].is_retired.get());
    cluster.hand_over(None);
    assert!(cluster.running().endpoints()[0].is_retired.get());
}

#[test]
fn a_drained_endpoint_keeps_its_connections_and_is_not_chosen() {
    let live = Published::new(set(&BalanceConfig::RoundRobin, &[1, 2], &[]));
    let cluster = started(&live);
    let before = cluster.running();
    live.publish(set(&BalanceConfig::RoundRobin, &[2], &[1]));
    cluster.refresh(&Registry::new(1));
    assert!((0..10).all(|_| chosen(&cluster) == Some(2)));
    assert!(Rc::ptr_eq(&before.endpoints()[0], &cluster.running().endpoints()[1]));
    assert!(!before.endpoints()[0].is_retired.get());
    live.publish(set(&BalanceConfig::RoundRobin, &[], &[1, 2]));
    cluster.refresh(&Registry::new(1));
    assert_eq!(chosen(&cluster), None);
}

#[test]
fn what_was_tried_is_not_tried_again_in_another_set() {
    let live = Published::new(set(&BalanceConfig::RoundRobin, &[1, 2], &[]));
    let cluster = started(&live);
    let first = cluster.choose(&Ask::default()).ok().unwrap().endpoint().clone();
    live.publish(set(&BalanceConfig::RoundRobin, &[9, 1, 2], &[]));
    cluster.refresh(&Registry::new(1));
    for _ in 0..20 {
        let second =
            cluster.choose(&Ask { excluded: std::slice::from_ref(&first), ..Ask::default() }).ok().unwrap();
        assert_ne!(second.endpoint().label, first.label);
    }
}

proptest! {
    /// Under load, whatever sets come: after a refresh only what is in the set is chosen, and nothing in flight is
    /// counted twice or lost.
    #[test]
    fn what_is_gone_is_never_chosen(sets in vec(vec(0u8..12, 0..8), 1..12), kind in 0usize..3, hold in 0usize..6) {
        let kinds = [BalanceConfig::RoundRobin, BalanceConfig::Random, BalanceConfig::LeastRequest];
        let config = &kinds[kind];
        let registry = Registry::new(1);
        let live = Published::new(set(config, &[], &[]));
        let mut cluster = started(&live);
        let mut held = Vec::new();
        for (turn, mut numbers) in sets.into_iter().enumerate() {
            numbers.sort_unstable();
            numbers.dedup();
            live.publish(set(config, &numbers, &[]));
            if turn % 3 == 2 {
                let next = Cluster::start(Frozen::new(plan(&live, 1)), &registry, 0, 1, Some(&cluster));
                cluster.hand_over(Some(&next));
                cluster = next;
            } else {
                cluster.refresh(&registry);
            }
            prop_assert_eq!(chosen(&cluster).is_some(), !numbers.is_empty());
            for _ in 0..40 {
                prop_assert!(chosen(&cluster).is_none_or(|one| numbers.contains(&one)));
            }
            held.extend((0..hold).filter_map(|_| cluster.choose(&Ask::default()).ok()));
            for endpoint in cluster.running().endpoints() {
                let mine = |it: &&Chosen| Rc::ptr_eq(it.endpoint(), endpoint);
                prop_assert_eq!(endpoint.in_flight.get() as usize, held.iter().filter(mine).count());
            }
        }
    }
}
