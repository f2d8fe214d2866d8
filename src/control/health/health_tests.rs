//! Tests of [`super`]: the thread, with snapshots compiled from text and workers that are played.

use std::net::TcpListener;
use std::time::Instant;

use super::*;
use crate::config::secret::Environment;
use crate::control::check::load_and_compile_text;
use crate::upstream::verdict::{Breaker, Out, Verdicts};

struct Played {
    registry: Frozen<Registry>,
    desk: HealthDesk,
    endpoint: String,
}

fn configuration(endpoint: &str, settings: &str) -> String {
    format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{origin: {{endpoints: ['{endpoint}', '127.0.0.1:2'], {settings}}}}}\n\
         routes: [{{name: all, cluster: origin, breaker: {{calls: 5, open: 50ms, probes: 1}}}}]\n"
    )
}

fn compiled(text: &str, generation: u64) -> (Config, Snapshot) {
    let (loaded, snapshot) =
        load_and_compile_text("test", text, &Environment::default(), generation).unwrap();
    (loaded.config, snapshot)
}

impl Played {
    fn new(endpoint: &str) -> Self {
        let registry = Frozen::new(Registry::new(2));
        let desk = HealthDesk::start(registry.clone()).unwrap();
        Self { registry, desk, endpoint: endpoint.to_owned() }
    }

    fn attach(&self, settings: &str, generation: u64) -> Snapshot {
        let (config, snapshot) = compiled(&configuration(&self.endpoint, settings), generation);
        self.desk.attach(&config, &snapshot);
        snapshot
    }

    /// Counts as a worker does.
    fn count(&self, worker: usize, passed: bool, times: usize) {
        let endpoint = self.registry.endpoint("origin", &self.endpoint, worker);
        for _ in 0..times {
            endpoint.outcomes.count(passed, 1_000, u64::MAX);
            self.registry.route("all", worker).outcomes.count(passed, 1_000, u64::MAX);
        }
        self.registry.worker(worker).requests.add(times as u64);
    }
}

#[track_caller]
fn becomes(snapshot: &Snapshot, what: &str, is_so: impl Fn(&Verdicts) -> bool) {
    let by = Instant::now() + Duration::from_secs(15);
    while !is_so(&snapshot.clusters[0].verdicts.load().1) {
        assert!(Instant::now() < by, "never: {what}: {:?}", snapshot.clusters[0].verdicts.load().1);
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_two_workers_count_is_judged_together_and_told_to_all_generations() {
    let played = Played::new("127.0.0.1:1");
    let outliers = "outliers: {consecutive_failures: 6, time: 100ms}";
    let first = played.attach(outliers, 1);
    let second = played.attach(outliers, 2);
    played.count(0, false, 3);
    played.count(1, false, 3);
    for snapshot in [&first, &second] {
        becomes(snapshot, "ejected", |verdicts| {
            verdicts.endpoints.get("127.0.0.1:1").is_some_and(|it| it.out == Some(Out::Ejected))
        });
    }
    becomes(&second, "back", |verdicts| verdicts.endpoints.is_empty());
    let view = played.desk.view();
    assert_eq!(view.clusters[0].endpoints[0].ejections.as_ref().unwrap()["consecutive_failures"], 1);
    assert_eq!(view.events.last().unwrap().what, "is left alone for 0.1 s: 6 failures in a row");
}

#[test]
fn breakers_of_clusters_and_routes_open_try_and_close() {
    let played = Played::new("127.0.0.1:1");
    let snapshot = played.attach("breaker: {calls: 5, open: 50ms, probes: 1}", 1);
    let route = snapshot.routes[0].care.as_ref().unwrap().breaker.as_ref().unwrap().live.clone();
    played.count(1, false, 5);
    becomes(&snapshot, "open", |verdicts| matches!(verdicts.cluster, Breaker::Open { .. }));
    becomes(&snapshot, "half open", |verdicts| matches!(verdicts.cluster, Breaker::HalfOpen(_)));
    let Breaker::HalfOpen(slot) = snapshot.clusters[0].verdicts.load().1.cluster.clone() else {
        panic!("it is half open")
    };
    slot.try_take().unwrap().settle(true);
    becomes(&snapshot, "closed", |verdicts| verdicts.cluster.is_closed());
    let by = Instant::now() + Duration::from_secs(15);
    loop {
        if let Breaker::HalfOpen(slot) = &*route.load().1 {
            slot.try_take().unwrap().settle(true);
            break;
        }
        assert!(Instant::now() < by, "the route's breaker never came so far");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn checks_find_out_who_does_not_listen_and_who_listens_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let played = Played::new(&address.to_string());
    let health = "health: {check: tcp, interval: 50ms, interval_failing: 20ms, healthy_after: 1}";
    let snapshot = played.attach(health, 1);
    let label = address.to_string();
    let out = |verdicts: &Verdicts| verdicts.endpoints.get(&*label).and_then(|it| it.out);
    becomes(&snapshot, "unhealthy", |verdicts| out(verdicts) == Some(Out::Unhealthy));
    let endpoint = &played.desk.view().clusters[0].endpoints[0];
    assert_eq!((endpoint.state, endpoint.reason.as_deref()), ("unhealthy", Some("connection refused")));
    let _listener = TcpListener::bind(address).unwrap();
    becomes(&snapshot, "healthy again", |verdicts| out(verdicts).is_none());
    // Without checks there is nothing to say against the other one.
    let next = played.attach("outliers: {}", 2);
    becomes(&next, "forgotten", |verdicts| verdicts.endpoints.is_empty());
}

#[test]
fn what_the_operator_holds_stays_across_generations() {
    let played = Played::new("127.0.0.1:1");
    let settings = "breaker: {}, endpoint_breaker: {}";
    let _first = played.attach(settings, 1);
    let cluster = Place::Cluster("origin".to_owned());
    let told = played.desk.hold(&cluster, Held::Open).unwrap();
    assert_eq!(told, "the breaker of cluster `origin` is open, and stays so");
    let second = played.attach(settings, 2);
    assert!(matches!(second.clusters[0].verdicts.load().1.cluster, Breaker::Open { .. }));
    played.desk.hold(&cluster, Held::Closed).unwrap();
    assert!(second.clusters[0].verdicts.load().1.cluster.is_closed());
    let endpoint = Place::Endpoint("origin".to_owned(), "127.0.0.1:1".to_owned());
    played.desk.hold(&endpoint, Held::Open).unwrap();
    assert!(!second.clusters[0].verdicts.load().1.endpoints["127.0.0.1:1"].breaker.is_closed());
    played.desk.hold(&Place::Route("all".to_owned()), Held::Open).unwrap();
    for nobody in [
        Place::Cluster("other".to_owned()),
        Place::Endpoint("origin".to_owned(), "127.0.0.1:9".to_owned()),
        Place::Route("other".to_owned()),
    ] {
        assert_eq!(played.desk.hold(&nobody, Held::Open).unwrap_err().code, "no_breaker");
    }
}

#[test]
fn the_thread_ends_with_its_last_handle() {
    let played = Played::new("127.0.0.1:1");
    let _snapshot = played.attach("breaker: {}", 1);
    let inner = Arc::downgrade(&played.desk.0);
    drop(played);
    let by = Instant::now() + Duration::from_secs(15);
    while inner.strong_count() > 0 {
        assert!(Instant::now() < by, "somebody still holds it");
        std::thread::sleep(Duration::from_millis(2));
    }
}
