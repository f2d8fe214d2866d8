//! Bodies: large ones both ways, byte by byte, many at once, and answers that come before the upload is over.

use std::sync::Arc;

use super::Logged;
use crate::harness::{Dialogue, FaultOrigin, Pattern, Setup};

/// Larger than every window and buffer in between, several times over.
const LARGE: u64 = 12 * 1024 * 1024 + 17;

/// Sends a pattern of this length, however the target says.
fn send_pattern(dialogue: &mut Dialogue, target: &str, length: u64) {
    let pattern = Pattern::new(3);
    let is_chunked = target.contains("chunked");
    let framing = match target {
        _ if is_chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
        "/close" => "Connection: close\r\n".to_owned(),
        _ => format!("Content-Length: {length}\r\n"),
    };
    let mut is_open = dialogue.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n"));
    let mut sent = 0;
    while is_open && sent < length {
        let piece = pattern.piece(sent, length.min(sent + 50_000));
        sent += piece.len() as u64;
        is_open = if is_chunked {
            dialogue.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat())
        } else {
            dialogue.send(piece)
        };
    }
    if is_chunked && is_open {
        dialogue.send("0\r\n\r\n");
    }
}

#[test]
fn large_answers_arrive_whole_in_every_framing() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            send_pattern(dialogue, &request.target, LARGE);
            if request.target == "/close" {
                return;
            }
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    for path in ["/length", "/chunked", "/close"] {
        let id = client.get(path);
        let answer = client.answer(id);
        assert_eq!((answer.status(), answer.reset, answer.body.len() as u64), (200, None, LARGE), "{path}");
        Pattern::new(3).assert_holds(0, &answer.body);
        assert!(answer.trailers.is_none());
    }
    let told: Vec<_> = logged.lines(3).iter().map(|line| line["response_bytes"].clone()).collect();
    // What is in chunks is told with their heads.
    assert!(told.iter().all(|bytes| bytes.as_u64() >= Some(LARGE)), "{told:?}");
}

#[test]
fn large_uploads_arrive_whole_with_and_without_a_length() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let body = Pattern::new(4).bytes(LARGE);
    let length = LARGE.to_string();
    let mut client = logged.client();
    for fields in [&[("content-length", length.as_str())][..], &[]] {
        let id = client.request("POST", "/", fields, false);
        client.data(id, &body, true);
        assert_eq!(client.answer(id).status(), 200);
        let request = origin.requests().pop().unwrap();
        assert_eq!(request.body.len() as u64, LARGE);
        Pattern::new(4).assert_holds(0, &request.body);
        assert_eq!(request.is_chunked(), fields.is_empty());
    }
    assert_eq!(logged.lines(2)[0]["request_bytes"], LARGE);
}

#[test]
fn uploads_in_pieces_of_any_size_arrive_whole() {
    let origin = FaultOrigin::ok();
    let logged = Logged::before(&origin, "");
    let body = Pattern::new(5).bytes(400_000);
    let mut client = logged.client();
    for size in [997, 4_093, 16_383, 16_384] {
        let id = client.request("POST", "/", &[], false);
        for piece in body.chunks(size) {
            client.data(id, piece, false);
        }
        client.data(id, b"", true);
        assert_eq!(client.answer(id).status(), 200, "{size}");
        assert_eq!(origin.requests().pop().unwrap().body, body, "{size}");
    }
}

#[test]
fn a_hundred_streams_at_once_are_not_mixed_up() {
    let bodies: Arc<Vec<Vec<u8>>> =
        Arc::new((0..128).map(|seed| Pattern::new(seed).bytes(30_000 + seed * 1_000)).collect());
    let answers = Arc::clone(&bodies);
    let origin = FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            let seed: usize = request.target[1..].parse().unwrap();
            let echo = [&request.body[..], &answers[seed]].concat();
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", echo.len()));
            dialogue.send(echo);
        }
    });
    // So many threads of the origin may keep the gateway from its CPU for a while.
    let patient = Setup::before(origin.address()).cluster("timeouts: {connect: 15s}");
    let logged = Logged::with(patient);
    let mut client = logged.client();
    for turn in 0..2 {
        let ids: Vec<u32> =
            (0..128).map(|seed| client.request("POST", &format!("/{seed}"), &[], false)).collect();
        for (seed, id) in ids.iter().enumerate() {
            client.data(*id, format!("upload {seed}").as_bytes(), true);
        }
        for (seed, id) in ids.iter().enumerate() {
            let answer = client.answer(*id);
            assert_eq!((answer.status(), answer.reset), (200, None), "{turn}: {seed}");
            let told = format!("upload {seed}");
            let (upload, body) = answer.body.split_at(told.len());
            assert_eq!(upload, told.as_bytes());
            assert!(body == bodies[seed], "another body: {turn}: {seed}");
        }
    }
    logged.gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
}

#[test]
fn one_way_does_not_wait_for_the_other() {
    // The origin answers each piece before the next one is sent.
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        for _ in 0..20 {
            assert_eq!(dialogue.take(9).unwrap(), b"4\r\nping\r\n");
            dialogue.send("4\r\npong\r\n");
        }
        assert_eq!(dialogue.take(5).unwrap(), b"0\r\n\r\n");
        dialogue.send("0\r\n\r\n");
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.request("POST", "/", &[], false);
    for turn in 1..=20 {
        client.data(id, b"ping", false);
        client.until("pong", |client| client.so_far(id).body.len() == 4 * turn);
    }
    client.data(id, b"", true);
    assert!(client.answer(id).has_ended);
}

#[test]
fn an_early_answer_ends_the_upload_of_its_stream_alone() {
    let origin = FaultOrigin::start(|dialogue| {
        let Some(request) = dialogue.head() else { return };
        if request.target == "/early" {
            dialogue.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        } else {
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
        }
    });
    let logged = Logged::before(&origin, "");
    let mut client = logged.client();
    let id = client.request("POST", "/early", &[("content-length", "50000000")], false);
    client.data(id, &[b'x'; 10_000], false);
    let answer = client.answer(id);
    assert_eq!((answer.status(), answer.text().as_str()), (403, "no"));
    // RFC 9113 8.1: what is left of the request is not wanted, which is no error.
    client.until("RST_STREAM", |client| client.so_far(id).reset.is_some());
    assert_eq!(client.so_far(id).reset, Some(0));
    client.frame(0, 0, id, &[b'x'; 10_000]);
    let id = client.get("/");
    assert_eq!(client.answer(id).status(), 200);
    assert!(client.goaways.is_empty());
}

#[test]
fn reads_stop_where_an_origin_takes_nothing() {
    let origin = FaultOrigin::start(|dialogue| {
        dialogue.head();
        std::thread::sleep(std::time::Duration::from_secs(2));
        let mut taken = 0;
        while taken < LARGE as usize {
            taken += dialogue.piece().expect("more of the body").len();
        }
        dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
    let logged = Logged::before(&origin, "");
    let before = logged.gateway.resident_bytes();
    let mut client = logged.client();
    let id = client.request("POST", "/", &[("content-length", &LARGE.to_string())], false);
    client.data(id, &Pattern::new(6).bytes(LARGE), true);
    assert_eq!(client.answer(id).status(), 200);
    let grown = logged.gateway.resident_bytes().saturating_sub(before);
    assert!(grown < 8 * 1024 * 1024, "{grown} bytes");
}
