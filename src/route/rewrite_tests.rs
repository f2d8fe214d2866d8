//! Rewrites and redirects: what they make, and what they must never make.

use super::config::{RedirectConfig, RewriteConfig};
use super::params::Params;
use super::path::PathRules;
use super::plan::PlanError;
use super::rewrite::{RedirectPlan, RedirectView, RewritePlan};

fn names() -> Vec<String> {
    ["id", "rest"].map(str::to_owned).to_vec()
}

fn rewrite(
    path: Option<&str>,
    strip: Option<&str>,
    add: Option<&str>,
) -> Result<RewritePlan, Vec<PlanError>> {
    let owned = |text: Option<&str>| text.map(str::to_owned);
    let config =
        RewriteConfig { path: owned(path), strip_prefix: owned(strip), add_prefix: owned(add), host: None };
    RewritePlan::compile(&config, &names(), &PathRules::default())
}

fn applied(plan: &RewritePlan, path: &str, params: &Params) -> String {
    let mut out = b"kept".to_vec();
    plan.apply(path, params, &mut out);
    String::from_utf8(out).unwrap().strip_prefix("kept").unwrap().to_owned()
}

/// `/users/{id}/{*rest}` of `/users/4%2F2/a/b`.
fn captured() -> (&'static str, Params) {
    let mut params = Params::new();
    params.push(7, 12);
    params.push(13, 16);
    ("/users/4%2F2/a/b", params)
}

#[test]
fn captured_values_are_put_in_still_encoded() {
    let (path, params) = captured();
    let plan = rewrite(Some("/v2/{id}/x/{*rest}"), None, None).unwrap();
    assert_eq!(applied(&plan, path, &params), "/v2/4%2F2/x/a/b");
}

#[test]
fn prefixes_are_stripped_in_whole_segments_and_then_added() {
    let none = Params::new();
    for (strip, add, path, expected) in [
        (Some("/api"), None, "/api/x", "/x"),
        (Some("/api/"), None, "/api/x", "/x"),
        (Some("/api"), None, "/api", "/"),
        (Some("/api"), None, "/api/", "/"),
        (Some("/api"), None, "/apix", "/apix"),
        (Some("/api"), Some("/v1"), "/api/x", "/v1/x"),
        (Some("/api"), Some("/v1/"), "/api", "/v1"),
        (None, Some("/v1"), "/", "/v1/"),
        (None, Some("/"), "/x", "/x"),
        (Some("/"), None, "/x", "/x"),
    ] {
        let plan = rewrite(None, strip, add).unwrap();
        assert_eq!(applied(&plan, path, &none), expected, "{strip:?} {add:?} {path}");
    }
}

#[test]
fn a_rewrite_that_changes_nothing_says_so() {
    assert!(rewrite(None, None, None).unwrap().keeps_path());
    assert!(!rewrite(None, Some("/a"), None).unwrap().keeps_path());
}

#[test]
fn refuses_rewrites_that_make_no_path() {
    for path in ["a", "/{x}", "/a?b=1", "/a\r\nb", "/{id", "/a/../b", "/%61"] {
        assert!(rewrite(Some(path), None, None).is_err(), "{path:?}");
    }
    assert!(rewrite(Some("/a"), Some("/b"), None).is_err());
    assert!(rewrite(None, Some("/{id}"), None).is_err());
    let config = RewriteConfig { host: Some("a\r\nb".to_owned()), ..RewriteConfig::default() };
    assert!(RewritePlan::compile(&config, &[], &PathRules::default()).is_err());
}

fn redirect(to: &str) -> Result<RedirectPlan, Vec<PlanError>> {
    RedirectPlan::compile(&RedirectConfig { status: 308, to: to.to_owned() }, &names())
}

fn location(to: &str, path: &str, query: Option<&str>, params: &Params) -> String {
    let query = query.map(str::as_bytes);
    let view = RedirectView { scheme: "http", host: "a.example.com:8080", path, query, params };
    let mut out = Vec::new();
    redirect(to).unwrap().apply(&view, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_redirect_uses_what_the_request_had() {
    let (path, params) = captured();
    let to = "{scheme}://{host}/v2/{id}{query}";
    assert_eq!(location(to, path, Some("a=1"), &params), "http://a.example.com:8080/v2/4%2F2?a=1");
    assert_eq!(location("https://x.org{path}{query}", path, None, &params), "https://x.org/users/4%2F2/a/b");
    assert_eq!(location("{path}/", "/a", None, &params), "/a/");
}

#[test]
fn a_redirect_can_not_be_made_to_end_its_field() {
    let to = "https://x.org{path}{query}";
    assert_eq!(
        location(to, "/a", Some("a\r\nSet-Cookie: b"), &Params::new()),
        "https://x.org/a?aSet-Cookie:b"
    );
}

#[test]
fn a_client_can_not_choose_the_host_of_a_redirect() {
    assert_eq!(location("{path}", "//evil.org", None, &Params::new()), "/evil.org");
    let mut params = Params::new();
    params.push(2, 11);
    assert_eq!(location("/{id}", "/x/evil.org", None, &params), "/evil.org");
    for to in ["{id}", "//x.org", "https://{id}/", "https://x.org{id}", "https:///a", "{query}", "x.org"] {
        assert!(redirect(to).is_err(), "{to}");
    }
    for to in ["https://{id}.x.org/", "https://{host}{path}", "/{id}"] {
        assert!(redirect(to).is_ok(), "{to}");
    }
}

#[test]
fn refuses_a_status_that_is_no_redirect() {
    for status in [200, 300, 304, 306] {
        assert!(RedirectPlan::compile(&RedirectConfig { status, to: "/".to_owned() }, &[]).is_err());
    }
}
