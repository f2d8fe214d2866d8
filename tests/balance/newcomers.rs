//! Slow start through the real binary: an endpoint that is discovered while others serve.

use super::{counts, fleet};
use crate::harness::{FaultOrigin, Setup, eventually};

fn list(origins: &[FaultOrigin]) -> String {
    origins.iter().map(|origin| format!("- '{}'\n", origin.address())).collect()
}

#[test]
fn an_endpoint_that_joins_gets_a_part_and_those_that_were_there_share_the_rest() {
    let origins = fleet(3);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("endpoints.yaml");
    std::fs::write(&file, list(&origins[..2])).expect("the directory is ours");
    // So long that it does not grow while the test looks.
    let gateway = Setup::default()
        .cluster(&format!("discover: {{file: {{path: '{}', look_every: 50ms}}}}", file.display()))
        .cluster("allow_addresses: [127.0.0.0/8]")
        .cluster("slow_start: {window: 1h, from: 10%}")
        .one_worker()
        .start();
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"active\"}", 2.0);
    assert_eq!(counts(&gateway, 20, 3), [10, 10, 0], "the first ones have all of their share at once");
    std::fs::write(&file, list(&origins)).expect("the directory is ours");
    eventually("the third one is there", || counts(&gateway, 21, 3)[2] > 0);
    let counted = counts(&gateway, 210, 3);
    assert!(counted[2].abs_diff(10) <= 1 && counted[0].abs_diff(counted[1]) <= 1, "{counted:?}");
}

#[test]
fn an_endpoint_grows_into_its_share() {
    let origins = fleet(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("endpoints.yaml");
    std::fs::write(&file, list(&origins[..1])).expect("the directory is ours");
    let gateway = Setup::default()
        .cluster(&format!("discover: {{file: {{path: '{}', look_every: 50ms}}}}", file.display()))
        .cluster("allow_addresses: [127.0.0.0/8]")
        .cluster("slow_start: {window: 1s, from: 1%}")
        .one_worker()
        .start();
    gateway.metric_becomes("ringgate_cluster_endpoints{state=\"active\"}", 1.0);
    std::fs::write(&file, list(&origins)).expect("the directory is ours");
    eventually("it has its half", || counts(&gateway, 20, 2) == [10, 10]);
}
