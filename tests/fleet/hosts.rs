//! Three gateways on one server: what they admit together, and what happens when the server is killed, paused, restarted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::redis::Redis;
use crate::harness::{Gateway, eventually};

/// What the limits of these tests are: a bucket and a window for everybody.
const RATE: f64 = 200.0;
const BURST: f64 = 60.0;

/// A host of the fleet at `redis` with these limits and policies.
fn host(redis: &Redis, limits: &str, policies: &str) -> Gateway {
    Gateway::start(&yaml(redis, limits, policies))
}

fn yaml(redis: &Redis, limits: &str, policies: &str) -> String {
    format!(
        "listeners: [{{name: public, address: \"127.0.0.1:0\"}}]\nadmin: {{address: \"127.0.0.1:0\"}}\n\
         secrets: {{limits: {{env: LIMITS_SECRET}}}}\n\
         fleet: {{redis: {{address: \"{}\", timeout: 200ms}}, namespace: test, hosts: 3, sync: 50ms}}\n{limits}\n\
         routes: [{{name: all, respond: {{status: 200, body: x}}, policies: {{{policies}}}}}]\n",
        redis.address()
    )
    .replace("secrets: {limits: {env: LIMITS_SECRET}}\n", "")
}

fn bucket(redis: &Redis) -> Gateway {
    let limits = format!(
        "rate_limits: {{api: {{rate: {RATE}/s, burst: {BURST}, key: [\"header:X-Key\"], across: fleet}}}}"
    );
    host(redis, &limits, "rate_limit: {limits: [api]}")
}

/// Three hosts that know of each other.
fn fleet(redis: &Redis, one: impl Fn(&Redis) -> Gateway) -> Vec<Gateway> {
    let hosts: Vec<Gateway> = (0..3).map(|_| one(redis)).collect();
    for host in &hosts {
        host.metric_becomes("ringgate_fleet_hosts", 3.0);
        host.metric_becomes("ringgate_fleet_connected", 1.0);
    }
    hosts
}

/// Clients that ask hosts as fast as they are answered, until they are told to end.
struct Load {
    ended: &'static AtomicBool,
    threads: Vec<JoinHandle<Vec<(Instant, u16)>>>,
}

impl Load {
    /// On each of these hosts, with a pause after each request.
    fn on(hosts: &[Gateway], key: &'static str, pause: Duration) -> Self {
        let ended: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        let threads = hosts.iter().map(|host| {
            let mut wire = host.wire();
            std::thread::spawn(move || {
                let mut seen = Vec::new();
                while !ended.load(Ordering::Relaxed) {
                    let response = wire.ask(format!("GET / HTTP/1.1\r\nHost: t\r\nX-Key: {key}\r\n\r\n"));
                    seen.push((Instant::now(), response.status));
                    std::thread::sleep(pause);
                }
                seen
            })
        });
        Self { ended, threads: threads.collect() }
    }

    /// Ends it. When requests were admitted, in order; and how many there were by status.
    fn end(self) -> (Vec<Instant>, BTreeMap<u16, usize>) {
        self.ended.store(true, Ordering::Relaxed);
        let mut admitted = Vec::new();
        let mut counts = BTreeMap::new();
        for (at, status) in self.threads.into_iter().flat_map(|thread| thread.join().expect("it ended")) {
            *counts.entry(status).or_default() += 1;
            if status == 200 {
                admitted.push(at);
            }
        }
        admitted.sort();
        (admitted, counts)
    }
}

/// Most that was ever admitted beyond the rate: what a bucket without a limit would have held.
fn peak(admitted: &[Instant]) -> f64 {
    let (mut level, mut last, mut peak) = (0.0_f64, None, 0.0_f64);
    for at in admitted {
        let elapsed = last.map_or(0.0, |last: Instant| at.duration_since(last).as_secs_f64());
        level = (level - RATE * elapsed).max(0.0) + 1.0;
        (last, peak) = (Some(*at), peak.max(level));
    }
    peak
}

/// The bound of the README for three hosts at 50 ms: burst, what flows back in 100 ms, and for each host the larger of a
/// third of the burst and what flows back in 200 ms.
fn bound() -> f64 {
    BURST + RATE * 0.1 + 3.0 * (BURST / 3.0).max(RATE * 0.2)
}

/// A machine that is busy delays looks, and with them the bound: so much longer than on the page.
const SLACK: f64 = RATE * 0.3;

#[test]
fn three_hosts_admit_what_one_would() {
    let redis = Redis::start();
    let hosts = fleet(&redis, bucket);
    let began = Instant::now();
    let load = Load::on(&hosts, "everybody", Duration::from_millis(2));
    std::thread::sleep(Duration::from_secs(4));
    let (admitted, counts) = load.end();
    let seconds = began.elapsed().as_secs_f64();
    assert!(peak(&admitted) <= bound() + SLACK, "{} beyond the rate; {counts:?}", peak(&admitted));
    let fair = RATE * seconds + BURST;
    // Clients that ask 500 times a second in vain have their share of what is admitted.
    assert!(admitted.len() as f64 >= 0.8 * fair, "{} of {fair}; {counts:?}", admitted.len());
    assert!(counts.keys().all(|status| matches!(status, 200 | 429)), "{counts:?}");
    assert!(hosts[0].metric("ringgate_fleet_others_units_total") > 0.0);
    for key in redis.keys() {
        assert!(!key.contains("everybody"), "{key}");
        assert!(redis.ask(&["PTTL", &key])[0].parse::<i64>().expect("a number") > 0, "{key} never expires");
    }
}

