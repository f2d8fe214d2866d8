//! `api_key`: applications by keys that were given to them.

use std::path::Path;

use super::{Guarded, said};
use crate::harness::{curl, eventually};

/// Makes a key whose row is in `keys.yaml`.
fn key(folder: &Path, arguments: &[&str]) -> String {
    let file = folder.join("keys.yaml").display().to_string();
    said(&[&["key", "new", "--owner", "acme", "--file", &file], arguments].concat(), "")
}

#[test]
fn a_known_key_passes_and_stays_with_the_gateway() {
    let mut acme = String::new();
    let guarded = Guarded::start("api_key: {files: [keys.yaml]}", "", |folder| acme = key(folder, &[]));
    guarded.get("/", &format!("X-API-Key: {acme}\r\n")).has_status(200);
    assert_eq!(guarded.origin.only_request().field("x-api-key"), None, "it does not go on");
    let answer = guarded.get("/", "").has_problem(401, "credentials_missing");
    assert_eq!(answer.field("www-authenticate"), None, "there is no scheme to ask for");
    guarded.get("/", "X-API-Key: rg_nobody_x\r\n").has_problem(401, "api_key_malformed");
    let mistyped = format!("{}x", &acme[..acme.len() - 1]);
    guarded.get("/", &format!("X-API-Key: {mistyped}\r\n")).has_problem(401, "api_key_malformed");
    let stranger = said(&["key", "new", "--owner", "eve", "--file", "/dev/null"], "");
    guarded.get("/", &format!("X-API-Key: {stranger}\r\n")).has_problem(401, "api_key_unknown");
    let twice = format!("X-API-Key: {acme}\r\nX-API-Key: {acme}\r\n");
    guarded.get("/", &twice).has_problem(401, "api_key_malformed");
    guarded.keeps_to_itself(&[&acme, &stranger, &mistyped]);
    let outcome = |outcome: &str| {
        guarded.gateway.metric(&format!(
            "ringgate_authentications_total{{authenticator=\"clients\",outcome=\"{outcome}\"}}"
        ))
    };
    assert_eq!((outcome("known"), outcome("absent"), outcome("invalid")), (1.0, 1.0, 4.0));
}

#[test]
fn curl_shows_keys_in_every_way_that_is_configured() {
    let mut acme = String::new();
    let config = "api_key: {files: [keys.yaml], header: Authorization, scheme: ApiKey, query: api_key}";
    let guarded = Guarded::start(config, "", |folder| acme = key(folder, &[]));
    let url = format!("http://{}/orders?x=1", guarded.gateway.public());
    let status = |arguments: &[&str]| {
        curl(&[&["--output", "/dev/null", "--write-out", "%{http_code}"], arguments].concat())
    };
    assert_eq!(status(&["-H", &format!("Authorization: ApiKey {acme}"), &url]), "200");
    assert_eq!(status(&[&format!("{url}&api_key={acme}&y=2")]), "200");
    assert_eq!(status(&["-H", &format!("Authorization: Bearer {acme}"), &url]), "401");
    assert_eq!(
        status(&["-H", &format!("Authorization: ApiKey {acme}"), &format!("{url}&api_key={acme}")]),
        "401"
    );
    let targets: Vec<String> =
        guarded.origin.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(targets, ["/orders?x=1", "/orders?x=1&y=2"], "the key has been taken out");
    assert!(guarded.origin.requests().iter().all(|request| request.field("authorization").is_none()));
    let challenge = guarded.get("/", "");
    assert_eq!(challenge.field("www-authenticate"), Some("ApiKey realm=\"clients\""));
    guarded.keeps_to_itself(&[&acme]);
}

#[test]
fn keys_in_any_field_are_hidden_from_what_is_remembered() {
    let mut acme = String::new();
    let config = "api_key: {files: [keys.yaml], header: X-Partner}";
    let top = "recording: {heads: 100}";
    let guarded = Guarded::start(config, top, |folder| acme = key(folder, &[]));
    for _ in 0..5 {
        guarded.get("/", &format!("X-Partner: {acme}\r\n")).has_status(200);
        guarded.get("/", &format!("X-Partner: {acme}x\r\n")).has_status(401);
    }
    guarded.keeps_to_itself(&[&acme]);
}

