//! The answer in HTTP/1.1 text, sent as frames of a stream.
//!
//! Takes text as the proxy writes it: a whole head at once, then a body in the framing that head tells. Bytes go on as the
//! client's windows allow, so that memory is one write and what the codec may hold of a stream.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::server::SendResponse;
use h2::{Reason, SendStream};

use crate::http::h1::chunked::{ChunkedDecoder, Emit};
use crate::http::h1::framing::{self, Framing};
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::h2::{fields, outbound};
use crate::http::head::ResponseHead;
use crate::http::method::Method;

/// What our own side writes is bounded elsewhere.
const LIMITS: HeadLimits = HeadLimits { head_bytes: 1024 * 1024, target_bytes: 0, field_count: 500 };

enum Body {
    Length(u64),
    Chunked(Box<ChunkedDecoder>),
    /// To the end of what is written.
    UntilEnd,
}

enum Stage {
    Head(SendResponse<Bytes>),
    Body(SendStream<Bytes>, Body),
    Over,
}

/// Chunks that have been read and not been sent.
#[derive(Default)]
struct Held {
    data: Bytes,
    trailers: Vec<u8>,
    /// Of the write that brought them.
    consumed: usize,
    is_last: bool,
}

/// One answer on its way out.
pub struct Writing {
    stage: Stage,
    method: Method,
    /// True until it is clear what becomes of a WebSocket.
    is_websocket: bool,
    held: Option<Held>,
    text: ResponseHead,
}

/// What a write has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// So many bytes are on their way.
    Bytes(usize),
    /// The same, and they were a head that switches protocols.
    Switch(usize),
}

impl Default for Writing {
    fn default() -> Self {
        Self {
            stage: Stage::Over,
            method: Method::Other,
            is_websocket: false,
            held: None,
            text: ResponseHead::default(),
        }
    }
}

impl Writing {
    /// The answer to a request of this method.
    pub fn begin(&mut self, respond: SendResponse<Bytes>, method: Method, is_websocket: bool) {
        self.stage = Stage::Head(respond);
        self.method = method;
        self.is_websocket = is_websocket;
        self.held = None;
    }

