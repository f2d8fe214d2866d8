//! Credentials that are good no more: new requests are refused, and what still runs for them is cut, the rest is not.

mod lists;
mod streams;

use sha2::{Digest, Sha256};

use crate::harness::{FaultOrigin, Gateway, Response, Setup, Wire};

/// Keys of two applications; what they send is the id with `-secret-0123456789` behind it.
const IDS: [&str; 2] = ["ann", "bob"];

fn key(id: &str) -> String {
    format!("X-API-Key: {id}-secret-0123456789\r\n")
}

/// A file of keys.
fn keys() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let row = |id: &str| {
        let digest = Sha256::digest(format!("{id}-secret-0123456789"));
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{id}: {{hash: 'sha256:{hex}', owner: {id}}}\n")
    };
    std::fs::write(file.path(), IDS.map(row).concat()).expect("it can be written");
    file
}

fn setup(origin: &FaultOrigin, keys: &tempfile::NamedTempFile) -> Setup {
    Setup::before(origin.address())
        .top(&format!("authenticators: {{apps: {{api_key: {{files: ['{}']}}}}}}", keys.path().display()))
        .route("policies: {authenticate: {any_of: [apps]}}")
}

fn order(gateway: &Gateway, method: &str, path: &str, body: &str) -> Response {
    Wire::connect(gateway.admin()).ask(format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn revoke(gateway: &Gateway, kind: &str, name: &str) {
    order(gateway, "POST", "/revocations", &format!("{{\"kind\":\"{kind}\",\"name\":\"{name}\"}}"))
        .has_status(200);
}

/// Workers look once a tick, so a request may pass until then.
fn is_refused(gateway: &Gateway, id: &str) {
    crate::harness::eventually("the revoked are refused", || {
        let answer = gateway.get_with("/", &key(id));
        answer.status == 401 && answer.text().contains("credentials_revoked")
    });
}
