//! The chunked transfer coding (RFC 9112 7.1): validated while it passes through.
//!
//! Owns the place within the coding, not the bytes: the caller's buffer is compacted in place, so that what may go on
//! lies at its front. Extensions are checked and dropped (they are hop by hop, RFC 9112 7.1.1); trailer fields that
//! may not stand in a trailer section are dropped. If nothing has to be dropped, nothing is moved.

use std::rc::Rc;

use super::extension::Extension;
use super::trailer::{self, TrailerScan};
use crate::http::ascii::hex_digit;
use crate::http::refusal::{Breach, Refusal};

/// Most bytes of extensions to one chunk.
pub const EXTENSION_BYTES_MAX: u32 = 4 * 1024;

/// By how much all extensions of a message may exceed its payload. Without it, chunks of one byte make us read
/// thousands for each that is passed on (CVE-2023-39326 was this).
pub const EXTENSION_BYTES_EXCESS_MAX: u64 = 16 * 1024;

/// Most bytes of a trailer section. The caller's buffer holds at least as many.
pub const TRAILER_BYTES_MAX: usize = 8 * 1024;

/// Most fields of a trailer section.
pub const TRAILER_FIELDS_MAX: u8 = 64;

/// What a call leaves at the front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// A chunked message again, with the same chunks.
    Framed,
    /// The payload only.
    Data,
    /// The payload, and behind it the trailer section with the empty line that ends it.
    Parted,
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that were used; at least `kept`. What follows them is as it was. If it is not all of the
    /// input and the message is not done, a trailer section has begun: call again with the rest and more after it.
    pub consumed: usize,
    /// Bytes at the front of the input that may go on.
    pub kept: usize,
    /// Whether the message is complete.
    pub done: bool,
}

/// Why a chunked body is refused. Nothing of the buffer may be passed on then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// Malformed size, extension or line end, or extensions beyond their limits.
    BadChunk,
    /// Malformed trailer section.
    BadTrailer,
    /// Trailer section beyond its limits.
    TrailerTooLarge,
}

/// Where in one chunked body we are.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    digits: u8,
    /// Names that may not go on as trailers, besides those that no trailer section may have.
    refused_trailers: Option<Rc<[Box<[u8]>]>>,
    extension_bytes: u32,
    extension_bytes_total: u64,
    /// Of the chunk that is being read.
    remaining: u64,
    data: u64,
    trailer: TrailerScan,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension(Extension),
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
    Done,
}

impl ChunkedDecoder {
    /// One that drops trailer fields of these names too, which an intermediary may (RFC 9110 6.5.1).
    pub fn refusing_trailers(names: Rc<[Box<[u8]>]>) -> ChunkedDecoder {
        ChunkedDecoder { refused_trailers: Some(names), ..ChunkedDecoder::default() }
    }

    /// Takes what it can of `input`, which begins where the last call left off, and compacts it in place. However the
    /// message is split over calls, what they keep is the same together.
    pub fn advance(&mut self, input: &mut [u8], mode: Emit) -> Result<Step, ChunkError> {
        let mut pass = Pass { input, mode, read: 0, kept: 0 };
        while let Some(byte) = pass.peek() {
            match self.state {
                State::Data => self.data(&mut pass),
                State::Trailer => {
                    if !self.trailer.is_complete(pass.rest())? {
                        break;
                    }
                    self.trailer(&mut pass);
                }
                State::Done => break,
                _ => self.framing(&mut pass, byte)?,
            }
        }
        Ok(Step { consumed: pass.read, kept: pass.kept, done: self.is_done() })
    }

    /// Payload bytes so far, for limits on bodies.
    #[inline]
    pub fn data_bytes(&self) -> u64 {
        self.data
    }

    /// Whether the message is complete.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    #[inline]
    fn data(&mut self, pass: &mut Pass<'_>) {
        let here = self.remaining.min(pass.available() as u64);
        pass.keep(here as usize);
        self.remaining -= here;
        self.data = self.data.saturating_add(here);
        if self.remaining == 0 {
            self.state = State::DataCr;
        }
    }