    /// True once the last byte is with the codec, or nothing more may be.
    pub fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Over)
    }

    /// Bytes that were written and not been sent.
    pub fn unsent_bytes(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.data.len())
    }

    /// Ready once the client has taken the stream back (true), or is gone (false).
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut self.stage {
            Stage::Head(respond) => respond.poll_reset(cx).map(|outcome| outcome.is_ok()),
            Stage::Body(send, _) => send.poll_reset(cx).map(|outcome| outcome.is_ok()),
            Stage::Over => Poll::Pending,
        }
    }

    /// Cuts the stream, so that the client does not take a part for the whole. False if it was over.
    pub fn reset(&mut self, reason: Reason) -> bool {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Head(mut respond) => respond.send_reset(reason),
            Stage::Body(mut send, _) => send.send_reset(reason),
            Stage::Over => return false,
        }
        true
    }

    /// Nothing more will be written.
    pub fn finish(&mut self) {
        if let Stage::Body(send, Body::UntilEnd) = &mut self.stage {
            // It fails where the client has taken the stream back.
            let _ = send.send_data(Bytes::new(), true);
            self.stage = Stage::Over;
        }
    }

    /// Takes from the front of `bytes`, which are compacted as they are read.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<Taken>> {
        match &mut self.stage {
            Stage::Over => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Stage::Head(_) => Poll::Ready(self.head(bytes)),
            Stage::Body(_, Body::Chunked(_)) => self.poll_chunks(cx, bytes).map_ok(Taken::Bytes),
            Stage::Body(send, body) => {
                let left = if let Body::Length(left) = body { *left } else { u64::MAX };
                let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let count = ready!(poll_capacity(send, cx, wanted))?;
                let is_last = count as u64 == left;
                send.send_data(Bytes::copy_from_slice(&bytes[..count]), is_last).map_err(gone)?;
                if let Body::Length(left) = body {
                    *left -= count as u64;
                }
                if is_last {
                    self.stage = Stage::Over;
                }
                Poll::Ready(Ok(Taken::Bytes(count)))
            }
        }
    }

    fn head(&mut self, bytes: &[u8]) -> io::Result<Taken> {
        let parsed = parse::response(&mut HeadScan::default(), bytes, &LIMITS, &mut self.text);
        let Ok(Some(used)) = parsed else { return Err(odd("no response head")) };
        let Stage::Head(mut respond) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return Err(odd("a head behind a head"));
        };
        if self.text.status == 101 {
            if !self.is_websocket {
                return Err(odd("a switch that nobody asked for"));
            }
            let send = respond.send_response(outbound::opened(&self.text), false).map_err(gone)?;
            self.stage = Stage::Body(send, Body::UntilEnd);
            return Ok(Taken::Switch(used));
        }
        let head = outbound::head(&self.text).ok_or_else(|| odd("a status that cannot be"))?;
        if self.text.is_interim() {
            respond.send_informational(head).map_err(gone)?;
            self.stage = Stage::Head(respond);
            return Ok(Taken::Bytes(used));
        }
        let framing = framing::response(&self.text, self.method).map_err(|_| odd("two framings"))?;
        let body = match framing {
            Framing::None | Framing::Length(0) => {
                respond.send_response(head, true).map_err(gone)?;
                return Ok(Taken::Bytes(used));
            }
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Box::default()),
            Framing::UntilClose => Body::UntilEnd,
        };
        self.stage = Stage::Body(respond.send_response(head, false).map_err(gone)?, body);
        Ok(Taken::Bytes(used))
    }

    /// A write is taken once all of it is on its way: nobody would see to what was left of it.
    fn poll_chunks(&mut self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>> {
        let Stage::Body(send, Body::Chunked(decoder)) = &mut self.stage else { return Poll::Pending };
        let held = match &mut self.held {
            Some(held) => held,
            none => none.insert(read_chunks(decoder, bytes)?),
        };
        while !held.data.is_empty() {
            let count = ready!(poll_capacity(send, cx, held.data.len()))?;
            let is_last = held.is_last && count == held.data.len() && held.trailers.is_empty();
            send.send_data(held.data.split_to(count), is_last).map_err(gone)?;
            if is_last {
                return Poll::Ready(Ok(self.all_sent()));
            }
        }
        if held.is_last {
            if held.trailers.is_empty() {
                send.send_data(Bytes::new(), true).map_err(gone)?;
            } else {
                send.send_trailers(fields::read_trailers(&held.trailers)).map_err(gone)?;
            }
            return Poll::Ready(Ok(self.all_sent()));
        }
        Poll::Ready(Ok(self.held.take().map_or(0, |held| held.consumed)))
    }

    fn all_sent(&mut self) -> usize {
        self.stage = Stage::Over;
        self.held.take().map_or(0, |held| held.consumed)
    }
}

fn read_chunks(decoder: &mut ChunkedDecoder, bytes: &mut [u8]) -> io::Result<Held> {
    let before = decoder.data_bytes();
    let step = decoder.advance(bytes, Emit::Parted).map_err(|_| odd("bad chunks"))?;
    if step.consumed == 0 {
        return Err(odd("a trailer section in pieces"));
    }
    let data = usize::try_from(decoder.data_bytes() - before).unwrap_or(usize::MAX).min(step.kept);
    let mut kept = Bytes::copy_from_slice(&bytes[..step.kept]);
    let trailers = kept.split_off(data);
    // The empty line alone is no trailer.
    let trailers = if trailers.remaining() > 2 { trailers.to_vec() } else { Vec::new() };
    Ok(Held { data: kept, trailers, consumed: step.consumed, is_last: step.done })
}

/// How many of `wanted` bytes, which is more than none, can go on now.
fn poll_capacity(
    send: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
    wanted: usize,
) -> Poll<io::Result<usize>> {
    send.reserve_capacity(wanted);
    loop {
        let capacity = send.capacity().min(wanted);
        if capacity > 0 {
            return Poll::Ready(Ok(capacity));
        }
        match ready!(send.poll_capacity(cx)) {
            Some(Ok(_)) => {}
            Some(Err(error)) => return Poll::Ready(Err(gone(error))),
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
}

fn gone(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}

fn odd(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
