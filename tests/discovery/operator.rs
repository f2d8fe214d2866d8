//! Endpoints that the operator takes out of use, and what the operator sees of clusters.

use super::zone::Zone;
use super::{fleet, uses};
use crate::harness::{FaultOrigin, Gateway, Setup, eventually, ringgate};
use crate::reload::Reloadable;

/// Runs `ringgate endpoint` against the gateway; what it says.
fn endpoint(gateway: &Gateway, arguments: &[&str]) -> (i32, String) {
    let admin = format!("http://{}", gateway.admin());
    let done = ringgate(&[&["endpoint", "--admin", &admin], arguments].concat());
    (done.code, done.said())
}

#[track_caller]
fn put(gateway: &Gateway, origin: &FaultOrigin, action: &str) {
    let (code, said) = endpoint(gateway, &["origin", &origin.address().to_string(), action]);
    assert_eq!(code, 0, "{said}");
}

fn pair(origins: &[FaultOrigin], more: &str) -> String {
    let [one, other] = [0, 1].map(|at: usize| origins[at].address());
    format!(
        "workers: {{cpus: [{}]}}\nlisteners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         clusters: {{origin: {{endpoints: ['{one}', '{other}']{more}}}}}\n\
         routes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n",
        crate::harness::first_cpu()
    )
}

#[test]
fn a_drained_endpoint_gets_nothing_new_keeps_its_connections_and_comes_back() {
    let (origins, _) = fleet(2);
    let mut running = Reloadable::start(&pair(&origins, ""));
    uses(&running.gateway, &[2, 3]);
    put(&running.gateway, &origins[0], "drain");
    uses(&running.gateway, &[3]);
    running.gateway.metric_becomes("ringgate_cluster_endpoints{state=\"drained\"}", 1.0);
    // Across a reload, of the cluster too.
    running.install(&pair(&origins, ", timeouts: {head: 9s}"));
    assert_eq!(super::used(&running.gateway), [3]);
    assert_eq!(origins[0].closed(), 0);
    put(&running.gateway, &origins[0], "enable");
    uses(&running.gateway, &[2, 3]);
    assert_eq!(origins[0].accepted(), 1);
}

#[test]
fn a_disabled_endpoint_loses_its_idle_connections_and_ends_what_is_under_way() {
    let slow = FaultOrigin::start(|dialogue| {
        while dialogue.request().is_some() {
            std::thread::sleep(std::time::Duration::from_millis(800));
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow");
        }
    });
    let gateway = Setup::before(slow.address()).one_worker().start();
    let (mut busy, mut idle) = (gateway.wire(), gateway.wire());
    for wire in [&mut busy, &mut idle] {
        wire.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    }
    slow.receives(2);
    idle.read().has_status(200);
    busy.read().has_status(200);
    busy.send("GET / HTTP/1.1\r\nHost: t\r\n\r\n");
    slow.receives(3);
    put(&gateway, &slow, "disable");
    eventually("the idle one is closed", || slow.closed() == 1);
    busy.read().has_status(200);
    eventually("the other is not kept either", || slow.closed() == 2);
    let said = idle.get("/").has_status(503).text();
    assert!(said.contains("no_endpoint"), "{said}");
    put(&gateway, &slow, "enable");
    eventually("it is taken up", || gateway.get("/").status == 200);
}

#[test]
fn what_is_not_there_is_refused() {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).start();
    for (cluster, code) in [("origin", "has no endpoint"), ("other", "no cluster `other`")] {
        let (exit, said) = endpoint(&gateway, &[cluster, "10.0.0.1:80", "drain"]);
        assert!(exit != 0 && said.contains(code), "{exit}: {said}");
    }
}

#[test]
fn the_operator_sees_what_is_found_and_can_take_it_out() {
    let (_origins, port) = fleet(2);
    let zone = Zone::start(&[("orders.test", "127.0.0.2"), ("orders.test", "127.0.0.3")]);
    let form = format!("{{dns: {{name: orders.test, port: {port}, resolvers: ['{}']}}}}", zone.address());
    let gateway = super::discovering(&form).start();
    uses(&gateway, &[2, 3]);
    let label = format!("127.0.0.3:{port}");
    assert_eq!(endpoint(&gateway, &["origin", &label, "disable"]).0, 0);
    uses(&gateway, &[2]);
    let cluster = gateway.admin_get("/clusters/origin").json();
    assert_eq!(cluster["source"], "dns orders.test");
    assert!(cluster["age_ms"].as_u64().is_some_and(|age| age < 60_000), "{cluster}");
    let endpoints = cluster["endpoints"].as_array().expect("a list");
    assert_eq!(endpoints.len(), 2);
    assert_eq!(endpoints[1]["label"], label.as_str());
    assert_eq!((&endpoints[0]["state"], &endpoints[1]["state"]), (&"active".into(), &"disabled".into()));
    assert_eq!(endpoints[0]["standing"], "present");
}
