//! Mixed traffic with faults for a while; then nothing may be left over and nothing may have been mixed up.
//!
//! `SOAK_SECONDS` sets the length: 8 in the usual run, 60 in the large one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::soak_traffic::{Counts, answer, chat, crawl, upload, vanish};
use crate::harness::{FaultOrigin, Gateway, Setup, large};

#[test]
fn soak_leaves_nothing_behind_and_mixes_nothing_up() {
    let steady = FaultOrigin::start(answer);
    let shaky = FaultOrigin::start(answer);
    let gateway = Setup::before(steady.address())
        .endpoint(shaky.address())
        .top("limits: {half_close_grace: 200ms, write_timeout: 5s}")
        .cluster("timeouts: {head: 3s, idle: 3s}\n    pool: {idle_timeout: 1s}")
        .start();
    gateway.admin_get("/metrics");
    let before = gateway.descriptors().len();
    let resident = gateway.resident_bytes();

    let counts = Arc::new(Counts::default());
    run(&gateway, shaky, &counts);

    println!("{counts}");
    assert_eq!(counts.mixed_up(), 0, "answers for other requests: {counts}");
    assert!(counts.answered() > 100, "hardly any traffic: {counts}");
    gateway.metric_becomes("ringgate_exchanges_active", 0.0);
    gateway.metric_becomes("ringgate_connections_active", 0.0);
    gateway.metric_becomes("ringgate_buffers_leased", 0.0);
    gateway.descriptors_fall_to(before);
    println!(
        "descriptors {before} before, {} after; resident {} KiB before, {} KiB after; exchanges 0, buffers leased 0",
        gateway.descriptors().len(),
        resident / 1024,
        gateway.resident_bytes() / 1024
    );
    gateway.drain();
}

/// Lets all kinds of clients loose while one of two origins dies and comes back.
fn run(gateway: &Gateway, shaky: FaultOrigin, counts: &Arc<Counts>) {
    let stop = Arc::new(AtomicBool::new(false));
    let kinds: [fn(std::net::SocketAddr, u64, &Counts); 4] = [chat, upload, vanish, crawl];
    let clients: Vec<_> = (0..12)
        .map(|number| {
            let (stop, counts, address) = (Arc::clone(&stop), Arc::clone(counts), gateway.public());
            let act = kinds[number % kinds.len()];
            std::thread::spawn(move || {
                let mut round = number as u64 * 1_000_000;
                while !stop.load(Ordering::Relaxed) {
                    round += 1;
                    act(address, round, &counts);
                }
            })
        })
        .collect();
    kill_and_restart(shaky, Instant::now() + length(), counts);
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no client panics");
    }
}

/// Every second or so the origin dies, with all its connections, and comes back at the same address.
fn kill_and_restart(mut shaky: FaultOrigin, deadline: Instant, counts: &Counts) {
    let address = shaky.address();
    while Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(900));
        drop(shaky);
        counts.count_restart();
        std::thread::sleep(Duration::from_millis(200));
        shaky = FaultOrigin::start_at(address, answer);
    }
}

fn length() -> Duration {
    let usual = if large() { 60 } else { 8 };
    let seconds = std::env::var("SOAK_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(usual))
}
