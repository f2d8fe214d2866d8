//! The quick start of the README, on free ports.

use regex::Regex;

use crate::harness::{Gateway, curl, free_address, ringgate};

fn started() -> Gateway {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/quickstart.yaml");
    let text = std::fs::read_to_string(path).expect("config/quickstart.yaml is there");
    let text = text.replace("127.0.0.1:8080", "127.0.0.1:0").replace("127.0.0.1:9090", "127.0.0.1:0");
    // The sample origin is named twice, where it listens and as an endpoint, so it cannot have port 0.
    let pattern = Regex::new(r#"sample_origin:\s*\{?\s*address:\s*["']?([0-9.]+:\d+)"#).expect("a pattern");
    let origin = pattern.captures(&text).expect("a sample origin")[1].to_owned();
    let text = text.replace(&origin, &free_address().to_string());
    let directory = tempfile::tempdir().expect("a temporary directory");
    // By the same name: what is special about the quick start may hang on it.
    let file = directory.path().join("quickstart.yaml");
    std::fs::write(&file, text).expect("the directory is ours");
    Gateway::start_file(&file, directory, &[])
}

#[test]
fn the_quick_start_passes_check() {
    ringgate(&["check", "config/quickstart.yaml"]).succeeded();
}

#[test]
fn the_quick_start_serves_curl() {
    let gateway = started();
    let url = |target: &str| format!("http://{}{target}", gateway.public());
    assert!(curl(&[&url("/")]).contains("\"method\": \"GET\""));
    let status = ["--output", "/dev/null", "--write-out", "%{http_code} %{size_download}"];
    assert_eq!(curl(&[&status[..], &[&url("/?status=503&size=100KiB")]].concat()), "503 102400");
}

#[test]
fn the_quick_start_says_what_it_does() {
    let gateway = started();
    let said = gateway.stdout().join("\n");
    assert!(said.matches("curl ").count() >= 3, "no curl lines to try:\n{said}");
    for word in ["listening", "admin", "worker", "cpu"] {
        assert!(said.to_lowercase().contains(word), "nothing of {word}:\n{said}");
    }
    gateway.drain();
}
