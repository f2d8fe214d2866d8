//! `/recent/heads`: what is kept of requests, and what is not.

use std::collections::BTreeSet;

use super::{heads, send_until_kept};
use crate::harness::{FaultOrigin, Setup, curl, eventually};

#[test]
fn no_secret_is_kept_and_equal_ones_stay_equal() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .top("access_log: {to: stdout, redact_headers: [x-employee], redact_query: [card]}")
        .start();
    for who in ["alice", "bob", "alice"] {
        gateway.get_with(
            "/a?token=S3CR3T-1&card=S3CR3T-2&page=2",
            &format!(
                "Authorization: Bearer S3CR3T-{who}\r\nCookie: session=S3CR3T-{who}; theme=dark\r\n\
                 X-Employee: S3CR3T-{who}\r\nX-User-Id: S3CR3T-{who}\r\nX-Auth-Token: S3CR3T-{who}\r\n\
                 Referer: https://u:S3CR3T@h/?code=S3CR3T\r\nX-Tier: gold\r\n"
            ),
        );
    }
    eventually("all three are kept", || heads(&gateway).len() == 3);
    let page = gateway.admin_get("/recent/heads").text();
    assert!(!page.contains("S3CR3T") && !page.contains("dark"), "{page}");
    let all = heads(&gateway);
    let values = |name: &str| -> Vec<String> {
        let fields = all.iter().flat_map(|head| head["fields"].as_array().expect("a list"));
        fields.filter(|field| field[0] == name).map(|field| field[1].as_str().unwrap().to_owned()).collect()
    };
    for name in ["Authorization", "Cookie", "X-Employee", "X-User-Id", "X-Auth-Token"] {
        let distinct: BTreeSet<String> = values(name).into_iter().collect();
        assert_eq!((values(name).len(), distinct.len()), (3, 2), "{name}: {distinct:?}");
    }
    assert_eq!(values("X-Tier"), ["gold"; 3]);
    assert_eq!(all[0]["target"], "/a?token=(redacted)&card=(redacted)&page=2");
    assert_eq!((&all[0]["met"]["route"], &all[0]["met"]["cluster"]), (&"all".into(), &"origin".into()));
}

#[test]
fn a_head_is_kept_as_it_came_not_as_it_went_on() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address())
        .route(
            "policies: {headers: {request: {set: {x-tier: set-here}, add: {x-new: new}, remove: [x-old]}}}",
        )
        .start();
    let fields =
        "X-Tier: gold\r\nX-Old: old\r\nConnection: X-Hop\r\nX-Hop: hop\r\nX-Forwarded-For: 203.0.113.7\r\n";
    gateway.get_with("/", fields).has_status(200);
    eventually("it is kept", || heads(&gateway).len() == 1);
    let head = heads(&gateway).remove(0);
    let fields: Vec<(&str, &str)> = head["fields"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|field| (field[0].as_str().unwrap(), field[1].as_str().unwrap()))
        .collect();
    let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["Host", "X-Tier", "X-Old", "Connection", "X-Hop", "X-Forwarded-For"]);
    assert_eq!((fields[1].1, fields[2].1, fields[4].1), ("gold", "old", "hop"));
    // Another address of the same network.
    assert!(fields[5].1.starts_with("203.0.113."), "{fields:?}");
}

#[test]
fn a_rare_route_stays_while_a_busy_one_passes_through() {
    let origin = FaultOrigin::echo();
    let routes = "
  - {name: rare, match: {path: /rare}, cluster: origin}
  - {name: busy, match: {path: /busy}, cluster: origin}";
    let setup = Setup::before(origin.address()).routes(routes).top("recording: {heads: 8}").one_worker();
    let gateway = setup.start();
    gateway.get("/rare").has_status(200);
    send_until_kept(&gateway, 40.0, || {
        let mut wire = gateway.wire();
        (0..8).for_each(|_| drop(wire.get("/busy")));
    });
    let all = heads(&gateway);
    let of = |route: &str| all.iter().filter(|head| head["met"]["route"] == route).count();
    assert_eq!((of("rare"), of("busy")), (1, 7));
}

#[test]
fn refused_ones_and_those_over_http2_are_kept_and_monsters_are_not() {
    let origin = FaultOrigin::echo();
    let routes = "  - {name: here, match: {path: /here}, cluster: origin}";
    let gateway = Setup::before(origin.address()).routes(routes).start();
    gateway.get("/elsewhere").has_problem(404, "no_route");
    curl(&[
        "--http2-prior-knowledge",
        "--header",
        "X-Tier: gold",
        &format!("http://{}/here", gateway.public()),
    ]);
    gateway.get_with("/here", &format!("X-Large: {}\r\n", "x".repeat(10_000))).has_status(200);
    gateway.metric_becomes("ringgate_recording_heads_too_large_total", 1.0);
    let all = heads(&gateway);
    assert_eq!(all.len(), 2, "{all:?}");
    let refused = all.iter().find(|head| head["target"] == "/elsewhere").expect("it is kept");
    assert_eq!((&refused["met"]["code"], &refused["now"]["code"]), (&"no_route".into(), &"no_route".into()));
    let over_http2 = all.iter().find(|head| head["target"] == "/here").expect("it is kept");
    assert_eq!(over_http2["now"]["cluster"], "origin");
    let fields = over_http2["fields"].as_array().expect("a list");
    assert!(fields.iter().any(|field| field[1] == "gold"), "{fields:?}");
}
