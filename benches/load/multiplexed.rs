//! HTTP/2 in clear, as the client: many requests at a time on one connection (RFC 9113).
//!
//! Just enough to check well-formed peers: it sends heads that were encoded beforehand, follows frames, and looks at
//! the first field of an answer alone. Answers to all that came in one read leave in one write, as clients do it.

use std::os::fd::RawFd;

use anyhow::{Context, bail, ensure};

use crate::socket;
use crate::work::{ACCEPT, ITEM, USER_AGENT, Work};

/// The preface, settings (4: a window of 1 MiB for each stream), and 2 GiB of window for the whole connection, which
/// no sample uses up.
const OPENING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\
    \0\0\x06\x04\0\0\0\0\0\0\x04\0\x10\0\0\
    \0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";
/// Streams whose numbers are this far apart share a place. A stream that is overtaken by so many is lost.
const PLACES: usize = 1024;
/// Bytes of a frame's header.
const HEADER_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// Of SETTINGS and PING.
const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// The gateway speaks HTTP/1.1 alone on this port.
#[derive(Debug, thiserror::Error)]
#[error("it does not speak HTTP/2 in clear")]
pub struct NotSpoken;

/// One connection.
pub struct Multiplexed {
    /// What is to be sent, and how much of it has been.
    output: Vec<u8>,
    sent: usize,
    /// A frame that did not come in one piece.
    partial: Vec<u8>,
    streams: Vec<Stream>,
    next: u32,
    has_heard: bool,
}

#[derive(Clone, Copy, Default)]
struct Stream {
    /// 0 if there is none.
    id: u32,
    has_head: bool,
    body_bytes: u64,
}

impl Default for Multiplexed {
    fn default() -> Self {
        Self {
            output: OPENING.to_vec(),
            sent: 0,
            partial: Vec::new(),
            streams: vec![Stream::default(); PLACES],
            next: 1,
            has_heard: false,
        }
    }
}

impl Multiplexed {
    /// Opens a stream with a request.
    pub fn begin(&mut self) -> anyhow::Result<()> {
        let id = self.next;
        self.next += 2;
        let head = head(id == 1);
        frame_header(&mut self.output, head.len(), HEADERS, END_HEADERS | END_STREAM, id);
        self.output.extend(head);
        let place = place(&mut self.streams, id);
        ensure!(place.id == 0, "stream {} was never answered", place.id);
        *place = Stream { id, ..Stream::default() };
        Ok(())
    }

    /// Sends what is there, as far as it goes.
    pub fn flush(&mut self, fd: RawFd) -> anyhow::Result<()> {
        if self.sent < self.output.len() {
            self.sent += socket::send(fd, &self.output[self.sent..])?;
        }
        if self.sent == self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
        Ok(())
    }

    /// Does what can be done. Gives how many answers have become complete.
    pub fn ready(&mut self, fd: RawFd, work: &Work, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let mut answers = 0;
        while let Some(count) = socket::receive(fd, buffer)? {
            ensure!(count > 0, "the gateway closed a connection");
            if !std::mem::replace(&mut self.has_heard, true) && buffer.starts_with(b"HTTP/") {
                return Err(NotSpoken.into());
            }
            answers += self.take(&buffer[..count], work)?;
            if count < buffer.len() {
                break;
            }
        }
        self.flush(fd)?;
        Ok(answers)
    }

    fn take(&mut self, bytes: &[u8], work: &Work) -> anyhow::Result<usize> {
        if self.partial.is_empty() {
            let (used, answers) = self.frames(bytes, work)?;
            self.partial.extend_from_slice(&bytes[used..]);
            return Ok(answers);
        }
        let mut all = std::mem::take(&mut self.partial);
        all.extend_from_slice(bytes);
        let (used, answers) = self.frames(&all, work)?;
        all.drain(..used);
        self.partial = all;
        Ok(answers)
    }

