//! The request's way: HTTP/1.1 text to a head, data and trailers.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};

use super::Http2Plan;
use crate::http::grpc::{self, Web};
use crate::http::h1::framing;
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::h2::payload::Payload;
use crate::http::h2::to_origin;
use crate::http::head::RequestHead;
use crate::http::method::Method;

/// The text is the gateway's own, of requests that were within their limits.
const LIMITS: HeadLimits =
    HeadLimits { head_bytes: 512 * 1024, target_bytes: 512 * 1024, field_count: parse::FIELD_COUNT_MAX };
/// Most data that is asked room for at once.
const ROOM: usize = 64 * 1024;

/// Why a request does not go on.
pub enum Fault {
    /// The stream or its connection has failed.
    Codec(h2::Error),
    /// The text is no request that could be sent.
    Text,
}

/// A request whose head has gone.
pub struct Begun {
    /// Bytes of the head.
    pub taken: usize,
    /// The answer to come.
    pub response: ResponseFuture,
    /// What was asked.
    pub method: Method,
    /// Whether it was asked in gRPC-Web.
    pub web: Option<Web>,
}

/// A request on its way.
pub enum Writing {
    /// The head is to come, and perhaps its beginning is there.
    Head(SendRequest<Bytes>, Vec<u8>),
    /// The body.
    Body(SendStream<Bytes>, Payload),
    /// All has gone, or nothing more will. The stream is for cancelling it.
    Over(Option<SendStream<Bytes>>),
}

impl Writing {
    /// On a connection with room for a stream.
    pub fn new(sender: SendRequest<Bytes>) -> Self {
        Self::Head(sender, Vec::new())
    }

    /// True once the head has gone.
    pub fn has_begun(&self) -> bool {
        !matches!(self, Self::Head(..))
    }

    /// True if nothing is left to send.
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Over(_))
    }

    /// Sends the head, if it is all there. None if it is not; then all of `bytes` are taken.
    pub fn begin(
        &mut self,
        bytes: &[u8],
        head: &mut RequestHead,
        plan: &Http2Plan,
    ) -> Result<Option<Begun>, Fault> {
        let Self::Head(sender, held) = self else { return Err(Fault::Text) };
        let before = held.len();
        let text = if before == 0 {
            bytes
        } else {
            held.extend_from_slice(bytes);
            &held[..]
        };
        let parsed = parse::request(&mut HeadScan::default(), text, &LIMITS, head);
        let Some(used) = parsed.map_err(|_| Fault::Text)? else {
            if before == 0 {
                held.extend_from_slice(bytes);
            }
            return Ok(None);
        };
        let web = plan.translates_grpc_web.then(|| grpc::media_type(&head.fields)?.web).flatten();
        let framing = framing::request(head).map_err(|_| Fault::Text)?;
        let payload = Payload::new(framing, web == Some(Web::Text));
        let request = to_origin::head(head, plan.is_https, web).ok_or(Fault::Text)?;
        let sent = sender.send_request(request, payload.is_none());
        let (response, stream) = sent.map_err(Fault::Codec)?;
        *self = match payload {
            Some(payload) => Self::Body(stream, payload),
            None => Self::Over(Some(stream)),
        };
        Ok(Some(Begun { taken: used - before, response, method: head.method, web }))
    }

    /// Sends what there is room for.
    pub fn carry(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Fault>> {
        let Self::Body(stream, payload) = self else {
            // Behind the end there is nothing to say.
            return Poll::Ready(Err(Fault::Text));
        };
        stream.reserve_capacity(bytes.len().min(ROOM));
        let room = loop {
            match stream.capacity() {
                0 => {}
                room => break room,
            }
            match stream.poll_capacity(cx) {
                Poll::Pending => break 0,
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(Fault::Codec(error))),
                Poll::Ready(None) => return Poll::Ready(Err(Fault::Codec(Reason::CANCEL.into()))),
            }
        };
        let next: io::Result<_> = payload.next(bytes, room.min(ROOM));
        let Ok(next) = next else {
            stream.send_reset(Reason::PROTOCOL_ERROR);
            return Poll::Ready(Err(Fault::Text));
        };
        let Some(piece) = next else { return Poll::Pending };
        let ends_here = piece.is_last && piece.trailers.is_none();
        if !piece.data.is_empty() || ends_here {
            stream.send_data(piece.data, ends_here).map_err(Fault::Codec)?;
        }
        if let Some(trailers) = piece.trailers {
            stream.send_trailers(trailers).map_err(Fault::Codec)?;
        }
        if piece.is_last {
            let over = std::mem::replace(self, Self::Over(None));
            if let Self::Body(stream, _) = over {
                *self = Self::Over(Some(stream));
            }
        }
        Poll::Ready(Ok(piece.taken))
    }

    /// Gives the stream up, and tells the endpoint so.
    pub fn cancel(&mut self) {
        match self {
            Self::Head(..) => {}
            Self::Body(stream, _) => stream.send_reset(Reason::CANCEL),
            Self::Over(stream) => {
                if let Some(mut stream) = stream.take() {
                    stream.send_reset(Reason::CANCEL);
                }
            }
        }
    }
}
