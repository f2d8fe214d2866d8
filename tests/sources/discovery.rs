//! Endpoints from registries: a real etcd, and servers that play Consul and Kubernetes.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::{Value, json};

use super::consul::Consul;
use super::etcd_server::Etcd;
use super::kubernetes::Kubernetes;
use crate::harness::{FaultOrigin, Gateway, Setup, eventually};

/// An origin that answers with its name.
struct Named {
    name: usize,
    origin: FaultOrigin,
}

impl Named {
    fn address(&self) -> SocketAddr {
        self.origin.address()
    }
}

fn origins<const N: usize>() -> [Named; N] {
    std::array::from_fn(|name| {
        let origin = FaultOrigin::answering(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}"));
        Named { name, origin }
    })
}

/// A gateway whose cluster is found there. The loopback has to be allowed, and changes are believed at once.
fn gateway(discover: &str) -> Gateway {
    let setup = Setup::default()
        .cluster(&format!("discover: {{{discover}}}"))
        .cluster("allow_addresses: [127.0.0.0/8]")
        .cluster("membership: {hold_back: 100%, damp: 0s}");
    Gateway::start(&setup.yaml().replace("    endpoints: []\n", ""))
}

/// Waits until exactly these origins answer.
#[track_caller]
fn leads_to(gateway: &Gateway, origins: &[&Named]) {
    let wanted: BTreeSet<String> = origins.iter().map(|origin| origin.name.to_string()).collect();
    eventually(&format!("it leads to {wanted:?}"), || {
        let mut wire = gateway.wire();
        let answers: BTreeSet<String> = (0..8).map(|_| wire.get("/").text()).collect();
        answers == wanted
    });
}

#[test]
fn endpoints_of_etcd_come_go_and_stay_when_it_is_away() {
    let mut etcd = Etcd::start();
    let [one, two, three] = origins();
    let put = |etcd: &Etcd, name: &str, origin: &Named| {
        etcd.put(&format!("/services/a/{name}"), &origin.address().to_string());
    };
    put(&etcd, "1", &one);
    let gateway = gateway(&format!("etcd: {{prefix: /services/a/, addresses: [\"{}\"]}}", etcd.address()));
    leads_to(&gateway, &[&one]);
    etcd.put("/services/a/2", &json!({ "address": two.address(), "weight": 3 }).to_string());
    leads_to(&gateway, &[&one, &two]);
    etcd.put("/services/a/broken", "nonsense");
    etcd.delete("/services/a/1");
    leads_to(&gateway, &[&two]);
    etcd.end();
    leads_to(&gateway, &[&two]);
    etcd.begin();
    put(&etcd, "3", &three);
    let last = etcd.put("other", "x");
    etcd.compact(last);
    leads_to(&gateway, &[&two, &three]);
}

fn instance(address: SocketAddr, tags: &[&str]) -> Value {
    json!({ "Node": { "Node": "n", "Address": "192.0.2.1" },
        "Service": { "ID": "a", "Service": "a", "Tags": tags, "Address": address.ip().to_string(),
            "Port": address.port(), "Weights": { "Passing": 1, "Warning": 1 } }, "Checks": [] })
}

#[test]
fn instances_of_consul_come_and_go() {
    let consul = Consul::start();
    let [one, two] = origins();
    let path = "/v1/health/service/a";
    let (first, second) = (instance(one.address(), &["v1"]), instance(two.address(), &["v2", "v1"]));
    consul.set(path, &json!([first, instance(two.address(), &["v2"])]));
    let gateway =
        gateway(&format!("consul: {{service: a, tags: [v1], address: \"http://{}\"}}", consul.address()));
    leads_to(&gateway, &[&one]);
    consul.set(path, &json!([first, second]));
    leads_to(&gateway, &[&one, &two]);
    consul.restore();
    consul.set(path, &json!([second]));
    leads_to(&gateway, &[&two]);
}

#[test]
fn pods_of_kubernetes_come_go_and_are_listed_again_after_a_gap() {
    let kubernetes = Kubernetes::start("s3cr3t");
    let [one, two, three] = origins();
    let pod = |name: &str, origin: &Named, ready| {
        kubernetes.set(name, origin.address().port(), &[("127.0.0.1", ready)]);
    };
    pod("a-1", &one, true);
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cr3t\n").unwrap();
    let gateway = gateway(&format!(
        "kubernetes: {{service: a, namespace: shop, port: http, api_server: \"{}\", token: {{file: {}}}}}",
        kubernetes.address(),
        token.display()
    ));
    leads_to(&gateway, &[&one]);
    pod("a-2", &two, false);
    pod("a-2", &two, true);
    leads_to(&gateway, &[&one, &two]);
    kubernetes.remove("a-1");
    leads_to(&gateway, &[&two]);
    let lists = kubernetes.lists();
    kubernetes.forget();
    pod("a-3", &three, true);
    leads_to(&gateway, &[&two, &three]);
    assert!(kubernetes.lists() > lists);
}