    /// Takes all complete frames. Gives how many bytes these were, and how many answers have become complete.
    fn frames(&mut self, bytes: &[u8], work: &Work) -> anyhow::Result<(usize, usize)> {
        let (mut at, mut answers) = (0, 0);
        while let Some(&[a, b, c, kind, flags, i, j, k, l]) = bytes[at..].first_chunk::<HEADER_BYTES>() {
            let end = at + HEADER_BYTES + u32::from_be_bytes([0, a, b, c]) as usize;
            let Some(payload) = bytes.get(at + HEADER_BYTES..end) else { break };
            at = end;
            let id = u32::from_be_bytes([i & 0x7f, j, k, l]);
            answers += usize::from(self.frame(kind, flags, id, payload, work)?);
        }
        Ok((at, answers))
    }

    /// True if it ends an answer.
    fn frame(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8], work: &Work) -> anyhow::Result<bool> {
        match kind {
            DATA | HEADERS => {
                let stream = place(&mut self.streams, id);
                ensure!(stream.id == id, "a frame of a stream that is not open");
                let content = unpadded(payload, flags)?;
                if kind == DATA {
                    stream.body_bytes += content.len() as u64;
                } else if !std::mem::replace(&mut stream.has_head, true) {
                    check_status(content.get(if flags & PRIORITY > 0 { 5 } else { 0 }..))?;
                }
                if flags & END_STREAM == 0 {
                    return Ok(false);
                }
                let body_bytes = stream.body_bytes;
                ensure!(body_bytes == work.answer_body_bytes, "an answer of {body_bytes} bytes");
                stream.id = 0;
                return Ok(true);
            }
            SETTINGS | PING if flags & ACK == 0 => {
                let echo = if kind == PING { payload } else { &[] };
                frame_header(&mut self.output, echo.len(), kind, ACK, 0);
                self.output.extend_from_slice(echo);
            }
            RST_STREAM => bail!("stream {id} was reset: {payload:?}"),
            GOAWAY => bail!("the gateway goes away: {}", payload.escape_ascii()),
            // Windows are of no interest without bodies, nor is whatever else there may be.
            _ => {}
        }
        Ok(false)
    }
}

fn place(streams: &mut [Stream], id: u32) -> &mut Stream {
    &mut streams[(id / 2) as usize % PLACES]
}

fn frame_header(output: &mut Vec<u8>, len: usize, kind: u8, flags: u8, id: u32) {
    output.extend_from_slice(&(len as u32).to_be_bytes()[1..]);
    output.extend_from_slice(&[kind, flags]);
    output.extend_from_slice(&id.to_be_bytes());
}

fn unpadded(payload: &[u8], flags: u8) -> anyhow::Result<&[u8]> {
    if flags & PADDED == 0 {
        return Ok(payload);
    }
    let (&padding, rest) = payload.split_first().context("a padded frame without padding")?;
    rest.get(..rest.len().saturating_sub(usize::from(padding))).context("more padding than frame")
}

/// `:status: 200` has a number of its own (RFC 7541, Appendix A), and it stands first but for changes of the table's size.
fn check_status(block: Option<&[u8]>) -> anyhow::Result<()> {
    let mut block = block.context("a head that is no head")?.iter();
    let first = loop {
        let byte = *block.next().context("an empty head")?;
        match byte {
            0x3f => block.by_ref().take_while(|byte| **byte >= 0x80).for_each(drop),
            0x20..0x3f => {}
            _ => break byte,
        }
    };
    ensure!(first == 0x88, "a status other than 200, or written out in full: {first:#x}");
    Ok(())
}

/// A request's fields (RFC 7541 6). Those that never change are sent once and put into the table; the path is sent each time.
fn head(is_first: bool) -> Vec<u8> {
    // `:method: GET` and `:scheme: http`.
    let mut block = vec![0x82, 0x86];
    field(&mut block, 0x04, ITEM);
    if is_first {
        field(&mut block, 0x41, crate::certificate::NAME);
        field(&mut block, 0x7a, USER_AGENT);
        field(&mut block, 0x53, ACCEPT);
    } else {
        block.extend([0xc0, 0xbf, 0xbe]);
    }
    block
}

/// A value in clear, as the table's name number and what is to be done with it say.
fn field(block: &mut Vec<u8>, name: u8, value: &str) {
    block.extend([name, value.len() as u8]);
    block.extend_from_slice(value.as_bytes());
}
