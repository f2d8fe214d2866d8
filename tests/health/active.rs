//! Endpoints that are asked how they are.

use super::{Moody, endpoint, stands, wires};
use crate::harness::{FaultOrigin, Gateway, Setup, eventually, free_address};

const HEALTH: &str =
    "health: {check: {http: {path: /healthz, body: oody}}, interval: 200ms, interval_failing: 50ms}";

fn start(first: &Moody, second: &Moody) -> Gateway {
    Setup::before(first.label()).endpoint(second.label()).cluster(HEALTH).start()
}

fn passed(gateway: &Gateway, label: &str) -> usize {
    let checks = endpoint(gateway, label)["checks"]["outcomes"]["passed"].as_u64();
    checks.expect("it is checked") as usize
}

#[test]
fn who_fails_its_checks_gets_nothing_and_is_back_when_it_passes_them() {
    let (first, second) = (Moody::start(), Moody::start());
    let gateway = start(&first, &second);
    let mut wires = wires(&gateway);
    eventually("it has passed a check", || passed(&gateway, &first.label()) > 0);
    first.gives(503);
    stands(&gateway, &first.label(), "unhealthy");
    let seen = endpoint(&gateway, &first.label());
    assert_eq!(seen["reason"], "status 503", "{seen}");
    assert!(seen["since_unix_ms"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{seen}");
    let of = format!("cluster=\"origin\",endpoint=\"{}\"", first.label());
    gateway.metric_becomes(&format!("ringgate_endpoint_health{{{of},state=\"unhealthy\"}}"), 1.0);
    assert!(gateway.metric(&format!("ringgate_health_checks_total{{{of},outcome=\"status\"}}")) >= 3.0);
    let said = format!("{} is not used: it fails its checks (status 503)", first.label());
    eventually("it is said", || gateway.stderr().contains(&said));
    eventually("workers know", || {
        let before = first.served();
        (0..20).for_each(|at| _ = wires[at % 4].get("/"));
        first.served() == before
    });
    let before = (first.served(), second.served());
    for at in 0..40 {
        wires[at % 4].get("/").has_status(200);
    }
    assert_eq!((first.served(), second.served()), (before.0, before.1 + 40));
    first.gives(200);
    stands(&gateway, &first.label(), "good");
    eventually("it gets its share again", || {
        wires[0].get("/").has_status(200);
        first.served() > before.0
    });
}

#[test]
fn one_prober_asks_for_all_workers() {
    let (first, second) = (Moody::start(), Moody::start());
    let gateway = start(&first, &second);
    eventually("there were some checks", || passed(&gateway, &first.label()) >= 5);
    let (known, asked) = (passed(&gateway, &first.label()), first.origin.requests().len());
    assert!(asked.abs_diff(known) <= 1, "{asked} requests for {known} checks");
    let request = first.origin.requests().remove(0);
    assert_eq!((&*request.method, &*request.target), ("GET", "/healthz"));
    assert_eq!(request.field("host"), Some(&*first.label()));
}

#[test]
fn who_does_not_listen_is_out_before_a_client_has_tried() {
    let here = Moody::start();
    let nobody = free_address();
    let health = "health: {check: tcp, interval: 200ms, interval_failing: 50ms}";
    let gateway = Setup::before(here.label()).endpoint(nobody).cluster(health).start();
    stands(&gateway, &nobody.to_string(), "unhealthy");
    assert_eq!(endpoint(&gateway, &nobody.to_string())["reason"], "connection refused");
    let back = FaultOrigin::start_at(nobody, crate::harness::echo);
    stands(&gateway, &nobody.to_string(), "good");
    drop(back);
    stands(&gateway, &nobody.to_string(), "unhealthy");
}

#[test]
fn checks_go_on_across_reloads_and_end_with_their_cluster() {
    use crate::reload::Reloadable;
    let origin = Moody::start();
    let yaml = |more: &str| {
        format!(
            "listeners: [{{name: public, address: '127.0.0.1:0'}}]\n\
             clusters: {{origin: {{endpoints: ['{}', '127.0.0.1:1']{more}}}}}\n\
             routes: [{{name: all, cluster: origin}}]\n",
            origin.label()
        )
    };
    let health = ", health: {check: {http: {path: /healthz}}, interval: 100ms, interval_failing: 50ms}";
    let mut running = Reloadable::start(&yaml(health));
    stands(&running.gateway, "127.0.0.1:1", "unhealthy");
    let since = endpoint(&running.gateway, "127.0.0.1:1")["since_unix_ms"].clone();
    running.install(&yaml(&format!("{health}, timeouts: {{head: 9s}}")));
    let seen = endpoint(&running.gateway, "127.0.0.1:1");
    assert_eq!(seen["state"], "unhealthy", "{seen}");
    let moved = seen["since_unix_ms"].as_u64().zip(since.as_u64()).expect("times");
    // Two clocks are read to tell it.
    assert!(moved.0.abs_diff(moved.1) < 50, "{moved:?}");
    running.install(&yaml(""));
    let verdicts = running.gateway.admin_get("/verdicts").json();
    assert_eq!(verdicts["clusters"], serde_json::json!([]), "{verdicts}");
    let asked = origin.origin.requests().len();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(origin.origin.requests().len() <= asked + 1, "one may have been under way");
}
