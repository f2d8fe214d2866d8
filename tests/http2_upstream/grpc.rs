//! gRPC through the gateway: grpcio on both sides, gRPC-Web in raw bytes, and calls in HTTP/1.1.

use super::{before, grpc_origin};
use crate::harness::{Gateway, eventually, free_address, python};

fn calls(gateway: &Gateway, names: &[&str]) {
    python("grpc_client.py", gateway.public(), names);
}

#[test]
fn all_four_kinds_of_call_pass_and_nothing_is_held_back() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).start();
    calls(&gateway, &["kinds", "turns"]);
    gateway.drain();
}

#[test]
fn messages_of_four_mebibytes_pass_both_ways() {
    let (_origin, address) = grpc_origin();
    calls(&before(address).start(), &["large"]);
}

#[test]
fn metadata_and_details_of_errors_pass_and_the_log_tells_the_status() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).top("access_log: {to: stdout}").start();
    calls(&gateway, &["metadata", "errors"]);
    let told = |status: &str| gateway.stdout().into_iter().find(|line| line.contains(status));
    eventually("the log tells it", || told("\"grpc_status\":12,").is_some());
    let line = told("\"grpc_status\":5,").expect("it came before");
    assert!(line.contains("\"status\":200") && line.contains("\"protocol\":\"HTTP/2\""), "{line}");
}

#[test]
fn the_shorter_deadline_counts() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).cluster("timeouts: {total: 700ms}").start();
    calls(&gateway, &["deadline", "own_deadline"]);
    // What a call asks for holds where nothing is configured, and nothing more than that.
    let gateway = before(address).start();
    let ask = |timeout: &str| {
        gateway.send(format!(
            "POST /t.T/Slow HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc\r\n\
             grpc-timeout: {timeout}\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"
        ))
    };
    let answer = ask("300m");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(status_of(&answer).as_deref(), Some("4"));
}

/// In the head, where the gateway was first, or in the trailers, where the origin was.
fn status_of(answer: &crate::harness::Response) -> Option<String> {
    let trailer = answer.trailers.iter().find(|(name, _)| name == "grpc-status");
    answer.field("grpc-status").map(str::to_owned).or_else(|| trailer.map(|(_, value)| value.clone()))
}

#[test]
fn a_call_that_is_cancelled_ends_at_the_origin() {
    let (origin, address) = grpc_origin();
    let gateway = before(address).start();
    calls(&gateway, &["cancel"]);
    origin.line("slow ends");
    gateway.metric_becomes("ringgate_endpoint_http2_streams_active", 0.0);
}

#[test]
fn a_stream_that_is_quiet_in_one_direction_goes_on_in_the_other() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).top("limits: {body_timeout: 1s}").start();
    calls(&gateway, &["quiet"]);
}

#[test]
fn what_the_gateway_has_to_say_is_said_in_grpc() {
    let gateway = before(free_address()).start();
    calls(&gateway, &["unavailable"]);
    for (content_type, told) in [
        ("application/grpc+proto", "application/grpc+proto"),
        ("application/grpc-web-text", "application/grpc-web-text"),
    ] {
        let answer = gateway.send(format!(
            "POST /t.T/Unary HTTP/1.1\r\nHost: test\r\nContent-Type: {content_type}\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0"
        ));
        assert_eq!((answer.status, answer.field("content-type")), (200, Some(told)));
        assert_eq!(answer.field("grpc-status"), Some("14"));
    }
    gateway.get("/").has_problem(503, "upstream_connect_refused");
}

#[test]
fn a_client_of_http1_gets_the_trailers_behind_the_chunks() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).start();
    let call = "POST /t.T/Unary HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc\r\n\
                Transfer-Encoding: chunked\r\n\r\n8\r\n\0\0\0\0\x03abc\r\n0\r\n\r\n";
    let answer = gateway.send(call);
    assert_eq!((answer.status, &answer.body[..]), (200, &b"\0\0\0\0\x03abc"[..]));
    assert!(answer.trailers.contains(&("grpc-status".to_owned(), "0".to_owned())), "{answer:?}");
    let missing = gateway.send(call.replace("Unary", "Missing"));
    assert_eq!(missing.field("grpc-status"), Some("12"));
}

#[test]
fn grpc_web_becomes_grpc_and_its_answers_grpc_web() {
    let (_origin, address) = grpc_origin();
    python("grpc_web_client.py", before(address).start().public(), &[]);
}

#[test]
fn grpc_web_passes_as_it_is_where_it_should() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).cluster("grpc_web: pass").start();
    let answer = gateway.send(
        "POST /t.T/Unary HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc-web\r\nContent-Length: 5\r\n\r\n\0\0\0\0\0",
    );
    // grpcio takes it for gRPC.
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
    assert_eq!((&answer.body[..], status_of(&answer).as_deref()), (&b"\0\0\0\0\0"[..], Some("0")));
}

#[test]
fn text_that_is_no_base64_is_the_clients_fault() {
    let (_origin, address) = grpc_origin();
    let gateway = before(address).start();
    let answer = gateway.send(
        "POST /t.T/Unary HTTP/1.1\r\nHost: test\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 4\r\n\r\n!!!!",
    );
    assert_ne!(answer.field("grpc-status"), Some("0"));
    assert_eq!(gateway.metric("ringgate_endpoint_http2_connections"), 1.0);
}
