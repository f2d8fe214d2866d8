//! Every way in with every way out: bodies byte by byte, by curl and against a second gateway that speaks HTTP/2.

use std::net::SocketAddr;

use super::before;
use crate::harness::{FaultOrigin, Gateway, Pattern, Setup, curl};

/// Gives back what it gets, in the framing it came in, with trailers behind chunks.
fn echo() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let body = request.body.clone();
            let mut answer =
                b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            for piece in body.chunks(30_000) {
                answer.extend(format!("{:x}\r\n", piece.len()).bytes());
                answer.extend(piece);
                answer.extend(b"\r\n");
            }
            answer.extend(format!("0\r\nX-Sum: {}\r\n\r\n", body.len()).bytes());
            if !dialogue.send(answer) {
                return;
            }
        }
    })
}

/// Sends a body with curl, and gives what comes back.
fn through(gateway: &Gateway, option: &str, body: &[u8]) -> (Vec<u8>, String) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let (sent, got) = (folder.path().join("sent"), folder.path().join("got"));
    std::fs::write(&sent, body).expect("the folder is ours");
    let address: SocketAddr = gateway.public();
    let told = curl(&[
        option,
        "--data-binary",
        &format!("@{}", sent.display()),
        "--output",
        &got.display().to_string(),
        "--write-out",
        "%{http_version} %{http_code}",
        &format!("http://{address}/some?where"),
    ]);
    (std::fs::read(got).unwrap_or_default(), told)
}

#[test]
fn bodies_pass_every_pairing_as_they_are() {
    let origin = echo();
    let inner = Setup::before(origin.address()).start();
    let to_http1 = Setup::before(origin.address()).start();
    let to_http2 = before(inner.public()).start();
    for size in [0, 1, 65_535, 65_536, 2_000_000] {
        let body = Pattern::new(5).bytes(size);
        for (gateway, option, version) in [
            (&to_http2, "--http1.1", "1.1"),
            (&to_http2, "--http2-prior-knowledge", "2"),
            (&to_http1, "--http2-prior-knowledge", "2"),
        ] {
            let (got, told) = through(gateway, option, &body);
            assert_eq!(told, format!("{version} 200"));
            assert!(got == body, "{option}: {} of {size} bytes", got.len());
        }
    }
    to_http2.drain();
}

#[test]
fn trailers_pass_both_ways() {
    let origin = echo();
    let inner = Setup::before(origin.address()).start();
    let gateway = before(inner.public()).start();
    let answer = gateway.send(
        "POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n3\r\nabc\r\n0\r\nX-A: 7\r\n\r\n",
    );
    assert_eq!((answer.status, answer.text().as_str()), (200, "abc"));
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "3".to_owned())]);
    let requests = origin.requests();
    assert_eq!(requests[0].trailers, [("x-a".to_owned(), "7".to_owned())]);
}

#[test]
fn fields_and_targets_arrive_as_they_were() {
    let origin = echo();
    let inner = Setup::before(origin.address()).start();
    let gateway = before(inner.public()).start();
    let answer = gateway.send(
        "GET /a%20b/c?d=%2F&e HTTP/1.1\r\nHost: api.test:8080\r\nCookie: a=1; b=2\r\nX-Odd: caf\u{e9}\tx\r\n\
         Connection: x-gone\r\nX-Gone: 1\r\n\r\n",
    );
    assert_eq!(answer.status, 200);
    let request = &origin.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/a%20b/c?d=%2F&e"));
    assert_eq!(request.field("host"), Some("api.test:8080"));
    assert_eq!(request.field("cookie"), Some("a=1; b=2"));
    assert_eq!(request.field("x-gone"), None);
}
