//! The operator's listener as its clients see it: bytes in, bytes out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;

use tokio::sync::mpsc;

use super::*;
use crate::control::config::admin::Role;
use crate::control::desk::Order;
use crate::control::export::{SlotNames, Sources};
use crate::control::generation::ReloadFigures;
use crate::telemetry::metrics::METHOD_SLOTS;

mod changes;
mod descriptions;
mod doors;

/// A listener on a thread of its own, closed when dropped; behind its desk somebody who does as told.
struct Admin {
    addr: SocketAddr,
    state: Arc<AdminState>,
    /// Orders that came in.
    orders: Arc<Mutex<Vec<String>>>,
    shutdown: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

fn state(access: Access) -> (Arc<AdminState>, mpsc::Receiver<Order>) {
    let registry = Frozen::new(Registry::new(2));
    let label = GenerationLabel { number: 3, hash: "abc".to_owned() };
    let generation = Published::new(Frozen::new(label));
    let started = Instant::now();
    let ring_options = vec!["single_issuer".to_owned()];
    let worker = WorkerDescription { cpu: Some(5), driver: "io_uring".to_owned(), ring_options, started };
    let mut exporter = Exporter::new(Sources {
        registry: registry.clone(),
        names: SlotNames { methods: ["GET"; METHOD_SLOTS], errors: Vec::new() },
        version: "1.2.3",
        started_unix_seconds: 1,
        generation: generation.clone(),
        log: None,
        certificates: Published::new(Frozen::new(crate::control::tls::Inventory::default())),
        feeds: None,
        reloads: Frozen::new(ReloadFigures::default()),
        rollouts: Frozen::new(crate::control::rollout::figures::RolloutFigures::default()),
        source: None,
        revocations: crate::control::revocations::RevocationDesk::default(),
    });
    let (desk, orders) = Desk::new();
    let state = AdminState {
        gate: Gate::new(access, &mut exporter),
        registry,
        exporter,
        readiness: Readiness::new(),
        config: Published::new(Frozen::new(serde_json::json!({ "listeners": [] }))),
        generation,
        workers: Published::new(Frozen::new(vec![worker])),
        desk,
        audit: Audit::in_memory(),
        views: AdminViews::default(),
        recorder: Recorder::of_nobody(),
        revocations: crate::control::revocations::RevocationDesk::default(),
        fleet: crate::control::fleet::FleetDesk::default(),
        health: crate::control::health::HealthDesk::of_nobody(),
        releases: crate::control::releases::ReleaseDesk::default(),
        keys: crate::control::keepers::api_keys::store::KeyStore::default(),
    };
    (Arc::new(state), orders)
}

impl Admin {
    fn start(token: Option<&str>) -> Self {
        let access = Access::default();
        Self::guarded(match token {
            Some(token) => access.with_token("ops", token, Role::Write),
            None => access,
        })
    }

    fn guarded(access: Access) -> Self {
        let (state, orders) = state(access);
        Self::serving(state, orders)
    }

