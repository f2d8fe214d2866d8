//! What a gateway starts with when its source is missing, broken, or says what was taken back.

use std::time::Duration;

use super::{Load, Staged, orders};
use crate::harness::{FaultOrigin, free_address, ringgate};

const SOON: Duration = Duration::from_secs(30);
const CHANGES: &str = "rollout: {hold: 10s}";

#[test]
fn a_file_that_is_gone_or_broken() {
    let origin = FaultOrigin::ok();
    let good = orders(origin.address(), "", "rollout: off");
    let mut running = Staged::start(&good);
    for broken in [None, Some("routes: [{name: all, clutser: x}]\n"), Some("")] {
        match broken {
            None => std::fs::remove_file(&running.file).unwrap(),
            Some(text) => std::fs::write(&running.file, text).unwrap(),
        }
        running = running.restart();
        let said = running.gateway.stderr();
        assert!(said.contains("STARTING WITH GENERATION 1, the last known good"), "{said}");
        assert!(said.contains("gateway.yaml"), "{said}");
        assert_eq!(running.gateway.get("/orders").status, 200);
        assert_eq!(running.gateway.metric("ringgate_started_from_last_good"), 1.0);
        assert_eq!(running.gateway.metric("ringgate_generation"), 1.0);
    }
    // It follows the source from there on.
    running.write(&orders(origin.address(), ", upgrades: []", "rollout: off"));
    running.gateway.metric_becomes("ringgate_generation", 2.0);
    let running = running.restart();
    assert!(!running.gateway.stderr().contains("STARTING WITH"), "{}", running.gateway.stderr());
    assert_eq!(running.gateway.metric("ringgate_generation"), 2.0);
}

#[test]
fn what_was_taken_back_is_not_started_with() {
    let origin = FaultOrigin::ok();
    let nobody = free_address();
    let running = Staged::start(&orders(origin.address(), "", CHANGES));
    let load = Load::on(&running.gateway);
    std::thread::sleep(Duration::from_secs(2));
    running.write(&orders(nobody, "", CHANGES));
    running.says("TAKEN BACK", SOON);
    load.stop();
    let running = running.restart();
    let said = running.gateway.stderr();
    assert!(said.contains("says what was taken back: generation 2") && said.contains("5xx"), "{said}");
    assert!(said.contains("STARTING WITH GENERATION 1"), "{said}");
    assert_eq!(running.gateway.get("/orders").status, 200);
    // Told to try it again, it does: nobody comes, so it finds nothing against it.
    running.gateway.signal(libc::SIGHUP);
    running.says("generation 3 runs on 1 of 2 workers", SOON);
}

#[test]
fn files_are_found_where_they_were() {
    let origin = FaultOrigin::ok();
    let secret = "secrets: {note: {file: note.txt}}\n".to_owned();
    let more = ", policies: {headers: {response: {set: {x-note: '${secret.note}'}}}}";
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("note.txt"), "remembered").unwrap();
    let yaml = secret + &orders(origin.address(), more, "rollout: off");
    let file = state.path().join("gateway.yaml");
    std::fs::write(&file, format!("admin: {{address: '127.0.0.1:0'}}\n{yaml}")).unwrap();
    let running = Staged::start_again(std::sync::Arc::new(state));
    assert_eq!(running.gateway.get("/orders").field("x-note"), Some("remembered"));
    std::fs::remove_file(&file).unwrap();
    let running = running.restart();
    assert_eq!(running.gateway.get("/orders").field("x-note"), Some("remembered"));
}

#[test]
fn two_gateways_do_not_share_a_folder() {
    let origin = FaultOrigin::ok();
    let running = Staged::start(&orders(origin.address(), "", "rollout: off"));
    let state = running.state.path().join("state").display().to_string();
    let file = running.file.display().to_string();
    let refused = ringgate(&["run", &file, "--state", &state]);
    assert!(refused.code == 1 && refused.stderr.contains("is in use by process"), "{}", refused.said());
}
