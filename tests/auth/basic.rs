//! `basic`: people by their names and passwords.

use super::{Guarded, said};
use crate::harness::{Wire, curl, eventually};

const ANN: &str = "correct horse";
const BOB: &str = "p\u{e4}ss:word";

fn start(more: &str) -> Guarded {
    Guarded::start(&format!("basic: {{file: users.htpasswd{more}}}"), "", |folder| {
        let ann = said(&["key", "password", "ann"], ANN);
        let bob = said(&["key", "password", "bob", "--bcrypt"], BOB);
        std::fs::write(folder.join("users.htpasswd"), format!("# staff\n{ann}\n{bob}\n")).expect("ours");
    })
}

fn status(guarded: &Guarded, user: &str) -> String {
    let url = format!("http://{}/", guarded.gateway.public());
    curl(&["--user", user, "--output", "/dev/null", "--write-out", "%{http_code}", &url])
}

#[test]
fn right_passwords_pass_and_stay_with_the_gateway() {
    let guarded = start(", realm: 'Staff only'");
    assert_eq!(status(&guarded, &format!("ann:{ANN}")), "200");
    assert_eq!(status(&guarded, &format!("bob:{BOB}")), "200");
    assert!(guarded.origin.requests().iter().all(|request| request.field("authorization").is_none()));
    for wrong in ["ann:wrong horse", "bob:correct horse", "eve:correct horse"] {
        assert_eq!(status(&guarded, wrong), "401", "{wrong}");
    }
    let answer = guarded.get("/", "").has_problem(401, "credentials_missing");
    assert_eq!(answer.field("www-authenticate"), Some("Basic realm=\"Staff only\", charset=\"UTF-8\""));
    guarded.keeps_to_itself(&[ANN, BOB, "wrong horse", "$argon2id$", "$2y$"]);
}

#[test]
fn the_service_is_told_who_it_is_as_the_configuration_knows_them() {
    let guarded = start(", users: {ann: {tenant: head, roles: [admin, ops]}}");
    for _ in 0..2 {
        // Verified, then remembered.
        assert_eq!(status(&guarded, &format!("ann:{ANN}")), "200");
        assert_eq!(guarded.told(), ["basic ann", "-", "head", "-", "-", "admin,ops"]);
    }
    assert_eq!(status(&guarded, &format!("bob:{BOB}")), "200");
    assert_eq!(guarded.told(), ["basic bob", "-", "-", "-", "-", "-"]);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let guarded = start("");
    // `ann:correct horse`, whole; then without padding, with a colon less, of two schemes.
    let good = "YW5uOmNvcnJlY3QgaG9yc2U=";
    guarded.get("/", &format!("Authorization: basic  {good}\r\n")).has_status(200);
    for bad in ["YW5uOmNvcnJlY3QgaG9yc2U", "YW5u", "YW5uOmNvcnJlY3QgaG9yc2U=YW5u", "%%%", ""] {
        let field = format!("Authorization: Basic {bad}\r\n");
        guarded.get("/", &field).has_problem(401, "credentials_malformed");
    }
    let two = format!("Authorization: Basic {good}\r\nAuthorization: Bearer x\r\n");
    guarded.get("/", &two).has_problem(401, "credentials_malformed");
    guarded.get("/", "Authorization: Bearer x\r\n").has_problem(401, "credentials_missing");
}

#[test]
fn a_repeat_is_remembered_right_or_wrong() {
    let guarded = start("");
    let mut wire = guarded.gateway.wire();
    let mut ask = |user: &str, status: u16| {
        let encoded = encoded(user);
        super::get_on(&mut wire, &format!("Authorization: Basic {encoded}\r\n")).has_status(status);
    };
    for _ in 0..50 {
        ask(&format!("ann:{ANN}"), 200);
        ask("ann:wrong", 401);
    }
    guarded
        .gateway
        .metric_becomes("ringgate_authentications_remembered_total{authenticator=\"clients\"}", 49.0);
}

#[test]
fn a_changed_file_counts_at_once_for_what_is_remembered_too() {
    let guarded = start("");
    assert_eq!(status(&guarded, &format!("ann:{ANN}")), "200");
    let file = guarded.folder.join("users.htpasswd");
    let other = said(&["key", "password", "ann"], "another one");
    std::fs::write(&file, format!("{other}\n")).expect("ours");
    eventually("the new password is taken", || status(&guarded, "ann:another one") == "200");
    assert_eq!(status(&guarded, &format!("ann:{ANN}")), "401");
    std::fs::write(&file, "ann:$apr1$weak$hash\n").expect("ours");
    let name = file.display().to_string();
    guarded.gateway.metric_becomes(&format!("ringgate_credential_file_good{{file=\"{name}\"}}"), 0.0);
    assert_eq!(status(&guarded, "ann:another one"), "200", "what it said before stays in use");
    let said = guarded.gateway.stderr();
    assert!(said.contains("is MD5") && said.contains("ringgate key password"), "{said}");
}

#[test]
fn guessing_is_bounded_and_others_get_in_meanwhile() {
    let guarded = start("");
    assert_eq!(status(&guarded, &format!("ann:{ANN}")), "200");
    let public = guarded.gateway.public();
    let guessers: Vec<_> = (0..80)
        .map(|number| {
            std::thread::spawn(move || {
                let field = format!("Authorization: Basic {}\r\n", encoded(&format!("ann:guess {number}")));
                let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n");
                let mut wire = Wire::connect(public);
                wire.send(request);
                wire.read().status
            })
        })
        .collect();
    // Whom a worker remembers waits for none of that; the other worker may have to ask.
    let mut wire = guarded.gateway.wire();
    let field = format!("Authorization: Basic {}\r\n", encoded(&format!("ann:{ANN}")));
    eventually("ann gets in", || super::get_on(&mut wire, &field).status == 200);
    let statuses: Vec<u16> = guessers.into_iter().map(|guesser| guesser.join().expect("answered")).collect();
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&401), "{statuses:?}");
}

/// Base64 of the tests' own.
pub fn encoded(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for group in text.as_bytes().chunks(3) {
        let bits =
            group.iter().enumerate().fold(0u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}
