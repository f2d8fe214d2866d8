//! The chunked transfer coding (RFC 9112 7.1).
use crate::http::refusal::{Breach, Refusal};
/// What a call leaves in front of the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// A chunked message again: without extensions and without trailer fields that may not be passed on.
    Framed,
    /// The payload only.
    Data,
}
/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that were used. What follows them is as it was.
    pub consumed: usize,
    /// Bytes at the front of the input that may go on.
    pub kept: usize,
    /// Whether the message is complete.
    pub done: bool,
}
/// Why a chunked body is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkError {
    /// Malformed size, extension or line end.
    BadChunk,
    /// Malformed trailer section.
    BadTrailer,
    /// Trailer section beyond its limits.
    TrailerTooLarge,
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
/// Decoder of one chunked body.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    data: u64,
}
impl ChunkedDecoder {
    /// Takes what it can of `input`.
    pub fn advance(&mut self, input: &mut [u8], _mode: Emit) -> Result<Step, ChunkError> {
        self.data += input.len() as u64;
        Err(ChunkError::BadChunk)
    }
    /// Payload bytes seen so far.
    pub fn data_bytes(&self) -> u64 {
        self.data
    }
}
