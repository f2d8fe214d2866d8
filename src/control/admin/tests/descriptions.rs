//! The API's description and the page: they say what the router does, and nothing from elsewhere is loaded.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::control::admin::router::operations;

fn description() -> Value {
    serde_json::from_str(include_str!("../openapi.json")).unwrap()
}

#[test]
fn the_description_names_what_the_router_answers_and_nothing_else() {
    let description = description();
    let paths = description["paths"].as_object().unwrap();
    let described: BTreeSet<(String, String)> = paths
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().keys().filter(|key| *key != "parameters");
            methods.map(|method| (path.clone(), method.clone())).collect::<Vec<_>>()
        })
        .collect();
    let routed = operations().into_iter().map(|(method, path, _)| (path.to_owned(), method.to_owned()));
    let routed: BTreeSet<(String, String)> = routed.collect();
    assert_eq!(described, routed);
}

#[test]
fn every_operation_says_what_it_does_and_how_it_fails() {
    for (path, item) in description()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "parameters") {
            let at = format!("{method} {path}");
            assert!(operation["summary"].is_string() && operation["operationId"].is_string(), "{at}");
            let statuses = operation["responses"].as_object().unwrap();
            let is_open = ["/healthz", "/readyz", "/ui"].contains(&path.as_str());
            assert_eq!(statuses.contains_key("401"), !is_open, "{at}");
            let has_body = method != "get" && method != "delete";
            assert_eq!(statuses.contains_key("415") && statuses.contains_key("413"), has_body, "{at}");
        }
    }
}

#[test]
fn browsers_get_the_page_and_others_the_index() {
    let admin = Admin::start(Some("s3cret"));
    let html = "Accept: text/html,application/xhtml+xml;q=0.9\r\n";
    for (path, fields) in [("/", html), ("/ui", "")] {
        let answer = admin.ask("GET", path, fields);
        assert_eq!(status(&answer), "200", "it asks for the token itself");
        assert!(
            answer.contains("content-type: text/html") && answer.contains("frame-ancestors 'none'"),
            "{path}"
        );
    }
    assert_eq!(status(&admin.ask("GET", "/", "Accept: */*\r\n")), "401");
    assert_eq!(status(&admin.ask("GET", "/status", html)), "401", "nothing else is open to browsers");
    let index = Admin::start(None).get("/");
    assert!(index.contains("/generations") && index.contains("text/plain"), "{index}");
}

#[test]
fn the_page_is_small_loads_nothing_and_writes_no_markup() {
    let admin = Admin::start(None);
    let page = admin.get("/ui");
    assert!(page.len() < 60_000, "{} bytes", page.len());
    for word in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "src=", "@import"]
    {
        assert!(!page.contains(word), "{word}");
    }
    // The name space of SVG and nothing else.
    let links = page.matches("http:").count() + page.matches("https:").count();
    assert_eq!(links, page.matches("http://www.w3.org/2000/svg").count());
}