#[test]
fn expired_and_disabled_keys_have_codes_of_their_own() {
    let (mut expired, mut disabled) = (String::new(), String::new());
    let guarded = Guarded::start("api_key: {files: [keys.yaml]}", "", |folder| {
        expired = key(folder, &["--expires", "2020-01-01"]);
        disabled = key(folder, &["--id", "off"]);
        let file = folder.join("keys.yaml");
        let text = std::fs::read_to_string(&file).expect("it is there");
        std::fs::write(&file, text + "  disabled: true\n").expect("the directory is ours");
    });
    guarded.get("/", &format!("X-API-Key: {expired}\r\n")).has_problem(401, "api_key_expired");
    guarded.get("/", &format!("X-API-Key: {disabled}\r\n")).has_problem(401, "api_key_disabled");
    assert!(guarded.origin.requests().is_empty());
    guarded.keeps_to_itself(&[&expired, &disabled]);
}

#[test]
fn keys_of_other_makers_are_known_by_their_hash() {
    let theirs = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let guarded = Guarded::start("api_key: {files: [keys.yaml]}", "", |folder| {
        let hash = said(&["key", "hash"], theirs);
        let row = format!("imported: {{hash: '{hash}', owner: globex}}\n");
        std::fs::write(folder.join("keys.yaml"), row).expect("the directory is ours");
    });
    guarded.get("/", &format!("X-API-Key: {theirs}\r\n")).has_status(200);
    guarded.get("/", &format!("X-API-Key: {theirs}a\r\n")).has_problem(401, "api_key_unknown");
    guarded.keeps_to_itself(&[theirs]);
}

#[test]
fn files_are_followed_and_a_broken_one_changes_nothing() {
    let mut first = String::new();
    let guarded = Guarded::start("api_key: {files: [keys.yaml, more.yaml]}", "", |folder| {
        first = key(folder, &[]);
        std::fs::write(folder.join("more.yaml"), "").expect("the directory is ours");
    });
    let status = |key: &str| guarded.get("/", &format!("X-API-Key: {key}\r\n")).status;
    let second = key(&guarded.folder, &[]);
    eventually("the new key is taken", || status(&second) == 200);
    let file = guarded.folder.join("keys.yaml");
    let good = std::fs::read_to_string(&file).expect("it is there");
    std::fs::write(&file, format!("{good}broken: {second}\n")).expect("the directory is ours");
    let name = file.display().to_string();
    guarded.gateway.metric_becomes(&format!("ringgate_credential_file_good{{file=\"{name}\"}}"), 0.0);
    assert_eq!((status(&first), status(&second)), (200, 200));
    assert!(guarded.gateway.admin_get("/keys").text().contains("is not a mapping with"));
    let third = said(
        &["key", "new", "--owner", "x", "--file", &guarded.folder.join("more.yaml").display().to_string()],
        "",
    );
    eventually("another file goes on being followed", || status(&third) == 200);
    std::fs::write(&file, good.lines().take(0).collect::<String>()).expect("the directory is ours");
    eventually("keys that are gone are not taken", || status(&first) == 401);
    guarded.gateway.metric_becomes(&format!("ringgate_credential_file_good{{file=\"{name}\"}}"), 1.0);
    guarded.keeps_to_itself(&[&first, &second, &third]);
}

#[test]
fn a_gateway_does_not_start_with_a_broken_file_and_says_why_without_the_key() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let secret = key(folder.path(), &[]);
    std::fs::write(folder.path().join("keys.yaml"), format!("acme: {{hash: {secret}, owner: x}}\n"))
        .expect("ours");
    let yaml = "listeners: [{name: public, address: '127.0.0.1:0'}]\n\
        authenticators: {clients: {api_key: {files: [keys.yaml]}}}\n\
        routes: [{name: all, respond: {status: 200}, policies: {authenticate: {any_of: [clients]}}}]\n";
    let file = folder.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("ours");
    let (is_success, out, error) = super::run(&["run", &file.display().to_string()], "", None);
    let all = out + &error;
    assert!(!is_success && all.contains("a hash is `sha256:`") && all.contains("files[0]"), "{all}");
    assert!(!all.contains(&secret), "{all}");
}

#[test]
fn the_service_is_told_whose_key_it_is() {
    let mut acme = String::new();
    let row =
        ["--id", "k1", "--tenant", "t1", "--plan", "gold", "--scope", "a", "--scope", "b", "--role", "ops"];
    let guarded = Guarded::start("api_key: {files: [keys.yaml]}", "", |folder| acme = key(folder, &row));
    guarded.get("/", &format!("X-API-Key: {acme}\r\nX-Plan: platinum\r\n")).has_status(200);
    assert_eq!(guarded.told(), ["api_key acme", "k1", "t1", "gold", "a b", "ops"]);
}
