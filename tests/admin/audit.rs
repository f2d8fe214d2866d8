//! The audit log of a running gateway: on disk before a change begins, chained over restarts, never mended.

use super::Operated;
use crate::harness::ringgate;

fn lines(text: &str) -> Vec<String> {
    let told = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}",
            word("author"),
            word("action"),
            word("outcome").split(':').next().unwrap_or_default()
        )
    };
    text.lines().map(told).collect()
}

#[test]
fn every_change_is_in_a_log_that_can_be_verified() {
    let operated = Operated::start(", audit: audit.log");
    let file = operated.path("audit.log");
    operated.write(|text| text.replace("body: one", "body: two"));
    assert_eq!(operated.run(&["reload", "--now", "--note", "first"]).0, 0);
    operated.change("PUT", "/log/level", "", r#"{"level": "info"}"#).has_status(200);
    let text = std::fs::read_to_string(&file).expect("the log is there");
    let told = lines(&text);
    assert_eq!(
        told,
        ["local reload asked", "local reload installed", "local log_level asked", "local log_level done"]
    );
    let (_, said, _) = operated.run(&["audit", "show"]);
    assert!(said.lines().count() == 4 && said.contains("\"note\":\"first\""), "{said}");
    let head = operated.shows("/audit")["head"]["hash"].as_str().expect("a hash").to_owned();
    assert!(
        ringgate(&["audit", "verify", &file, "--head", &head]).succeeded().starts_with("whole: 4 good lines")
    );
    // Cut off behind the third line: the chain alone cannot tell, a head that was noted can.
    let cut: String = text.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    std::fs::write(operated.path("cut"), cut).expect("ours");
    assert_eq!(ringgate(&["audit", "verify", &operated.path("cut")]).code, 0);
    assert_eq!(ringgate(&["audit", "verify", &operated.path("cut"), "--head", &head]).code, 1);
    std::fs::write(operated.path("altered"), text.replace("first", "third")).expect("ours");
    let finished = ringgate(&["audit", "verify", &operated.path("altered")]);
    assert_eq!(finished.code, 1);
    assert!(finished.stdout.starts_with("line 1: its hash is not that of its text"), "{}", finished.stdout);
}

#[test]
fn a_broken_chain_is_said_at_the_start_and_left_as_it_is() {
    let first = Operated::start(", audit: audit.log");
    assert_eq!(first.run(&["reload"]).0, 0);
    let altered =
        std::fs::read_to_string(first.path("audit.log")).expect("there").replace("\"local\"", "\"eve\"");
    drop(first);
    let second = Operated::prepared(", audit: audit.log", "", |folder| {
        std::fs::write(folder.join("audit.log"), &altered).expect("ours");
    });
    let said = second.gateway.stderr();
    assert!(said.contains("line 1: its hash") && said.contains("a new segment begins"), "{said}");
    assert_eq!(second.run(&["reload"]).0, 0);
    let text = std::fs::read_to_string(second.path("audit.log")).expect("there");
    assert!(text.starts_with(&altered), "{text}");
    assert_eq!(lines(&text)[2], "gateway segment_begun done");
    assert_eq!(ringgate(&["audit", "verify", &second.path("audit.log")]).code, 1, "it stays broken");
}

#[test]
fn a_log_that_cannot_be_opened_stops_the_start() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, super::yaml(", audit: nowhere/audit.log", "")).expect("ours");
    let finished = ringgate(&["run", file.to_str().expect("UTF-8")]);
    assert_eq!(finished.code, 1);
    assert!(
        finished.stderr.contains("audit log") && finished.stderr.contains("nowhere/audit.log"),
        "{}",
        finished.said()
    );
    // Two processes would each go on from the same line.
    let operated = Operated::start(", audit: audit.log");
    let other = std::fs::read_to_string(&operated.file).expect("there");
    let path = operated.path("other.yaml");
    std::fs::write(&path, other).expect("ours");
    let finished = ringgate(&["run", &path]);
    assert!(finished.code == 1 && finished.stderr.contains("another process"), "{}", finished.said());
}
