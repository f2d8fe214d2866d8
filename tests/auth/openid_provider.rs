//! `introspection` against a real OpenID provider, which npm installs into a folder of the tests' own.
//!
//! Needs node and npm; says so and passes where there are none, as nothing else here needs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::Guarded;
use crate::harness::{Process, curl, eventually};

/// The version that the script beside was written for.
const PROVIDER: &str = "oidc-provider@9";

/// The provider, installed once, and beside it this script of `tests/clients`.
pub fn installed(script: &str) -> Option<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let folder = tests.join(".node");
    let has_npm = Command::new("npm").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_npm {
        eprintln!("left out: there is no npm");
        return None;
    }
    std::fs::create_dir_all(&folder).expect("the folder of the tests");
    // One at a time, should several tests want it.
    let lock = std::fs::File::create(folder.join("lock")).expect("the folder of the tests");
    lock.lock().expect("locks are there on Linux");
    if !folder.join("node_modules/oidc-provider/package.json").exists() {
        let output = Command::new("npm")
            .args(["install", "--no-audit", "--no-fund", "--silent", "--prefix"])
            .arg(&folder)
            .arg(PROVIDER)
            .output()
            .expect("npm is there");
        if !output.status.success() {
            eprintln!("left out: npm cannot install it: {}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
    }
    std::fs::copy(tests.join("clients").join(script), folder.join(script)).expect("ours");
    Some(folder.join(script))
}

/// A provider whose tokens live for so many seconds, and its URL.
fn provider(seconds: u32) -> Option<(Process, String)> {
    let mut command = Command::new("node");
    command.arg(installed("openid_provider.mjs")?).arg(seconds.to_string());
    let process = Process::start(command, tempfile::tempdir().expect("a temporary directory"));
    let url = process.line("ready ")["ready ".len()..].to_owned();
    Some((process, url))
}

fn token(provider: &str) -> String {
    let form = "grant_type=client_credentials&scope=orders:read";
    let url = format!("{provider}/token");
    let answer = curl(&["--user", "app:secret-of-the-app", "--data", form, &url]);
    let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
    answer["access_token"].as_str().expect("a token").to_owned()
}

fn guarded(provider: &str) -> Guarded {
    let config = format!(
        "introspection: {{url: '{provider}/token/introspection', client_id: gateway, client_secret: issuer, \
         issuer: '{provider}', cache_max: 500ms}}"
    );
    Guarded::start(&config, "secrets: {issuer: {file: issuer.secret}}", |folder| {
        std::fs::write(folder.join("issuer.secret"), "made-up:secret&more").expect("ours");
    })
}

#[test]
fn a_real_providers_tokens_pass_until_they_are_revoked_there() {
    let Some((_process, provider)) = provider(600) else { return };
    let guarded = guarded(&provider);
    let token = token(&provider);
    let field = format!("Authorization: Bearer {token}\r\n");
    guarded.get("/", &field).has_status(200);
    guarded.get("/", "Authorization: Bearer made-up-token\r\n").has_problem(401, "token_inactive");
    let revoke = format!("{provider}/token/revocation");
    curl(&["--user", "app:secret-of-the-app", "--data", &format!("token={token}"), &revoke]);
    eventually("it is not remembered for longer than allowed", || guarded.get("/", &field).status == 401);
    guarded.keeps_to_itself(&[&token, "made-up:secret&more", "made-up-token"]);
}

#[test]
fn a_real_providers_tokens_end_when_they_end() {
    let Some((_process, provider)) = provider(3) else { return };
    let guarded = guarded(&provider);
    let field = format!("Authorization: Bearer {}\r\n", token(&provider));
    guarded.get("/", &field).has_status(200);
    eventually("it has ended", || guarded.get("/", &field).status == 401);
}

#[test]
fn a_killed_provider_is_a_503_for_tokens_that_nobody_remembers() {
    let Some((process, provider)) = provider(600) else { return };
    let guarded = guarded(&provider);
    let field = format!("Authorization: Bearer {}\r\n", token(&provider));
    guarded.get("/", &field).has_status(200);
    process.signal(libc::SIGKILL);
    eventually("it is noticed", || guarded.get("/", &field).status == 503);
    guarded.get("/", &field).has_problem(503, "introspection_unavailable");
}
