//! Changes: what reaches the desk, what comes back, and what the audit log says of it.

use serde_json::{Value, json};

use super::*;
use crate::config::diagnostic::Diagnostics;
use crate::control::desk::{Change, Outcome, Refusal, Reloaded};

/// Does as told and writes it down. Generation 9 does not exist, and the note `wrong` stands for a wrong file.
pub(super) async fn obey(mut waiting: mpsc::Receiver<Order>, noted: Arc<Mutex<Vec<String>>>) {
    let by = |change: &Change| format!("{} `{}` {}", change.author, change.note, change.is_now);
    while let Some(order) = waiting.recv().await {
        let line = match order {
            Order::Reload(change, answer) => {
                let outcome = if change.note == "wrong" { Outcome::Refused } else { Outcome::Installed };
                let _ = answer.send(Ok(reloaded(outcome)));
                format!("reload {}", by(&change))
            }
            Order::DryRun(text, answer) => {
                let _ = answer.send(Ok(reloaded(Outcome::Valid)));
                format!("dry run {text:?}")
            }
            Order::Rollback(to, change, answer) => {
                let gone = Refusal { code: "no_such_generation", reason: "It is not kept.".to_owned() };
                let _ = answer.send(if to == Some(9) { Err(gone) } else { Ok(reloaded(Outcome::Installed)) });
                format!("rollback {to:?} {}", by(&change))
            }
            Order::Rollout(order, change, answer) => {
                let none = Refusal { code: "no_rollout", reason: "None is under way.".to_owned() };
                let _ = answer.send(Err(none));
                format!("rollout {order:?} {}", by(&change))
            }
            Order::Endpoint(order, change, answer) => {
                let _ = answer.send(Ok("it is so".to_owned()));
                format!("{} {} {:?} {}", order.cluster, order.endpoint, order.state, by(&change))
            }
            Order::Drain(change, answer) => {
                let _ = answer.send(Ok("draining".to_owned()));
                format!("drain {}", by(&change))
            }
        };
        noted.lock().unwrap().push(line);
    }
}

fn reloaded(outcome: Outcome) -> Reloaded {
    Reloaded {
        outcome,
        generation: 4,
        hash: "ab".to_owned(),
        changes: vec!["route `a`: timeout 5s -> 8s".to_owned()],
        diagnostics: Diagnostics::default(),
        report: String::new(),
        replay: Vec::new(),
        took_ms: 1.5,
    }
}

fn outcomes(admin: &Admin) -> Vec<String> {
    let lines = admin.state.audit.lines(None, 100);
    let told = |line: &Value| {
        let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}: {}", word("author"), word("role"), word("action"), word("outcome"))
    };
    lines.iter().rev().map(told).collect()
}

