//! What the operator sees of two answers that differ, and what of it is kept.

use super::super::compare::compare;
use super::super::config::ShadowConfig;
use super::super::plan::Whereto;
use super::*;
use crate::shared::names::Names;

fn plan(compare: Value) -> ShadowPlan {
    let config: ShadowConfig = serde_json::from_value(json!({"cluster": "a", "compare": compare})).unwrap();
    ShadowPlan::compile(&config, Whereto { route: "shop", cluster: 0, host: None }).unwrap()
}

fn kept(status: u16, cookie: &str, body: &Value) -> Kept {
    let mut kept = Kept { status, body: body.to_string().into_bytes(), ..Kept::default() };
    assert!(kept.fields.append(b"Content-Type", b"application/json"));
    assert!(kept.fields.append(b"Set-Cookie", cookie.as_bytes()));
    kept
}

fn told(plan: &ShadowPlan, original: &Kept, copy: &Kept) -> Value {
    let found = compare(plan.compare.as_ref().unwrap(), original, copy);
    let sample = Sample {
        plan,
        redaction: &Redaction::default(),
        unix_ms: 5,
        request_id: b"id-1",
        request: b"GET /a?token=S3CR3T&page=2 HTTP/1.1\r\nAuthorization: S3CR3T\r\n\r\n",
        original,
        copy,
        found: &found,
    };
    let text = sample.text();
    assert!(!String::from_utf8_lossy(&text).contains("S3CR3T"), "{}", String::from_utf8_lossy(&text));
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn tells_where_answers_differ_and_not_what_is_there() {
    let plan = plan(json!({"headers": ["set-cookie"]}));
    let original = kept(200, "S3CR3T-1", &json!({"price": 1, "note": "S3CR3T"}));
    let copy = kept(200, "S3CR3T-2", &json!({"price": "1", "note": "other"}));
    let told = told(&plan, &original, &copy);
    assert_eq!(
        (&told["route"], &told["method"], &told["target"], &told["body"]),
        (&"shop".into(), &"GET".into(), &"/a?token=(redacted)&page=2".into(), &"other values".into())
    );
    assert_eq!(
        told["fields"],
        json!([{"name": "set-cookie", "original": "(redacted)", "copy": "(redacted)"}])
    );
    assert_eq!(
        told["differences"],
        json!([
            {"at": "/price", "original": "a number", "copy": "a string"},
            {"at": "/note", "original": "a string", "copy": "a string"},
        ])
    );
}

#[test]
fn shows_values_where_that_is_wanted_but_no_secrets() {
    let plan = plan(json!({"show_values": true}));
    let original = kept(200, "", &json!({"price": 1, "user": {"password": "S3CR3T"}, "list": [["S3CR3T"]]}));
    let copy = kept(200, "", &json!({"price": 2, "user": {"password": "S3CR3T-2"}, "list": [1]}));
    let told = told(&plan, &original, &copy);
    assert_eq!(
        told["differences"],
        json!([
            {"at": "/price", "original": "1", "copy": "2"},
            {"at": "/user/password", "original": "(redacted)", "copy": "(redacted)"},
            {"at": "/list/0", "original": "an array", "copy": "1"},
        ])
    );
}

#[test]
fn of_other_statuses_the_statuses_are_told() {
    let told = told(&plan(json!({})), &kept(200, "", &json!(1)), &kept(500, "", &json!(2)));
    assert_eq!(told["status"], json!({"original": 200, "copy": 500}));
    assert_eq!((&told["body"], told.get("differences")), (&"not compared".into(), None));
}

#[test]
fn the_route_with_most_makes_room_and_no_tick_brings_many() {
    let names = Names::new(8, "(other)");
    let (rare, busy) = (names.id("rare"), names.id("busy"));
    let mut mismatches = Mismatches::default();
    mismatches.note(rare, 0, || b"rare".to_vec());
    for at in 1..200_u64 {
        mismatches.note(busy, at * TICK_MS, || at.to_string().into_bytes());
    }
    (0..10).for_each(|_| mismatches.note(busy, 200 * TICK_MS, || b"same tick".to_vec()));
    mismatches.note(busy, 201 * TICK_MS, || vec![b'x'; TEXT_BYTES_MAX + 1]);
    let mut room = Vec::with_capacity(64 * 1024);
    mismatches.copy(&mut room);
    let text = String::from_utf8(room).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), KEPT_MAX);
    assert_eq!(
        (lines[0], lines[1], lines[2], lines[KEPT_MAX - 1]),
        ("same tick", "same tick", "199", "rare")
    );
    let mut narrow = Vec::with_capacity(12);
    mismatches.copy(&mut narrow);
    assert_eq!(narrow, b"same tick\n");
}
