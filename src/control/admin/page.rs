//! What people look at: the index, the page for browsers and the description of the API. All of it is in the program.
//!
//! The page holds no data and is given to anybody; it asks `/status` for them, with a token if it must. It loads nothing
//! from elsewhere, and its content security policy admits no other script than the one in it.

use std::sync::LazyLock;

use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::http::base64;

const INDEX: &str = "\
/ui            a page for browsers
/openapi.json  all of this for programs
/metrics       counters, OpenMetrics or Prometheus text by Accept
/healthz       200 while the process lives
/readyz        200 while it wants traffic, 503 while it starts or drains
/config        effective configuration, secrets hidden
/workers       what each worker runs on and holds
/status        everything the page shows
/generations   configurations in force and before
/rollout       the one under way
/routes        with their figures
/clusters      with their endpoints
/source        where the configuration comes from
/errors        of the gateway's own, by code
/decisions     what was decided about a request: /decisions/ID, /recent/decisions
/recent/heads  heads of recent requests, for trying a configuration on
/shadows       copies of requests, and /shadows/mismatches: answers to them that were others
/audit         who changed what
/log/level     how much is said on stderr

To change something: ringgate reload, rollback, rollout, endpoint, drain; or POST and PUT as /openapi.json says.
";

const DESCRIPTION: &str = include_str!("openapi.json");

/// The page and its content security policy.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let (style, script) = (include_str!("page/page.css"), include_str!("page/page.js"));
    let page = include_str!("page/page.html").replace("/*STYLE*/", style).replace("/*SCRIPT*/", script);
    let policy = format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; connect-src 'self'; img-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        digest(script),
        digest(style)
    );
    (page, policy)
});

fn digest(text: &str) -> String {
    let mut out = Vec::new();
    base64::encode(&Sha256::digest(text.as_bytes()), &mut out);
    String::from_utf8(out).unwrap_or_default()
}

/// Whether a request is for the page, which needs no token.
pub(super) fn is_asked(method: &Method, path: &str, headers: &HeaderMap) -> bool {
    let is_read = method == Method::GET || method == Method::HEAD;
    is_read && (path == "/ui" || path == "/" && wants_html(headers))
}

fn wants_html(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(ACCEPT).iter().filter_map(|field| field.to_str().ok());
    fields.flat_map(|field| field.split(',')).any(|range| range.trim().starts_with("text/html"))
}

pub(super) async fn index(headers: HeaderMap) -> Response {
    if wants_html(&headers) { page().await } else { INDEX.into_response() }
}

pub(super) async fn page() -> Response {
    let (page, policy) = &*PAGE;
    let fields = [
        (CONTENT_TYPE.as_str(), "text/html; charset=utf-8"),
        ("content-security-policy", policy.as_str()),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ];
    (fields, page.as_str()).into_response()
}

pub(super) async fn description() -> Response {
    ([(CONTENT_TYPE, "application/json")], DESCRIPTION).into_response()
}
