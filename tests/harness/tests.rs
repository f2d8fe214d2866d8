//! The harness tried on itself, without a gateway: what it calls wrong must be wrong.

use std::time::Duration;

use super::{FaultOrigin, Framing, Nginx, Wire};

#[test]
fn a_wire_and_an_origin_understand_each_other() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nT: v\r\n\r\n",
    );
    let mut wire = Wire::connect(origin.address());
    for _ in 0..2 {
        let request =
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n0\r\n\r\n";
        wire.send_slowly(request.replace(";e=1", "").as_bytes().chunks(7), Duration::from_millis(1));
        let response = wire.read().has_status(200);
        assert_eq!((response.text().as_str(), response.framing), ("ok", Framing::Chunked));
        assert_eq!(response.trailers.len(), 1);
    }
    let requests = origin.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|request| request.body == b"abc" && request.connection == 0));
    drop(wire);
    origin.loses(1);
}

#[test]
fn a_wire_speaks_with_nginx() {
    let nginx = Nginx::start("location / { return 200 hello; }");
    let mut wire = Wire::connect(nginx.address());
    assert_eq!(wire.get("/").has_status(200).text(), "hello");
    assert_eq!(wire.get("/").has_status(200).text(), "hello");
}

#[test]
fn a_reset_is_a_reset() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.reset();
    });
    let mut wire = Wire::connect(origin.address());
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let error = std::io::Read::read(&mut wire.stream(), &mut [0; 10]).expect_err("no end, but a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn an_origin_that_dies_takes_its_connections_along() {
    let origin = FaultOrigin::ok();
    let mut wire = Wire::connect(origin.address());
    wire.get("/").has_status(200);
    drop(origin);
    wire.expect_close();
}

#[test]
#[should_panic(expected = "two framings")]
fn two_framings_are_seen() {
    let origin =
        FaultOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n");
    Wire::connect(origin.address()).get("/");
}

#[test]
#[should_panic(expected = "the origin's script failed")]
fn a_script_that_fails_fails_the_test() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        panic!("as it should");
    });
    let mut wire = Wire::connect(origin.address());
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    origin.loses(1);
}
