//! Tiers and zones through the real binary.

use super::{counts, fleet};
use crate::harness::{FaultOrigin, Setup, eventually};

/// An endpoint of which there is more to say.
fn placed(setup: Setup, origin: &FaultOrigin, place: &str) -> Setup {
    setup.placed(origin.address(), place)
}

#[test]
fn the_second_tier_waits_until_the_first_has_nobody_left() {
    let origins = fleet(3);
    let setup = placed(Setup::before(origins[0].address()), &origins[1], "tier: 0");
    let gateway = placed(setup, &origins[2], "tier: 4").one_worker().start();
    assert_eq!(counts(&gateway, 40, 3), [20, 20, 0]);
    gateway.metric_becomes("ringgate_cluster_tier_share{cluster=\"origin\",tier=\"0\"}", 1.0);
    gateway.metric_becomes("ringgate_cluster_tier_share{cluster=\"origin\",tier=\"4\"}", 0.0);
    gateway.metric_becomes("ringgate_cluster_tier_endpoints_in_use{tier=\"0\"}", 2.0);
    let shown = gateway.admin_get("/clusters").json();
    assert_eq!(shown["clusters"][0]["endpoints"][2]["tier"], 4);
    for origin in &origins[..2] {
        gateway.command(&["endpoint", "origin", &origin.address().to_string(), "drain"]);
    }
    eventually("the other tier is used", || counts(&gateway, 3, 3)[2] == 3);
    gateway.metric_becomes("ringgate_cluster_tier_share{tier=\"4\"}", 1.0);
}

#[test]
fn an_attempt_that_finds_nobody_in_its_tier_goes_to_the_next() {
    let dead = crate::harness::free_address();
    let origins = fleet(2);
    let setup = Setup::default().placed(dead, "tier: 0");
    let gateway = placed(setup, &origins[1], "tier: 1").one_worker().start();
    assert_eq!(counts(&gateway, 10, 2), [0, 10]);
}

#[test]
fn the_own_zone_keeps_what_it_is_to_keep() {
    let origins = fleet(3);
    let gateway = |keep: &str| {
        let setup = placed(Setup::default(), &origins[0], "zone: a");
        let setup = placed(setup, &origins[1], "zone: b");
        let setup = placed(setup, &origins[2], "zone: c").top("locality: {zone: b}");
        setup.cluster(&format!("zones: {{{keep}}}")).one_worker().start()
    };
    assert_eq!(counts(&gateway(""), 30, 3), [0, 30, 0]);
    let shared = gateway("keep: 80%");
    let counted = counts(&shared, 200, 3);
    assert!(counted[1].abs_diff(160) <= 2 && counted[0].abs_diff(counted[2]) <= 2, "{counted:?}");
    shared.metric_becomes("ringgate_cluster_tier_share{zone=\"own\"}", 0.8);
    // More endpoints than there are would be needed.
    assert_eq!(counts(&gateway("endpoints: 4"), 30, 3), [10, 10, 10]);
}

#[test]
fn the_own_zone_is_read_from_where_the_host_has_it() {
    let origins = fleet(2);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let zone = directory.path().join("zone");
    std::fs::write(&zone, "east\n").expect("the directory is ours");
    let setup = placed(Setup::default(), &origins[0], "zone: west");
    let setup = placed(setup, &origins[1], "zone: east").cluster("zones: {}").one_worker();
    let gateway = setup.top(&format!("locality: {{zone: {{file: '{}'}}}}", zone.display())).start();
    assert_eq!(counts(&gateway, 10, 2), [0, 10]);
}
