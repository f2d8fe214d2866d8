//! Clients that prove who they are.

use super::Secure;
use crate::harness::{Authority, FaultOrigin};

const ALICE: u64 = 4711;
const MALLORY: u64 = 4712;

fn gateway(origin: &FaultOrigin, rules: &str, top: &str) -> Secure {
    let tls = format!("client_certificates: {{ca: ca.pem, {rules}}}");
    Secure::prepared(origin.address(), &tls, top, |authority| {
        authority.issue_client("alice", "alice", ALICE);
        authority.issue_client("mallory", "mallory", MALLORY);
        authority.revoke("crl.pem", MALLORY);
    })
}

fn status(secure: &Secure, name: Option<&str>) -> Result<String, String> {
    let (cert, key) = match name {
        Some(name) => (secure.path(&format!("{name}.pem")), secure.path(&format!("{name}.key"))),
        None => (String::new(), String::new()),
    };
    let ca = secure.path("ca.pem");
    let mut command = std::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--ipv4", "--max-time", "20", "--cacert", &ca]);
    if name.is_some() {
        command.args(["--cert", &cert, "--key", &key]);
    }
    command.args(["-H", "Client-Cert: :Zm9yZ2Vk:", "-H", "Client_Cert: x"]);
    let output = command
        .args(["--write-out", "%{http_code}", "--output", "/dev/null", &secure.url("/")])
        .output()
        .expect("curl is installed");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(said) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

#[test]
fn required_means_required_and_the_origin_learns_who_it_is() {
    let origin = FaultOrigin::echo();
    let log = tempfile::NamedTempFile::new().expect("a file");
    let secure = gateway(&origin, "mode: required", &format!("access_log: {{to: {}}}", log.path().display()));
    assert!(status(&secure, None).is_err());
    assert_eq!(status(&secure, Some("alice")).as_deref(), Ok("200"));
    let request = &origin.requests()[0];
    let field = request.field("client-cert").expect("it is passed on");
    assert!(field.starts_with(":MII") && field.ends_with(':'), "{field}");
    crate::harness::eventually("the log names the client", || {
        std::fs::read_to_string(log.path()).is_ok_and(|text| text.contains("\"client_subject\":\"CN=alice\""))
    });
    secure.gateway.metric_becomes("ringgate_tls_handshake_failures_total{reason=\"no_certificate\"}", 1.0);
}

#[test]
fn optional_lets_strangers_in_but_not_with_a_forged_field() {
    let origin = FaultOrigin::echo();
    let secure = gateway(&origin, "mode: optional", "");
    assert_eq!(status(&secure, None).as_deref(), Ok("200"));
    let request = &origin.requests()[0];
    assert_eq!(request.field("client-cert"), None);
    assert_eq!(request.field("client_cert"), None);
    // Of another authority: worse than none.
    let other = Authority::new(&secure.folder, "other-ca");
    other.issue_client("eve", "eve", 1);
    assert!(status(&secure, Some("eve")).is_err());
    secure.gateway.metric_becomes("ringgate_tls_handshake_failures_total{reason=\"certificate\"}", 1.0);
}

#[test]
fn revoked_is_refused() {
    let origin = FaultOrigin::echo();
    let secure = gateway(&origin, "crl: crl.pem", "");
    assert_eq!(status(&secure, Some("alice")).as_deref(), Ok("200"));
    assert!(status(&secure, Some("mallory")).is_err());
    secure.gateway.metric_becomes("ringgate_tls_handshake_failures_total{reason=\"certificate\"}", 1.0);
}
