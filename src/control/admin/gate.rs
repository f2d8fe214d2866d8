//! Who is let in: on every request who asks, on every change whether they may and whether a browser was tricked.
//!
//! Owns the failures and the counters. A browser sends requests that its user knows nothing of: with a certificate, or
//! to a loopback where nobody has to prove anything. So a change has to come from this listener's own page, or from no
//! page at all; and without any proof the listener answers only under its own address (DNS rebinding).

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::access::{Access, Caller, Means, Unknown};
use super::counts::{Counts, Shown};
use super::failures::Failures;
use super::problem::problem;
use super::tls::Identity;
use crate::control::config::admin::Role;
use crate::control::export::Exporter;
use crate::shared::{Frozen, Published};

/// Asked by machines that have no secrets, and tell nothing.
const OPEN_PATHS: [&str; 2] = ["/healthz", "/readyz"];

/// What scrapers ask for, by whatever name they know this host.
const NAMELESS_PATHS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];

/// A field that no page can send elsewhere without being asked about it first (the Fetch standard, CORS).
const OWN_FIELD: &str = "x-ringgate-admin";

/// Who asks: the other end of a connection.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its address.
    pub addr: SocketAddr,
    /// Whether it speaks TLS.
    pub is_secure: bool,
    /// Who its certificate says it is; known after the handshake.
    pub identity: Arc<OnceLock<Identity>>,
}

/// Who may come in.
#[derive(Debug)]
pub struct Gate {
    /// Who may do what. A new configuration replaces it.
    pub access: Published<Access>,
    failures: Mutex<Failures>,
    counts: Frozen<Counts>,
}

impl Gate {
    /// A gate that shows its counters among the metrics.
    pub fn new(access: Access, exporter: &mut Exporter) -> Self {
        let counts = Frozen::new(Counts::default());
        exporter.add(Box::new(Shown(counts.clone())));
        Self { access: Published::new(Frozen::new(access)), failures: Mutex::default(), counts }
    }

