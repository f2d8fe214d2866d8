//! Sockets: transports, listeners, addresses.
//!
//! Owns everything that is a descriptor. Knows nothing of HTTP.

pub mod addr;
pub mod intake;
pub mod listener;
pub mod passed;
pub mod reader;
pub mod stream;
pub mod tls;
pub mod wake;