    fn serving(state: Arc<AdminState>, waiting: mpsc::Receiver<Order>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let (shutdown, shut) = tokio::sync::oneshot::channel::<()>();
        let (served, orders) = (Arc::clone(&state), Arc::default());
        let noted = Arc::clone(&orders);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.spawn(changes::obey(waiting, noted));
            let until = async {
                let _ = shut.await;
            };
            runtime.block_on(serve(listener, None, served, until)).unwrap();
        });
        Self { addr, state, orders, shutdown: Some(shutdown), thread: Some(thread) }
    }

    /// The whole answer; `more` are further field lines.
    fn ask(&self, method: &str, path: &str, more: &str) -> String {
        self.send(&format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{more}\r\n"))
    }

    /// The same with a body of JSON.
    fn order(&self, method: &str, path: &str, more: &str, body: &str) -> String {
        let fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n{more}", body.len());
        self.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{fields}\r\n{body}"
        ))
    }

    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.ask("GET", path, "")
    }

    /// Orders that came in.
    fn orders(&self) -> Vec<String> {
        self.orders.lock().unwrap().clone()
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.shutdown.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn body(answer: &str) -> serde_json::Value {
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn health_is_about_the_process_and_readiness_about_traffic() {
    let admin = Admin::start(None);
    for (state, code) in
        [(ReadinessState::Starting, "503"), (ReadinessState::Ready, "200"), (ReadinessState::Draining, "503")]
    {
        admin.state.readiness.advance(state);
        assert_eq!(status(&admin.get("/healthz")), "200");
        let answer = admin.get("/readyz");
        assert_eq!(status(&answer), code);
        assert!(answer.contains(state.as_str()), "{answer}");
    }
}

#[test]
fn metrics_come_in_the_format_that_is_asked_for() {
    let admin = Admin::start(None);
    admin.state.registry.worker(1).connections_accepted.add(7);
    let answer = admin.get("/metrics");
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    assert!(answer.contains("ringgate_connections_accepted_total{worker=\"1\"} 7\n"));
    let answer = admin.ask("GET", "/metrics", "Accept: text/plain\r\n");
    assert!(answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    assert!(answer.contains("# TYPE ringgate_connections_accepted_total counter\n"));
}

#[test]
fn shows_the_configuration_and_the_workers() {
    let admin = Admin::start(None);
    assert_eq!(body(&admin.get("/config")), serde_json::json!({ "listeners": [] }));
    admin.state.registry.worker(0).connections_active.set(4);
    let answer = body(&admin.get("/workers"));
    assert_eq!(answer["generation"]["hash"], "abc");
    assert_eq!(answer["workers"][0]["cpu"], 5);
    assert_eq!(answer["workers"][0]["ring_options"][0], "single_issuer");
    assert_eq!(answer["workers"][0]["connections"]["active"], 4);
    assert_eq!(answer["workers"][0]["uptime_seconds"], 0);
    assert!(answer["workers"][1]["cpu"].is_null(), "not started yet");
    assert!(admin.get("/").contains("/workers"));
}

#[test]
fn refusals_are_problem_details() {
    let admin = Admin::start(None);
    for (method, path, code) in [
        ("GET", "/nowhere", "404"),
        ("POST", "/config", "405"),
        ("DELETE", "/ui", "405"),
        ("GET", "/reload", "405"),
    ] {
        let answer = admin.ask(method, path, "");
        assert_eq!(status(&answer), code);
        assert!(answer.contains("content-type: application/problem+json\r\n"), "{answer}");
        assert_eq!(body(&answer)["status"].to_string(), code);
        assert!(body(&answer)["code"].is_string(), "{answer}");
        let allowed = if path == "/reload" { "allow: POST\r\n" } else { "allow: GET,HEAD\r\n" };
        assert_eq!(answer.contains(allowed), code == "405", "{answer}");
    }
    let head = admin.ask("HEAD", "/metrics", "");
    assert_eq!((status(&head), head.ends_with("\r\n\r\n")), ("200", true));
}

#[test]
fn a_token_guards_everything_but_health() {
    let admin = Admin::start(Some("s3cret"));
    admin.state.readiness.advance(ReadinessState::Ready);
    for path in ["/", "/metrics", "/config", "/workers", "/nowhere", "/healthz/"] {
        let answer = admin.get(path);
        assert_eq!(status(&answer), "401", "{path}");
        assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
        assert_eq!(status(&admin.ask("GET", path, "Authorization: Bearer wrong\r\n")), "401");
    }
    for path in ["/", "/metrics", "/config", "/workers"] {
        assert_eq!(status(&admin.ask("GET", path, "Authorization: Bearer s3cret\r\n")), "200", "{path}");
    }
    assert_eq!((status(&admin.get("/healthz")), status(&admin.get("/readyz"))), ("200", "200"));
}

#[test]
fn closes_within_its_bound_while_somebody_holds_on() {
    let admin = Admin::start(None);
    let mut stuck = TcpStream::connect(admin.addr).unwrap();
    stuck.write_all(b"GET /metrics HTTP/1.1\r\nHost:").unwrap();
    assert_eq!(status(&admin.get("/healthz")), "200");
    let begun = Instant::now();
    drop(admin);
    assert!(begun.elapsed() < CLOSE_BOUND * 3);
}