#[test]
fn all_traffic_on_one_host_may_have_the_whole_limit() {
    let redis = Redis::start();
    let hosts = fleet(&redis, bucket);
    let began = Instant::now();
    let load = Load::on(&hosts[..1], "one", Duration::from_millis(1));
    std::thread::sleep(Duration::from_secs(3));
    let (admitted, counts) = load.end();
    let fair = RATE * began.elapsed().as_secs_f64() + BURST;
    assert!(peak(&admitted) <= bound() + SLACK, "{counts:?}");
    assert!(admitted.len() as f64 >= 0.8 * fair, "{} of {fair}; {counts:?}", admitted.len());
}

/// What happens to the server under load.
fn trouble(redis: &mut Redis, hosts: &[Gateway], away: impl Fn(&mut Redis), back: impl Fn(&mut Redis)) {
    let load = Load::on(hosts, "all", Duration::from_millis(3));
    std::thread::sleep(Duration::from_secs(1));
    away(redis);
    for host in hosts {
        host.metric_becomes("ringgate_fleet_connected", 0.0);
        assert_eq!(host.admin_get("/readyz").status, 200);
    }
    std::thread::sleep(Duration::from_secs(2));
    back(redis);
    for host in hosts {
        host.metric_becomes("ringgate_fleet_connected", 1.0);
    }
    std::thread::sleep(Duration::from_secs(2));
    let (admitted, counts) = load.end();
    assert!(counts.keys().all(|status| matches!(status, 200 | 429)), "{counts:?}");
    assert!(peak(&admitted) <= bound() + SLACK, "{} beyond the rate; {counts:?}", peak(&admitted));
    let gaps = admitted.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.max() < Some(Duration::from_secs(2)), "nobody was let in for {:?}", gaps_of(&admitted));
    for host in hosts {
        let said = host.stderr();
        assert_eq!(said.matches("goes on with its share").count(), 1, "said once: {said}");
        assert_eq!(said.matches("answers again").count(), 1, "{said}");
    }
}

fn gaps_of(admitted: &[Instant]) -> Option<Duration> {
    admitted.windows(2).map(|pair| pair[1] - pair[0]).max()
}

#[test]
fn a_server_that_is_killed_and_started_again_empty_changes_nothing_for_clients() {
    let mut redis = Redis::start();
    let hosts = fleet(&redis, bucket);
    trouble(&mut redis, &hosts, Redis::kill, Redis::begin);
}

#[test]
fn a_server_that_stands_still_counts_as_away_until_it_goes_on() {
    let mut redis = Redis::start();
    let hosts = fleet(&redis, bucket);
    trouble(&mut redis, &hosts, |redis| redis.pause(), |redis| redis.resume());
}

#[test]
fn a_host_that_ends_leaves_and_the_others_share_without_it() {
    let redis = Redis::start();
    let mut hosts = fleet(&redis, bucket);
    let mut last = hosts.pop().expect("three");
    last.signal(libc::SIGTERM);
    assert!(last.exit_within(Duration::from_secs(10)).is_some());
    eventually("two are left", || hosts[0].metric("ringgate_fleet_hosts") == 2.0);
}

#[test]
fn a_server_that_is_not_there_at_first_is_no_reason_not_to_start() {
    let mut redis = Redis::start();
    redis.kill();
    let host = bucket(&redis);
    assert_eq!(host.get_with("/", "X-Key: a\r\n").status, 200);
    assert_eq!(host.metric("ringgate_fleet_connected"), 0.0);
    redis.begin();
    host.metric_becomes("ringgate_fleet_connected", 1.0);
}

#[test]
fn a_password_is_sent_and_never_shown() {
    let redis = Redis::start_with(&["--requirepass", "hunter2-of-redis"]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let text = yaml(&redis, "", "").replace("timeout: 200ms", "timeout: 200ms, password: redis");
    let text = format!("{text}secrets: {{redis: {{env: REDIS_PASSWORD}}}}\n");
    std::fs::write(&file, text).expect("the directory is ours");
    let run = |password: &str, directory: tempfile::TempDir| {
        Gateway::start_file(&file, directory, &[("REDIS_PASSWORD".to_owned(), password.to_owned())])
    };
    let spare = tempfile::tempdir().expect("a temporary directory");
    let wrong = run("hunter3-of-redis", spare);
    eventually("it is told why", || wrong.admin_get("/fleet").text().contains("\"wrong\""));
    let right = run("hunter2-of-redis", directory);
    right.metric_becomes("ringgate_fleet_connected", 1.0);
    for host in [&wrong, &right] {
        for page in ["/fleet", "/config", "/metrics", "/status"] {
            assert!(!host.admin_get(page).text().contains("-of-redis"), "{page}");
        }
        assert!(!host.stderr().contains("-of-redis"), "{}", host.stderr());
    }
}
