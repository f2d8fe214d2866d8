//! What a request carries: segments of its path, its query and its body, each within a bound.
//!
//! Reads only. What cannot be read is answered with a problem that says how it should be written.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::problem;

/// Body of an order.
const ORDER_BYTES_MAX: usize = 64 * 1024;
/// Body of a configuration that is to be checked: 10,000 routes are some megabytes.
const CONFIGURATION_BYTES_MAX: usize = 16 << 20;
/// For a whole body; a configuration comes from close by.
const BODY_BOUND: Duration = Duration::from_secs(20);
/// Characters of a note.
const NOTE_CHARS_MAX: usize = 500;

/// A segment of the path, decoded, or several.
pub(super) struct Segments<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Segments<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let read: Result<Path<T>, PathRejection> = Path::from_request_parts(parts, state).await;
        read.map(|Path(segments)| Self(segments))
            .map_err(|error| problem(StatusCode::BAD_REQUEST, "bad_path", &error.body_text()))
    }
}

/// The query.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let read: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        read.map(|Query(query)| Self(query))
            .map_err(|error| problem(StatusCode::BAD_REQUEST, "bad_query", &error.body_text()))
    }
}

/// A number of a generation, as it stands in a path or a query.
pub(super) fn generation(text: &str) -> Result<u64, Response> {
    let no = |_| problem(StatusCode::NOT_FOUND, "no_such_generation", &format!("`{text}` is no generation."));
    // `+7` and `007` are numbers to Rust, and no generation is written like that.
    let written = |number: &u64| number.to_string() == text;
    text.parse::<u64>().ok().filter(written).ok_or(()).map_err(no)
}

/// The order in a body of JSON; an empty body is the order without anything in particular.
pub(super) async fn order<T: DeserializeOwned + Default>(request: Request) -> Result<T, Response> {
    let headers = request.headers().clone();
    let bytes = body(request, ORDER_BYTES_MAX).await?;
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    if !is_of(&headers, &["application/json"]) {
        return Err(wrong_media_type("application/json"));
    }
    let mut reader = serde_json::Deserializer::from_slice(&bytes);
    let read = serde_path_to_error::deserialize(&mut reader);
    let read = read
        .map_err(|error| error.to_string())
        .and_then(|order: T| reader.end().map(|()| order).map_err(|error| error.to_string()));
    read.map_err(|reason| {
        problem(StatusCode::BAD_REQUEST, "bad_body", &format!("The body cannot be read: {reason}."))
    })
}

/// A configuration as text, YAML or JSON, which is YAML too; none where the body is empty.
pub(super) async fn configuration(request: Request) -> Result<Option<String>, Response> {
    let headers = request.headers().clone();
    let bytes = body(request, CONFIGURATION_BYTES_MAX).await?;
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    if !is_of(&headers, &["application/yaml", "application/x-yaml", "application/json"]) {
        return Err(wrong_media_type("application/yaml"));
    }
    let text = String::from_utf8(bytes);
    let bad = |_| problem(StatusCode::BAD_REQUEST, "bad_body", "The body is not UTF-8 text.");
    text.map(Some).map_err(bad)
}

async fn body(request: Request, bytes_max: usize) -> Result<Vec<u8>, Response> {
    let read = tokio::time::timeout(BODY_BOUND, to_bytes(request.into_body(), bytes_max)).await;
    match read {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) if is_too_large(&error) => {
            let detail = format!("The body is larger than {bytes_max} bytes.");
            Err(problem(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", &detail))
        }
        Ok(Err(_)) => Err(problem(StatusCode::BAD_REQUEST, "bad_body", "The body did not arrive whole.")),
        Err(_) => {
            Err(problem(StatusCode::REQUEST_TIMEOUT, "body_timeout", "The body did not arrive in time."))
        }
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        // By its words: the type is that of a crate further down.
        if error.to_string().contains("length limit exceeded") {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_of(headers: &HeaderMap, media_types: &[&str]) -> bool {
    let field = headers.get(CONTENT_TYPE).and_then(|field| field.to_str().ok()).unwrap_or_default();
    let essence = field.split(';').next().unwrap_or_default().trim();
    media_types.iter().any(|media_type| essence.eq_ignore_ascii_case(media_type))
}

fn wrong_media_type(wanted: &str) -> Response {
    let detail = format!("Send the body with `Content-Type: {wanted}`.");
    problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", &detail)
}

/// A number that is at most `MAX`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct UpTo<const MAX: u64>(pub(super) u64);

impl<const MAX: u64> UpTo<MAX> {
    /// As a count of things in memory.
    pub(super) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl<const MAX: u64> TryFrom<u64> for UpTo<MAX> {
    type Error = String;

    fn try_from(number: u64) -> Result<Self, String> {
        if number > MAX { Err(format!("at most {MAX}")) } else { Ok(Self(number)) }
    }
}

/// A whole number as JSON has them: `7` and `7.0` are the same (RFC 8259 section 6).
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "serde_json::Number")]
pub(super) struct Whole(pub(super) u64);

impl TryFrom<serde_json::Number> for Whole {
    type Error = String;

    fn try_from(number: serde_json::Number) -> Result<Self, String> {
        let is_whole =
            |float: &f64| float.fract() == 0.0 && (0.0..18_446_744_073_709_551_616.0).contains(float);
        let float = || number.as_f64().filter(is_whole).map(|float| float as u64);
        number
            .as_u64()
            .or_else(float)
            .map(Self)
            .ok_or_else(|| format!("{number} is no number of a generation"))
    }
}

/// What an author says about a change: a line that fits into a log.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Note(pub(super) String);

impl TryFrom<String> for Note {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.chars().count() > NOTE_CHARS_MAX {
            return Err(format!("a note has at most {NOTE_CHARS_MAX} characters"));
        }
        if text.chars().any(char::is_control) {
            return Err("a note is one line".to_owned());
        }
        Ok(Self(text))
    }
}
