//! The HTTP/1.1 codec (RFC 9112): heads in, framing, chunked bodies through, heads out.
//!
//! Owns no sockets and no buffers: it reads byte slices and appends to vectors. Strict where leniency would let two
//! readers of the same bytes disagree on where a message ends.

// A position in a body, whatever its framing.
pub mod body;
// The chunked transfer coding.
pub mod chunked;
// Heads to bytes.
pub mod encode;
// Where a body ends, and whether the connection goes on.
pub mod framing;
// Bytes to heads.
pub mod parse;

mod extension;
mod lines;
mod start_line;
mod trailer;
mod whole;

pub use chunked::{ChunkError, ChunkedDecoder, Emit, Step};
pub use framing::Framing;
pub use parse::{HeadLimits, HeadScan};
