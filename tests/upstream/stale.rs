//! An idle connection that the origin closed meanwhile: RFC 9112 9.3.1. Replaced silently where that is safe.

use std::time::Duration;

use crate::harness::{FaultOrigin, Gateway, Setup};

/// Answers one request per connection and closes a moment later, without having said so.
fn closing(after: Duration) -> FaultOrigin {
    FaultOrigin::start(move |dialogue| {
        if dialogue.request().is_some() {
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            std::thread::sleep(after);
        }
    })
}

/// Reads the second request of a connection and closes without an answer: the race at its worst.
fn swallowing() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        dialogue.request();
    })
}

fn before(origin: &FaultOrigin) -> Gateway {
    Setup::before(origin.address()).one_worker().start()
}

#[test]
fn a_closed_idle_connection_is_never_noticed_by_the_client() {
    let origin = closing(Duration::from_millis(10));
    let gateway = before(&origin);
    for _ in 0..10 {
        gateway.get("/").has_status(200);
        std::thread::sleep(Duration::from_millis(40));
    }
}

#[test]
fn a_get_is_repeated_when_its_reused_connection_dies() {
    let origin = swallowing();
    let gateway = before(&origin);
    for _ in 0..6 {
        gateway.get("/").has_status(200);
    }
}

#[test]
fn a_post_is_not_repeated_once_it_was_sent() {
    // RFC 9110 9.2.2: the origin may have acted on it.
    let origin = swallowing();
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
    let request = "POST /once HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc";
    gateway.send(request).has_status(502);
    let posts = origin.requests().iter().filter(|request| request.method == "POST").count();
    assert_eq!(posts, 1);
}

#[test]
fn a_post_on_a_connection_known_to_be_closed_takes_another() {
    let origin = closing(Duration::ZERO);
    let gateway = before(&origin);
    for _ in 0..5 {
        gateway.get("/").has_status(200);
        std::thread::sleep(Duration::from_millis(100));
        gateway.send("POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 3\r\n\r\nabc").has_status(200);
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_fresh_connection_that_dies_is_not_repeated_for_ever() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
    });
    let gateway = before(&origin);
    gateway.get("/").has_status(502);
    assert!(origin.accepted() <= 2, "{} attempts", origin.accepted());
}

#[test]
fn an_origin_that_was_restarted_is_found_again() {
    let origin = FaultOrigin::ok();
    let address = origin.address();
    let gateway = before(&origin);
    gateway.get("/").has_status(200);
    drop(origin);
    let _back = FaultOrigin::start_at(address, crate::harness::echo);
    gateway.get("/").has_status(200);
}
