//! One exchange on a shared connection: a transport that takes a request and gives a response, both as HTTP/1.1 text.
//!
//! Memory is bounded by flow control on both sides: what is written waits for room that the endpoint has opened, and room is
//! opened to the endpoint only for what has been handed on. What ends a stream early is an error here, as it is on a
//! socket; whether the endpoint had begun with the request is kept for whoever thinks of repeating it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::Reason;
use h2::client::SendRequest;

use super::hub::Hub;
use super::link::Link;
use super::reading::Reading;
use super::writing::{Fault, Writing};
use crate::net::tls::session::Facts;
use crate::net::transport::Transport;
use crate::rt::buffer::Buffer;

/// What became of a stream that gave no answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nothing is known: its connection was lost.
    #[default]
    Lost,
    /// The endpoint has not looked at the request.
    Untouched,
    /// The endpoint has given it up.
    Reset,
}

/// One exchange.
pub struct Lane {
    hub: Rc<Hub>,
    link: Rc<Link>,
    state: RefCell<State>,
    /// What became of it, if it failed.
    pub fate: Cell<Fate>,
    /// The number in `grpc-status`, once it has passed.
    pub grpc_status: Cell<Option<u16>>,
}

struct State {
    writing: Writing,
    reading: Reading,
    /// Its id, once it has one.
    id: u32,
}

impl Lane {
    /// A stream that is opened with `sender`, when the request's head is written.
    pub(super) fn new(hub: &Rc<Hub>, link: &Rc<Link>, sender: SendRequest<Bytes>) -> Rc<Self> {
        link.enter();
        let state = State { writing: Writing::new(sender), reading: Reading::default(), id: 0 };
        Rc::new(Self {
            hub: hub.clone(),
            link: link.clone(),
            state: RefCell::new(state),
            fate: Cell::default(),
            grpc_status: Cell::default(),
        })
    }

    /// What an error of the codec means, written down.
    fn fail(&self, id: u32, error: &h2::Error) -> io::Error {
        let (metrics, reason) = (&self.hub.metrics, error.reason());
        if error.is_reset() && error.is_remote() {
            metrics.count_reset(reason.map_or(u32::MAX, u32::from));
        }
        let is_untouched = (error.is_reset() && error.is_remote() && reason == Some(Reason::REFUSED_STREAM))
            || id == 0
            || self.link.has_passed_over(id);
        if is_untouched {
            self.fate.set(Fate::Untouched);
        } else if error.is_reset() {
            self.fate.set(Fate::Reset);
        }
        io::ErrorKind::ConnectionReset.into()
    }

    fn told(&self, id: u32, fault: Fault) -> io::Error {
        match fault {
            Fault::Codec(error) => self.fail(id, &error),
            Fault::Text => {
                self.fate.set(Fate::Reset);
                io::ErrorKind::InvalidData.into()
            }
        }
    }

    fn advance(&self, state: &mut State, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let id = state.id;
        if state.reading.has_failed() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        match state.reading.advance(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(more)) => {
                if let Some(status) = state.reading.grpc_status.take() {
                    self.grpc_status.set(Some(status));
                }
                Poll::Ready(Ok(more))
            }
            Poll::Ready(Err(error)) => {
                let told = self.fail(id, &error);
                state.reading.fail();
                Poll::Ready(Err(told))
            }
        }
    }

    /// Opens the stream. What is behind the head waits for the next call.
    fn begin(&self, state: &mut State, bytes: &[u8]) -> io::Result<usize> {
        let plan = &self.hub.plan;
        let begun = state.writing.begin(bytes, &mut self.hub.scratch.borrow_mut(), plan);
        match begun {
            Ok(None) => Ok(bytes.len()),
            Ok(Some(begun)) => {
                state.id = begun.response.stream_id().as_u32();
                state.reading.expect(begun.response, begun.method, begun.web);
                Ok(begun.taken)
            }
            Err(error) => {
                state.reading.fail();
                Err(self.told(0, error))
            }
        }
    }
}

impl Transport for Lane {
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        let before = buffer.len();
        loop {
            let is_full = !state.reading.hand_on(buffer);
            let count = buffer.len() - before;
            if is_full {
                return Poll::Ready(Ok(count));
            }
            match self.advance(state, cx) {
                Poll::Ready(Ok(true)) => {}
                Poll::Ready(Ok(false)) => return Poll::Ready(Ok(count)),
                // What has come before goes first; the error stays.
                _ if count > 0 => return Poll::Ready(Ok(count)),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        let state = &mut *self.state.borrow_mut();
        if state.reading.has_bytes() { Poll::Ready(()) } else { self.advance(state, cx).map(|_| ()) }
    }

    fn poll_write(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let state = &mut *self.state.borrow_mut();
        if state.writing.has_begun() {
            let id = state.id;
            return state.writing.carry(cx, bytes).map_err(|fault| self.told(id, fault));
        }
        Poll::Ready(self.begin(state, bytes))
    }

    fn send_now(&self, _: &[u8]) -> bool {
        false
    }

    fn is_quiet(&self) -> bool {
        !self.state.borrow().reading.has_bytes()
    }

    fn unsent_bytes(&self) -> usize {
        0
    }

    fn shutdown_write(&self) {}

    fn reset(&self) {
        self.state.borrow_mut().writing.cancel();
    }

    fn tls(&self) -> Option<&Facts> {
        None
    }

    fn local_addr(&self) -> SocketAddr {
        SocketAddr::from(([0, 0, 0, 0], 0))
    }

    fn protocol(&self) -> &'static str {
        "HTTP/2"
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        let State { writing, reading, .. } = self.state.get_mut();
        if !reading.is_over() || !writing.is_over() {
            writing.cancel();
        }
        self.link.leave();
        self.hub.notify();
    }
}
