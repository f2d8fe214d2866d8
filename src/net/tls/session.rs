//! TLS between a stream and its wire, once the handshake is over.
//!
//! Owns the keys, and bytes only while they are on their way: ciphertext of a record that is not whole, plaintext that did
//! not fit where it was wanted, ciphertext that goes before the next. Reads and writes may be in flight at once.
//! The end of the stream is the other side's close_notify; without one the end is an error.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use monoio::io::CancelHandle;

use crate::net::stream::Stream;
use crate::net::tls::certificate::PeerCertificate;
use crate::net::tls::engine::{Engine, Output, RECORD_BYTES, RECORD_OVERHEAD, Step, begins_with_record};
use crate::rt::buffer::{Buffer, Pool, Size};

/// What the handshake brought.
#[derive(Debug)]
pub struct Facts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub version: &'static str,
    /// True if it went on from an earlier session.
    pub is_resumed: bool,
    /// The protocol that both sides have agreed on (ALPN, RFC 7301): `h2` or `http/1.1`; empty for none.
    pub alpn: &'static str,
    /// What the other side has proved to be.
    pub peer: Option<Rc<PeerCertificate>>,
}

/// TLS of one stream.
pub struct Session {
    /// What the handshake brought.
    pub facts: Facts,
    pool: Rc<Pool>,
    state: RefCell<State>,
    /// True while ciphertext is with the kernel, or was when its writer was dropped.
    is_writing: Cell<bool>,
    /// True while part of a record is with a read, or was when that was dropped.
    is_lent: Cell<bool>,
}

struct State {
    engine: Engine,
    /// Ciphertext that is not used up.
    incoming: Option<Buffer>,
    output: Output,
    is_ended: bool,
    /// After an error the engine must not be asked for anything.
    is_dead: bool,
    is_silent: bool,
}

enum Taken {
    Bytes(usize),
    End,
    Nothing,
}

impl Session {
    /// What is left of a handshake becomes a session.
    pub(super) fn new(
        engine: Engine,
        incoming: Option<Buffer>,
        output: Output,
        pool: Rc<Pool>,
        facts: Facts,
    ) -> Self {
        let state = State { engine, incoming, output, is_ended: false, is_dead: false, is_silent: false };
        Self {
            facts,
            pool,
            state: RefCell::new(state),
            is_writing: Cell::new(false),
            is_lent: Cell::new(false),
        }
    }

    /// Reads plaintext behind what is in `buffer`.
    pub(in crate::net) async fn read(
        &self,
        stream: &Stream,
        mut buffer: Buffer,
        cancel: Option<CancelHandle>,
    ) -> (io::Result<usize>, Buffer) {
        loop {
            let taken = self.state.borrow_mut().take(&mut buffer);
            match taken {
                Ok(Taken::Bytes(count)) => return (Ok(count), buffer),
                Ok(Taken::End) => return (Ok(0), buffer),
                Ok(Taken::Nothing) => {}
                Err(error) => {
                    self.send_alert(stream);
                    return (Err(error), buffer);
                }
            }
            let lent = self.lend(buffer.capacity());
            let (outcome, lent) = match &cancel {
                None => stream.read_wire(lent).await,
                Some(handle) => stream.read_wire_cancelable(lent, handle.clone()).await,
            };
            self.take_back(lent, outcome.is_ok());
            match outcome {
                Ok(0) => return (Err(io::ErrorKind::UnexpectedEof.into()), buffer),
                Ok(_) => {}
                Err(error) => return (Err(error), buffer),
            }
        }
    }

    /// A buffer for ciphertext, with what is left of the last one.
    fn lend(&self, capacity: usize) -> Buffer {
        let size = if capacity >= Size::Large.bytes() { Size::Large } else { Size::Standard };
        let left = self.state.borrow_mut().incoming.take();
        self.is_lent.set(left.is_some());
        match left {
            Some(mut left) if left.capacity() >= size.bytes() => {
                left.make_room(2 * RECORD_BYTES);
                left
            }
            left => {
                let mut lent = self.pool.lease(size);
                if let Some(left) = left {
                    let fits = lent.append(left.filled());
                    debug_assert!(fits, "what is left is less than a standard buffer");
                }
                lent
            }
        }
    }

    /// Part of a record may be left for long if nothing follows: then it is kept in as much as it needs.
    fn take_back(&self, lent: Buffer, is_more_to_come: bool) {
        self.is_lent.set(false);
        self.state.borrow_mut().incoming = match lent.len() {
            0 => None,
            _ if is_more_to_come => Some(lent),
            len => {
                let mut kept = Buffer::detached(len);
                let fits = kept.append(lent.filled());
                debug_assert!(fits, "it is as large as that");
                Some(kept)
            }
        };
    }

