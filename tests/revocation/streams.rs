//! What still runs for the revoked.

use std::time::Duration;

use super::{is_refused, key, keys, order, revoke, setup};
use crate::harness::FaultOrigin;
use crate::harness::h2::H2;

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// An origin that switches, or begins an answer and then says nothing any more.
fn silent() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        let Some(head) = dialogue.head() else { return };
        if head.target == "/chat" {
            dialogue.send(SWITCH);
        } else {
            dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntick\r\n");
        }
        while dialogue.piece().is_some() {}
    })
}

#[test]
fn a_websocket_is_closed_with_1008_and_its_neighbour_stays() {
    let (origin, keys) = (silent(), keys());
    let gateway = setup(&origin, &keys).start();
    let open = |id: &str| {
        let mut wire = gateway.wire();
        wire.send(format!("{HANDSHAKE}{}\r\n", key(id)));
        assert_eq!(wire.read_head().status, 101);
        wire
    };
    // Several, so that both workers have some; silent ones, which are parked by now.
    let (mut hers, mut his): (Vec<_>, Vec<_>) = (0..4).map(|_| (open("ann"), open("bob"))).unzip();
    std::thread::sleep(Duration::from_millis(1_500));
    revoke(&gateway, "key", "ann");
    for wire in &mut hers {
        let frame = wire.take(4);
        assert_eq!((frame[0], u16::from_be_bytes([frame[2], frame[3]])), (0x88, 1008));
    }
    gateway.metric_becomes("ringgate_upgraded_ends_total{reason=\"revoked\"}", 4.0);
    for wire in &mut his {
        wire.expect_silence(Duration::from_millis(50));
    }
    is_refused(&gateway, "ann");
}

#[test]
fn an_answer_that_streams_is_cut_and_one_that_has_not_begun_is_refused() {
    let (origin, keys) = (silent(), keys());
    let gateway = setup(&origin, &keys).start();
    let ask = |id: &str| {
        let mut wire = gateway.wire();
        wire.send(format!("GET /events HTTP/1.1\r\nHost: test\r\n{}\r\n", key(id)));
        assert_eq!(wire.read_head().status, 200);
        assert_eq!(wire.take(9), b"4\r\ntick\r\n");
        wire
    };
    let (mut hers, mut his) = (ask("ann"), ask("bob"));
    revoke(&gateway, "subject", "ann");
    hers.expect_close_within(Duration::from_secs(5));
    his.expect_silence(Duration::from_millis(100));
    gateway.metric_becomes("ringgate_errors_total{code=\"credentials_revoked\"}", 1.0);
    is_refused(&gateway, "ann");
    order(&gateway, "DELETE", "/revocations/subject/ann", "").has_status(200);
    crate::harness::eventually("what is taken back is good again", || {
        let mut wire = gateway.wire();
        wire.send(format!("GET /events HTTP/1.1\r\nHost: test\r\n{}\r\n", key("ann")));
        wire.read_head().status == 200
    });
}

#[test]
fn a_stream_of_http2_is_reset_and_the_others_of_its_connection_go_on() {
    let (origin, keys) = (silent(), keys());
    let gateway = setup(&origin, &keys).start();
    let mut client = H2::connect(gateway.public());
    let mut ask = |id: &str| {
        let key = format!("{id}-secret-0123456789");
        client.request("GET", "/events", &[("x-api-key", &key)], true)
    };
    let (hers, his) = (ask("ann"), ask("bob"));
    client.until("both stream", |client| [hers, his].iter().all(|&id| client.so_far(id).body == b"tick"));
    revoke(&gateway, "key", "ann");
    client.until("hers is reset", |client| client.so_far(hers).reset.is_some());
    assert!(client.so_far(his).reset.is_none());
}
