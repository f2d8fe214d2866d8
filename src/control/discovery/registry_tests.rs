//! Feeds of registries against servers that play a part.
//!
//! What is played is recorded from documentation: Consul 1.15 (`/v1/health/service`, blocking queries) and Kubernetes 1.27
//! (`discovery.k8s.io/v1`, "efficient detection of changes"). etcd is asked for real in the suite.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::timeout;

use super::feed::{self, Answer, Sink};
use crate::config::secret::{Environment, SecretSource};
use crate::control::http_client::scripted::{Reply, Scripted};
use crate::upstream::config::discover::DiscoverConfig;

struct Feed {
    answers: watch::Receiver<Answer>,
    task: tokio::task::AbortHandle,
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Feed {
    fn start(config: Value, environment: &Environment) -> Self {
        let config: DiscoverConfig = serde_json::from_value(config).unwrap();
        let (sink, answers) = Sink::new();
        Self { answers, task: feed::start(&config, environment, sink) }
    }

    /// Waits until the last answer is as wanted; gives it as labels with weights.
    async fn becomes(&mut self, what: &str, wanted: impl Fn(&Answer) -> bool) -> Vec<String> {
        let wait = self.answers.wait_for(|answer| wanted(answer));
        let seen = timeout(Duration::from_secs(15), wait).await.map(|answer| shown(&answer.unwrap()));
        seen.unwrap_or_else(|_| panic!("never {what}: {:?}", self.answers.borrow()))
    }
}

fn shown(answer: &Answer) -> Vec<String> {
    let found = answer.endpoints.iter().flatten();
    found.map(|it| format!("{} {}", it.label, it.weight)).collect()
}

fn environment() -> Environment {
    let variables = [("TOKEN".to_owned(), "s3cr3t".to_owned())];
    Environment { variables: variables.into(), ..Environment::default() }
}

fn instance(address: &str, node: &str, port: u16, tags: &[&str], weight: u32) -> Value {
    json!({
        "Node": { "ID": "40e4a748", "Node": "foobar", "Address": node, "Datacenter": "dc1" },
        "Service": { "ID": "redis", "Service": "redis", "Tags": tags, "Address": address, "Port": port,
            "Weights": { "Passing": weight, "Warning": 1 } },
        "Checks": [{ "CheckID": "service:redis", "Status": "passing" }]
    })
}

#[tokio::test]
async fn instances_of_consul_are_found_with_weight_and_tags_and_the_last_answer_is_kept() {
    let first = json!([
        instance("192.0.2.1", "192.0.2.100", 80, &["v1", "eu"], 10),
        instance("", "192.0.2.100", 81, &["v1", "eu"], 1),
        instance("192.0.2.3", "192.0.2.100", 80, &["v1"], 1),
    ]);
    let mut answers = VecDeque::from([
        Reply::new(200, first.to_string()).field("X-Consul-Index", "12"),
        Reply::new(500, "rpc error: No cluster leader"),
        Reply::new(200, "[]").field("X-Consul-Index", "13"),
    ]);
    let server = Scripted::start(move |_| {
        let waits = Reply::new(200, "[]").field("X-Consul-Index", "13").after(Duration::from_secs(30));
        answers.pop_front().unwrap_or(waits)
    });
    let config = json!({ "consul": { "service": "orders", "tags": ["v1", "eu"], "datacenter": "dc1",
        "address": server.url("http", ""), "token": { "env": "TOKEN" } } });
    let mut feed = Feed::start(config, &environment());
    let found = feed.becomes("found", |it| it.rounds == 1).await;
    assert_eq!(found, ["192.0.2.1:80 10", "192.0.2.100:81 1"]);
    let found = feed.becomes("failed", |it| it.failure.is_some()).await;
    assert_eq!(found.len(), 2, "the last answer is kept");
    let said = feed.answers.borrow().failure.clone().unwrap();
    assert_eq!(said, "status 500 Internal Server Error: rpc error: No cluster leader");
    assert!(feed.becomes("empty", |it| it.rounds == 2).await.is_empty());
    server.waits_for(4).await;
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.contains("x-consul-token: s3cr3t")), "{seen:?}");
    let asked: Vec<&str> = seen.iter().map(|request| request.split(' ').nth(1).unwrap()).collect();
    assert_eq!(asked[0], "/v1/health/service/orders?passing=1&tag=v1&tag=eu&dc=dc1");
    assert!(asked[1].ends_with("&index=12&wait=240s"), "{asked:?}");
    assert_eq!(asked[2], asked[0]);
    assert!(asked[3].ends_with("&index=13&wait=240s"), "{asked:?}");
}

