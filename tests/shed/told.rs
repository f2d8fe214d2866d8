//! What is told of room: saturation, `/status`, `explain`, `check`.

use crate::harness::{FaultOrigin, Gateway, Setup, ringgate};

fn gateway() -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address())
        .top("shedding: {target: 20ms}")
        .cluster("limits: {requests: 7, pending: 3, adaptive: {ceiling: 50}}")
        .start();
    (origin, gateway)
}

#[test]
fn saturation_is_a_number_from_0_to_1_with_its_parts() {
    let (_origin, gateway) = gateway();
    gateway.get("/").has_status(200);
    let status = gateway.admin_get("/status").json();
    let parts = status["saturation"]["parts"].as_object().expect("parts").clone();
    let total = status["saturation"]["total"].as_f64().expect("a number");
    let most = parts.values().map(|part| part.as_f64().expect("a number")).fold(0.0, f64::max);
    assert!((0.0..=1.0).contains(&total) && total == most, "{status}");
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["cpu", "queue", "connections", "files"]);
    let told = gateway.metric("ringgate_saturation");
    assert!((0.0..=1.0).contains(&told), "{told}");
    assert!(gateway.metric("ringgate_saturation_part{part=\"files\"}") > 0.0);
    let limits = &status["limits"][0];
    assert_eq!((limits["cluster"].as_str(), limits["requests"].as_i64()), (Some("origin"), Some(7)));
    assert_eq!((limits["pending"].as_i64(), limits["in_use"].as_i64()), (Some(3), Some(0)));
    assert!(limits["adaptive"].as_i64().is_some_and(|found| found > 0), "{limits}");
}

#[test]
fn explain_tells_class_and_limits() {
    let setup = Setup::before("127.0.0.1:9").cluster("limits: {requests: 7, pending: 3}").route(
        "policies: {priority: {class: low, rules: [{class: high, headers: {x-kind: {exact: checkout}}}]}}",
    );
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, setup.yaml()).expect("the directory is ours");
    let file = file.to_str().expect("UTF-8");
    let said = ringgate(&["explain", "GET", "http://a/", "-H", "X-Kind: checkout", "-c", file]).said();
    assert!(said.contains("class       high; before that is known, high at best"), "{said}");
    assert!(said.contains("limits    7 exchanges at once; 3 may wait, 1s at most"), "{said}");
}

#[test]
fn limits_that_make_no_sense_are_refused() {
    for (cluster, word) in [
        ("limits: {requests: 0}", "limits.requests"),
        ("limits: {pending: 5}", "limits.pending"),
        ("limits: {requests: 5, reserves: {critical: 60%, high: 40%}}", "limits.reserves"),
        ("limits: {adaptive: {floor: 9, ceiling: 5}}", "limits.adaptive.ceiling"),
        ("limits: {adaptive: {tolerance: 1.0}}", "limits.adaptive.tolerance"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let file = folder.path().join("gateway.yaml");
        std::fs::write(&file, Setup::before("127.0.0.1:9").cluster(cluster).yaml()).expect("ours");
        let checked = ringgate(&["check", file.to_str().expect("UTF-8")]);
        assert_ne!(checked.code, 0, "{cluster} is taken");
        let said = checked.said();
        assert!(said.contains(word), "{cluster}: {said}");
    }
}
