//! Changes by the command line and by the API: reload, dry run, rollback, endpoints, level, drain.

use super::Operated;

#[test]
fn reload_brings_a_change_into_force_and_tells_it_in_words() {
    let operated = Operated::start("");
    assert_eq!(operated.gateway.get("/").text(), "one");
    let (code, said, _) = operated.run(&["reload"]);
    assert_eq!((code, said.as_str()), (0, "unchanged: generation 1 says the same\n"));
    operated.write(|text| text.replace("body: one", "body: two"));
    let (code, said, error) = operated.run(&["reload", "--dry-run"]);
    assert_eq!(code, 0, "{said}{error}");
    assert!(
        said.starts_with("valid: nothing has changed; it would change\n") && said.contains("`all`"),
        "{said}"
    );
    assert_eq!(operated.gateway.get("/").text(), "one");
    let (code, said, error) = operated.run(&["reload", "--now", "--note", "a better answer"]);
    assert_eq!(code, 0, "{said}{error}");
    assert!(said.starts_with("installed: generation 2, hash "), "{said}");
    assert_eq!(operated.gateway.get("/").text(), "two");
    let generations = operated.shows("/generations");
    assert_eq!(generations["generations"][0]["note"], "a better answer");
    assert_eq!(generations["generations"][0]["author"], "local");
    assert_eq!(operated.shows("/generations/1")["number"], 1);
}

#[test]
fn a_wrong_configuration_is_refused_with_its_mistakes_and_an_exit_code() {
    let operated = Operated::start("");
    operated.write(|text| text + "nonsense: 1\n");
    let (code, said, error) = operated.run(&["reload"]);
    assert_eq!(code, 1);
    assert!(said.starts_with("refused: nothing has changed, generation 1 stays in force"), "{said}");
    assert!(error.contains("gateway.yaml:6:1: error[unknown-key]"), "{error}");
    let (code, said, _) = operated.run(&["reload", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((code, &told["diagnostics"][0]["code"]), (1, &serde_json::json!("unknown-key")));
    let answer = operated.change("POST", "/reload", "", "{}").has_status(422);
    assert_eq!(answer.field("content-type"), Some("application/problem+json"));
    assert_eq!(operated.gateway.get("/").text(), "one");
}

#[test]
fn rollback_by_the_api_brings_the_former_answer_back() {
    let operated = Operated::start("");
    operated.write(|text| text.replace("body: one", "body: two"));
    assert_eq!(operated.run(&["reload", "--now"]).0, 0);
    assert_eq!(operated.gateway.get("/").text(), "two");
    let told = operated.change("POST", "/rollback", "", r#"{"note": "worse"}"#).has_status(200).json();
    assert_eq!((&told["outcome"], &told["generation"]), (&"installed".into(), &1.into()));
    assert_eq!(operated.gateway.get("/").text(), "one");
    operated.change("POST", "/rollback", "", r#"{"to": 77}"#).has_status(404);
}

#[test]
fn check_tries_a_posted_configuration_and_changes_nothing() {
    let operated = Operated::start("");
    let text = super::yaml("", "").replace("body: one", "body: three");
    let answer = operated.change("POST", "/check", "", &text).has_status(200).json();
    assert_eq!(answer["outcome"], "valid", "{answer}");
    let answer = operated.change("POST", "/check", "", "listeners: 3").has_status(200).json();
    assert_eq!(answer["outcome"], "refused");
    assert_eq!(operated.gateway.get("/").text(), "one");
    assert_eq!(operated.shows("/status")["generation"]["number"], 1);
}

#[test]
fn the_level_changes_and_an_unknown_endpoint_has_none() {
    let operated = Operated::prepared("", "log: {level: warn}", |_| {});
    assert_eq!(operated.shows("/log/level")["level"], "warn");
    operated.change("PUT", "/log/level", "", r#"{"level": "debug"}"#).has_status(200);
    assert_eq!(operated.shows("/log/level")["level"], "debug");
    let (code, _, error) = operated.run(&["endpoint", "nowhere", "127.0.0.1:9", "drain"]);
    assert_eq!(code, 1);
    assert!(error.contains("(no_such_"), "{error}");
}

#[test]
fn drain_ends_the_process_in_good_order() {
    let mut operated = Operated::start("");
    let (code, said, error) = operated.run(&["drain", "--note", "repair"]);
    assert_eq!(code, 0, "{said}{error}");
    operated.gateway.ends_with(0);
}

#[test]
fn errors_of_the_client_say_what_to_do() {
    let operated = Operated::prepared(", token: {file: token}", "", |folder| {
        std::fs::write(folder.join("token"), "open-sesame").expect("ours");
    });
    let (code, _, error) = operated.run(&["reload"]);
    assert!(code == 1 && error.contains("RINGGATE_ADMIN_TOKEN"), "{error}");
    let token = operated.path("token");
    assert_eq!(operated.run(&["reload", "--token-file", &token]).0, 0);
    let url = operated.url();
    assert_eq!(super::ask_with(&url, &["reload"], &[("RINGGATE_ADMIN_TOKEN", "open-sesame")]).0, 0);
    let (_, _, error) = super::ask_with(&url, &["reload"], &[("RINGGATE_ADMIN_TOKEN", "wrong")]);
    assert!(error.contains("not known"), "{error}");
    let (_, _, error) = super::ask_with("http://127.0.0.1:1", &["reload"], &[]);
    assert!(error.contains("is the gateway running"), "{error}");
    let (_, _, error) = super::ask_with(&url.replace("http", "https"), &["reload"], &[]);
    assert!(error.starts_with("error: https://127.0.0.1"), "{error}");
}
