//! Where a message's body ends, whatever its framing: one cursor for uploads and answers.
//!
//! Looks at bytes where they lie and says how many may go on. Copies nothing.

use std::rc::Rc;

use crate::http::h1::chunked::{ChunkError, ChunkedDecoder, Emit};
use crate::http::h1::framing::Framing;
use crate::rt::buffer::Size;

/// A position in a body.
#[derive(Debug)]
pub enum BodyCursor {
    /// So many bytes are left.
    Length(u64),
    /// Chunked; done after the trailer section.
    Chunked {
        /// Where in the chunks.
        decoder: ChunkedDecoder,
        /// With or without the framing.
        emit: Emit,
        /// True after the last byte.
        is_done: bool,
    },
    /// Until the connection closes.
    UntilClose,
}

/// What may go on of the bytes at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Portion {
    /// The first so many bytes may be written.
    pub kept: usize,
    /// The first so many bytes have been used; at least `kept`.
    pub consumed: usize,
}

impl BodyCursor {
    /// The beginning of a body.
    pub fn new(framing: Framing, emit: Emit) -> Self {
        match framing {
            Framing::None => Self::Length(0),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked { decoder: ChunkedDecoder::default(), emit, is_done: false },
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// The same, and trailer fields of these names are dropped.
    pub fn without_trailers(framing: Framing, emit: Emit, names: &Rc<[Box<[u8]>]>) -> Self {
        match framing {
            Framing::Chunked => {
                let decoder = ChunkedDecoder::refusing_trailers(names.clone());
                Self::Chunked { decoder, emit, is_done: false }
            }
            _ => Self::new(framing, emit),
        }
    }

    /// True after the last byte. A body until close is never done by itself.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked { is_done, .. } => *is_done,
            Self::UntilClose => false,
        }
    }

    /// Goes over `bytes`, which begin where the last portion ended.
    pub fn advance(&mut self, bytes: &mut [u8]) -> Result<Portion, ChunkError> {
        match self {
            Self::Length(left) => {
                let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= count as u64;
                Ok(Portion { kept: count, consumed: count })
            }
            Self::Chunked { decoder, emit, is_done } => {
                let step = decoder.advance(bytes, *emit)?;
                *is_done = step.done;
                Ok(Portion { kept: step.kept, consumed: step.consumed })
            }
            Self::UntilClose => Ok(Portion { kept: bytes.len(), consumed: bytes.len() }),
        }
    }

    /// Bytes of payload so far, where they differ from the bytes on the wire.
    pub fn data_bytes(&self) -> Option<u64> {
        match self {
            Self::Chunked { decoder, .. } => Some(decoder.data_bytes()),
            _ => None,
        }
    }

    /// The buffer that suits what is left.
    pub fn buffer_size(&self) -> Size {
        match self {
            Self::Length(left) => Size::for_body(*left),
            _ => Size::Standard,
        }
    }
}
