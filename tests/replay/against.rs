//! `ringgate check --against-recent`: what recent requests would meet otherwise.

use super::send_until_kept;
use crate::harness::{FaultOrigin, Finished, Gateway, Setup, free_address, ringgate};

const ROUTES: &str = "
  - {name: orders, match: {prefix: /orders}, cluster: origin}
  - {name: admin, match: {prefix: /admin}, cluster: origin, policies: {ip_filter: {deny: [127.0.0.0/8]}}}";

/// A gateway that has served some of each.
fn served(origin: &FaultOrigin) -> (Setup, Gateway) {
    let setup = Setup::before(origin.address()).routes(ROUTES);
    let gateway = setup.start();
    send_until_kept(&gateway, 12.0, || {
        for target in ["/orders/7?token=S3CR3T", "/orders/8", "/admin", "/none"] {
            gateway.get(target);
        }
    });
    (setup, gateway)
}

fn check(gateway: &Gateway, yaml: &str, more: &[&str]) -> Finished {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("next.yaml");
    std::fs::write(&path, yaml).expect("the directory is ours");
    let admin = gateway.admin().to_string();
    let file = path.to_str().expect("UTF-8");
    ringgate(&[&["check", file, "--against-recent", "--admin", &admin], more].concat())
}

#[test]
fn the_same_configuration_would_change_nothing() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    let said = check(&gateway, &setup.yaml(), &["--fail-on-change"]).succeeded();
    assert!(said.contains(" recent requests: nothing would change"), "{said}");
}

#[test]
fn tells_which_requests_would_meet_something_else() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    let next =
        setup.yaml().replace("{prefix: /orders}", "{path: /orders/8}").replace("deny: [127", "allow: [127");
    let said = check(&gateway, &next, &[]).succeeded();
    for line in [
        "recent requests: route `orders` to cluster `origin` -> no route (404 no_route), e.g. GET test/orders/7?token=(redacted)\n",
        "recent requests: route `admin`, 403 address_denied by ip_filter -> route `admin` to cluster `origin`, e.g. GET test/admin\n",
    ] {
        assert!(said.contains(line), "no {line}in:\n{said}");
    }
    assert_eq!(said.lines().filter(|line| line.contains(" -> ")).count(), 2, "{said}");
    assert_eq!(check(&gateway, &next, &["--fail-on-change"]).code, 1);
}

#[test]
fn says_so_as_json_too() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    let next = setup.yaml().replace("name: orders", "name: sales");
    let said = check(&gateway, &next, &["--json"]).succeeded();
    let json: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    let change = &json["replay"]["changes"][0];
    assert_eq!(change["before"], "route `orders` to cluster `origin`", "{said}");
    assert_eq!(change["after"], "route `sales` to cluster `origin`", "{said}");
}

#[test]
fn a_wrong_file_or_no_gateway_is_an_error() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    assert_eq!(check(&gateway, "listeners: []", &[]).code, 1);
    let away = setup.yaml();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("next.yaml");
    std::fs::write(&path, away).expect("the directory is ours");
    let nobody = free_address().to_string();
    let finished = ringgate(&["check", path.to_str().unwrap(), "--against-recent", "--admin", &nobody]);
    assert_eq!(finished.code, 1, "{}", finished.said());
}

#[test]
fn a_dry_run_and_a_reload_tell_it_too() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    let next = setup.yaml().replace("{prefix: /orders}", "{path: /orders/8}");
    std::fs::write(gateway.directory().join("gateway.yaml"), next).expect("the directory is ours");
    let admin = gateway.admin().to_string();
    let line = "recent requests: route `orders` to cluster `origin` -> no route (404 no_route)";
    let said = ringgate(&["reload", "--dry-run", "--admin", &admin]).succeeded();
    assert!(said.contains(line), "{said}");
    gateway.get("/orders/7").has_status(200);
    let said = ringgate(&["reload", "--now", "--admin", &admin]).succeeded();
    assert!(said.contains(line), "{said}");
    assert!(gateway.stderr().contains(line), "{}", gateway.stderr());
    gateway.get("/orders/7").has_status(404);
}

#[test]
fn what_was_recorded_under_another_generation_still_says_who_it_met() {
    let origin = FaultOrigin::echo();
    let (setup, gateway) = served(&origin);
    let answer = gateway.get("/orders/7").has_status(200);
    let next = setup.yaml().replace("name: orders", "name: sales").replace("name: admin", "name: inner");
    std::fs::write(gateway.directory().join("gateway.yaml"), next).expect("the directory is ours");
    ringgate(&["reload", "--now", "--admin", &gateway.admin().to_string()]).succeeded();
    gateway.get("/orders/7").has_status(200);
    let said = super::told(&gateway, &super::id(&answer));
    assert!(said.contains("generation 1") && said.contains("route       orders\n"), "{said}");
    let (former, now): (Vec<_>, Vec<_>) =
        super::heads(&gateway).into_iter().partition(|head| head["generation"] == 1);
    assert!(former.iter().any(|head| head["met"]["route"] == "orders" && head["now"]["route"] == "sales"));
    assert!(now.iter().all(|head| head["met"]["route"] == "sales"), "{now:?}");
}
