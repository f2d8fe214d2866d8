//! Bodies of any size at constant memory: every byte compared, the process's resident memory bounded.

use std::io::Write;
use std::time::Duration;

use crate::harness::{FaultOrigin, Gateway, Pattern, Setup, large};

/// 256 MiB in the usual run, 2 GiB in the large one.
fn size() -> u64 {
    if large() { 2 << 30 } else { 256 << 20 }
}

const RESIDENT_BYTES_MAX: u64 = 100 << 20;

#[track_caller]
fn assert_small(gateway: &Gateway) {
    let resident = gateway.resident_bytes();
    assert!(resident < RESIDENT_BYTES_MAX, "{} MiB resident", resident >> 20);
}

#[test]
fn a_large_download_arrives_whole_at_constant_memory() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", size()));
        let (pattern, mut sent) = (Pattern::new(1), 0);
        while sent < size() {
            let piece = pattern.piece(sent, size());
            if !dialogue.send(piece) {
                return;
            }
            sent += piece.len() as u64;
        }
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let head = wire.read_head();
    assert_eq!(head.field("content-length"), Some(size().to_string().as_str()));
    let (pattern, mut got) = (Pattern::new(1), 0);
    while got < size() {
        let piece = wire.body_piece();
        assert!(!piece.is_empty(), "ended after {got} bytes");
        pattern.assert_holds(got, &piece);
        got += piece.len() as u64;
        assert_small(&gateway);
    }
    assert_eq!(got, size());
}

#[test]
fn a_large_upload_arrives_whole_at_constant_memory() {
    let origin = checking_origin();
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send(format!("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: {}\r\n\r\n", size()));
    let (pattern, mut sent) = (Pattern::new(2), 0);
    while sent < size() {
        let piece = pattern.piece(sent, size());
        wire.send(piece);
        sent += piece.len() as u64;
        assert_small(&gateway);
    }
    assert_eq!(wire.read().has_status(200).text(), "whole");
}

#[test]
fn a_large_chunked_upload_arrives_whole_at_constant_memory() {
    let origin = FaultOrigin::start(|dialogue| {
        let mut request = dialogue.head().expect("a head");
        assert!(request.is_chunked(), "the length of a chunked body is not known, so it stays chunked");
        request.fields.clear();
        let size = size() / 4;
        let (pattern, mut got) = (Pattern::new(3), 0);
        while let Some(chunk) = chunk(dialogue) {
            pattern.assert_holds(got, &chunk);
            got += chunk.len() as u64;
        }
        let answer = if got == size { "whole" } else { "wrong" };
        dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{answer}"));
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let (pattern, mut sent) = (Pattern::new(3), 0);
    while sent < size() / 4 {
        let piece = pattern.piece(sent, (sent + 70_001).min(size() / 4));
        let mut chunk = Vec::with_capacity(piece.len() + 12);
        write!(chunk, "{:x}\r\n", piece.len()).unwrap();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        wire.send(&chunk);
        sent += piece.len() as u64;
        assert_small(&gateway);
    }
    wire.send("0\r\n\r\n");
    assert_eq!(wire.read().has_status(200).text(), "whole");
}

#[test]
fn a_client_that_does_not_read_stops_the_origin() {
    // Back-pressure: what nobody takes is not read from the origin, so it cannot pile up here.
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.request();
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n");
        let block = vec![b'x'; 1 << 20];
        while dialogue.send(&block) {}
    });
    let gateway = Setup::before(origin.address()).start();
    let mut wire = gateway.wire();
    wire.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(100));
        assert_small(&gateway);
    }
    let read = gateway.metric("ringgate_upstream_bytes_total{direction=\"read\"}");
    assert!(read < 64e6, "{read} bytes were read for a client that takes none");
}

#[test]
fn an_origin_that_does_not_read_stops_the_client() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        std::thread::sleep(Duration::from_secs(3));
    });
    let gateway = Setup::before(origin.address()).start();
    let wire = gateway.wire();
    let mut stream = wire.stream().try_clone().unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10000000000\r\n\r\n").unwrap();
    let block = vec![b'x'; 1 << 20];
    let taken = (0..1000).take_while(|_| stream.write_all(&block).is_ok()).count();
    assert!(taken < 64, "{taken} MiB were taken for an origin that reads none");
    assert_small(&gateway);
}

fn checking_origin() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        dialogue.head();
        let (pattern, mut got) = (Pattern::new(2), 0);
        while got < size() {
            let Some(piece) = dialogue.piece() else { return };
            pattern.assert_holds(got, &piece);
            got += piece.len() as u64;
        }
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole");
    })
}

/// One chunk; `None` for the last.
fn chunk(dialogue: &mut crate::harness::Dialogue) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        line.extend(dialogue.take(1)?);
    }
    let size = usize::from_str_radix(std::str::from_utf8(&line).ok()?.trim_end(), 16).ok()?;
    let data = dialogue.take(size)?;
    assert_eq!(dialogue.take(2)?, b"\r\n");
    (size > 0).then_some(data)
}
