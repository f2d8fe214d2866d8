//! Checks by the gRPC health protocol, against a server that changes its mind.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::{endpoint, stands};
use crate::harness::Setup;

/// SERVING and NOT_SERVING of grpc.health.v1.
const SERVING: u8 = 1;
const NOT_SERVING: u8 = 2;

/// Answers every call with this status of health.
fn server(status: Arc<AtomicU8>) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    listener.set_nonblocking(true).expect("a socket");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&status)));
            }
        });
    });
    address
}

async fn serve(stream: tokio::net::TcpStream, status: Arc<AtomicU8>) {
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
        let fields = http::Response::builder().header("content-type", "application/grpc");
        let Ok(mut stream) = respond.send_response(fields.body(()).expect("a head"), false) else { return };
        let body = vec![0, 0, 0, 0, 2, 8, status.load(Ordering::SeqCst)];
        let mut trailers = http::HeaderMap::new();
        trailers.insert("grpc-status", http::HeaderValue::from_static("0"));
        let _ = stream.send_data(body.into(), false).and_then(|()| stream.send_trailers(trailers));
    }
}

#[test]
fn a_server_that_says_it_does_not_serve_is_not_used() {
    let status = Arc::new(AtomicU8::new(SERVING));
    let address = server(Arc::clone(&status));
    let health = "health: {check: {grpc: {service: orders.Orders}}, interval: 100ms, interval_failing: 50ms}";
    let gateway = Setup::before(address).cluster("protocol: h2").cluster(health).start();
    stands(&gateway, &address.to_string(), "good");
    crate::harness::eventually("it was asked", || {
        endpoint(&gateway, &address.to_string())["checks"]["outcomes"]["passed"].as_u64() > Some(0)
    });
    status.store(NOT_SERVING, Ordering::SeqCst);
    stands(&gateway, &address.to_string(), "unhealthy");
    assert_eq!(endpoint(&gateway, &address.to_string())["reason"], "NOT_SERVING");
    status.store(SERVING, Ordering::SeqCst);
    stands(&gateway, &address.to_string(), "good");
}