#[test]
fn orders_reach_the_desk_and_are_written_down_before_and_after() {
    let admin = Admin::start(None);
    let answer = admin.order("POST", "/reload", "", r#"{"note": "why", "now": true}"#);
    assert_eq!((status(&answer), &body(&answer)["outcome"]), ("200", &json!("installed")));
    assert_eq!(body(&answer)["changes"][0], "route `a`: timeout 5s -> 8s");
    assert_eq!(status(&admin.order("POST", "/rollback", "", r#"{"to": 2}"#)), "200");
    let path = "/clusters/api/endpoints/unix:%2Frun%2Fapi.sock/state";
    assert_eq!(status(&admin.order("PUT", path, "", r#"{"state": "drained", "note": "disk"}"#)), "200");
    assert_eq!(status(&admin.order("POST", "/drain", "", "")), "200");
    assert_eq!(
        admin.orders(),
        [
            "reload local `why` true",
            "rollback Some(2) local `` false",
            "api unix:/run/api.sock Drained local `disk` false",
            "drain local `` false"
        ]
    );
    let said = outcomes(&admin);
    assert_eq!(said[..2], ["local write reload: asked", "local write reload: installed: generation 4 ab"]);
    assert_eq!(said.len(), 8);
    let shown = body(&admin.get("/audit?limit=1"));
    assert_eq!(shown["lines"][0]["outcome"], "done");
    assert_eq!(shown["head"]["seq"], 8);
    assert!(shown["lines"][0]["address"].as_str().unwrap().starts_with("127.0.0.1:"));
}

#[test]
fn a_dry_run_changes_nothing_and_is_no_matter_for_the_log() {
    let admin = Admin::start(None);
    assert_eq!(status(&admin.order("POST", "/reload", "", r#"{"dry_run": true}"#)), "200");
    assert_eq!(status(&admin.order("POST", "/check", "", "")), "200");
    let fields = "Content-Type: application/yaml; charset=utf-8\r\nContent-Length: 5\r\n";
    let answer = admin.ask("POST", "/check", &format!("{fields}\r\na: b\n"));
    assert_eq!((status(&answer), &body(&answer)["outcome"]), ("200", &json!("valid")));
    assert_eq!(admin.orders(), ["dry run None", "dry run None", "dry run Some(\"a: b\\n\")"]);
    assert!(outcomes(&admin).is_empty());
}

#[test]
fn refusals_have_codes() {
    let admin = Admin::start(None);
    for (method, path, text, code, name) in [
        ("POST", "/reload", r#"{"note": "wrong"}"#, "422", "configuration_refused"),
        ("POST", "/rollback", r#"{"to": 9}"#, "404", "no_such_generation"),
        ("POST", "/rollback", r#"{"to": 9.0}"#, "404", "no_such_generation"),
        ("POST", "/rollback", r#"{"to": 9.5}"#, "400", "bad_body"),
        ("POST", "/rollback", r#"{"to": -9}"#, "400", "bad_body"),
        ("POST", "/rollout", r#"{"action": "abort"}"#, "409", "no_rollout"),
        ("POST", "/rollout", r#"{"action": "stop"}"#, "400", "bad_body"),
        ("POST", "/rollout", "{}", "400", "bad_body"),
        ("POST", "/reload", r#"{"nope": 1}"#, "400", "bad_body"),
        ("POST", "/reload", r#"{"note": "a\nb"}"#, "400", "bad_body"),
        ("POST", "/reload", "{} x", "400", "bad_body"),
        ("POST", "/reload", "[", "400", "bad_body"),
        ("PUT", "/log/level", r#"{"level": "loud"}"#, "400", "bad_body"),
        ("PUT", "/clusters/a/endpoints/b/state", r#"{"state": "gone"}"#, "400", "bad_body"),
        ("PUT", "/clusters/a%ff/endpoints/b/state", "{}", "400", "bad_path"),
    ] {
        let answer = admin.order(method, path, "", text);
        assert_eq!(
            (status(&answer), &body(&answer)["code"]),
            (code, &json!(name)),
            "{path} {text}\n{answer}"
        );
        assert!(answer.contains("application/problem+json"), "{answer}");
    }
    for (path, code, name) in [
        ("/generations/x", "404", "no_such_generation"),
        ("/generations/7", "404", "no_such_generation"),
        ("/generations/7/diff?against=-1", "404", "no_such_generation"),
        ("/clusters/none", "404", "no_such_cluster"),
        ("/routes?limit=x", "400", "bad_query"),
        ("/audit?before=x", "400", "bad_query"),
    ] {
        let answer = admin.get(path);
        assert_eq!((status(&answer), &body(&answer)["code"]), (code, &json!(name)), "{path}");
    }
    assert_eq!(outcomes(&admin)[1], "local write reload: refused: generation 4 ab");
    assert_eq!(outcomes(&admin)[3], "local write rollback: refused: no_such_generation");
}

#[test]
fn a_large_body_is_refused() {
    let admin = Admin::start(None);
    let answer = admin.order("POST", "/reload", "", &format!("{{\"note\": \"{}\"}}", "a".repeat(70_000)));
    assert_eq!((status(&answer), &body(&answer)["code"]), ("413", &json!("body_too_large")));
    let answer = admin.order("POST", "/reload", "", &format!("{{\"note\": \"{}\"}}", "a".repeat(600)));
    assert_eq!((status(&answer), &body(&answer)["code"]), ("400", &json!("bad_body")));
}

#[test]
fn the_level_holds_until_it_is_changed_again() {
    let admin = Admin::start(None);
    assert_eq!(status(&admin.order("PUT", "/log/level", "", r#"{"level": "debug"}"#)), "200");
    assert_eq!(body(&admin.get("/log/level"))["level"], "debug");
    assert_eq!(crate::shared::level::current(), crate::shared::level::Level::Debug);
    assert_eq!(status(&admin.order("PUT", "/log/level", "", r#"{"level": "info"}"#)), "200");
    assert_eq!(outcomes(&admin)[1], "local write log_level: done");
}

#[test]
fn what_cannot_be_written_down_is_not_done() {
    let (state, waiting) = state(Access::default());
    let mut state = Arc::try_unwrap(state).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    state.audit = Audit::unwritable(file.path());
    let admin = Admin::serving(Arc::new(state), waiting);
    let answer = admin.order("POST", "/reload", "", "{}");
    assert_eq!((status(&answer), &body(&answer)["code"]), ("503", &json!("audit_unavailable")));
    assert_eq!(status(&admin.order("PUT", "/log/level", "", r#"{"level": "warn"}"#)), "503");
    assert!(admin.orders().is_empty());
}
