//! One stream after the other, as a transport on which HTTP/1.1 is served.
//!
//! A lane is free while what serves it waits for a request; the connection then gives it the next stream. Owns the stream
//! as long as it lasts: whatever happens to the one that serves, the client learns how its stream ended.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Method;

use crate::http::h2::inbound::{Told, Untold};
use crate::http::method;
use crate::net::tls::session::Facts;
use crate::net::transport::Transport;
use crate::proxy::h2::lanes::Lanes;
use crate::proxy::h2::reading::{Reading, Stage};
use crate::proxy::h2::writing::{Taken, Writing};
use crate::rt::buffer::Buffer;

/// A place for one stream at a time.
pub struct Lane {
    own: Weak<Lane>,
    lanes: Rc<Lanes>,
    reading: RefCell<Reading>,
    writing: RefCell<Writing>,
    state: Cell<State>,
    /// Of whoever reads.
    waker: RefCell<Option<Waker>>,
    /// True once nothing more will be written by the one that serves.
    is_shut: Cell<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Serves no stream, and is not known to be free.
    New,
    /// Waits for a stream.
    Free,
    /// Serves one.
    Busy,
}

impl Lane {
    /// Without a stream.
    pub fn new(lanes: Rc<Lanes>) -> Rc<Self> {
        Rc::new_cyclic(|own| Self {
            own: own.clone(),
            lanes,
            reading: RefCell::default(),
            writing: RefCell::default(),
            state: Cell::new(State::New),
            waker: RefCell::default(),
            is_shut: Cell::new(false),
        })
    }

    /// Lets `write` put a request's head where it will be read.
    pub fn tell(&self, write: impl FnOnce(&mut Vec<u8>) -> Result<Told, Untold>) -> Result<Told, Untold> {
        let text = &mut self.reading.borrow_mut().text;
        text.clear();
        let told = write(text);
        if told.is_err() {
            text.clear();
        }
        told
    }

    /// Serves the stream whose head was told.
    pub fn begin(&self, told: Told, method: &Method, body: RecvStream, respond: SendResponse<Bytes>) {
        let method = if told.is_websocket {
            method::Method::Get
        } else {
            method::Method::parse(method.as_str().as_bytes())
        };
        self.reading.borrow_mut().begin(told.framing, body);
        self.writing.borrow_mut().begin(respond, method, told.is_websocket);
        self.state.set(State::Busy);
        self.wake();
    }

    /// Lets whoever reads look again.
    pub fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Nobody serves it any more.
    pub fn end(&self) {
        if self.state.get() != State::Busy {
            return;
        }
        // A client may ask again what was never looked at (RFC 9113 8.7).
        let is_untouched = self.reading.borrow().is_untouched();
        self.cut(if is_untouched { Reason::REFUSED_STREAM } else { Reason::INTERNAL_ERROR });
        self.settle();
    }

    /// Resets the stream, unless it is over, and counts who it was.
    fn cut(&self, reason: Reason) {
        let mut writing = self.writing.borrow_mut();
        let taken_back = writing.poll_reset(&mut Context::from_waker(Waker::noop()));
        if !writing.reset(reason) {
            return;
        }
        let metrics = self.lanes.metrics();
        match taken_back {
            Poll::Ready(true) => metrics.reset_by_client.add(1),
            // All streams of a client that is gone.
            Poll::Ready(false) => {}
            Poll::Pending if reason == Reason::REFUSED_STREAM => metrics.refused.add(1),
            Poll::Pending => metrics.reset_by_gateway.add(1),
        }
    }

    fn settle(&self) {
        if self.reading.borrow().stage() != Stage::All {
            // Whoever serves it will not go on with a request that was left in the middle.
            self.is_shut.set(true);
        }
        self.reading.borrow_mut().end();
        self.state.set(State::New);
        self.lanes.ended();
    }

    /// Ready with what there is to do: true to read, false at the end.
    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.state.get() != State::Busy {
                if self.lanes.is_closed.get() || self.is_shut.get() {
                    return Poll::Ready(Ok(false));
                }
                if self.state.replace(State::Free) == State::New
                    && let Some(own) = self.own.upgrade()
                {
                    self.lanes.release(own);
                }
                return self.wait(cx);
            }
            let is_answered = self.writing.borrow().is_over();
            if is_answered && !self.reading.borrow().has_text() {
                // What the client still sends of its request is dropped with the stream.
                self.settle();
                continue;
            }
            let mut reading = self.reading.borrow_mut();
            if ready!(reading.poll_more(cx))? {
                return Poll::Ready(Ok(reading.stage() != Stage::Ended));
            }
            drop(reading);
            if self.writing.borrow_mut().poll_reset(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            return self.wait(cx);
        }
    }

    fn wait<T>(&self, cx: &mut Context<'_>) -> Poll<T> {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Transport for Lane {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        if !ready!(self.poll_next(cx))? {
            return Poll::Ready(Ok(0));
        }
        let mut reading = self.reading.borrow_mut();
        let mut count = reading.give(buffer);
        let mut last = count;
        // Small frames that have come together go on together.
        while last > 0
            && reading.stage() != Stage::Ended
            && matches!(reading.poll_more(cx), Poll::Ready(Ok(true)))
        {
            last = reading.give(buffer);
            count += last;
        }
        // Nothing at all would be taken for the end.
        Poll::Ready(if count > 0 { Ok(count) } else { Err(io::ErrorKind::StorageFull.into()) })
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // An error shows again when it is read.
        self.poll_next(cx).map(drop)
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut writing = self.writing.borrow_mut();
        let taken = ready!(writing.poll_write(cx, bytes))?;
        let (Taken::Bytes(count) | Taken::Switch(count)) = taken;
        let given = &self.lanes.given;
        given.bytes.set(given.bytes.get() + count);
        given.writes.set(given.writes.get() + 1);
        if writing.is_over() {
            given.has_answered.set(true);
            // Whoever reads may find the lane free.
            self.wake();
        }
        if matches!(taken, Taken::Switch(_)) {
            self.reading.borrow_mut().switch();
            self.wake();
        }
        Poll::Ready(Ok(count))
    }

    fn send_now(&self, bytes: &[u8]) -> bool {
        let mut bytes = bytes.to_vec();
        let mut left = &mut bytes[..];
        while !left.is_empty() {
            let mut cx = Context::from_waker(Waker::noop());
            let Poll::Ready(Ok(taken)) = self.writing.borrow_mut().poll_write(&mut cx, left) else {
                return false;
            };
            let (Taken::Bytes(count) | Taken::Switch(count)) = taken;
            left = &mut left[count..];
        }
        true
    }

    fn is_quiet(&self) -> bool {
        match self.state.get() {
            State::Busy => self.writing.borrow().is_over() && !self.reading.borrow().has_text(),
            State::New | State::Free => !self.lanes.is_closed.get(),
        }
    }

    fn unsent_bytes(&self) -> usize {
        self.writing.borrow().unsent_bytes()
    }

    fn shutdown_write(&self) {
        self.writing.borrow_mut().finish();
        self.is_shut.set(true);
    }

    fn reset(&self) {
        self.cut(Reason::INTERNAL_ERROR);
    }

    fn tls(&self) -> Option<&Facts> {
        self.lanes.stream.tls()
    }

    fn local_addr(&self) -> SocketAddr {
        self.lanes.stream.local_addr()
    }

    fn protocol(&self) -> &'static str {
        "HTTP/2"
    }
}
