//! The Autobahn cases: hundreds of WebSocket conversations, in order and out of order.
//!
//! The gateway carries frames and judges none, so that the origin's own mistakes come through; it may add none.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::origin;
use crate::harness::{Setup, large, python};

/// By case: what came of it, and of its end.
type Verdicts = BTreeMap<String, [String; 2]>;

fn verdicts(server: SocketAddr, options: &[&str]) -> Verdicts {
    let said = python("ws_cases.py", server, &[&["-p", "4"], options].concat());
    serde_json::from_str(&said).expect("verdicts by case")
}

fn has_failed(verdict: &[String; 2]) -> bool {
    !matches!(verdict[0].as_str(), "OK" | "NON-STRICT" | "INFORMATIONAL" | "UNIMPLEMENTED")
        || !matches!(verdict[1].as_str(), "OK" | "INFORMATIONAL" | "UNIMPLEMENTED")
}

/// Section 9 is about speed, which here is that of the origin. Sections 12 and 13 are about compression: thousands of
/// messages for each way of it, of which one is enough for whoever does not look into them.
fn selection() -> Vec<&'static str> {
    let left_out = if large() { "9.* 12.2.* 12.3.* 12.4.* 12.5.* 13.*" } else { "9.* 12.* 13.*" };
    left_out.split(' ').flat_map(|section| ["-x", section]).collect()
}

#[test]
fn no_case_fails_through_the_gateway_alone() {
    let (_origin, address) = origin();
    let gateway = Setup::before(address).start();
    let directly = verdicts(address, &selection());
    let through = verdicts(gateway.public(), &selection());
    assert!(directly.keys().eq(through.keys()) && directly.len() >= 247, "{} cases", directly.len());
    let is_worse = |case: &str, verdict| has_failed(verdict) && !has_failed(&directly[case]);
    let mut worse: Vec<_> = through.iter().filter(|(case, verdict)| is_worse(case, verdict)).collect();
    // The cases have limits of their own, of which a busy machine may miss one. Alone it has a second chance.
    worse.retain(|(case, _)| has_failed(&verdicts(gateway.public(), &["-i", case.as_str()])[*case]));
    assert!(worse.is_empty(), "{worse:?}");
    let count = |verdicts: &Verdicts| verdicts.values().filter(|verdict| has_failed(verdict)).count();
    println!("{} cases: {} fail directly, {} through", through.len(), count(&directly), count(&through));
    let upgraded = gateway.metric("ringgate_upgraded_connections_total");
    assert!(upgraded >= through.len() as f64, "only {upgraded} connections were upgraded");
    gateway.metric_becomes("ringgate_upgraded_connections_open", 0.0);
}
