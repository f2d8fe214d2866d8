//! The page in a headless Chromium: live data, rollback, a phone, the keyboard, a token, nothing from elsewhere.

use std::path::Path;

use super::Operated;
use crate::harness::{FaultOrigin, Setup, python};

/// Runs one case of `page.py`.
fn look(operated: &Operated, case: &str, more: &[&str]) {
    python("../admin/page.py", operated.gateway.admin(), &[&[case], more].concat());
}

fn with_a_cluster(admin: &str, prepare: impl FnOnce(&Path)) -> (FaultOrigin, Operated) {
    let origin = FaultOrigin::echo();
    let more = format!("clusters: {{orders: {{endpoints: ['{}']}}}}", origin.address());
    let operated = Operated::prepared(admin, &more, prepare);
    operated.write(|text| text.replace("respond: {status: 200, body: one}", "cluster: orders"));
    assert_eq!(operated.run(&["reload", "--now", "--note", "<img src=x onerror=alert(1)>"]).0, 0);
    (origin, operated)
}

#[test]
fn shows_live_data_and_rolls_back() {
    let (_origin, operated) = with_a_cluster("", |_| {});
    look(&operated, "live", &[&operated.gateway.public().to_string()]);
    assert_eq!(operated.gateway.get("/").text(), "one", "generation 1 is back");
}

#[test]
fn steers_a_rollout() {
    let operated = Operated::prepared("", "changes: {rollout: {hold: 50s}}", |_| {});
    operated.write(|text| text.replace("body: one", "body: two"));
    look(&operated, "rollout", &[&operated.gateway.public().to_string()]);
    assert_eq!(operated.gateway.get("/").text(), "one", "taken back");
}

#[test]
fn shows_releases_and_flips_one() {
    let (blue, green) = (FaultOrigin::saying("blue"), FaultOrigin::saying("green"));
    let more = format!(
        "clusters: {{b: {{endpoints: ['{}']}}, g: {{endpoints: ['{}']}}}}",
        blue.address(),
        green.address()
    );
    let operated = Operated::prepared("", &more, |_| {});
    let split = "split: {variants: {blue: {cluster: b}, green: {cluster: g}}, blue_green: {active: blue}}";
    let route = format!("name: shop, {split}");
    operated.write(|text| text.replace("name: all, respond: {status: 200, body: one}", &route));
    assert_eq!(operated.run(&["reload", "--now"]).0, 0);
    assert_eq!(operated.gateway.get("/").text(), "blue");
    look(&operated, "releases", &[]);
    assert_eq!(operated.gateway.get("/").text(), "green");
}

#[test]
fn shows_what_failed() {
    let more = format!("clusters: {{gone: {{endpoints: ['{}']}}}}", crate::harness::free_address());
    let operated = Operated::prepared("", &more, |_| {});
    operated.write(|text| text.replace("respond: {status: 200, body: one}", "cluster: gone"));
    assert_eq!(operated.run(&["reload", "--now"]).0, 0);
    for _ in 0..3 {
        operated.gateway.get("/").has_status(503);
    }
    look(&operated, "failed", &[]);
}

#[test]
fn fits_a_phone_and_is_used_by_keyboard() {
    let (_origin, operated) = with_a_cluster("", |_| {});
    look(&operated, "phone", &[]);
    look(&operated, "keyboard", &[]);
}

#[test]
fn asks_for_a_token_and_offers_a_reader_no_buttons() {
    let tokens = ", tokens: [{name: ci, token: {file: ci}}, {name: ops, role: write, token: {file: ops}}]";
    let operated = Operated::prepared(tokens, "", |folder| {
        std::fs::write(folder.join("ci"), "reader").expect("ours");
        std::fs::write(folder.join("ops"), "writer").expect("ours");
    });
    look(&operated, "token", &["wrong", "reader", "writer"]);
}

#[test]
fn says_when_the_gateway_does_not_answer_any_more() {
    let operated = Operated::start("");
    let address = operated.gateway.admin();
    let origin = std::thread::spawn(move || python("../admin/page.py", address, &["gone"]));
    // The script says so by asking for this path.
    crate::harness::eventually("the page is looked at", || {
        operated.gateway.metric("ringgate_admin_requests_total{role=\"write\",outcome=\"refused\"}") >= 1.0
    });
    drop(operated);
    origin.join().expect("the page says it");
}

/// The picture in the README: `RINGGATE_TEST_PICTURE=1 tests/run picture`.
#[test]
fn picture_of_the_page() {
    if std::env::var("RINGGATE_TEST_PICTURE").is_err() {
        return;
    }
    let origins: Vec<FaultOrigin> = (0..4).map(|_| FaultOrigin::echo()).collect();
    let at = |index: usize| origins[index].address();
    let routes = "  - {name: orders, match: {hosts: [shop.example], prefix: /orders}, cluster: orders}\n  \
                  - {name: catalogue, match: {hosts: [shop.example], prefix: /}, cluster: catalogue}\n  \
                  - {name: reports, match: {hosts: [shop.example], prefix: /reports}, cluster: reports}";
    let clusters = format!(
        "    timeouts: {{head: 5s}}\n  orders: {{endpoints: ['{}', '{}']}}\n  catalogue: {{endpoints: ['{}', '{}']}}\n  \
         reports: {{endpoints: ['127.0.0.1:1']}}\n",
        at(0),
        at(1),
        at(2),
        at(3)
    );
    let yaml = Setup::before("127.0.0.1:9").cluster(clusters.trim()).routes(routes).yaml();
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, &yaml).expect("ours");
    let gateway = crate::harness::Gateway::start_file(&file, directory, &[]);
    let operated = Operated { gateway, file };
    operated.write(|text| text.replace("head: 5s", "head: 8s"));
    assert_eq!(operated.run(&["reload", "--now", "--note", "longer timeout"]).0, 0);
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/control/admin/page/page.png");
    look(&operated, "picture", &[&operated.gateway.public().to_string(), picture.to_str().expect("UTF-8")]);
}
