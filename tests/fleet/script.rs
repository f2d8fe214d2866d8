//! The script that counts, asked on a real server what a worker would ask.

use super::redis::Redis;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/control/fleet/counts.lua");

/// One account of a batch: amount, known, what flows back each millisecond, most, time to live in milliseconds.
type Entry = (&'static str, f64, f64, f64, f64, u64);

fn count(redis: &Redis, host: &str, number: u64, entries: &[Entry]) -> (u32, Vec<f64>) {
    let mut keys = vec![format!("t:batch:{host}"), "t:hosts".to_owned()];
    let mut arguments = vec![host.to_owned(), number.to_string(), "5000".to_owned()];
    for (key, amount, known, leak, most, ttl) in entries {
        keys.push(format!("t:{key}"));
        arguments.extend([amount, known, leak, most].map(|it| format!("{it:?}")));
        arguments.push(ttl.to_string());
    }
    let mut words = vec!["--eval".to_owned(), SCRIPT.to_owned()];
    words.extend(keys);
    words.push(",".to_owned());
    words.extend(arguments);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut answer = redis.ask(&words).into_iter();
    let hosts = answer.next().and_then(|it| it.parse().ok()).expect("a number of hosts");
    (hosts, answer.map(|level| level.parse().expect("a level")).collect())
}

/// An account of a window with a minute to live.
fn window(key: &'static str, amount: f64, known: f64) -> Entry {
    (key, amount, known, 0.0, 1e18, 60_000)
}

#[test]
fn counts_each_batch_once_whoever_sends_it_twice() {
    let redis = Redis::start();
    assert_eq!(count(&redis, "a", 1, &[window("x", 5.0, 0.0)]), (1, vec![5.0]));
    assert_eq!(count(&redis, "a", 1, &[window("x", 5.0, 0.0)]).1, [5.0], "the same again");
    assert_eq!(count(&redis, "b", 1, &[window("x", 2.0, 0.0), window("y", 1.0, 0.0)]), (2, vec![7.0, 1.0]));
    assert_eq!(count(&redis, "a", 2, &[window("x", 1.0, 5.0)]).1, [8.0]);
    assert_eq!(count(&redis, "a", 1, &[window("x", 9.0, 0.0)]).1, [8.0], "an old one");
    assert_eq!(count(&redis, "a", 3, &[window("x", -3.0, 0.0)]).1, [5.0], "given back");
    assert_eq!(count(&redis, "a", 4, &[window("x", -9.0, 0.0)]).1, [0.0], "never less than nothing");
}

#[test]
fn what_hosts_know_mends_what_the_server_has_lost() {
    let mut redis = Redis::start();
    count(&redis, "a", 1, &[window("x", 40.0, 0.0)]);
    redis.kill();
    redis.begin();
    assert_eq!(count(&redis, "b", 7, &[window("x", 1.0, 38.0)]).1, [39.0]);
    assert_eq!(count(&redis, "a", 2, &[window("x", 2.0, 40.0)]).1, [42.0]);
}

#[test]
fn every_key_expires_and_a_bucket_that_is_full_again_is_gone() {
    let redis = Redis::start();
    // Ten units, a thousand of which flow back in a second.
    let level = count(&redis, "a", 1, &[("bucket", 10.0, 0.0, 1.0, 100.0, 0), window("w", 3.0, 0.0)]).1;
    assert_eq!(level, [10.0, 3.0]);
    for key in redis.keys() {
        let left: i64 = redis.ask(&["PTTL", &key])[0].parse().expect("milliseconds");
        assert!(left > 0, "{key} lives for {left} ms");
    }
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert_eq!(count(&redis, "a", 2, &[("bucket", 0.0, 0.0, 1.0, 100.0, 0)]).1, [0.0]);
    assert!(!redis.keys().contains(&"t:bucket".to_owned()));
    assert_eq!(
        count(&redis, "a", 3, &[("bucket", 500.0, 0.0, 1.0, 100.0, 0)]).1,
        [100.0],
        "no more than most"
    );
}

#[test]
fn counts_hosts_by_their_signs_of_life() {
    let redis = Redis::start();
    for (host, hosts) in [("a", 1), ("b", 2), ("a", 2), ("c", 3)] {
        assert_eq!(count(&redis, host, 0, &[]).0, hosts);
    }
    // As if it had said nothing for an hour.
    redis.ask(&["ZINCRBY", "t:hosts", "-3600000", "b"]);
    assert_eq!(count(&redis, "a", 0, &[]).0, 2);
    assert!(redis.keys() == ["t:hosts"], "a sign of life is no batch: {:?}", redis.keys());
}