    fn failures<T>(&self, with: impl FnOnce(&mut Failures) -> T) -> T {
        with(&mut self.failures.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Finds out who asks, and refuses who may not; counts, and marks all answers as not to be stored.
pub(super) async fn enter(
    State(state): State<Arc<AdminState>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let (path, ip) = (request.uri().path(), peer.addr.ip());
    let is_open =
        OPEN_PATHS.contains(&path) || super::page::is_asked(request.method(), path, request.headers());
    let caller = state.gate.caller(request.headers(), &peer);
    let role = caller.as_ref().map_or(0, |caller| 1 + caller.role as usize);
    let mut response = match caller {
        _ if is_open => next.run(request).await,
        Ok(caller) => match misnamed(&caller, path, request.headers()) {
            Some(refusal) => refusal,
            None => {
                request.extensions_mut().insert(caller);
                next.run(request).await
            }
        },
        Err(unknown) => state.gate.turn_away(unknown, ip).await,
    };
    state.gate.counts.count(role, response.status().as_u16());
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

impl Gate {
    fn caller(&self, headers: &HeaderMap, peer: &Peer) -> Result<Caller, Unknown> {
        let (_, access) = self.access.load();
        access.identify(headers, peer.identity.get())
    }

    /// The answer to somebody unknown. A wrong token waits for it, so that guessing takes its time.
    async fn turn_away(&self, unknown: Unknown, ip: IpAddr) -> Response {
        let now = Instant::now();
        if let Some(left) = self.failures(|failures| failures.banned(ip, now)) {
            return limited(left.as_secs() + 1);
        }
        if unknown == Unknown::Wrong {
            let delay = self.failures(|failures| failures.note(ip, now));
            tokio::time::sleep(delay).await;
        }
        let detail = match unknown {
            Unknown::Nothing => "A bearer token is required, or a certificate that is known here.",
            Unknown::Wrong => "This token is not known here.",
        };
        let refusal = problem(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        ([(WWW_AUTHENTICATE, "Bearer realm=\"admin\"")], refusal).into_response()
    }
}

fn limited(seconds: u64) -> Response {
    let detail = format!("Too many wrong tokens came from this address; try again in {seconds} seconds.");
    let refusal = problem(StatusCode::TOO_MANY_REQUESTS, "too_many_failures", &detail);
    ([(RETRY_AFTER, seconds.to_string())], refusal).into_response()
}

/// Refuses who has proved nothing and asks by a name that anybody could have given this address.
fn misnamed(caller: &Caller, path: &str, headers: &HeaderMap) -> Option<Response> {
    if caller.means != Means::Nothing || NAMELESS_PATHS.contains(&path) || is_own_address(host(headers)) {
        return None;
    }
    let detail = "Without authentication this listener answers under an address or localhost only; ask by \
                  http://127.0.0.1, or set `admin.token`.";
    Some(problem(StatusCode::FORBIDDEN, "foreign_host", detail))
}

/// Refuses a change by somebody who may only read, and one that a page elsewhere made a browser send.
pub(super) async fn change(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>() else {
        return problem(StatusCode::UNAUTHORIZED, "unauthorized", "Nobody is known to ask this.");
    };
    if caller.role < Role::Write {
        let detail = format!("`{}` may read here and change nothing.", caller.name);
        return problem(StatusCode::FORBIDDEN, "read_only", &detail);
    }
    if let Some(refusal) = tricked(caller.means, request.headers(), peer.is_secure) {
        return refusal;
    }
    next.run(request).await
}

fn tricked(means: Means, headers: &HeaderMap, is_secure: bool) -> Option<Response> {
    let forbidden = |detail| Some(problem(StatusCode::FORBIDDEN, "cross_site", detail));
    if let Some(site) = headers.get("sec-fetch-site")
        && !matches!(site.as_bytes(), b"same-origin" | b"none")
    {
        return forbidden("A page of another site asked for this change.");
    }
    if let Some(origin) = headers.get(ORIGIN) {
        let own = format!("{}://{}", if is_secure { "https" } else { "http" }, host(headers));
        if origin.as_bytes() != own.as_bytes() {
            return forbidden("A page of another origin asked for this change.");
        }
    }
    // A token is not sent by itself; what has none must come in a way that pages elsewhere cannot send.
    if means == Means::Token || headers.contains_key(OWN_FIELD) || has_own_media_type(headers) {
        return None;
    }
    let detail =
        "Send `Content-Type: application/json` (or `X-Ringgate-Admin: 1`): pages of other sites cannot.";
    Some(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_required", detail))
}

fn has_own_media_type(headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let essence = field.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    ["application/json", "application/yaml", "application/x-yaml"]
        .iter()
        .any(|own| essence.eq_ignore_ascii_case(own))
}

/// The one Host; nothing where there are none or several.
fn host(headers: &HeaderMap) -> &str {
    let mut fields = headers.get_all(HOST).iter();
    match (fields.next(), fields.next()) {
        (Some(field), None) => field.to_str().unwrap_or_default(),
        _ => "",
    }
}

/// Whether a host is an address or this machine's own name, which no name server can point elsewhere.
fn is_own_address(host: &str) -> bool {
    if host.parse::<SocketAddr>().is_ok() || host.parse::<IpAddr>().is_ok() {
        return true;
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inner.parse::<IpAddr>().is_ok();
    }
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = list.iter().map(|&(name, value)| {
            (axum::http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
        });
        pairs.collect()
    }

    #[test]
    fn an_address_and_localhost_are_own_and_names_are_not() {
        for own in
            ["127.0.0.1:9090", "127.0.0.1", "[::1]:9090", "[::1]", "localhost:1", "a.localhost", "LOCALHOST"]
        {
            assert!(is_own_address(own), "{own}");
        }
        for other in
            ["", "evil.example", "evil.example:9090", "127.0.0.1.evil.example", "localhost.evil.example"]
        {
            assert!(!is_own_address(other), "{other}");
        }
    }

    #[test]
    fn a_page_elsewhere_cannot_make_a_browser_change_anything() {
        let own = ("host", "127.0.0.1:9090");
        let json = ("content-type", "application/json; charset=utf-8");
        let passes = |means, list: &[(&'static str, &str)]| tricked(means, &fields(list), false).is_none();
        assert!(passes(Means::Nothing, &[own, json]));
        assert!(passes(
            Means::Nothing,
            &[own, json, ("origin", "http://127.0.0.1:9090"), ("sec-fetch-site", "same-origin")]
        ));
        assert!(passes(Means::Nothing, &[own, ("x-ringgate-admin", "1")]));
        assert!(passes(Means::Token, &[own]), "a token is proof enough");
        for list in [
            &[own][..],
            &[own, ("content-type", "text/plain")],
            &[own, ("content-type", "application/x-www-form-urlencoded")],
            &[own, ("content-type", "text/plain; application/json")],
            &[own, json, ("origin", "http://evil.example")],
            &[own, json, ("origin", "null")],
            &[own, json, ("origin", "https://127.0.0.1:9090")],
            &[own, json, ("origin", "http://127.0.0.1:9091")],
            &[own, json, ("sec-fetch-site", "cross-site")],
            &[own, json, ("sec-fetch-site", "same-site")],
        ] {
            assert!(!passes(Means::Nothing, list) && !passes(Means::Certificate, list), "{list:?}");
        }
        assert!(!passes(Means::Token, &[own, ("origin", "http://evil.example")]), "nor with a token");
    }
}
