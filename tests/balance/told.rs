//! What `explain` says of how requests are spread, and of which endpoint a key goes to.

use super::fleet;
use crate::harness::{Setup, ringgate};

fn explained(setup: &Setup, request: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, setup.yaml()).expect("the directory is ours");
    let mut arguments = vec!["explain", "GET", "http://a.test/", "-c", file.to_str().expect("UTF-8")];
    arguments.extend(request);
    ringgate(&arguments).succeeded()
}

#[test]
fn explain_tells_tiers_zones_and_their_shares() {
    let setup = Setup::default()
        .placed("127.0.0.1:9001", "zone: a")
        .placed("127.0.0.1:9002", "zone: b, weight: 3")
        .placed("127.0.0.1:9003", "tier: 2")
        .top("locality: {zone: a}")
        .cluster("zones: {keep: 60%}")
        .cluster("slow_start: {window: 30s}")
        .cluster("subset: {}");
    let said = explained(&setup, &[]);
    for line in [
        "zone      a keeps 60.0 % as long as it can",
        "newcomers grow from 10.0 % to their share in 30 s",
        "subset    each of 3 endpoints is used by 2 workers, each worker uses 3 or more",
        "tier      0, own zone: 60.0 % of requests",
        "tier      0, other zones: 40.0 % of requests",
        "tier      2: 0.0 % of requests",
        "endpoint  127.0.0.1:9001 (127.0.0.1:9001), 60.0 % of requests, tier 0, zone a",
        "endpoint  127.0.0.1:9002 (127.0.0.1:9002), 40.0 % of requests, tier 0, zone b",
        "endpoint  127.0.0.1:9003 (127.0.0.1:9003), 0.0 % of requests, tier 2",
    ] {
        assert!(said.contains(line), "`{line}` in\n{said}");
    }
}

#[test]
fn explain_and_the_gateway_agree_on_where_a_key_goes() {
    let origins = fleet(4);
    let place = |at: usize| if at < 3 { "tier: 0" } else { "tier: 1" };
    let setup = (0..4).fold(Setup::default(), |setup, at| setup.placed(origins[at].address(), place(at)));
    let setup = setup.cluster("balance: {maglev: {key: {header: x-key}, bounded_load: 25%}}");
    let gateway = setup.start();
    for key in 0..6 {
        let field = format!("X-Key: {key}");
        let number: usize =
            gateway.get_with("/", &format!("{field}\r\n")).has_status(200).text().parse().expect("a number");
        let said = explained(&setup, &["-H", &field]);
        let line = format!("chosen    {} (by hash", origins[number].address());
        assert!(said.contains(&line), "`{line}` in\n{said}");
    }
}
