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
use ringgate::policy::auth::jwt::signing::SigningKey;
use ringgate::rt::driver;

use stage::shape::Shape;
use stage::traffic::{Traffic, origin};
use stage::{Log, Stage, careful_configuration, configuration, guarded_configuration};

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

/// A configuration whose route has two rate limits.
fn limited(address: SocketAddr, endpoint: SocketAddr) -> String {
    let text = configuration(address, endpoint, Log::On);
    let policies = "request_limits:";
    assert!(text.contains(policies), "{text}");
    let mut text = text.replace(policies, &format!("rate_limit: {{limits: [wide, own]}}\n      {policies}"));
    text.push_str("rate_limits:\n  wide: {rate: 1000000/s, key: [route]}\n  own: {rate: 1000000/s}\n");
    text
}

/// A configuration whose service has a second tier, and is chosen by how long its answers take.
fn tiered(address: SocketAddr, endpoint: SocketAddr) -> String {
    let text = configuration(address, endpoint, Log::On);
    let plain = format!("endpoints: ['{endpoint}']");
    assert!(text.contains(&plain), "{text}");
    let spare = "{address: '127.0.0.1:1', tier: 1}";
    text.replace(&plain, &format!("endpoints: ['{endpoint}', {spare}], balance: peak_ewma, slow_start: {{}}"))
}

fn asks_nothing_of_the_heap(shape: &Shape, connections: usize) {
    asks_nothing_with(&|address, endpoint| configuration(address, endpoint, Log::On), shape, connections);
}

/// The configuration for a gateway at an address before an endpoint.
type Configure<'a> = &'a dyn Fn(SocketAddr, SocketAddr) -> String;

fn asks_nothing_with(configure: Configure<'_>, shape: &Shape, connections: usize) {
    let _turn = TURN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for driver in drivers() {
        let (demands, about) = (0..ATTEMPTS)
            .find_map(|_| demands(configure, driver, shape, connections))
            .expect("the machine does nothing for so long, again and again");
        assert_eq!(demands, 0, "{about}");
    }
}

/// None if this process stood still for so long that its connections may have been parked.
fn demands(
    configure: Configure<'_>,
    driver: DriverConfig,
    shape: &Shape,
    connections: usize,
) -> Option<(u64, String)> {
    let (stage, mut traffic) = begin(configure, driver, connections);
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

fn begin(configure: Configure<'_>, driver: DriverConfig, connections: usize) -> (Stage, Traffic) {
    let (listener, endpoint) = origin();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let stage = Stage::play(&configure(any, endpoint), driver);
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
    let plain = |address, endpoint| configuration(address, endpoint, Log::On);
    let (stage, mut traffic) = begin(&plain, DriverConfig::Auto, 1);
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
    let shape = Shape::download("GET 128 B, two limits", 128);
    asks_nothing_with(&limited, &shape, 1);
    asks_nothing_with(&limited, &shape, 16);
}

#[test]
fn a_split_costs_no_allocation() {
    let split = |sticky: &'static str| {
        move |address, endpoint| {
            let text = configuration(address, endpoint, Log::On);
            let variants = "variants: {a: {cluster: origin, weight: 9}, b: {cluster: origin}}";
            let split = format!("split: {{{variants}, by_profile: {{web: b}}{sticky}}}");
            let profiles = "profiles: [{name: web, when: [{user_agent: 'Mozilla/[0-9]'}]}]";
            let text = text.replacen("    cluster: origin", &format!("    {split}"), 1);
            assert!(text.contains(&split), "{text}");
            format!("{text}{profiles}\n")
        }
    };
    let shape =
        Shape::download("GET 128 B, split", 128).with_field("X-User: ann").with_field("User-Agent: curl/8");
    asks_nothing_with(&split(""), &shape, 1);
    asks_nothing_with(&split(", sticky: {header: x-user}"), &shape, 16);
}

#[test]
fn tiers_and_answer_times_cost_no_allocation() {
    let shape = Shape::download("GET 128 B, two tiers", 128);
    asks_nothing_with(&tiered, &shape, 1);
    asks_nothing_with(&tiered, &shape, 16);
}

#[test]
fn care_for_services_that_fail_costs_no_allocation() {
    let careful = |address, endpoint| careful_configuration(address, endpoint, Log::On);
    let shape = Shape::download("GET 128 B, with care", 128);
    asks_nothing_with(&careful, &shape, 1);
    asks_nothing_with(&careful, &shape, 16);
}

#[test]
fn several_connections_at_once_cost_no_allocation() {
    asks_nothing_of_the_heap(&Shape::download("GET 128 B", 128), 16);
}

#[test]
fn several_large_uploads_at_once_cost_no_allocation() {
    asks_nothing_of_the_heap(&Shape::upload("POST 64 KiB", 64 * 1024), 8);
}

#[test]
fn a_remembered_token_costs_no_allocation() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("randomness");
    let key = SigningKey::read(&pair.serialize_pem(), None).expect("PKCS #8");
    let claims = serde_json::json!({
        "iss": "https://id.example", "aud": "stage", "sub": "ann", "exp": 99_999_999_999u64, "scope": "read write",
        "realm_access": {"roles": ["admin"]}
    });
    let token = key.sign("at+jwt", claims.as_object().expect("an object")).expect("a token");
    let guarded =
        |address, endpoint| guarded_configuration(address, endpoint, Log::On, &pair.public_key_pem());
    let shape =
        Shape::download("GET 128 B with a token", 128).with_field(&format!("Authorization: Bearer {token}"));
    asks_nothing_with(&guarded, &shape, 1);
    asks_nothing_with(&guarded, &shape, 16);
}
