//! Keys that the operator adds, disables and revokes while the gateway runs.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Guarded, run, said};
use crate::harness::{FaultOrigin, Response};

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
fn what_still_runs_for_a_revoked_key_is_cut_and_nothing_else() {
    let origin = FaultOrigin::start(|dialogue| {
        if dialogue.request().is_some() {
            dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            while dialogue.send("4\r\nbody\r\n") {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    });
    let (mut kept, mut lost) = (String::new(), String::new());
    let guarded = Guarded::before(origin, CONFIG, |folder| {
        let file = folder.join("keys.yaml").display().to_string();
        kept = said(&["key", "new", "--owner", "a", "--id", "kept", "--file", &file], "");
        lost = said(&["key", "new", "--owner", "b", "--id", "lost", "--file", &file], "");
    });
    let stream = |key: &str| {
        let mut stream = std::net::TcpStream::connect(guarded.gateway.public()).expect("it listens");
        let request = format!("GET / HTTP/1.1\r\nHost: test\r\nX-API-Key: {key}\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).expect("a timeout");
        let mut begun = [0; 12];
        stream.read_exact(&mut begun).expect("an answer begins");
        assert_eq!(&begun, b"HTTP/1.1 200");
        stream
    };
    let (mut of_kept, mut of_lost) = (stream(&kept), stream(&lost));
    command(&guarded, &["key", "revoke", "clients", "lost"]);
    // A reset is an error, an end is nothing; more and more would be neither.
    let mut rest = [0; 4096];
    let deadline = Instant::now() + crate::harness::PATIENCE;
    while of_lost.read(&mut rest).is_ok_and(|count| count > 0) {
        assert!(Instant::now() < deadline, "it goes on");
    }
    assert!(of_kept.read(&mut rest).is_ok_and(|count| count > 0), "the other one goes on");
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
    let refused = |answer: Response, status: u16, code: &str| {
        let answer = answer.has_status(status);
        assert_eq!(answer.json()["code"], code, "{}", answer.text());
        answer.text()
    };
    refused(add(json!({"authenticator": "clients", "id": "n2", "key": row})), 409, "key_exists");
    refused(add(json!({"authenticator": "nobody", "id": "n3", "key": row})), 404, "no_such_authenticator");
    refused(add(json!({"authenticator": "clients", "id": "n3"})), 400, "bad_body");
    let secret = "rg_acme_ThisIsTheKeyItselfAndNotItsHash";
    let answer = add(json!({"authenticator": "clients", "id": "n3", "key": {"hash": secret, "owner": "x"}}));
    assert!(!refused(answer, 400, "bad_body").contains(secret));
    let state = |id: &str, state: &str| {
        guarded.change("PUT", &format!("/keys/clients/{id}/state"), &json!({ "state": state }))
    };
    refused(state("nobody", "revoked"), 404, "no_such_key");
    refused(state("n1", "asleep"), 400, "bad_body");
}
