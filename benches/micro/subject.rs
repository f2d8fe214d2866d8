//! What the micro benches work on: an installed configuration and an exchange, as a worker has them.
//!
//! No event loop runs and no socket is opened.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ringgate::config::secret::Environment;
use ringgate::control::check::load_and_compile_text;
use ringgate::net::addr::PeerAddr;
use ringgate::policy::exchange::Exchange;
use ringgate::policy::ground::{Bench, Provisions};
use ringgate::proxy::access_log::AccessLog;
use ringgate::proxy::installed::Installed;
use ringgate::proxy::local::Local;
use ringgate::proxy::snapshot::Snapshot;
use ringgate::shared::{Frozen, line_ring};
use ringgate::telemetry::Registry;
use ringgate::telemetry::record::{AccessRecord, UpstreamRecord};
use ringgate::telemetry::redaction::Redaction;
use ringgate::upstream::balance::layout::{Ground, Layout, Rules, Seat, Standing};
use ringgate::upstream::balance::tiers::WHOLE;
use ringgate::upstream::balance::{BalancePlan, Balancer};
use ringgate::upstream::config::BalanceConfig;
use ringgate::worker::spawn::tables;

use crate::stage::{Log, configuration};

/// A worker's things.
pub struct Subject {
    /// The running configuration.
    pub installed: Rc<Installed>,
    /// What a worker lends to its connections.
    pub local: Rc<Local>,
    /// The exchange at hand.
    pub exchange: Exchange,
}

impl Subject {
    /// Fresh ones.
    pub fn new() -> Self {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let text = configuration(here, here, Log::Off);
        let (_, snapshot) = load_and_compile_text("micro.yaml", &text, &Environment::default(), 1)
            .unwrap_or_else(|wrong| panic!("{wrong}"));
        let snapshot = Frozen::new(snapshot);
        let registry = Registry::new(1);
        let bench = Bench::new(0, 1, Provisions::none());
        let tables = Frozen::new(tables(&snapshot).expect("the routes are sound"));
        let installed = Installed::build(snapshot, tables, &registry, bench.clone());
        let log = AccessLog::new(line_ring(1 << 16).0, 0.0, 1);
        let local = Local::new(bench, installed.clone(), registry.worker(0), log);
        Self { installed, local, exchange: Exchange::new(PeerAddr(here)) }
    }

    /// The configuration.
    pub fn snapshot(&self) -> &Snapshot {
        &self.installed.snapshot
    }

    /// The exchange's record, with an upstream side.
    pub fn access_record(&self) -> AccessRecord<'_> {
        let exchange = &self.exchange;
        AccessRecord {
            request_id: &exchange.request_id,
            client: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            listener: "public",
            route: "items",
            method: exchange.request.method_text(),
            host: exchange.host.as_bytes(),
            path: &exchange.path,
            query: exchange.query().unwrap_or_default(),
            protocol: "HTTP/1.1",
            status: 200,
            response_bytes: 128,
            duration_nanos: 345_678,
            upstream: Some(UpstreamRecord {
                protocol: "",
                cluster: "origin",
                endpoint: "127.0.0.1:9081",
                attempts: 1,
                connect_nanos: None,
                head_nanos: Some(234_567),
                reused: true,
                ..UpstreamRecord::default()
            }),
            generation: 1,
            user_agent: b"micro/1.0",
            ..AccessRecord::default()
        }
    }
}

/// How a worker chooses in turn of so many endpoints, of which one is out.
pub fn layout(count: usize) -> Layout {
    let seat = Seat { weight: 1, tier: 0, is_own_zone: false, standing: Standing::Used, strength: WHOLE };
    let mut seats = vec![seat; count];
    seats[0].standing = Standing::Out;
    let plan = balancer(&BalanceConfig::RoundRobin, count).plan().clone();
    let (rules, balance) = (Rules::default(), Frozen::new(plan));
    let ground =
        Ground { seats: &seats, rules: &rules, balance: &balance, tables: &[], worker: (0, 1), seed: 1 };
    Layout::of(&ground, None).expect("not all are alike")
}

/// A balancer of so many endpoints of weight 1.
pub fn balancer(config: &BalanceConfig, count: usize) -> Balancer {
    let names: Vec<String> = (0..count).map(|at| format!("10.0.0.{at}:80")).collect();
    let endpoints: Vec<(&str, u32)> = names.iter().map(|name| (&**name, 1)).collect();
    let plan = BalancePlan::compile(config, &endpoints).expect("there are endpoints");
    Balancer::start(Frozen::new(plan), 0, 1, 1)
}

/// As it is unless configured otherwise.
pub fn redaction() -> Redaction {
    Redaction::compile::<&str>(&[], &[])
}

/// The output of a future that waits for nothing.
pub fn now<F: Future>(work: F) -> F::Output {
    match pin!(work).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}
