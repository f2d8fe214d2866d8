//! The admin API against its own description, by schemathesis: every answer is one that is described, whatever is sent.

use std::path::Path;
use std::process::Command;

use super::Operated;
use crate::harness::FaultOrigin;

/// Requests for each operation and kind of check.
const EXAMPLES: &str = "20";

#[test]
fn every_answer_is_one_that_is_described() {
    let origin = FaultOrigin::echo();
    let more = format!("clusters: {{origin: {{endpoints: ['{}']}}}}", origin.address());
    let operated = Operated::prepared(", token: {file: token}, audit: audit.log", &more, |folder| {
        std::fs::write(folder.join("token"), "open-sesame").expect("ours");
    });
    let python = std::env::var("RINGGATE_TEST_PYTHON").unwrap_or_else(|_| {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/.venv/bin/python").display().to_string()
    });
    let url = operated.url();
    let output = Command::new(python)
        .args(["-m", "schemathesis.cli", "run", &format!("{url}/openapi.json")])
        .args(["--url", &url, "-H", "Authorization: Bearer open-sesame", "--max-examples", EXAMPLES])
        // It ends what is being looked at.
        .args(["--exclude-path", "/drain", "--seed", "7", "--request-timeout", "20", "--checks", "all"])
        .current_dir(operated.file.parent().expect("a folder"))
        .env("NO_PROXY", "127.0.0.1")
        .env("NO_COLOR", "1")
        .output()
        .expect("schemathesis is installed (tests/run installs it)");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    operated.gateway.admin_get("/healthz").has_status(200);
}
