//! The floor: a TCP relay that knows nothing of HTTP.
//!
//! Two receives and two sends per exchange on loopback and nothing else; whatever a gateway costs beyond this is its
//! own. Runs as a process of its own (`load relay LISTEN UPSTREAM`), one upstream connection for each client.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use crate::poller::Poller;
use crate::socket::{self, Address};

/// Bytes of one read: measured best for large bodies, and indifferent for small ones.
const READ_BYTES: usize = 256 * 1024;
const LISTENER: u64 = u64::MAX;

/// One client and its upstream; the index of a side is that of the other one, flipped.
struct Pair {
    sides: [OwnedFd; 2],
    /// What could not be written to the side yet.
    pending: [Vec<u8>; 2],
}

/// Relays until it is killed.
pub fn run(listen: &Address, upstream: &Address) -> anyhow::Result<()> {
    let (listener, _) = socket::listen(listen)?;
    let mut poller = Poller::new()?;
    poller.watch(listener.as_raw_fd(), LISTENER)?;
    let mut pairs: Vec<Option<Pair>> = Vec::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        let count = poller.wait(Duration::from_secs(60))?;
        for at in 0..count {
            let event = poller.event(at);
            if event.token == LISTENER {
                while let Some(client) = socket::accept(&listener)? {
                    add(&poller, &mut pairs, client, socket::connect(upstream)?)?;
                }
                continue;
            }
            let (index, side) = ((event.token >> 1) as usize, (event.token & 1) as usize);
            let Some(pair) = &mut pairs[index] else { continue };
            let is_resumed = event.is_writable && !pair.pending[side].is_empty();
            let is_over = (is_resumed && pair.pump(1 - side, &mut buffer).is_none())
                || (event.is_readable && pair.pump(side, &mut buffer).is_none());
            if is_over {
                pairs[index] = None;
            }
        }
    }
}

fn add(
    poller: &Poller,
    pairs: &mut Vec<Option<Pair>>,
    client: OwnedFd,
    upstream: OwnedFd,
) -> anyhow::Result<()> {
    let index = pairs.iter().position(Option::is_none).unwrap_or(pairs.len());
    poller.watch(client.as_raw_fd(), (index as u64) << 1)?;
    poller.watch(upstream.as_raw_fd(), (index as u64) << 1 | 1)?;
    let pair = Some(Pair { sides: [client, upstream], pending: Default::default() });
    if index == pairs.len() {
        pairs.push(pair);
    } else {
        pairs[index] = pair;
    }
    Ok(())
}

impl Pair {
    /// Carries what `from` has to the other side, until one of them has had enough. None if the pair is over.
    fn pump(&mut self, from: usize, buffer: &mut [u8]) -> Option<()> {
        let (source, sink) = (self.sides[from].as_raw_fd(), self.sides[1 - from].as_raw_fd());
        let pending = &mut self.pending[1 - from];
        if !pending.is_empty() {
            let sent = socket::send(sink, pending).ok()?;
            pending.drain(..sent);
        }
        while pending.is_empty() {
            let Some(count) = socket::receive(source, buffer).ok()? else { return Some(()) };
            if count == 0 {
                return None;
            }
            let sent = socket::send(sink, &buffer[..count]).ok()?;
            pending.extend_from_slice(&buffer[sent..count]);
            if count < buffer.len() {
                break;
            }
        }
        Some(())
    }
}
