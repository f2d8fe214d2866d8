//! Floods, each in raw frames: cut, counted for its reason, within bounded memory, and nobody else is kept waiting.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Logged;
use crate::harness::h2::{END_HEADERS, END_STREAM, PREFACE, block, frame, kind, reason};
use crate::harness::{FaultOrigin, PATIENCE, eventually};

/// What a gateway may take in memory, whatever clients do.
const BYTES_MAX: u64 = 200 * 1024 * 1024;
/// How long another client may have to wait meanwhile. Generous, as builds and tests share the machine.
const WAIT_MAX: Duration = Duration::from_secs(2);

const HEAD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "test"), (":path", "/flood")];

/// Answers at once but for `/flood`, which waits until it is cut.
fn origin() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.head() {
            if request.target == "/flood" && dialogue.closes_within(PATIENCE) {
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    })
}

/// Sends what `next` makes, turn by turn, until the gateway closes; gives back what the gateway said.
fn pour(stream: &mut TcpStream, mut next: impl FnMut(u32) -> Vec<u8>) -> Vec<u8> {
    let mut reading = stream.try_clone().expect("a socket");
    reading.set_read_timeout(Some(PATIENCE)).expect("not zero");
    let reader = std::thread::spawn(move || {
        let mut said = Vec::new();
        let mut piece = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = reading.read(&mut piece) {
            said.extend_from_slice(&piece[..count]);
        }
        said
    });
    let begun = Instant::now();
    for turn in 0.. {
        assert!(begun.elapsed() < PATIENCE, "not cut after {turn} turns");
        if stream.write_all(&next(turn)).is_err() {
            break;
        }
    }
    reader.join().expect("it reads")
}

/// Some connections at once flood the gateway; a bystander goes on being served.
#[track_caller]
fn is_cut(reason: &str, next: impl Fn(u32) -> Vec<u8> + Sync) {
    let reasons: Vec<&str> = reason.split('|').collect();
    const FLOODERS: usize = 4;
    let origin = origin();
    let logged = Logged::before(&origin, "");
    let gateway = &logged.gateway;
    let mut bystander = logged.client();
    let mut longest = Duration::ZERO;
    let mut told = 0;
    std::thread::scope(|scope| {
        let floods: Vec<_> = (0..FLOODERS)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = TcpStream::connect(gateway.public()).expect("it listens");
                    stream.set_write_timeout(Some(PATIENCE)).expect("not zero");
                    stream.write_all(PREFACE).expect("it reads");
                    stream.write_all(&frame(kind::SETTINGS, 0, 0, b"")).expect("it reads");
                    pour(&mut stream, &next)
                })
            })
            .collect();
        while !floods.iter().all(|flood| flood.is_finished()) {
            let begun = Instant::now();
            let id = bystander.get("/");
            assert_eq!(bystander.answer(id).status(), 200);
            longest = longest.max(begun.elapsed());
            assert!(gateway.resident_bytes() < BYTES_MAX, "{} bytes", gateway.resident_bytes());
        }
        for flood in floods {
            let said = flood.join().expect("it ends");
            // The close may overtake it as a reset, which takes away what has not been read.
            told += usize::from(said.windows(4).any(|word| word == reason::ENHANCE_YOUR_CALM.to_be_bytes()));
        }
    });
    println!(
        "told {told} of {FLOODERS}; another client waited {longest:?}; {} bytes",
        gateway.resident_bytes()
    );
    assert!(longest < WAIT_MAX, "another client waited {longest:?}");
    eventually(reason, || reasons.iter().map(|reason| logged.ends(reason)).sum::<f64>() == FLOODERS as f64);
    gateway.metric_becomes("ringgate_http2_streams_active", 0.0);
    let id = bystander.get("/");
    assert_eq!(bystander.answer(id).status(), 200);
}

fn head(turn: u32, flags: u8) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | flags, 1 + 2 * turn, &block(&HEAD))
}

