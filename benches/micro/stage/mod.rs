//! A gateway with one worker, and its clients and origin played by one thread: the same things in the same order in
//! every run, which is what counting needs.
//!
//! The gateway runs in this process. Who plays may be another one. Used by `benches/micro/instructions` and
//! `tests/alloc.rs`; it measures nothing itself.

#[path = "../../load/careful.rs"]
mod careful;
pub mod shape;
pub mod traffic;

use std::net::SocketAddr;

use ringgate::config::secret::Environment;
use ringgate::control::check::load_and_compile_text;
use ringgate::control::config::DriverConfig;
use ringgate::control::gateway::Gateway;
use ringgate::control::sources::Source;
use ringgate::rt::affinity::allowed_cpus;
use ringgate::rt::driver::Driver;

/// A running gateway with one worker.
pub struct Stage {
    runtime: tokio::runtime::Runtime,
    gateway: Gateway,
}

/// Whether the access log is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// No line is written.
    Off,
    /// Every exchange is logged.
    On,
}

impl Stage {
    /// Starts a gateway with this configuration.
    pub fn play(text: &str, driver: DriverConfig) -> Self {
        let environment = Environment::default();
        let (loaded, snapshot) = load_and_compile_text("stage.yaml", text, &environment, 1)
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let source = Source::at_path("stage.yaml");
        let starting = Gateway::start(&loaded, snapshot, source, &environment, driver, Vec::new());
        let gateway = runtime.block_on(starting).unwrap_or_else(|error| panic!("{error}"));
        Self { runtime, gateway }
    }

    /// What the worker runs on.
    pub fn driver(&self) -> Driver {
        self.gateway.driver
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.gateway.listeners[0].1
    }

    /// Drains the gateway and ends its threads.
    pub fn stop(self) {
        self.runtime.block_on(self.gateway.stop());
    }
}

/// The same, but every route wants a token that the owner of this public key has signed for `stage`.
pub fn guarded_configuration(
    address: SocketAddr,
    endpoint: SocketAddr,
    log: Log,
    public_key: &str,
) -> String {
    let key = public_key.replace('\n', "\n          ");
    format!(
        "{}defaults: {{policies: {{authenticate: {{any_of: [owner]}}}}}}\n\
         authenticators:\n  owner:\n    jwt:\n      issuer: https://id.example\n      audiences: [stage]\n      \
         keys:\n        pem_text: |\n          {key}\n",
        configuration(address, endpoint, log)
    )
}

/// The same, with all that is done about services that fail; health checks alone are left out, for the origin answers nobody
/// but the gateway's clients.
pub fn careful_configuration(address: SocketAddr, endpoint: SocketAddr, log: Log) -> String {
    let text = configuration(address, endpoint, log);
    let cluster = careful::CLUSTER.join(", ");
    let text = text.replacen("pool", &format!("{cluster}, pool"), 1);
    let (before, after) = text.split_once("    cluster: origin\n").expect("the first route has a cluster");
    let (_, rest) = after.split_once("  - name: rest").expect("and there is a second one");
    let route: String = careful::ROUTE.iter().map(|line| format!("    {line}\n")).collect();
    format!("{before}{route}  - name: rest{rest}{}\n", careful::TOP)
}

/// The gateway's configuration: two routes, one of them with policies.
pub fn configuration(address: SocketAddr, endpoint: SocketAddr, log: Log) -> String {
    let cpu = allowed_cpus().first().copied().unwrap_or(0);
    let log = if log == Log::On { "access_log: {to: /dev/null}" } else { "" };
    format!(
        "workers: {{cpus: [{cpu}]}}\n\
         listeners: [{{name: public, address: '{address}'}}]\n\
         limits: {{keepalive_requests: 1000000000}}\n\
         {log}\n\
         clusters: {{origin: {{endpoints: ['{endpoint}'], pool: {{idle: 64}}}}}}\n\
         routes:\n  \
           - name: items\n    match: {{path: '/api/v1/items/{{id}}'}}\n    cluster: origin\n    \
             policies:\n      \
               request_limits: {{header_count: 50, path_bytes: 2KiB}}\n      \
               headers: {{request: {{set: {{x-via: ringgate}}}}, response: {{remove: [server]}}}}\n  \
           - name: rest\n    match: {{prefix: /}}\n    cluster: origin\n"
    )
}
