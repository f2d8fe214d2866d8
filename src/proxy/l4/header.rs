//! The PROXY header of a connection: taken off it exactly, so that what follows finds its own first byte.
//!
//! Looks at what is there and takes only what belongs to the header. Bounded in size by its codec and in time by
//! `limits.head_timeout`.

use std::io;
use std::pin::pin;

use crate::net::proxy_header::{self, HEADER_BYTES_MAX, HeaderFault, HeaderVersion, Proxied, ProxyHeader};
use crate::net::stream::Stream;
use crate::proxy::local::{Local, Stage};
use crate::rt::deadline::Deadline;
use crate::telemetry::metrics::{DOOR_FAULT_SLOTS, DoorMetrics};

/// Why a connection was closed for want of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorFault {
    /// The peer is not one that may speak for others.
    Untrusted,
    /// The connection does not begin with a header.
    Missing,
    /// The header breaks the protocol.
    Malformed,
    /// It is longer than it may be.
    TooLong,
    /// Its checksum is not that of its bytes.
    Checksum,
    /// It did not arrive in time.
    Timeout,
    /// The connection ended within it.
    Closed,
}

/// The reasons as metrics name them, in the order of [`DoorFault`].
pub const DOOR_FAULTS: [&str; 7] =
    ["untrusted", "missing", "malformed", "too_long", "checksum", "timeout", "closed"];
const _: () = assert!(DOOR_FAULTS.len() <= DOOR_FAULT_SLOTS);

impl From<HeaderFault> for DoorFault {
    fn from(fault: HeaderFault) -> Self {
        match fault {
            HeaderFault::Missing => Self::Missing,
            HeaderFault::Malformed => Self::Malformed,
            HeaderFault::TooLong => Self::TooLong,
            HeaderFault::Checksum => Self::Checksum,
        }
    }
}

/// Counts a connection that is closed.
pub fn count(metrics: Option<&DoorMetrics>, fault: DoorFault) {
    if let Some(metrics) = metrics {
        metrics.faults[fault as usize].add(1);
    }
}

/// Takes the header off a connection: whom it speaks for, if for anyone but its sender. None if the connection is to
/// be closed. One that ends without a byte is a probe, and no fault.
pub async fn read_header(
    local: &Local,
    stream: &Stream,
    metrics: Option<&DoorMetrics>,
) -> Option<Option<Proxied>> {
    let deadline = Deadline::new(&local.deadlines);
    let place = local.enlist(deadline.trigger(), Stage::Beginning);
    deadline.arm(local.installed().snapshot.limits.head_timeout);
    let mut held = Vec::new();
    let outcome = loop {
        match step(stream, &mut held) {
            Step::Done(header) => break Ok(header),
            Step::Fault(fault) => break Err(Some(fault)),
            Step::Ended if held.is_empty() => break Err(None),
            Step::Ended => break Err(Some(DoorFault::Closed)),
            Step::Blocked if local.is_draining.get() => break Err(None),
            Step::Blocked => {}
        }
        let waited = deadline.watch(pin!(stream.readable())).await;
        if waited.is_err() {
            break Err((!local.is_draining.get()).then_some(DoorFault::Timeout));
        }
    };
    local.delist(place);
    match outcome {
        Ok(header) => {
            if let Some(metrics) = metrics {
                metrics.headers[usize::from(header.version == HeaderVersion::V2)].add(1);
            }
            Some(header.proxied)
        }
        Err(fault) => {
            if let Some(fault) = fault {
                count(metrics, fault);
            }
            None
        }
    }
}

enum Step {
    Done(ProxyHeader),
    Fault(DoorFault),
    Ended,
    Blocked,
}

/// Reads what is there of a header, without waiting. `held` is what has been taken so far.
fn step(stream: &Stream, held: &mut Vec<u8>) -> Step {
    loop {
        let before = held.len();
        // The codec ends every header at its bound.
        held.resize(HEADER_BYTES_MAX + 1, 0);
        let seen = stream.peek_now(&mut held[before..]);
        held.truncate(before + seen.as_ref().map_or(0, |count| *count));
        match seen {
            Ok(0) => return Step::Ended,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Blocked,
            Err(_) => return Step::Ended,
        }
        let (header, used) = match proxy_header::read(held) {
            Ok(Some((header, used))) => (Some(header), used),
            Ok(None) => (None, held.len()),
            Err(fault) => return Step::Fault(fault.into()),
        };
        if stream.take_now(&mut held[before..used]).is_err() {
            return Step::Ended;
        }
        if let Some(header) = header {
            return Step::Done(header);
        }
    }
}
