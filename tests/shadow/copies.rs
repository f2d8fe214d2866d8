//! What is copied, and how a copy looks.

use super::{copies, copies_become, shadowed, skipped_become};
use crate::harness::frames::Frames;
use crate::harness::{FaultOrigin, curl, ringgate};

#[test]
fn a_copy_is_the_request_with_a_mark_and_the_original_has_none() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway = shadowed(origin.address(), copy.address(), "").start();
    let answer = gateway
        .get_with("/a/b?c=d", "X-Tier: gold\r\nRinggate-Shadow: 1\r\nX-Forwarded-For: 203.0.113.7\r\n");
    assert_eq!((answer.status, answer.text().as_str()), (200, "/a/b?c=d"));
    copy.receives(1);
    let (sent, copied) = (origin.only_request(), copy.only_request());
    // A client cannot make a service take its request for a copy.
    assert_eq!((sent.field("ringgate-shadow"), copied.field("ringgate-shadow")), (None, Some("1")));
    assert_eq!((&copied.method, &copied.target), (&sent.method, &sent.target));
    for name in ["host", "x-tier", "x-request-id", "x-forwarded-for", "via"] {
        assert_eq!(copied.field(name), sent.field(name), "{name}");
    }
    copies_become(&gateway, "answered", 1);
    gateway.metric_becomes("ringgate_shadow_in_flight", 0.0);
    gateway.drain();
}

#[test]
fn copies_share_connections_and_a_share_of_requests_is_copied() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway = shadowed(origin.address(), copy.address(), "share: 25%").start();
    let mut wire = gateway.wire();
    for at in 0..200 {
        wire.get(&format!("/{at}")).has_status(200);
    }
    gateway.metric_becomes("ringgate_shadow_in_flight", 0.0);
    let count = copies(&gateway, "answered");
    assert!((48.0..=52.0).contains(&count), "{count} of 200");
    assert!(copy.accepted() < 25, "{} connections", copy.accepted());
}

#[test]
fn what_may_change_something_is_copied_only_where_methods_are_named() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let post = "POST /order HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello";
    let gateway = shadowed(origin.address(), copy.address(), "").start();
    gateway.send(post).has_status(200);
    gateway.get("/after").has_status(200);
    copies_become(&gateway, "answered", 1);
    assert_eq!(copy.only_request().target, "/after");
    let gateway = shadowed(origin.address(), copy.address(), "methods: [POST]").start();
    gateway.send(post).has_status(200);
    copies_become(&gateway, "answered", 1);
    assert_eq!(copy.requests()[1].body, b"hello");
}

#[test]
fn what_may_change_something_is_never_copied_twice() {
    let origin = FaultOrigin::echo();
    // Answers once on each connection, and closes when it has seen the next request.
    let copy = FaultOrigin::start(|dialogue| {
        if dialogue.request().is_some() {
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            dialogue.request();
        }
    });
    let gateway = shadowed(origin.address(), copy.address(), "methods: [GET, POST]").start();
    let mut wire = gateway.wire();
    let post = "POST /order HTTP/1.1\r\nHost: test\r\nContent-Length: 5\r\n\r\nhello";
    for (answered, broken) in [(1, 0), (1, 1), (2, 1)] {
        wire.ask(post).has_status(200);
        copies_become(&gateway, "answered", answered);
        copies_become(&gateway, "broken", broken);
    }
    assert_eq!(copy.requests().len(), 3);
    // What changes nothing is asked again on another connection.
    wire.get("/").has_status(200);
    copies_become(&gateway, "answered", 3);
    assert_eq!(copy.requests().len(), 5);
}

#[test]
fn bodies_are_copied_however_they_come() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway =
        shadowed(origin.address(), copy.address(), "methods: [POST], remove_headers: [Authorization]")
            .start();
    let mut wire = gateway.wire();
    let head = "POST /x HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer abc\r\n";
    let pause = std::time::Duration::from_millis(50);
    wire.send_slowly(
        [format!("{head}Content-Length: 10\r\n\r\n").as_bytes(), &b"hello"[..], b"world"],
        pause,
    );
    wire.read().has_status(200);
    wire.send_slowly(
        [
            format!("{head}Transfer-Encoding: chunked\r\n\r\n5\r\nhe").as_bytes(),
            &b"llo\r\n5\r\nworld\r"[..],
            b"\n0\r\n\r\n",
        ],
        pause,
    );
    wire.read().has_status(200);
    copies_become(&gateway, "answered", 2);
    for (sent, copied) in origin.requests().iter().zip(copy.requests()) {
        assert_eq!((&sent.body[..], &copied.body[..]), (&b"helloworld"[..], &b"helloworld"[..]));
        assert_eq!((sent.field("authorization"), copied.field("authorization")), (Some("Bearer abc"), None));
    }
}

#[test]
fn a_copy_goes_on_to_http2_and_comes_from_it() {
    let origin = FaultOrigin::echo();
    let copy = FaultOrigin::start(|dialogue| {
        let Some(mut frames) = Frames::begin(dialogue, &[]) else { return };
        while let Some(stream) = frames.request() {
            frames.answer(stream, b"/over");
        }
    });
    let gateway = shadowed(origin.address(), "{copy}", "compare: {}")
        .yaml()
        .replace("['{copy}']", &format!("['{}'], protocol: h2", copy.address()));
    let gateway = crate::harness::Gateway::start(&gateway);
    let body = curl(&["--http2-prior-knowledge", &format!("http://{}/over", gateway.public())]);
    assert_eq!(body, "/over");
    copies_become(&gateway, "answered", 1);
    gateway.metric_becomes("ringgate_shadow_compared_total{result=\"match\"}", 1.0);
}

#[test]
fn a_client_that_leaves_in_its_request_has_no_copy() {
    let (origin, copy) = (FaultOrigin::echo(), FaultOrigin::echo());
    let gateway = shadowed(origin.address(), copy.address(), "methods: [POST]").start();
    let mut wire = gateway.wire();
    wire.send("POST /x HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhello");
    origin.receives(1);
    drop(wire);
    skipped_become(&gateway, "incomplete", 1);
    assert_eq!((copy.requests().len(), copies(&gateway, "answered")), (0, 0.0));
}

#[test]
fn explain_and_check_tell_what_is_copied() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    let yaml = shadowed("127.0.0.1:1", "127.0.0.1:2", "share: 5%").yaml();
    std::fs::write(&file, &yaml).expect("ours");
    let file = file.to_str().expect("UTF-8");
    ringgate(&["check", file]).succeeded();
    let told = ringgate(&["explain", "GET", "http://test/a", "-c", file]).succeeded();
    assert!(told.contains("shadow      5 % go to next as well"), "{told}");
    let told = ringgate(&["explain", "POST", "http://test/a", "-c", file]).succeeded();
    assert!(told.contains("shadow      none"), "{told}");
    let wrong = yaml.replace("cluster: next, ", "cluster: nxt, compare: {ignore: [id]}, ");
    std::fs::write(file, wrong).expect("ours");
    let finished = ringgate(&["check", file]);
    assert_eq!(finished.code, 1);
    let said = finished.said();
    assert!(said.contains("there is no cluster `nxt`") && said.contains("does not begin with `/`"), "{said}");
}
