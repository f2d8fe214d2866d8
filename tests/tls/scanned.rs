//! testssl.sh, which looks for whatever may be weak or broken in a server's TLS.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Secure;
use crate::harness::{FaultOrigin, tool};

/// How long a scan may take, in seconds. It waits for time-outs of its own, and takes 40 where there is little else to do.
const BOUND: &str = "200";
/// Protocols, kinds of ciphers, forward secrecy, the server's preference and its usual answers; and known attacks.
const SCANS: [(&str, &[&str]); 2] = [("usual", &["-p", "-s", "-f", "-P", "-S"]), ("attacks", &["-U"])];
/// Some of what must have been looked at: a scan that could not connect finds nothing, either.
const LOOKED_AT: [&str; 20] = [
    "SSLv2",
    "SSLv3",
    "TLS1",
    "TLS1_1",
    "TLS1_2",
    "TLS1_3",
    "cipherlist_NULL",
    "cipherlist_STRONG",
    "PFS",
    "cipher_order",
    "cert_trust",
    "cert_chain_of_trust",
    "heartbleed",
    "CCS",
    "ticketbleed",
    "ROBOT",
    "secure_renego",
    "secure_client_renego",
    "LUCKY13",
    "RC4",
];

/// What a scan says of one thing.
#[derive(Debug, serde::Deserialize)]
struct Finding {
    id: String,
    severity: String,
    finding: String,
}

fn begin(secure: &Secure, name: &str, checks: &[&str]) -> Child {
    let address = format!("localhost:{}", secure.address().port());
    let (json, ca) = (secure.path(&format!("{name}.json")), secure.path("ca.pem"));
    Command::new("timeout")
        .args([BOUND, "testssl", "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none"])
        .args(["--ip", "127.0.0.1", "--add-ca", &ca, "--jsonfile", &json])
        .args(checks)
        .arg(address)
        .current_dir(&secure.folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("timeout is installed")
}

fn findings(folder: &Path, name: &str) -> Vec<Finding> {
    let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).expect("a report");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn testssl_finds_nothing_above_low() {
    // So that a missing program is not taken for a clean report.
    tool("testssl", &["--version"]);
    let origin = FaultOrigin::ok();
    let certificates = "certificates: [{cert: site.pem, key: site.key}, {cert: rsa.pem, key: rsa.key}]";
    let secure = Secure::prepared(origin.address(), certificates, "", |authority| {
        authority.issue_public("site", &["localhost", "127.0.0.1"], false);
        authority.issue_public("rsa", &["localhost", "127.0.0.1"], true);
    });
    let scans = SCANS.map(|(name, checks)| (name, begin(&secure, name, checks)));
    let mut all = Vec::new();
    for (name, mut scan) in scans {
        let status = scan.wait().expect("it was started");
        // From 242 on, something went wrong; below, it is a number of findings.
        assert!(status.code().is_some_and(|code| code < 124), "{name}: {status}");
        all.extend(findings(&secure.folder, name));
    }
    // Its client may leave before a ticket of TLS 1.3 has come, and then cannot use it. `resumption.rs` is about that.
    all.retain(|finding| {
        (finding.id.as_str(), finding.severity.as_str()) != ("sessionresumption_ticket", "WARN")
    });
    let is_fine = |finding: &&Finding| matches!(finding.severity.as_str(), "OK" | "INFO" | "LOW");
    let (fine, bad): (Vec<_>, Vec<_>) = all.iter().partition(is_fine);
    assert!(bad.is_empty(), "{bad:#?}");
    for id in LOOKED_AT {
        // Where there are two certificates, their number follows.
        let is_it = |finding: &&Finding| finding.id.split(' ').next() == Some(id);
        assert!(fine.iter().any(is_it), "{id} was not looked at");
    }
    for finding in fine.iter().filter(|finding| finding.severity == "LOW") {
        println!("{}: {}", finding.id, finding.finding);
    }
    println!("{} findings", all.len());
    // Whatever was done to it, it still serves.
    std::thread::sleep(Duration::from_millis(100));
    let code = secure.curl(&["--write-out", "%{http_code}", "--output", "/dev/null", &secure.url("/")]);
    assert_eq!(code, "200");
}
