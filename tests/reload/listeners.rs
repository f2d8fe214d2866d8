//! Listeners that come, move and go.

use super::Reloadable;
use crate::harness::{Wire, eventually, free_address};

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

fn with(listeners: &str) -> String {
    format!("listeners: [{listeners}]\nroutes: [{{name: all, respond: {{status: 200, body: here}}}}]\n")
}

#[test]
fn a_listener_comes_and_goes_again() {
    let public = "{name: public, address: '127.0.0.1:0'}";
    let addr = free_address();
    let mut running = Reloadable::start(&with(public));
    // In front of the other: places must not be mixed up.
    running.install(&with(&format!("{{name: more, address: '{addr}'}}, {public}")));
    let mut more = Wire::connect(addr);
    more.send(GET);
    assert_eq!(more.read().text(), "here");
    assert_eq!(running.gateway.get("/").text(), "here");
    let mut idle = Wire::connect(addr);
    idle.send(GET);
    idle.read().has_status(200);

    running.install(&with(public));
    eventually("nobody listens there", || std::net::TcpStream::connect(addr).is_err());
    // One without a request ends by itself.
    idle.expect_close();
    assert_eq!(running.gateway.get("/").text(), "here");

    running.install(&with(&format!("{public}, {{name: more, address: '{addr}'}}")));
    let mut again = Wire::connect(addr);
    again.send(GET);
    assert_eq!(again.read().text(), "here");
}

#[test]
fn a_listener_moves_and_keeps_its_connections() {
    let (first, second) = (free_address(), free_address());
    let mut running = Reloadable::start(&with(&format!("{{name: public, address: '{first}'}}")));
    let mut wire = Wire::connect(first);
    wire.send(GET);
    wire.read().has_status(200);
    running.install(&with(&format!("{{name: public, address: '{second}'}}")));
    eventually("it has left", || std::net::TcpStream::connect(first).is_err());
    wire.send(GET);
    assert_eq!(wire.read().text(), "here");
    let mut moved = Wire::connect(second);
    moved.send(GET);
    assert_eq!(moved.read().text(), "here");
}

#[test]
fn many_connections_during_a_change_of_listeners_are_all_served() {
    let addr = free_address();
    let public = format!("{{name: public, address: '{addr}'}}");
    let mut running = Reloadable::start(&with(&public));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let served = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let mut served = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let mut wire = Wire::connect(addr);
                wire.send(GET);
                wire.read().has_status(200);
                served += 1;
            }
            served
        });
        for _ in 0..5 {
            let more = free_address();
            running.install(&with(&format!("{{name: more, address: '{more}'}}, {public}")));
            running.install(&with(&public));
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        client.join().expect("every connection was served")
    });
    assert!(served > 10, "{served}");
}
