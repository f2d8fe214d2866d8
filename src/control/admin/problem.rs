//! Refusals of the operator's listener as RFC 9457 problem details.
//!
//! One shape for all of them, with a short and stable `code`; it says what is wrong and nothing about the inside.

use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::control::desk::Refusal;

/// An answer that says what is wrong.
pub(super) fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    with_members(status, code, detail, Value::Null)
}

/// The same with further members, those of an object.
pub(super) fn with_members(status: StatusCode, code: &str, detail: &str, members: Value) -> Response {
    let mut body = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "code": code,
        "detail": detail,
    });
    if let (Value::Object(body), Value::Object(members)) = (&mut body, members) {
        body.extend(members);
    }
    (status, [(CONTENT_TYPE, "application/problem+json")], format!("{body}\n")).into_response()
}

/// Why an order is not carried out. What would be otherwise in a moment says so.
pub(super) fn refused(refusal: &Refusal) -> Response {
    let status = match refusal.code {
        "busy" | "draining" => StatusCode::SERVICE_UNAVAILABLE,
        code if code.starts_with("no_such_") || code == "no_breaker" => StatusCode::NOT_FOUND,
        _ => StatusCode::CONFLICT,
    };
    let answer = problem(status, refusal.code, &refusal.reason);
    if refusal.code == "busy" { ([(RETRY_AFTER, "1")], answer).into_response() } else { answer }
}
