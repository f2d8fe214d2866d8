//! What is done about services that fail: attempts made again, asked twice, answered otherwise.

mod fallback;
mod hedge;
mod retries;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Dialogue, FaultOrigin, Request, free_address as nobody};

/// Fails the first `count` requests of all connections as `fail` says (false: the connection is over), then echoes what
/// was asked.
fn failing_first(
    count: usize,
    fail: impl Fn(&mut Dialogue, &Request) -> bool + Send + Sync + 'static,
) -> FaultOrigin {
    let seen = Arc::new(AtomicUsize::new(0));
    FaultOrigin::start(move |dialogue| {
        while let Some(request) = dialogue.request() {
            if seen.fetch_add(1, Ordering::SeqCst) < count {
                if !fail(dialogue, &request) {
                    return;
                }
                continue;
            }
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let body = format!("{} {body}", request.method);
            dialogue.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
        }
    })
}

/// Answers 503, and goes on.
fn unavailable(dialogue: &mut Dialogue, _: &Request) -> bool {
    dialogue.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy")
}

/// Resets the connection.
fn reset(dialogue: &mut Dialogue, _: &Request) -> bool {
    dialogue.reset();
    false
}

/// Says nothing until the gateway gives up.
fn silent(dialogue: &mut Dialogue, _: &Request) -> bool {
    dialogue.closes_within(Duration::from_secs(20));
    false
}
