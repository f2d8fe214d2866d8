//! The fault matrix: what clients see of services that fail, by fault, by what a route does about it, and by protocol.
//!
//! Every cluster has two endpoints that are asked in turn, a faulty one and a good one. A cell is what the client saw of
//! [`ASKED`] requests, one after the other, after as many that the gateway could learn from. All cells share one gateway
//! and are asked side by side: most of the time goes by in waiting.
//!
//! `RINGGATE_TEST_WRITE=1` writes what came out to `results.md` and to the README instead of comparing it.

mod clients;
mod faults;
mod storm;
mod table;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use clients::{Seen, ask};
use faults::{Fault, Faulty, good};

use crate::harness::{FaultOrigin, Gateway, first_cpu};

/// Requests of a cell.
const ASKED: usize = 8;
/// Cells that are asked at a time.
const AT_ONCE: usize = 48;
/// How late a late answer is. A hedge is sent and a try is given up long before, and the head's time is up long after.
const LATE: Duration = Duration::from_millis(1_600);
/// What counts as late.
const LATE_FROM: Duration = Duration::from_millis(1_300);
/// Longer than it takes until a verdict is everywhere.
const VERDICT: Duration = Duration::from_millis(300);
/// The body of the route's own answer.
const OWN: &str = "own";

/// What is spoken on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    H1H1,
    H2H1,
    H1H2,
    Grpc,
}

impl Protocol {
    const ALL: [Self; 4] = [Self::H1H1, Self::H2H1, Self::H1H2, Self::Grpc];

    fn name(self) -> &'static str {
        match self {
            Self::H1H1 => "HTTP/1.1 to HTTP/1.1",
            Self::H2H1 => "HTTP/2 to HTTP/1.1",
            Self::H1H2 => "HTTP/1.1 to HTTP/2",
            Self::Grpc => "gRPC over HTTP/2",
        }
    }

    fn downstream_is_h2(self) -> bool {
        matches!(self, Self::H2H1 | Self::Grpc)
    }

    fn upstream_is_h2(self) -> bool {
        matches!(self, Self::H1H2 | Self::Grpc)
    }

    fn is_grpc(self) -> bool {
        self == Self::Grpc
    }
}

/// What a route does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Nothing,
    Retries,
    Hedge,
    Breaker,
    Outliers,
    Fallback,
}

impl Care {
    const ALL: [Self; 6] =
        [Self::Nothing, Self::Retries, Self::Hedge, Self::Breaker, Self::Outliers, Self::Fallback];

    fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Retries => "retries",
            Self::Hedge => "hedge",
            Self::Breaker => "breaker",
            Self::Outliers => "outliers",
            Self::Fallback => "fallback",
        }
    }

    /// Lines of the route.
    fn route(self) -> String {
        match self {
            // A call is a POST; whoever writes this says that his calls may be made twice.
            Self::Retries => {
                "retries: {methods: [GET, POST], statuses: [500, 502, 503, 504], per_try_timeout: 600ms}"
                    .to_owned()
            }
            Self::Hedge => "hedge: {after: 400ms}".to_owned(),
            Self::Fallback => {
                format!("fallback: {{respond: {{status: 200, body: {OWN}}}, statuses: [500, 502, 503, 504]}}")
            }
            _ => String::new(),
        }
    }

    /// Lines of the cluster. What was learnt lasts longer than the test.
    fn cluster(self) -> &'static str {
        match self {
            Self::Retries => "retry_budget: {share: 100%, per_second: 100}",
            Self::Hedge => "hedge_budget: {share: 100%, per_second: 100}",
            Self::Breaker => "endpoint_breaker: {calls: 4, open: 300s, open_max: 300s, window: 60s}",
            Self::Outliers => "outliers: {consecutive_failures: 3, calls: 4, time: 300s, window: 60s}",
            _ => "",
        }
    }
}

/// One cell.
struct Cell {
    fault: Fault,
    care: Care,
    protocol: Protocol,
    address: SocketAddr,
    /// The faulty origin, unless it is another cell's too.
    origin: Mutex<Option<Faulty>>,
}

/// What clients saw of a cell, by kind.
type Outcome = BTreeMap<Seen, usize>;

