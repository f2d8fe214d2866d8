//! The answer's way: heads, data and trailers to HTTP/1.1 text.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::HeaderMap;

use crate::http::grpc::{self, Web};
use crate::http::h2::from_origin::{self, AROUND, Form};
use crate::http::method::Method;
use crate::rt::buffer::Buffer;

/// A buffer with less room than this is as good as full.
const NARROW: usize = 64;
/// What a piece is cut to that has to wait for a buffer with room.
const MORSEL: usize = 16;

/// Where the answer is.
#[derive(Default)]
enum Part {
    /// Nothing has been asked yet.
    #[default]
    Unasked,
    /// The head is to come.
    Head(ResponseFuture),
    /// The body.
    Body(RecvStream),
    /// All has come.
    Over,
    /// It will never come.
    Failed,
}

/// An answer on its way.
pub struct Reading {
    part: Part,
    method: Method,
    web: Option<Web>,
    form: Form,
    /// Text that waits to be handed on, and how much of it has been.
    text: Vec<u8>,
    taken: usize,
    /// Data that waits behind it.
    data: Bytes,
    waker: Option<Waker>,
    /// The number in `grpc-status`, where it has just passed.
    pub grpc_status: Option<u16>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            part: Part::default(),
            method: Method::Other,
            web: None,
            form: Form::None,
            text: Vec::new(),
            taken: 0,
            data: Bytes::new(),
            waker: None,
            grpc_status: None,
        }
    }
}

impl Reading {
    /// The request's head has gone.
    pub fn expect(&mut self, response: ResponseFuture, method: Method, web: Option<Web>) {
        self.part = Part::Head(response);
        self.method = method;
        self.web = web;
        self.wake();
    }

    /// Nothing more will come.
    pub fn fail(&mut self) {
        self.part = Part::Failed;
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// True if all has come.
    pub fn is_over(&self) -> bool {
        match &self.part {
            Part::Over => true,
            Part::Body(body) => body.is_end_stream() && self.data.is_empty(),
            _ => false,
        }
    }

    /// True after [`Reading::fail`].
    pub fn has_failed(&self) -> bool {
        matches!(self.part, Part::Failed)
    }

    /// True if something waits to be handed on, or to be told.
    pub fn has_bytes(&self) -> bool {
        !self.text.is_empty() || !self.data.is_empty() || matches!(self.part, Part::Over | Part::Failed)
    }

    /// Puts what has come behind what is in `buffer`. False if that is full.
    pub fn hand_on(&mut self, buffer: &mut Buffer) -> bool {
        loop {
            let waiting = &self.text[self.taken..];
            let count = waiting.len().min(buffer.spare());
            buffer.tail().extend_from_slice(&waiting[..count]);
            self.taken += count;
            if self.taken < self.text.len() {
                return false;
            }
            self.text.clear();
            self.taken = 0;
            if self.data.is_empty() {
                return buffer.spare() >= NARROW;
            }
            if buffer.spare() >= NARROW {
                let portion = from_origin::portion(self.form, &self.data, buffer.spare());
                self.put(portion, |form, data, _| from_origin::put_chunk(form, data, buffer.tail()));
            } else if buffer.spare() > 0 {
                let portion = from_origin::portion(self.form, &self.data, AROUND + MORSEL);
                self.put(portion, from_origin::put_chunk);
            } else {
                return false;
            }
        }
    }

    /// Hands on the first `count` bytes of the data, and opens as much room for the endpoint.
    fn put(&mut self, count: usize, to: impl FnOnce(Form, &[u8], &mut Vec<u8>)) {
        to(self.form, &self.data[..count], &mut self.text);
        self.data.advance(count);
        if let Part::Body(body) = &mut self.part {
            // It fails only for room that was not used.
            let _ = body.flow_control().release_capacity(count);
        }
    }

    /// Takes what comes next. False if nothing more does.
    pub fn advance(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, h2::Error>> {
        match &mut self.part {
            Part::Unasked => {
                self.waker = Some(cx.waker().clone());
                Poll::Pending
            }
            Part::Head(response) => {
                if let Poll::Ready(Some(interim)) = response.poll_informational(cx)? {
                    from_origin::interim(interim.status(), interim.headers(), &mut self.text);
                    return Poll::Ready(Ok(true));
                }
                let (parts, body) = ready!(Pin::new(response).poll(cx))?.into_parts();
                self.note_status(&parts.headers);
                let is_whole = body.is_end_stream();
                self.form = from_origin::head(&parts, is_whole, self.method, self.web, &mut self.text);
                self.part = if is_whole { Part::Over } else { Part::Body(body) };
                Poll::Ready(Ok(true))
            }
            Part::Body(body) => match ready!(body.poll_data(cx)) {
                Some(data) => {
                    self.data = data?;
                    Poll::Ready(Ok(true))
                }
                None => {
                    let trailers = ready!(body.poll_trailers(cx))?;
                    if let Some(trailers) = &trailers {
                        self.note_status(trailers);
                    }
                    from_origin::end(self.form, trailers.as_ref(), &mut self.text);
                    self.part = Part::Over;
                    Poll::Ready(Ok(true))
                }
            },
            Part::Over => Poll::Ready(Ok(false)),
            Part::Failed => Poll::Ready(Err(h2::Reason::CANCEL.into())),
        }
    }

    fn note_status(&mut self, fields: &HeaderMap) {
        if let Some(status) = fields.get("grpc-status") {
            self.grpc_status = grpc::status(status.as_bytes());
        }
    }
}
