//! Sockets: transports, listeners, addresses.
//!
//! Owns everything that is a descriptor. Knows nothing of HTTP.

pub mod addr;
pub mod intake;
pub mod listener;
pub mod reader;
pub mod passed;
pub mod stream;
pub mod wake;
