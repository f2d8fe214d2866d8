//! What `check` and `explain` say of upgrades.

use crate::harness::{Setup, ringgate};

fn explained(route: &str, fields: &[&str]) -> String {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, Setup::before("127.0.0.1:9").route(route).yaml()).expect("the directory is ours");
    let file = file.to_str().expect("UTF-8");
    let mut arguments = vec!["explain", "GET", "http://test/", "-c", file];
    for field in fields {
        arguments.extend(["-H", field]);
    }
    ringgate(&arguments).succeeded()
}

const OFFER: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[test]
fn explain_tells_what_becomes_of_an_offer() {
    let said = explained("", &OFFER);
    assert!(said.contains("upgrade     websocket, closed after 3600s without a byte"), "{said}");
    let said = explained("upgrades: []", &OFFER);
    assert!(said.contains("answer      501 upgrade_not_supported"), "{said}");
    let said = explained("", &["Connection: Upgrade", "Upgrade: chat"]);
    assert!(said.contains("upgrade     none"), "{said}");
    assert!(!explained("", &[]).contains("upgrade"));
}

#[test]
fn check_refuses_what_is_no_protocol_or_between_neighbours() {
    for (protocol, words) in [("h2c", "h2c"), ("HTTP/2.0", "HTTP/2.0"), ("a b", "a b"), ("a/b/c", "a/b/c")] {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gateway.yaml");
        let yaml = Setup::before("127.0.0.1:9").route(&format!("upgrades: ['{protocol}']")).yaml();
        std::fs::write(&file, yaml).expect("the directory is ours");
        let done = ringgate(&["check", file.to_str().expect("UTF-8")]);
        assert_eq!(done.code, 1, "{}", done.said());
        let said = done.said();
        assert!(said.contains("bad-upgrade") && said.contains(words), "{said}");
    }
}