    /// One byte of what is around the data.
    #[inline]
    fn framing(&mut self, pass: &mut Pass<'_>, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size, b'\r') if self.digits > 0 => State::SizeLf,
            (State::Size, b';' | b' ' | b'\t') if self.digits > 0 => {
                self.extension_bytes = 0;
                return self.extension(pass, Extension::Before, byte);
            }
            (State::Size, _) => self.size_digit(byte)?,
            (State::Extension(extension), b'\r') if extension.may_end() => State::SizeLf,
            (State::Extension(extension), _) => return self.extension(pass, extension, byte),
            (State::SizeLf, b'\n') => {
                self.digits = 0;
                if self.remaining == 0 { State::Trailer } else { State::Data }
            }
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size,
            _ => return Err(ChunkError::BadChunk),
        };
        pass.keep_framing(1);
        Ok(())
    }

    /// RFC 9112 7.1: `1*HEXDIG`, and a recipient must anticipate numbers too large for it. Sixteen digits, leading
    /// zeros included, are what fits.
    #[inline]
    fn size_digit(&mut self, byte: u8) -> Result<State, ChunkError> {
        let digit = hex_digit(byte).filter(|_| self.digits < 16).ok_or(ChunkError::BadChunk)?;
        self.digits += 1;
        self.remaining = self.remaining << 4 | u64::from(digit);
        Ok(State::Size)
    }

    fn extension(&mut self, pass: &mut Pass<'_>, at: Extension, byte: u8) -> Result<(), ChunkError> {
        self.state = State::Extension(at.next(byte).ok_or(ChunkError::BadChunk)?);
        self.extension_bytes += 1;
        self.extension_bytes_total += 1;
        let allowed = self.data.saturating_add(EXTENSION_BYTES_EXCESS_MAX);
        if self.extension_bytes > EXTENSION_BYTES_MAX || self.extension_bytes_total > allowed {
            return Err(ChunkError::BadChunk);
        }
        pass.drop(1);
        Ok(())
    }

    /// The trailer section, all of which is there.
    fn trailer(&mut self, pass: &mut Pass<'_>) {
        while let Some(line_len) = trailer::line_len(pass.rest()).filter(|len| *len > 2) {
            if trailer::may_go_on(&pass.rest()[..line_len], self.refused_trailers.as_deref()) {
                pass.keep_trailer(line_len);
            } else {
                pass.drop(line_len);
            }
        }
        pass.keep_trailer(2);
        self.state = State::Done;
    }
}

/// The caller's buffer: what is before `kept` goes on, what is from `read` on is still to be read.
struct Pass<'a> {
    input: &'a mut [u8],
    mode: Emit,
    read: usize,
    kept: usize,
}

impl Pass<'_> {
    #[inline]
    fn peek(&self) -> Option<u8> {
        self.input.get(self.read).copied()
    }

    #[inline]
    fn rest(&self) -> &[u8] {
        &self.input[self.read..]
    }

    #[inline]
    fn available(&self) -> usize {
        self.input.len() - self.read
    }

    #[inline]
    fn keep(&mut self, len: usize) {
        if self.kept != self.read {
            self.input.copy_within(self.read..self.read + len, self.kept);
        }
        self.read += len;
        self.kept += len;
    }

    #[inline]
    fn keep_framing(&mut self, len: usize) {
        match self.mode {
            Emit::Framed => self.keep(len),
            Emit::Data | Emit::Parted => self.drop(len),
        }
    }

    #[inline]
    fn keep_trailer(&mut self, len: usize) {
        match self.mode {
            Emit::Framed | Emit::Parted => self.keep(len),
            Emit::Data => self.drop(len),
        }
    }

    #[inline]
    fn drop(&mut self, len: usize) {
        self.read += len;
    }
}

impl From<ChunkError> for Refusal {
    fn from(error: ChunkError) -> Refusal {
        match error {
            ChunkError::BadChunk => Refusal::BadChunk,
            ChunkError::BadTrailer => Refusal::BadTrailer,
            ChunkError::TrailerTooLarge => Refusal::TrailerTooLarge,
        }
    }
}

impl From<ChunkError> for Breach {
    fn from(error: ChunkError) -> Breach {
        match error {
            ChunkError::BadChunk => Breach::BadChunk,
            ChunkError::BadTrailer => Breach::BadTrailer,
            ChunkError::TrailerTooLarge => Breach::TrailerTooLarge,
        }
    }
}

#[cfg(test)]
#[path = "chunked_tests.rs"]
mod tests;
