//! Who may read: the bearer token (RFC 6750 2.1) on everything but health.
//!
//! Compares digests, so that the time it takes tells neither length nor prefix. It knows one token and no users.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::AdminState;
use super::problem::problem;

/// Asked by machines that have no secrets, and tell nothing.
const OPEN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// Refuses what has no right to be answered; marks all answers as not to be stored.
pub(super) async fn require(State(state): State<Arc<AdminState>>, request: Request, next: Next) -> Response {
    let is_open = OPEN_PATHS.contains(&request.uri().path());
    let is_allowed = state.token.as_deref().is_none_or(|token| is_open || bears(request.headers(), token));
    let mut response = if is_allowed { next.run(request).await } else { unauthorized() };
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn unauthorized() -> Response {
    let refusal = problem(StatusCode::UNAUTHORIZED, "a bearer token is required");
    ([(WWW_AUTHENTICATE, "Bearer realm=\"admin\"")], refusal).into_response()
}

/// Two fields are as good as none: which one would count?
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let mut fields = headers.get_all(AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let Some((scheme, credentials)) = field.as_bytes().split_first_chunk::<7>() else { return false };
    scheme.eq_ignore_ascii_case(b"bearer ") && are_equal(credentials.trim_ascii(), token.as_bytes())
}

fn are_equal(first: &[u8], second: &[u8]) -> bool {
    let (first, second) = (Sha256::digest(first), Sha256::digest(second));
    first.iter().zip(second).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(fields: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(AUTHORIZATION, HeaderValue::from_str(field).unwrap());
        }
        bears(&headers, "s3cret")
    }

    #[test]
    fn accepts_the_token_and_nothing_like_it() {
        assert!(accepted(&["Bearer s3cret"]));
        assert!(accepted(&["bearer  s3cret"]));
        for fields in [
            &[][..],
            &["Bearer"],
            &["Bearer "],
            &["Bearer s3cre"],
            &["Bearer s3cret1"],
            &["Bearer S3CRET"],
            &["Basic s3cret"],
            &["s3cret"],
            &["Bearer s3cret", "Bearer s3cret"],
        ] {
            assert!(!accepted(fields), "{fields:?}");
        }
    }
}
