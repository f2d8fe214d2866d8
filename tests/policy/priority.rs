//! `priority`: who goes first where there is not room for all.

use std::time::Duration;

use super::Known;
use crate::harness::{FaultOrigin, Gateway, Setup};

/// One exchange at once; two may wait.
const ONE: &str = "limits: {requests: 1, pending: 2, pending_timeout: 10s}";

/// An origin that answers half a second late, with the target it was asked for.
fn slow() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            std::thread::sleep(Duration::from_millis(500));
            let (target, length) = (&request.target, request.target.len());
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}"));
        }
    })
}

const WAITING: &str = "ringgate_cluster_waiting{cluster=\"origin\"}";

#[test]
fn the_better_class_goes_first_and_takes_the_place_of_a_worse_one() {
    let origin = slow();
    let rules = "[{class: high, headers: {x-kind: {exact: checkout}}}, {class: low, headers: {x-kind: {exact: report}}}]";
    let gateway: Gateway = Setup::before(origin.address())
        .one_worker()
        .cluster(ONE)
        .route(&format!("policies: {{priority: {{rules: {rules}}}}}"))
        .start();
    let ask = |target: &str, kind: &str| {
        let mut wire = gateway.wire();
        wire.send(format!("GET {target} HTTP/1.1\r\nHost: t\r\nX-Kind: {kind}\r\n\r\n"));
        wire
    };
    let mut first = ask("/first", "");
    origin.receives(1);
    let mut report = ask("/report", "report");
    gateway.metric_becomes(WAITING, 1.0);
    let mut usual = ask("/usual", "");
    gateway.metric_becomes(WAITING, 2.0);
    // There is no place left: the report makes room.
    let mut checkout = ask("/checkout", "checkout");
    report.read().has_problem(503, "pending_full");
    for wire in [&mut first, &mut checkout, &mut usual] {
        wire.read().has_status(200);
    }
    let order: Vec<String> = origin.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(order, ["/first", "/checkout", "/usual"]);
    gateway.metric_becomes("ringgate_shed_total{class=\"low\",reason=\"pending_full\"}", 1.0);
}

#[test]
fn what_is_kept_for_customers_with_a_plan_is_there_for_them_alone() {
    let origin = slow();
    let setup = Setup::before(origin.address())
        .cluster("limits: {requests: 2, reserves: {high: 50%}}")
        .route("policies: {authenticate: {any_of: [tokens]}, priority: {rules: [{class: high, when: {plans: [gold]}}]}}");
    let known = Known::started(setup, origin);
    let ask = |plan: &str| {
        let token = known.issuer.token("ann", &[&format!("plan={plan}")]);
        let mut wire = known.gateway.wire();
        wire.send(format!("GET / HTTP/1.1\r\nHost: t\r\nAuthorization: Bearer {token}\r\n\r\n"));
        wire
    };
    let mut first = ask("free");
    known.origin.receives(1);
    let refused = ask("free").read().has_problem(503, "cluster_full");
    assert_eq!(refused.field("retry-after"), Some("1"));
    ask("gold").read().has_status(200);
    first.read().has_status(200);
}
