//! A stream's request, read as HTTP/1.1 text.
//!
//! Text that is ready goes first, then the body as the client sends it, with the framing that text needs. The window is
//! given back as bytes are handed on: what is held is one DATA frame beyond what HTTP/2 itself lets a client send.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::RecvStream;

use crate::http::h1::encode;
use crate::http::h1::framing::Framing;
use crate::http::h2::fields;
use crate::rt::buffer::Buffer;

/// How far the request has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A body is to come.
    Body(Framed),
    /// All has been given.
    All,
    /// A connection that has switched protocols has ended.
    Ended,
}

/// What a body looks like in text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed {
    /// As it is, its length told before.
    Plain,
    /// In chunks.
    Chunked,
    /// As it is, to the end of the stream: no message any more.
    Raw,
}

/// Room for a chunk's head and end.
const CHUNK_ROOM: usize = 32;

/// One request on its way in.
pub struct Reading {
    /// Text to be given first.
    pub text: Vec<u8>,
    given: usize,
    body: Option<RecvStream>,
    /// Of the last DATA frame, what has not been given.
    piece: Bytes,
    stage: Stage,
}

impl Default for Reading {
    fn default() -> Self {
        Self { text: Vec::new(), given: 0, body: None, piece: Bytes::new(), stage: Stage::All }
    }
}

impl Reading {
    /// Begins with the head in `text`.
    pub fn begin(&mut self, framing: Framing, body: RecvStream) {
        self.given = 0;
        self.piece = Bytes::new();
        self.stage = match framing {
            Framing::None | Framing::Length(0) => Stage::All,
            Framing::Length(_) => Stage::Body(Framed::Plain),
            Framing::Chunked | Framing::UntilClose => Stage::Body(Framed::Chunked),
        };
        self.body = Some(body);
    }

    /// Ends with the exchange.
    pub fn end(&mut self) {
        self.text.clear();
        self.given = 0;
        self.piece = Bytes::new();
        self.body = None;
        self.stage = Stage::All;
    }

    /// The protocol has been switched: what comes now is not framed.
    pub fn switch(&mut self) {
        self.stage = Stage::Body(Framed::Raw);
    }

    /// How far it is.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// True if nothing of the head has been given yet.
    pub fn is_untouched(&self) -> bool {
        self.given == 0 && !self.text.is_empty()
    }

    /// True if something can be given at once.
    pub fn has_text(&self) -> bool {
        self.given < self.text.len() || !self.piece.is_empty() || self.stage == Stage::Ended
    }

    /// Waits until there is something to give. True if there is.
    pub fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if self.has_text() {
                return Poll::Ready(Ok(true));
            }
            let (Stage::Body(framed), Some(body)) = (self.stage, &mut self.body) else {
                return Poll::Ready(Ok(false));
            };
            match ready!(body.poll_data(cx)) {
                Some(Ok(piece)) => self.piece = piece,
                Some(Err(_)) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
                None if framed == Framed::Chunked => {
                    let trailers = ready!(body.poll_trailers(cx));
                    let trailers = trailers.map_err(|_| io::Error::from(io::ErrorKind::ConnectionReset))?;
                    self.text.clear();
                    self.given = 0;
                    self.text.extend_from_slice(b"0\r\n");
                    if let Some(trailers) = trailers {
                        fields::write(&trailers, |_| true, &mut self.text);
                    }
                    self.text.extend_from_slice(b"\r\n");
                    self.stage = Stage::All;
                }
                None => self.stage = if framed == Framed::Raw { Stage::Ended } else { Stage::All },
            }
        }
    }

    /// A chunk's head does not fit behind what is there: a small chunk goes in pieces.
    fn give_piecemeal(&mut self, buffer: &mut Buffer) -> usize {
        let count = self.piece.len().min(CHUNK_ROOM);
        if count == 0 || buffer.spare() == 0 {
            return 0;
        }
        self.text.clear();
        self.given = 0;
        self.text.extend_from_slice(&encode::chunk_head(count));
        self.text.extend_from_slice(&self.piece.split_to(count));
        self.text.extend_from_slice(b"\r\n");
        if let Some(body) = &mut self.body {
            // It fails for more than was received alone.
            let _ = body.flow_control().release_capacity(count);
        }
        self.give(buffer)
    }

    /// Gives what is there, as much as fits. 0 only at the end, or without room.
    pub fn give(&mut self, buffer: &mut Buffer) -> usize {
        let text = &self.text[self.given..];
        if !text.is_empty() {
            let count = text.len().min(buffer.spare());
            buffer.tail().extend_from_slice(&text[..count]);
            self.given += count;
            return count;
        }
        let Stage::Body(framed) = self.stage else { return 0 };
        let before = buffer.len();
        let room = if framed == Framed::Chunked { CHUNK_ROOM } else { 0 };
        let count = self.piece.len().min(buffer.spare().saturating_sub(room));
        if count == 0 {
            return self.give_piecemeal(buffer);
        }
        if framed == Framed::Chunked {
            buffer.tail().extend_from_slice(&encode::chunk_head(count));
        }
        buffer.tail().extend_from_slice(&self.piece[..count]);
        if framed == Framed::Chunked {
            buffer.tail().extend_from_slice(b"\r\n");
        }
        self.piece.advance(count);
        if let Some(body) = &mut self.body {
            // It fails for more than was received alone.
            let _ = body.flow_control().release_capacity(count);
        }
        buffer.len() - before
    }
}
