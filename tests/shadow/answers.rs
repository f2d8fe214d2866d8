//! What comes of comparing answers, in figures and in samples.

use serde_json::{Value, json};

use super::{copies_become, shadowed, silent};
use crate::harness::{Dialogue, FaultOrigin, Gateway, eventually};

/// Answers each target with the response that the table has for it.
fn by_target(table: &'static [(&'static str, &'static str)]) -> FaultOrigin {
    FaultOrigin::start(move |dialogue: &mut Dialogue| {
        while let Some(request) = dialogue.request() {
            let path = request.target.split('?').next().expect("split gives one");
            let (_, response) = table.iter().find(|(target, _)| *target == path).expect("a known target");
            let (head, body) = response.split_once('|').expect("head|body");
            let length = body.len();
            dialogue.send(format!("HTTP/1.1 {head}Content-Length: {length}\r\n\r\n{body}"));
        }
    })
}

const ORIGINALS: &[(&str, &str)] = &[
    ("/same", "200 OK\r\nContent-Type: application/json\r\n|{\"id\": 1, \"at\": 5}"),
    ("/status", "200 OK\r\n|ok"),
    ("/field", "200 OK\r\nCache-Control: no-store\r\nSet-Cookie: sid=S3CR3T\r\n|ok"),
    ("/body", "200 OK\r\nContent-Type: application/json\r\n|{\"id\": 1, \"name\": \"S3CR3T\", \"at\": 5}"),
    ("/bytes", "200 OK\r\nContent-Type: text/plain\r\n|1"),
    ("/coded", "200 OK\r\nContent-Encoding: br\r\n|1"),
];

const COPIES: &[(&str, &str)] = &[
    ("/same", "200 Fine\r\nContent-Type: application/json\r\n|{\"at\":7,\"id\":1.0}"),
    ("/status", "503 No\r\n|no"),
    ("/field", "200 OK\r\nCache-Control: private\r\nSet-Cookie: sid=S3CR3T-2\r\n|ok"),
    (
        "/body",
        "200 OK\r\nContent-Type: application/json\r\n|{\"id\": \"1\", \"name\": \"S3CR3T-3\", \"at\": 9}",
    ),
    ("/bytes", "200 OK\r\nContent-Type: text/plain\r\n|1.0"),
    ("/coded", "200 OK\r\nContent-Encoding: br\r\n|2"),
];

const COMPARE: &str = "compare: {headers: [cache-control, set-cookie], ignore: [/at]}";

fn compared(gateway: &Gateway, result: &str, count: usize) {
    gateway.metric_becomes(&format!("ringgate_shadow_compared_total{{result=\"{result}\"}}"), count as f64);
}

fn mismatches(gateway: &Gateway, count: usize) -> Vec<Value> {
    let mut all = Vec::new();
    eventually("mismatches are told", || {
        let answer = gateway.admin_get("/shadows/mismatches").has_status(200).json();
        all = answer["mismatches"].as_array().expect("a list").clone();
        all.len() >= count
    });
    all
}

#[test]
fn every_kind_of_difference_is_counted_and_what_may_differ_is_none() {
    let (origin, copy) = (by_target(ORIGINALS), by_target(COPIES));
    let gateway = shadowed(origin.address(), copy.address(), COMPARE).start();
    let mut wire = gateway.wire();
    for (at, (target, _)) in ORIGINALS.iter().enumerate() {
        wire.get(target).has_status(200);
        copies_become(&gateway, "answered", at + 1);
    }
    compared(&gateway, "match", 2);
    compared(&gateway, "mismatch", 4);
    for (kind, count) in [("status", 1.0), ("field", 1.0), ("body", 2.0)] {
        let selector = format!("ringgate_shadow_mismatches_total{{kind=\"{kind}\"}}");
        assert_eq!(gateway.metric(&selector), count, "{kind}");
    }
    assert_eq!(gateway.metric("ringgate_shadow_not_compared_total{what=\"body\"}"), 1.0);
    let told = gateway.admin_get("/shadows").has_status(200).json();
    let shadow = &told["shadows"][0];
    assert_eq!(
        (&shadow["route"], &shadow["compared"], &shadow["mismatched"]),
        (&"all".into(), &6.into(), &4.into())
    );
    assert_eq!(shadow["mismatches"], json!({"status": 1, "field": 1, "body": 2}));
    let rate = shadow["mismatch_rate"].as_f64().expect("something was compared");
    assert!((rate - 4.0 / 6.0).abs() < 1e-9, "{rate}");
}