impl Cell {
    fn name(&self) -> String {
        format!("{:?}-{:?}-{:?}", self.fault, self.care, self.protocol).to_ascii_lowercase()
    }

    fn run(&self, gateway: SocketAddr) -> Outcome {
        let path = format!("/{}", self.name());
        let ask = || ask(gateway, self.protocol, &path);
        for _ in 0..ASKED {
            ask();
        }
        std::thread::sleep(VERDICT);
        let mut seen = Outcome::new();
        for at in 0..ASKED {
            if self.fault == Fault::DiesAndComesBack {
                self.die_and_come_back(at);
            }
            *seen.entry(ask()).or_default() += 1;
        }
        seen
    }

    /// It is away for the middle half of the time.
    fn die_and_come_back(&self, at: usize) {
        let mut origin = self.origin.lock().unwrap();
        let origin = origin.as_mut().expect("it is its own");
        if at == ASKED / 4 {
            origin.die();
        } else if at == 3 * ASKED / 4 {
            origin.come_back(self.fault, self.protocol);
        }
    }

    /// The cell's cluster, before a good endpoint, and its route.
    fn yaml(&self, good: SocketAddr) -> (String, String) {
        let (name, address) = (self.name(), self.address);
        let protocol = if self.protocol.upstream_is_h2() { "h2" } else { "http1" };
        let cluster = format!(
            "  {name}:\n    endpoints: ['{address}', '{good}']\n    protocol: {protocol}\n\
             \x20   timeouts: {{connect: 800ms, head: 2400ms}}\n    {}\n",
            self.care.cluster()
        );
        let route = format!(
            "  - name: {name}\n    match: {{path: /{name}}}\n    cluster: {name}\n    {}\n",
            self.care.route()
        );
        (cluster, route)
    }
}

/// All cells. Those whose origin does not accept share one, because filling its queue takes a while.
fn cells(full: &Faulty) -> Vec<Cell> {
    let mut cells = Vec::new();
    for protocol in Protocol::ALL {
        for fault in Fault::ALL {
            for care in Care::ALL {
                let origin = (fault != Fault::DoesNotAccept).then(|| Faulty::start(fault, protocol));
                let address = origin.as_ref().unwrap_or(full).address();
                cells.push(Cell { fault, care, protocol, address, origin: Mutex::new(origin) });
            }
        }
    }
    cells
}

fn start(cells: &[Cell], good: &[FaultOrigin]) -> Gateway {
    let (mut clusters, mut routes) = (String::new(), String::new());
    for cell in cells {
        let (cluster, route) = cell.yaml(good[cell.protocol as usize].address());
        clusters.push_str(&cluster);
        routes.push_str(&route);
    }
    let cpu = first_cpu();
    Gateway::start(&format!(
        "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
         workers: {{cpus: [{cpu}]}}\nclusters:\n{clusters}routes:\n{routes}"
    ))
}

/// Asks all cells, so many at a time.
fn run(cells: &[Cell], gateway: SocketAddr) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes: Vec<Mutex<Outcome>> = cells.iter().map(|_| Mutex::default()).collect();
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((cell, outcome)) = pair(cells, &outcomes, next.fetch_add(1, Ordering::SeqCst))
                {
                    *outcome.lock().unwrap() = cell.run(gateway);
                }
            });
        }
    });
    outcomes.into_iter().map(|outcome| outcome.into_inner().unwrap()).collect()
}

fn pair<'a, A, B>(first: &'a [A], second: &'a [B], at: usize) -> Option<(&'a A, &'a B)> {
    Some((first.get(at)?, second.get(at)?))
}

#[test]
fn every_fault_has_the_outcome_that_is_written_down() {
    let full = Faulty::full();
    let cells = cells(&full);
    let good: Vec<FaultOrigin> = Protocol::ALL.into_iter().map(good).collect();
    let gateway = start(&cells, &good);
    let outcomes = run(&cells, gateway.public());
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
    for (cell, outcome) in cells.iter().zip(&outcomes) {
        let wrong = outcome.keys().find(|seen| matches!(seen, Seen::Wrong(_)));
        assert_eq!(wrong, None, "{}", cell.name());
    }
    table::holds(&cells, &outcomes);
}
