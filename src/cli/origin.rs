//! The sample origin: tells what it got, and answers with the status, size and delay it is asked for.
//!
//! For the quick start and for trying a configuration out. It runs on tokio beside the gateway, never on a worker,
//! and is not meant to be fast.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};

use crate::config::units::{ByteSize, Span};

/// Serves until `shutdown` completes and the exchanges in flight are over. `listener` may be blocking or not.
///
/// # Errors
/// If the listener cannot be registered with the runtime.
pub async fn serve(
    listener: std::net::TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    listener.set_nonblocking(true)?;
    let local = listener.local_addr()?;
    let router = Router::new().fallback(answer).with_state(local);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, service).with_graceful_shutdown(shutdown).await?;
    Ok(())
}

/// What a request may ask for in its query; all of it combines.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Wish {
    /// Status of the answer.
    status: u16,
    /// A body of this many bytes instead of the account of the request.
    size: Option<ByteSize>,
    /// How long to wait before the answer.
    delay: Option<Span>,
    /// `1` for a body without Content-Length.
    chunked: u8,
}

impl Default for Wish {
    fn default() -> Self {
        Self { status: 200, size: None, delay: None, chunked: 0 }
    }
}

/// What the origin got.
#[derive(Debug, Serialize)]
struct Account {
    origin: SocketAddr,
    peer: SocketAddr,
    method: String,
    path: String,
    query: Option<String>,
    version: String,
    headers: Vec<[String; 2]>,
    body_bytes: u64,
    body: String,
}

/// Most of a request's body that is told back.
const BODY_SHOWN_BYTES_MAX: usize = 4096;

/// Written again and again for a body of a wished size.
const FILLER: &[u8; 64] = b"Ringgate sample origin: sixty-three bytes of filler in a line..\n";

async fn answer(
    State(origin): State<SocketAddr>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    wish: Result<Query<Wish>, axum::extract::rejection::QueryRejection>,
    request: Request,
) -> Response {
    let wish = match wish {
        Ok(Query(wish)) => wish,
        Err(rejection) => return (StatusCode::BAD_REQUEST, format!("{rejection}\n")).into_response(),
    };
    let Ok(status) = StatusCode::from_u16(wish.status) else {
        return (StatusCode::BAD_REQUEST, "status is a number from 100 to 999\n").into_response();
    };
    let account = account(origin, peer, request).await;
    if let Some(delay) = wish.delay {
        tokio::time::sleep(delay.duration()).await;
    }
    let (kind, length, body) = match wish.size {
        Some(size) => ("text/plain", size.bytes(), filler(size.bytes())),
        None => {
            let text = serde_json::to_string_pretty(&account).unwrap_or_default() + "\n";
            ("application/json", text.len() as u64, Body::from(text))
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert("x-origin", HeaderValue::from_static("ringgate-sample"));
    let body = if wish.chunked == 1 {
        Body::from_stream(body.into_data_stream())
    } else {
        headers.insert(header::CONTENT_LENGTH, length.into());
        body
    };
    (status, headers, body).into_response()
}

/// Reads the whole request; keeps the beginning of its body.
async fn account(origin: SocketAddr, peer: SocketAddr, request: Request) -> Account {
    let (parts, body) = request.into_parts();
    let (mut shown, mut body_bytes) = (Vec::new(), 0);
    let mut pieces = body.into_data_stream();
    while let Some(Ok(piece)) = pieces.next().await {
        body_bytes += piece.len() as u64;
        let room = BODY_SHOWN_BYTES_MAX.saturating_sub(shown.len()).min(piece.len());
        shown.extend_from_slice(&piece[..room]);
    }
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Account {
        origin,
        peer,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        version: format!("{:?}", parts.version),
        headers: parts.headers.iter().map(|(name, value)| [name.to_string(), text(value)]).collect(),
        body_bytes,
        body: String::from_utf8_lossy(&shown).into_owned(),
    }
}

/// A body of `size` bytes that is made as it is sent.
fn filler(size: u64) -> Body {
    let block = Bytes::from(FILLER.repeat(1024));
    let pieces = stream::unfold(size, move |left| {
        let piece = block.slice(..block.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        let rest = left - piece.len() as u64;
        std::future::ready((left > 0).then_some((Ok::<_, Infallible>(piece), rest)))
    });
    Body::from_stream(pieces)
}