fn slice(name: &str, version: &str, addresses: &[&str]) -> Value {
    let endpoints: Vec<Value> = addresses
        .iter()
        .map(|address| json!({ "addresses": [address], "conditions": { "ready": true, "serving": true, "terminating": false },
            "nodeName": "node-1", "targetRef": { "kind": "Pod", "name": "orders-1" } }))
        .collect();
    json!({ "metadata": { "name": name, "namespace": "shop", "resourceVersion": version,
            "labels": { "kubernetes.io/service-name": "orders" } },
        "addressType": "IPv4", "endpoints": endpoints,
        "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }] })
}

fn list(version: &str, items: &[Value], onwards: &str) -> Reply {
    let list = json!({ "kind": "EndpointSliceList", "apiVersion": "discovery.k8s.io/v1",
        "metadata": { "resourceVersion": version, "continue": onwards }, "items": items });
    Reply::new(200, list.to_string())
}

fn event(kind: &str, object: Value) -> String {
    format!("{}\n", json!({ "type": kind, "object": object }))
}

#[tokio::test]
async fn slices_of_kubernetes_are_listed_watched_and_listed_again_when_the_version_is_gone() {
    let bookmark = json!({ "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
        "metadata": { "resourceVersion": "15", "creationTimestamp": null } });
    let status = json!({ "kind": "Status", "status": "Failure", "reason": "Expired", "code": 410,
        "message": "too old resource version: 15 (20)" });
    let added = event("ADDED", slice("orders-b", "13", &["10.0.0.2"]));
    // Cut within a line, as packets do.
    let (front, back) = added.split_at(40);
    let mut answers = VecDeque::from([
        list("11", &[slice("orders-a", "9", &["10.0.0.1"])], "onwards=="),
        list("11", &[slice("orders-c", "9", &["10.0.0.3"])], ""),
        Reply::stream(
            &[front, back, &event("DELETED", slice("orders-c", "14", &[])), &event("BOOKMARK", bookmark)],
            Duration::ZERO,
        ),
        Reply::stream(&[&event("ERROR", status)], Duration::ZERO),
        list("20", &[slice("orders-a", "19", &["10.0.0.7"])], ""),
    ]);
    let server = Scripted::start(move |_| {
        answers.pop_front().unwrap_or(Reply::stream(&[""], Duration::from_secs(30)))
    });
    let config = json!({ "kubernetes": { "service": "orders", "namespace": "shop", "port": "http",
        "api_server": server.url("http", ""), "token": { "env": "TOKEN" } } });
    let mut feed = Feed::start(config, &environment());
    assert_eq!(feed.becomes("listed", |it| it.rounds == 1).await, ["10.0.0.1:8080 1", "10.0.0.3:8080 1"]);
    let is = |count: usize| move |it: &Answer| it.rounds > 1 && shown(it).len() == count;
    assert_eq!(feed.becomes("added", is(3)).await.len(), 3);
    assert_eq!(feed.becomes("deleted", is(2)).await, ["10.0.0.1:8080 1", "10.0.0.2:8080 1"]);
    assert_eq!(feed.becomes("listed again", is(1)).await, ["10.0.0.7:8080 1"]);
    server.waits_for(6).await;
    assert_eq!(feed.answers.borrow().failures, 0, "{:?}", feed.answers.borrow().failure);
    let seen = server.seen();
    assert!(seen.iter().all(|request| request.contains("authorization: Bearer s3cr3t")), "{seen:?}");
    let asked: Vec<&str> = seen.iter().map(|request| request.split(' ').nth(1).unwrap()).collect();
    let base = "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dorders";
    assert_eq!(asked[0], format!("{base}&limit=100"));
    assert_eq!(asked[1], format!("{base}&limit=100&continue=onwards%3D%3D"));
    let watch = |version| {
        format!("{base}&watch=true&allowWatchBookmarks=true&timeoutSeconds=300&resourceVersion={version}")
    };
    assert_eq!(asked[2], watch(11));
    assert_eq!(asked[3], watch(15), "from the bookmark");
    assert_eq!(asked[4], asked[0]);
    assert_eq!(asked[5], watch(20));
}

#[tokio::test]
async fn a_token_of_a_file_is_read_again_and_a_refusal_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "old").unwrap();
    let server = Scripted::start(move |request| {
        if request.contains("Bearer new") {
            list("1", &[slice("a", "1", &["10.0.0.1"])], "")
        } else {
            Reply::new(403, r#"{"kind":"Status","code":403,"message":"endpointslices is forbidden"}"#)
        }
    });
    let config = json!({ "kubernetes": { "service": "orders", "namespace": "shop",
        "api_server": server.url("http", ""), "token": { "file": file } } });
    let mut feed = Feed::start(config, &environment());
    feed.becomes("refused", |it| it.failure.is_some()).await;
    let said = feed.answers.borrow().failure.clone().unwrap();
    assert_eq!(said, "status 403 Forbidden: endpointslices is forbidden");
    std::fs::write(&file, "new").unwrap();
    assert_eq!(feed.becomes("found", |it| it.rounds == 1).await, ["10.0.0.1:8080 1"]);
}

#[tokio::test]
async fn what_is_missing_is_told_and_tried_again() {
    let outside = json!({ "kubernetes": { "service": "orders", "namespace": "shop" } });
    let mut feed = Feed::start(outside, &environment());
    feed.becomes("said", |it| {
        it.failure.as_deref() == Some("this is no pod of Kubernetes: write `api_server:`")
    })
    .await;
    let token = SecretSource::Env("ABSENT".to_owned());
    let config =
        json!({ "consul": { "service": "orders", "address": "http://127.0.0.1:1", "token": token } });
    let mut feed = Feed::start(config, &environment());
    let absent = "environment variable `ABSENT` is not set";
    feed.becomes("said", |it| it.failures > 1 && it.failure.as_deref() == Some(absent)).await;
    let away =
        json!({ "etcd": { "prefix": "a/", "addresses": ["http://127.0.0.1:1", "http://127.0.0.1:2"] } });
    let mut feed = Feed::start(away, &environment());
    feed.becomes("said", |it| it.failure.as_deref().is_some_and(|said| said.contains("refused"))).await;
}
