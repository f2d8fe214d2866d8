//! Who is let in by the real thing: roles, certificates over TLS, an address that is open to a network.

use std::path::Path;

use super::{Operated, ask_with};
use crate::harness::{Authority, Setup, Wire, ringgate, tool};

fn tokens(folder: &Path) {
    std::fs::write(folder.join("ci"), "reader").expect("ours");
    std::fs::write(folder.join("ops"), "writer").expect("ours");
}

const TOKENS: &str =
    ", tokens: [{name: ci, token: {file: ci}}, {name: ops, role: write, token: {file: ops}}]";

#[test]
fn a_reader_looks_and_a_writer_changes() {
    let operated = Operated::prepared(TOKENS, "", tokens);
    let as_who = |token: &str| format!("Authorization: Bearer {token}\r\n");
    for (token, status) in [("reader", 403), ("writer", 200), ("nobody", 401)] {
        operated.change("POST", "/reload", &as_who(token), "{}").has_status(status);
    }
    let read = |token: &str| {
        let fields = format!("Host: 127.0.0.1\r\n{}Connection: close\r\n", as_who(token));
        Wire::connect(operated.gateway.admin()).ask(format!("GET /status HTTP/1.1\r\n{fields}\r\n"))
    };
    assert_eq!(read("reader").has_status(200).json()["caller"]["name"], "ci");
    read("nobody").has_status(401);
    let page = read("writer").has_status(200).json();
    assert_eq!(page["audit"][0]["author"], "ops");
}

fn certificates(folder: &Path) {
    tokens(folder);
    let authority = Authority::new(folder, "ca");
    authority.issue("admin", &["localhost", "127.0.0.1"]);
    authority.issue_client("deploy", "deploy", 1);
    authority.issue_client("visitor", "visitor", 2);
    authority.issue_client("stranger", "stranger", 3);
    Authority::new(folder, "other").issue_client("mallory", "deploy", 4);
}

#[test]
fn a_certificate_does_as_well_as_a_token() {
    let admin = format!(
        "{TOKENS}, tls: {{certificates: [{{cert: admin.pem, key: admin.key}}]}}, client_certificates: {{ca: ca.pem, \
         roles: [{{subject: CN=deploy, role: write}}, {{subject: CN=visitor}}]}}"
    );
    let operated = Operated::prepared(&admin, "", certificates);
    let (url, ca) = (format!("https://{}", operated.gateway.admin()), operated.path("ca.pem"));
    let reload = |who: Option<&str>, token: &str| {
        let pair =
            who.map(|who| (operated.path(&format!("{who}.pem")), operated.path(&format!("{who}.key"))));
        let mut arguments = vec!["reload", "--ca", &ca];
        if let Some((cert, key)) = &pair {
            arguments.extend(["--client-cert", cert, "--client-key", key]);
        }
        ask_with(&url, &arguments, &[("RINGGATE_ADMIN_TOKEN", token)])
    };
    for (who, token, code, words) in [
        (Some("deploy"), "", 0, "unchanged"),
        (Some("visitor"), "", 1, "read_only"),
        (Some("stranger"), "", 1, "unauthorized"),
        (None, "", 1, "unauthorized"),
        (None, "writer", 0, "unchanged"),
        (Some("visitor"), "writer", 0, "unchanged"),
        (Some("mallory"), "", 1, "error: https://"),
    ] {
        let (found, said, error) = reload(who, token);
        assert!(
            found == code && (said.contains(words) || error.contains(words)),
            "{who:?} {token}: {said}{error}"
        );
    }
    let (_, _, error) = ask_with(&url, &["reload"], &[]);
    assert!(error.contains("--ca names the authority"), "{error}");
    let (_, _, error) = ask_with(&operated.url(), &["reload"], &[]);
    assert!(error.contains("begins with https"), "{error}");
    // A certificate is what a browser sends by itself, so a page elsewhere is refused with it as well.
    let status = tool(
        "curl",
        &[
            "--silent",
            "--max-time",
            "10",
            "--cacert",
            &ca,
            "--cert",
            &operated.path("deploy.pem"),
            "--key",
            &operated.path("deploy.key"),
            "-X",
            "POST",
            "-H",
            "Origin: https://evil.example",
            "-H",
            "Content-Type: application/json",
            "--data",
            "{}",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            &format!("{url}/reload"),
        ],
    );
    assert_eq!(status, "403");
}

#[test]
fn a_slow_handshake_keeps_nobody_waiting() {
    let admin = format!("{TOKENS}, tls: {{certificates: [{{cert: admin.pem, key: admin.key}}]}}");
    let operated = Operated::prepared(&admin, "", certificates);
    let silent: Vec<Wire> = (0..5).map(|_| Wire::connect(operated.gateway.admin())).collect();
    let url = format!("https://{}", operated.gateway.admin());
    let (code, _, error) =
        ask_with(&url, &["reload", "--ca", &operated.path("ca.pem")], &[("RINGGATE_ADMIN_TOKEN", "writer")]);
    assert_eq!(code, 0, "{error}");
    drop(silent);
}

#[test]
fn open_to_a_network_is_refused_by_check() {
    let written = Setup::before("127.0.0.1:9").yaml();
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("gateway.yaml");
    let open = written.replace("admin: {address: \"127.0.0.1:0\"}", "admin: {address: \"0.0.0.0:0\"}");
    std::fs::write(&file, open).expect("ours");
    let finished = ringgate(&["check", file.to_str().expect("UTF-8")]);
    assert_eq!(finished.code, 1);
    assert!(
        finished.stderr.contains("error[admin-open]") && finished.stderr.contains("token"),
        "{}",
        finished.stderr
    );
}

#[test]
fn wrong_files_and_missing_tokens_are_told_by_check() {
    let directory = tempfile::tempdir().expect("a folder");
    let file = directory.path().join("gateway.yaml");
    let admin =
        ", tokens: [{name: ci, token: {file: none}}], tls: {certificates: [{cert: none.pem, key: none.key}]}";
    std::fs::write(&file, super::yaml(admin, "")).expect("ours");
    let finished = ringgate(&["check", file.to_str().expect("UTF-8")]);
    assert_eq!(finished.code, 1);
    for words in ["error[no-secret]: admin.tokens[0].token", "error[no-file]: admin.tls.certificates[0].cert"]
    {
        assert!(finished.stderr.contains(words), "{words}\n{}", finished.stderr);
    }
}
