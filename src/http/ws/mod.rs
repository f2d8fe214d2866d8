//! WebSocket (RFC 6455) as far as a gateway needs to know it: the opening handshake, and where frames end.
//!
//! Messages go through as they are, with whatever extension both ends agreed on: nothing here unmasks, inflates or
//! checks payloads. Plain functions over byte slices.

// The opening handshake.
pub mod handshake;
// Where frames end, and the Close frame.
pub mod frames;

pub use frames::{BadLength, Close, Frames};
