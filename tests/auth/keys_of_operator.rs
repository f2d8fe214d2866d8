//! Keys that the operator adds, disables and revokes while the gateway runs.

use serde_json::json;

use super::{Guarded, run, said};
use crate::harness::Response;

const CONFIG: &str = "api_key: {files: [keys.yaml]}";

fn start() -> (Guarded, String) {
    let mut of_file = String::new();
    let guarded = Guarded::start(CONFIG, "", |folder| {
        let file = folder.join("keys.yaml").display().to_string();
        of_file = said(&["key", "new", "--owner", "acme", "--id", "of-file", "--file", &file], "");
    });
    (guarded, of_file)
}

fn shows(guarded: &Guarded, key: &str) -> Response {
    guarded.get("/", &format!("X-API-Key: {key}\r\n"))
}

#[track_caller]
fn command(guarded: &Guarded, arguments: &[&str]) -> String {
    let (is_success, out, error) = run(arguments, "", Some(&guarded.gateway));
    assert!(is_success, "{arguments:?}: {error}");
    out.trim_end().to_owned()
}

#[test]
fn keys_are_added_disabled_and_revoked_on_all_workers_before_the_answer() {
    let (guarded, of_file) = start();
    let added =
        command(&guarded, &["key", "add", "clients", "--owner", "globex", "--plan", "gold", "--id", "g1"]);
    // On connections of their own, so that every worker has some of them.
    for _ in 0..20 {
        shows(&guarded, &added).has_status(200);
    }
    command(&guarded, &["key", "disable", "clients", "of-file"]);
    shows(&guarded, &of_file).has_problem(401, "api_key_disabled");
    command(&guarded, &["key", "enable", "clients", "of-file"]);
    shows(&guarded, &of_file).has_status(200);
    command(&guarded, &["key", "revoke", "clients", "g1", "--note", "found in a log"]);
    for _ in 0..20 {
        shows(&guarded, &added).has_problem(401, "credentials_revoked");
    }
    let list = command(&guarded, &["key", "list", "clients"]);
    assert!(list.contains("clients  g1  revoked   globex  plan gold"), "{list}");
    assert!(list.contains("clients  of-file  active    acme"), "{list}");
    let (is_success, _, error) = run(&["key", "enable", "clients", "g1"], "", Some(&guarded.gateway));
    assert!(!is_success && error.contains("key_revoked"), "{error}");
    let audit = guarded.gateway.admin_get("/audit").text();
    for word in ["key_add", "key_state", "found in a log", "globex"] {
        assert!(audit.contains(word), "{word}: {audit}");
    }
    assert!(!audit.contains("sha256"), "{audit}");
    guarded.keeps_to_itself(&[&added, &of_file, "sha256:"]);
}

#[test]
fn what_was_said_of_keys_survives_a_restart() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("keys.yaml").display().to_string();
    let of_file = said(&["key", "new", "--owner", "acme", "--id", "of-file", "--file", &file], "");
    let copy = tempfile::tempdir().expect("a temporary directory");
    std::fs::copy(&file, copy.path().join("keys.yaml")).expect("ours");
    let guarded = Guarded::start_in(CONFIG, "", directory);
    let added = command(&guarded, &["key", "add", "clients", "--owner", "globex"]);
    command(&guarded, &["key", "revoke", "clients", "of-file"]);
    // Another process, with what the first has kept.
    std::fs::create_dir(copy.path().join("state")).expect("ours");
    std::fs::copy(guarded.folder.join("state/keys.json"), copy.path().join("state/keys.json")).expect("kept");
    let kept = std::fs::read_to_string(copy.path().join("state/keys.json")).expect("kept");
    assert!(!kept.contains(&added), "only the hash is kept");
    drop(guarded);
    let again = Guarded::start_in(CONFIG, "", copy);
    shows(&again, &added).has_status(200);
    shows(&again, &of_file).has_problem(401, "credentials_revoked");
}

#[test]
fn orders_that_cannot_be_carried_out_say_why() {
    let (guarded, _) = start();
    let hash = said(&["key", "hash"], "sk_live_4eC39HqLyjWDarjtT1zdp7dc");
    let row = json!({ "hash": hash, "owner": "x" });
    let add = |body: serde_json::Value| guarded.change("POST", "/keys", &body);
    add(json!({"authenticator": "clients", "id": "n1", "key": row})).has_status(200);
    add(json!({"authenticator": "clients", "id": "n2", "key": row})).has_problem(409, "key_exists");
    add(json!({"authenticator": "nobody", "id": "n3", "key": row})).has_problem(404, "no_such_authenticator");
    add(json!({"authenticator": "clients", "id": "n3"})).has_problem(400, "bad_body");
    let secret = "rg_acme_ThisIsTheKeyItselfAndNotItsHash";
    let answer = add(json!({"authenticator": "clients", "id": "n3", "key": {"hash": secret, "owner": "x"}}));
    assert!(!answer.has_problem(400, "bad_body").text().contains(secret));
    let state = |id: &str, state: &str| {
        guarded.change("PUT", &format!("/keys/clients/{id}/state"), &json!({ "state": state }))
    };
    state("nobody", "revoked").has_problem(404, "no_such_key");
    state("n1", "asleep").has_problem(400, "bad_body");
}
