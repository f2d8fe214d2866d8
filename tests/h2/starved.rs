//! Clients that make the gateway hold much: windows that stay closed, streams that are not read, header bombs.

use std::time::{Duration, Instant};

use super::Logged;
use crate::harness::h2::{H2, INITIAL_WINDOW, block, kind, reason};
use crate::harness::hpack::integer;
use crate::harness::{FaultOrigin, Setup, eventually};

const BYTES_MAX: u64 = 200 * 1024 * 1024;

/// A large answer to `/large`, a small one to everything else.
fn origin() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            if request.target == "/large" {
                dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
                while dialogue.send([b'x'; 50_000]) {}
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}

#[track_caller]
fn is_served_meanwhile(logged: &Logged) {
    let begun = Instant::now();
    let mut other = logged.client();
    for _ in 0..10 {
        let id = other.get("/");
        assert_eq!(other.answer(id).text(), "ok");
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn windows_that_stay_closed_cost_little_and_are_given_up() {
    let origin = origin();
    let logged = Logged::before(&origin, "limits: {write_timeout: 3s}");
    let mut clients: Vec<H2> =
        (0..2).map(|_| H2::connect_with(logged.gateway.public(), &[(INITIAL_WINDOW, 0)])).collect();
    let mut ids = Vec::new();
    for client in &mut clients {
        ids.push((0..100).map(|_| client.get("/large")).collect::<Vec<_>>());
    }
    origin.receives(200);
    std::thread::sleep(Duration::from_millis(500));
    let resident = logged.gateway.resident_bytes();
    println!("{resident} bytes with 200 streams that get no window");
    assert!(resident < BYTES_MAX, "{resident} bytes");
    is_served_meanwhile(&logged);
    for (client, ids) in clients.iter_mut().zip(ids) {
        for id in ids {
            assert!(client.answer(id).reset.is_some(), "stream {id}");
        }
    }
    let large = || logged.lines(1).into_iter().filter(|line| line["path"] == "/large").collect::<Vec<_>>();
    eventually("all are logged", || large().len() == 200);
    let other: Vec<_> = large().into_iter().filter(|line| line["error"] != "client_stalled").collect();
    assert!(other.is_empty(), "{other:?}");
    origin.loses(200);
    // Both connections are as good as before.
    for client in &mut clients {
        let id = client.get("/");
        client.window(id, 100);
        assert_eq!(client.answer(id).text(), "ok");
    }
}

#[test]
fn a_window_of_a_byte_at_a_time_is_no_flood_and_no_progress_for_long() {
    let origin = origin();
    let logged = Logged::with(Setup::before(origin.address()).cluster("timeouts: {total: 2s}"));
    let mut client = H2::connect_with(logged.gateway.public(), &[(INITIAL_WINDOW, 1)]);
    client.gives_windows = false;
    let id = client.get("/large");
    let begun = Instant::now();
    while client.so_far(id).reset.is_none() && !client.is_closed {
        assert!(begun.elapsed() < Duration::from_secs(8), "{client:?}");
        client.window(id, 1);
        client.listen(Duration::from_millis(50));
    }
    assert!(logged.gateway.resident_bytes() < BYTES_MAX);
}

#[test]
fn a_client_that_reads_nothing_at_all_is_cut() {
    let origin = origin();
    let logged = Logged::before(&origin, "limits: {write_timeout: 2s}");
    let huge = (1 << 31) - 1;
    let mut client = H2::connect_with(logged.gateway.public(), &[(INITIAL_WINDOW, huge)]);
    client.window(0, huge - 65_535);
    for _ in 0..100 {
        client.get("/large");
    }
    origin.receives(100);
    std::thread::sleep(Duration::from_millis(1_000));
    let resident = logged.gateway.resident_bytes();
    println!("{resident} bytes with 100 streams of a client that reads nothing");
    assert!(resident < BYTES_MAX, "{resident} bytes");
    is_served_meanwhile(&logged);
    origin.loses(100);
    logged.ended("client_stalled", 1);
    logged.gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
    eventually("buffers are given back", || logged.gateway.metric("ringgate_buffers_leased") < 4.0);
}

#[test]
fn one_stream_that_is_not_read_holds_up_no_other() {
    let origin = origin();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    client.gives_windows = false;
    client.window(0, 10_000_000);
    let stuck = client.get("/large");
    client.until("a full window", |client| client.so_far(stuck).body.len() == 65_535);
    for _ in 0..100 {
        let id = client.get("/");
        assert_eq!(client.answer(id).text(), "ok");
    }
    // And goes on as soon as it may.
    client.window(stuck, 100_000);
    client.until("more of it", |client| client.so_far(stuck).body.len() == 165_535);
}

#[test]
fn a_field_that_is_named_again_and_again_is_too_large() {
    let origin = origin();
    let logged = Logged::before(&origin, "");
    let head = [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/bomb")];
    for _ in 0..20 {
        let mut client = logged.client();
        // A field of 4 KB goes into the table once, and 12,000 references to it of a byte each follow.
        let mut bomb = block(&head);
        bomb.push(0x40);
        integer(1, 7, 0, &mut bomb);
        bomb.push(b'x');
        integer(4_000, 7, 0, &mut bomb);
        bomb.extend([b'v'; 4_000]);
        bomb.extend([0x80 | 62; 12_000]);
        client.open_block(&bomb, true);
        client.until_closed();
        assert_eq!(client.goaways.last().map(|(_, why)| *why), Some(reason::ENHANCE_YOUR_CALM));
    }
    logged.ended("excessive_load", 20);
    let resident = logged.gateway.resident_bytes();
    assert!(resident < BYTES_MAX, "{resident} bytes");
    is_served_meanwhile(&logged);
    assert!(origin.requests().iter().all(|request| request.target != "/bomb"));
}

#[test]
fn a_table_that_the_client_wants_huge_stays_small() {
    let origin = origin();
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    // RFC 7541 6.3: a size beyond what was granted is an error of decoding.
    let mut update = Vec::new();
    integer(1 << 30, 5, 0x20, &mut update);
    update.extend(block(&[(":method", "GET")]));
    client.fresh();
    client.frame(kind::HEADERS, 5, 1, &update);
    client.until_closed();
    logged.ended("protocol", 1);
}

#[test]
fn idle_connections_make_room_for_those_that_ask() {
    let origin = origin();
    let logged = Logged::before(&origin, "limits: {connections: 8}");
    let mut idle: Vec<H2> = (0..8).map(|_| logged.client()).collect();
    let mut other = logged.client();
    let id = other.get("/");
    assert_eq!(other.answer(id).text(), "ok");
    let told = |client: &mut H2| {
        client.listen(Duration::from_millis(300));
        client.is_closed
    };
    eventually("an idle one was told to go", || idle.iter_mut().any(told));
}