    /// Encrypts of the first `left` bytes of `plain` as much as goes into one buffer, behind what waits to be sent, and
    /// consumes it. What was given before has been written. None if nothing is left.
    pub(in crate::net) fn seal(&self, plain: &mut Buffer, left: &mut usize) -> io::Result<Option<Buffer>> {
        // From here until all is written: whoever stops in between leaves the other side within a record.
        self.is_writing.set(*left > 0);
        if *left == 0 {
            return Ok(None);
        }
        let mut sealed = self.pool.lease(Size::for_body(*left as u64));
        let state = &mut *self.state.borrow_mut();
        if state.is_dead {
            return Err(broken("it has failed before"));
        }
        let room = sealed.capacity().saturating_sub(state.output.wire.len() + RECORD_OVERHEAD);
        let records = room / (RECORD_BYTES + RECORD_OVERHEAD);
        let count = (*left).min(records.max(1) * RECORD_BYTES);
        let out = sealed.tail();
        out.append(&mut state.output.wire);
        state.engine.encrypt(&plain.filled()[..count], out).map_err(|error| {
            state.is_dead = true;
            broken(error)
        })?;
        plain.consume(count);
        *left -= count;
        Ok(Some(sealed))
    }

    /// Sends a few bytes without waiting. What the kernel does not take now goes before the next.
    pub(in crate::net) fn send_now(&self, stream: &Stream, bytes: &[u8]) -> bool {
        let State { engine, output, is_dead, .. } = &mut *self.state.borrow_mut();
        if *is_dead || self.is_writing.get() || engine.encrypt(bytes, &mut output.wire).is_err() {
            return false;
        }
        drain(stream, &mut output.wire);
        true
    }

    /// Tells the other side that nothing more will come, once.
    pub(in crate::net) fn say_goodbye(&self, stream: &Stream) {
        let State { engine, output, is_dead, is_silent, .. } = &mut *self.state.borrow_mut();
        if !*is_silent && !*is_dead && !self.is_writing.get() && engine.close(&mut output.wire).is_ok() {
            drain(stream, &mut output.wire);
        }
        *is_silent = true;
    }

    /// Says no goodbye any more.
    pub(in crate::net) fn fall_silent(&self) {
        self.state.borrow_mut().is_silent = true;
    }

    /// True if a read would bring something without asking the kernel.
    pub(in crate::net) fn is_readable(&self) -> bool {
        let state = self.state.borrow();
        let is_whole = state.incoming.as_ref().is_some_and(|incoming| begins_with_record(incoming.filled()));
        is_whole || state.is_ended || !state.output.plain.is_empty()
    }

    /// True if nothing has come that nobody asked for, and nothing was lost.
    pub(in crate::net) fn is_quiet(&self) -> bool {
        let is_clear = !self.is_lent.get() && !self.is_writing.get();
        let state = self.state.borrow();
        is_clear
            && !state.is_dead
            && !state.is_ended
            && state.incoming.is_none()
            && state.output.plain.is_empty()
    }

    fn send_alert(&self, stream: &Stream) {
        let state = &mut *self.state.borrow_mut();
        state.is_silent = true;
        if !self.is_writing.get() {
            drain(stream, &mut state.output.wire);
        }
    }
}

fn drain(stream: &Stream, wire: &mut Vec<u8>) {
    let sent = stream.send_wire_now(wire);
    wire.drain(..sent);
    if wire.is_empty() {
        // Idle connections keep nothing.
        *wire = Vec::new();
    }
}

impl State {
    /// Moves plaintext behind what is in `buffer`, as much as is there and fits.
    fn take(&mut self, buffer: &mut Buffer) -> io::Result<Taken> {
        let before = buffer.len();
        let rest = &mut self.output.plain;
        if !rest.is_empty() {
            let count = rest.len().min(buffer.spare());
            buffer.tail().extend(rest.drain(..count));
            if rest.is_empty() {
                *rest = Vec::new();
            }
        }
        while self.output.plain.is_empty() && !self.is_ended {
            let Some(incoming) = &mut self.incoming else { break };
            let (used, step) = self.engine.step(incoming.filled_mut(), &mut self.output, |payload| {
                let count = payload.len().min(buffer.spare());
                buffer.tail().extend_from_slice(&payload[..count]);
                count
            });
            incoming.consume(used);
            let is_joining = begins_with_record(incoming.filled());
            match step {
                Ok(Step::Again) => {}
                Ok(Step::PeerClosed) => self.is_ended = true,
                // A handshake message in pieces between data: nobody sends that, and while it is held nothing
                // could be written.
                Ok(Step::Ready | Step::Blocked) if is_joining => {
                    self.is_dead = true;
                    return Err(broken("a handshake message in pieces"));
                }
                Ok(Step::Ready | Step::Blocked) => break,
                Err(error) => {
                    self.is_dead = true;
                    self.engine.collect_alerts(&mut self.output);
                    return Err(broken(error));
                }
            }
        }
        if self.incoming.as_ref().is_some_and(Buffer::is_empty) {
            self.incoming = None;
        }
        let count = buffer.len() - before;
        Ok(match count {
            0 if self.is_ended => Taken::End,
            0 => Taken::Nothing,
            count => Taken::Bytes(count),
        })
    }
}

fn broken(why: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not TLS as it should be: {why}"))
}
