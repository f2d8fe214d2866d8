//! Tests of [`super`], against listeners that say what they are told to.

use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::*;
use crate::config::units::Span;
use crate::upstream::config::health::{CheckMethodConfig, GrpcCheckConfig};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn target(addr: SocketAddr) -> Target {
    Target {
        addr: EndpointAddr::Tcp(addr),
        tls: None,
        proxy_header: None,
        host: "orders.internal".to_owned(),
        is_h2: false,
    }
}

fn settings(check: CheckConfig) -> HealthConfig {
    HealthConfig { check, timeout: Span::from_secs(10), ..HealthConfig::default() }
}

fn http(body: Option<&str>) -> CheckConfig {
    CheckConfig::Http(HttpCheckConfig { body: body.map(str::to_owned), ..HttpCheckConfig::default() })
}

/// Takes one connection, reads a head, says this, and closes. Gives the head.
async fn says(listener: TcpListener, text: &'static [u8]) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        assert!(stream.read_buf(&mut head).await.unwrap() > 0);
    }
    for piece in text.chunks(7) {
        // Whoever has seen enough is gone.
        let _ = stream.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    String::from_utf8(head).unwrap()
}

async fn against(text: &'static [u8], check: CheckConfig) -> (Result<(), Complaint>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = target(listener.local_addr().unwrap());
    let settings = settings(check);
    tokio::join!(super::check(&target, &settings), says(listener, text))
}

#[test]
fn asks_as_a_client_would_and_takes_what_is_expected() {
    let (outcome, head) = run(against(b"HTTP/1.1 204 No Content\r\n\r\n", http(None)));
    assert_eq!(outcome, Ok(()));
    assert!(head.starts_with("GET / HTTP/1.1\r\nHost: orders.internal\r\n"), "{head}");
    let (outcome, _) = run(against(b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", http(None)));
    assert_eq!(outcome, Ok(()));
}

#[test]
fn says_what_is_wrong() {
    let kind = |text, check| run(against(text, check)).0.unwrap_err();
    let status = kind(b"HTTP/1.1 503 Service Unavailable\r\n\r\n", http(None));
    assert_eq!((status.kind, &*status.detail), (ComplaintKind::Status, "status 503"));
    assert_eq!(kind(b"SSH-2.0-OpenSSH_9.6\r\n", http(None)).kind, ComplaintKind::Protocol);
    assert_eq!(kind(b"", http(None)).detail, "closed without an answer");
    let body = kind(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndown", http(Some("ready")));
    assert_eq!((body.kind, &*body.detail), (ComplaintKind::Body, "the body lacks `ready`"));
}

#[test]
fn finds_text_however_the_body_comes() {
    for text in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nall ready"[..],
        b"HTTP/1.1 200 OK\r\n\r\nnot yet, but now all is ready, and more",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n",
    ] {
        assert_eq!(run(against(text, http(Some("ready")))).0, Ok(()));
    }
    let behind = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nnot ready";
    assert!(run(against(behind, http(Some("ready")))).0.is_err());
}

#[test]
fn who_takes_no_connection_or_says_nothing_is_told_apart() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = target(listener.local_addr().unwrap());
        assert_eq!(super::check(&there, &settings(CheckConfig::Tcp)).await, Ok(()));
        let impatient = HealthConfig { timeout: Span::from_millis(50), ..settings(http(None)) };
        let complaint = super::check(&there, &impatient).await.unwrap_err();
        assert_eq!((complaint.kind, &*complaint.detail), (ComplaintKind::Timeout, "no answer within 50ms"));
        drop(listener);
        let complaint = super::check(&there, &settings(CheckConfig::Tcp)).await.unwrap_err();
        assert_eq!((complaint.kind, &*complaint.detail), (ComplaintKind::Connect, "connection refused"));
    });
}

/// Serves one request over HTTP/2 with this status, body and trailers.
async fn serves(
    listener: TcpListener,
    status: u16,
    body: &'static [u8],
    trailers: Option<&'static str>,
) -> Option<String> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut connection = h2::server::handshake(stream).await.unwrap();
    let mut path = None;
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        path = Some(request.uri().to_string());
        let answer = ::http::Response::builder().status(status).body(()).unwrap();
        let mut stream = respond.send_response(answer, false).unwrap();
        stream.send_data(bytes::Bytes::from_static(body), trailers.is_none()).unwrap();
        if let Some(status) = trailers {
            let mut fields = ::http::HeaderMap::new();
            fields.insert("grpc-status", status.parse().unwrap());
            stream.send_trailers(fields).unwrap();
        }
    }
    path
}

async fn against_h2(
    check: CheckConfig,
    status: u16,
    body: &'static [u8],
    trailers: Option<&'static str>,
) -> (Result<(), Complaint>, Option<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = Target { is_h2: true, ..target(listener.local_addr().unwrap()) };
    let settings = settings(check);
    tokio::join!(super::check(&target, &settings), serves(listener, status, body, trailers))
}

#[test]
fn speaks_http2_where_the_cluster_does() {
    let (outcome, path) = run(against_h2(http(Some("ready")), 200, b"all ready", None));
    assert_eq!((outcome, path.as_deref()), (Ok(()), Some("http://orders.internal/")));
    let head = HttpCheckConfig { method: CheckMethodConfig::Head, ..HttpCheckConfig::default() };
    let (outcome, _) = run(against_h2(CheckConfig::Http(head), 500, b"", None));
    assert_eq!(outcome.unwrap_err().detail, "status 500");
}

#[test]
fn asks_grpc_servers_by_their_health_protocol() {
    let grpc = || CheckConfig::Grpc(GrpcCheckConfig { service: "orders.Orders".to_owned() });
    let (outcome, path) = run(against_h2(grpc(), 200, &[0, 0, 0, 0, 2, 8, 1], Some("0")));
    assert_eq!(outcome, Ok(()));
    assert_eq!(path.as_deref(), Some("http://orders.internal/grpc.health.v1.Health/Check"));
    let (outcome, _) = run(against_h2(grpc(), 200, &[0, 0, 0, 0, 2, 8, 2], Some("0")));
    assert_eq!(outcome.unwrap_err().detail, "NOT_SERVING");
    let (outcome, _) = run(against_h2(grpc(), 200, b"", Some("12")));
    assert_eq!(outcome.unwrap_err().kind, ComplaintKind::NotServing);
    let (outcome, _) = run(against_h2(grpc(), 404, b"", None));
    assert_eq!(outcome.unwrap_err().kind, ComplaintKind::Status);
}
