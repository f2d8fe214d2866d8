//! A worker in its steady state asks nothing of the heap, whatever the exchange, on either event loop.
//!
//! The gateway runs in this process, so that its worker is watched by an allocator of this program. Connections are
//! warm: opening and parking them may allocate, a request on them may not. Access log and metrics are on.

#[path = "alloc/counting.rs"]
mod counting;
// The bench of instruction counts uses more of it.
#[allow(dead_code)]
#[path = "../benches/micro/stage/mod.rs"]
mod stage;

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use ringgate::control::config::DriverConfig;
use ringgate::rt::driver;

use stage::shape::Shape;
use stage::traffic::{Traffic, origin};
use stage::{Log, Stage, configuration};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

/// Until pools, slabs and the connection's own storage have their size.
const WARM_UP: usize = 300;
const EXCHANGES: usize = 1_000;
/// Slower than the worker's tick, and long enough for a round of its housekeeping, but never long enough for a
/// connection to be parked.
const SLOW_EXCHANGES: usize = 24;
const PAUSE: Duration = Duration::from_millis(50);
/// Connections are parked after a second.
const STALL: Duration = Duration::from_millis(500);
const ATTEMPTS: usize = 3;

/// Tests in one process share the allocator's counters.
static TURN: Mutex<()> = Mutex::new(());

/// What the route has besides.
#[derive(Clone, Copy, PartialEq)]
enum Limits {
    None,
    Two,
}

fn asks_nothing_of_the_heap(shape: &Shape, connections: usize) {
    asks_nothing_with(Limits::None, shape, connections);
}

fn asks_nothing_with(limits: Limits, shape: &Shape, connections: usize) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for driver in drivers() {
        let (demands, about) = (0..ATTEMPTS)
            .find_map(|_| demands(driver, limits, shape, connections))
            .expect("the machine does nothing for so long, again and again");
        assert_eq!(demands, 0, "{about}");
    }
}

/// None if this process stood still for so long that its connections may have been parked.
fn demands(driver: DriverConfig, limits: Limits, shape: &Shape, connections: usize) -> Option<(u64, String)> {
    let (stage, mut traffic) = begin(driver, limits, connections);
    run(&mut traffic, shape, WARM_UP, Duration::ZERO);
    let mut longest = Duration::ZERO;
    let (demands, stacks) = counting::watch(|| {
        let fast = run(&mut traffic, shape, EXCHANGES, Duration::ZERO);
        longest = fast.max(run(&mut traffic, shape, SLOW_EXCHANGES, PAUSE));
    });
    drop(traffic);
    let about = format!("{} on {connections}, {}", shape.name, stage.driver().describe());
    stage.stop();
    println!("{about}: {demands} demands");
    let rounds = EXCHANGES + SLOW_EXCHANGES;
    (longest < STALL).then(|| (demands, format!("{about}, in {rounds} rounds:\n{stacks}")))
}

fn begin(driver: DriverConfig, limits: Limits, connections: usize) -> (Stage, Traffic) {
    let (listener, endpoint) = origin();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut text = configuration(any, endpoint, Log::On);
    if limits == Limits::Two {
        let policies = "request_limits:";
        assert!(text.contains(policies), "{text}");
        text = text.replace(policies, &format!("rate_limit: {{limits: [wide, own]}}\n      {policies}"));
        text.push_str("rate_limits:\n  wide: {rate: 1000000/s, key: [route]}\n  own: {rate: 1000000/s}\n");
    }
    let stage = Stage::with(&text, driver);
    let traffic = Traffic::connect(stage.address(), listener, connections);
    (stage, traffic)
}

/// Plays so many exchanges. Returns how long the longest took, with its pause.
fn run(traffic: &mut Traffic, shape: &Shape, exchanges: usize, pause: Duration) -> Duration {
    let timed = |_| {
        let begin = Instant::now();
        traffic.exchange(shape);
        std::thread::sleep(pause);
        begin.elapsed()
    };
    (0..exchanges).map(timed).max().unwrap_or_default()
}

fn drivers() -> Vec<DriverConfig> {
    match driver::probe() {
        Ok(_) => vec![DriverConfig::IoUring, DriverConfig::Epoll],
        Err(error) => {
            println!("not on io_uring: {}", driver::explain_refusal(&error));
            vec![DriverConfig::Epoll]
        }
    }
}

#[test]
fn the_worker_is_watched() {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (stage, mut traffic) = begin(DriverConfig::Auto, Limits::None, 1);
    let (demands, stacks) = counting::watch(|| traffic.exchange(&Shape::download("first", 128)));
    drop(traffic);
    stage.stop();
    assert!(demands > 10, "{demands} demands for a connection on either side, and their first exchange");
    assert!(stacks.contains("src/proxy/connection.rs"), "{stacks}");
}

#[test]
fn a_small_answer_costs_no_allocation() {
    asks_nothing_of_the_heap(&Shape::download("GET 128 B", 128), 1);
}

#[test]
fn a_small_upload_costs_no_allocation() {
    asks_nothing_of_the_heap(&Shape::upload("POST 1 KiB", 1024), 1);
}

#[test]
fn a_large_upload_costs_no_allocation() {
    asks_nothing_of_the_heap(&Shape::upload("POST 64 KiB", 64 * 1024), 1);
}

#[test]
fn a_chunked_answer_costs_no_allocation() {
    asks_nothing_of_the_heap(&Shape::chunked("GET 16 chunks of 1 KiB", 16), 1);
}

#[test]
fn two_rate_limits_and_their_fields_cost_no_allocation() {
    asks_nothing_with(Limits::Two, &Shape::download("GET 128 B, two limits", 128), 1);
}

#[test]
fn several_connections_at_once_cost_no_allocation() {
    asks_nothing_of_the_heap(&Shape::download("GET 128 B", 128), 16);
}

#[test]
fn several_large_uploads_at_once_cost_no_allocation() {
    asks_nothing_of_the_heap(&Shape::upload("POST 64 KiB", 64 * 1024), 8);
}