#[test]
fn samples_tell_where_answers_differ_and_no_secrets() {
    let (origin, copy) = (by_target(ORIGINALS), by_target(COPIES));
    let gateway = shadowed(origin.address(), copy.address(), COMPARE).start();
    let mut wire = gateway.wire();
    let mut ids = Vec::new();
    for (at, target) in ["/field?token=S3CR3T", "/body", "/status"].iter().enumerate() {
        let answer = wire.get(target).has_status(200);
        ids.insert(0, answer.field("x-request-id").expect("every answer has one").to_owned());
        mismatches(&gateway, at + 1);
    }
    let all = mismatches(&gateway, 3);
    let page = gateway.admin_get("/shadows/mismatches").text();
    assert!(!page.contains("S3CR3T"), "{page}");
    let told: Vec<&str> = all.iter().map(|one| one["request_id"].as_str().expect("text")).collect();
    assert_eq!(told, ids);
    assert_eq!(all[0]["status"], json!({"original": 200, "copy": 503}));
    assert_eq!(
        all[1]["differences"],
        json!([
            {"at": "/id", "original": "a number", "copy": "a string"},
            {"at": "/name", "original": "a string", "copy": "a string"},
        ])
    );
    assert_eq!(all[2]["target"], "/field?token=(redacted)");
    assert_eq!(
        all[2]["fields"],
        json!([
            {"name": "cache-control", "original": "no-store", "copy": "private"},
            {"name": "set-cookie", "original": "(redacted)", "copy": "(redacted)"},
        ])
    );
}

#[test]
fn values_show_where_that_is_wanted() {
    let (origin, copy) = (by_target(ORIGINALS), by_target(COPIES));
    let gateway =
        shadowed(origin.address(), copy.address(), "compare: {show_values: true, ignore: [/name]}").start();
    gateway.get("/body").has_status(200);
    assert_eq!(
        mismatches(&gateway, 1)[0]["differences"],
        json!([{"at": "/id", "original": "1", "copy": "\\\"1\\\""}, {"at": "/at", "original": "5", "copy": "9"}])
    );
}

#[test]
fn bodies_in_chunks_and_until_the_end_of_the_connection_are_compared() {
    let origin = FaultOrigin::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
    );
    let copy = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\n\r\nabc");
    let gateway = shadowed(origin.address(), copy.address(), "compare: {}").start();
    gateway.get("/").has_status(200);
    compared(&gateway, "match", 1);
    let gateway = shadowed(copy.address(), origin.address(), "compare: {}").start();
    gateway.get("/").has_status(200);
    compared(&gateway, "match", 1);
}

#[test]
fn large_bodies_are_left_and_connections_go_on() {
    let body = "x".repeat(100_000);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (origin, copy) = (FaultOrigin::answering(&response), FaultOrigin::answering(&response));
    let gateway = shadowed(origin.address(), copy.address(), "compare: {body_bytes: 1KiB}").start();
    let mut wire = gateway.wire();
    for at in 0..5 {
        assert_eq!(wire.get("/").has_status(200).body.len(), body.len());
        compared(&gateway, "match", at + 1);
    }
    assert_eq!(gateway.metric("ringgate_shadow_not_compared_total{what=\"body\"}"), 5.0);
    assert_eq!(copy.accepted(), 1);
}

#[test]
fn an_original_without_an_answer_is_compared_with_nothing() {
    let copy = FaultOrigin::echo();
    let broken = FaultOrigin::answering_and_closing("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf");
    let gateway = shadowed(broken.address(), copy.address(), "compare: {}").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    wire.read_head();
    gateway.metric_becomes("ringgate_shadow_not_compared_total{what=\"answer\"}", 1.0);
    // One that takes too long, and whose client goes on waiting.
    let silent = silent();
    let gateway = shadowed(silent.address(), copy.address(), "compare: {}, timeout: 300ms").start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    gateway.metric_becomes("ringgate_shadow_not_compared_total{what=\"answer\"}", 1.0);
    gateway.metric_becomes("ringgate_shadow_in_flight", 0.0);
    assert_eq!(gateway.metric("ringgate_shadow_compared_total"), 0.0);
}