/// Many of one frame in one write.
fn many(one: &[u8]) -> Vec<u8> {
    one.repeat(64)
}

#[test]
fn rapid_reset() {
    // The codec counts those that come in one piece with their request.
    is_cut("flood_rapid_reset|excessive_load", |turn| {
        [head(turn, END_STREAM), frame(kind::RST_STREAM, 0, 1 + 2 * turn, &reason::CANCEL.to_be_bytes())]
            .concat()
    });
}

#[test]
fn resets_that_the_client_makes_the_gateway_send() {
    // DATA behind the end of its stream (RFC 9113 5.1).
    is_cut("protocol", |turn| [head(turn, END_STREAM), frame(kind::DATA, 0, 1 + 2 * turn, b"x")].concat());
}

#[test]
fn windows_of_nothing() {
    // For a stream it is an error of that stream at least (RFC 9113 6.9).
    is_cut("protocol", |turn| {
        [head(turn, END_STREAM), frame(kind::WINDOW_UPDATE, 0, 1 + 2 * turn, &[0; 4])].concat()
    });
}

#[test]
fn resets_for_windows_that_overflow() {
    is_cut("excessive_load", |turn| {
        let update = frame(kind::WINDOW_UPDATE, 0, 1 + 2 * turn, &[0x7f, 0xff, 0xff, 0xff]);
        [head(turn, END_STREAM), update].concat()
    });
}

#[test]
fn resets_for_heads_that_are_malformed() {
    is_cut("excessive_load", |turn| {
        let wrong = block(&[&HEAD[..], &[("connection", "close")]].concat());
        frame(kind::HEADERS, END_HEADERS | END_STREAM, 1 + 2 * turn, &wrong)
    });
}

#[test]
fn requests_that_we_refuse() {
    // What the codec takes and only our own reading refuses.
    is_cut("excessive_load", |turn| {
        let wrong = block(&[&HEAD[..], &[("host", "other")]].concat());
        frame(kind::HEADERS, END_HEADERS | END_STREAM, 1 + 2 * turn, &wrong)
    });
}

#[test]
fn streams_beyond_the_limit() {
    is_cut("excessive_load", |turn| head(turn, END_STREAM));
}

#[test]
fn a_head_without_end() {
    is_cut("flood_continuation", |turn| {
        let kind = if turn == 0 { kind::HEADERS } else { kind::CONTINUATION };
        frame(kind, 0, 1, &block(&[("x-more", "1")]))
    });
}

#[test]
fn a_head_without_end_in_empty_pieces() {
    is_cut("flood_continuation", |turn| {
        if turn == 0 { frame(kind::HEADERS, 0, 1, b"") } else { many(&frame(kind::CONTINUATION, 0, 1, b"")) }
    });
}

#[test]
fn settings() {
    is_cut("flood_settings", |_| many(&frame(kind::SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 9])));
}

#[test]
fn pings() {
    is_cut("flood_ping", |_| many(&frame(kind::PING, 0, 0, &[7; 8])));
}

#[test]
fn priorities() {
    is_cut("flood_priority", |_| many(&frame(kind::PRIORITY, 0, 1, &[0, 0, 0, 3, 9])));
}

#[test]
fn windows_of_one_byte() {
    is_cut("flood_window_update", |_| many(&frame(kind::WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])));
}

#[test]
fn frames_of_unknown_types() {
    is_cut("flood_unknown_frames", |_| many(&frame(0x77, 0, 0, b"what is this")));
}

#[test]
fn data_without_a_byte() {
    is_cut(
        "flood_empty_data",
        |turn| {
            if turn == 0 { head(0, 0) } else { many(&frame(kind::DATA, 0, 1, b"")) }
        },
    );
}

#[test]
fn data_of_padding_alone() {
    is_cut("excessive_load", |turn| {
        if turn == 0 { head(0, 0) } else { many(&frame(kind::DATA, 8, 1, &[3, 0, 0, 0])) }
    });
}
