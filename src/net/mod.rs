//! Sockets: transports, listeners, addresses.
//!
//! Owns everything that is a descriptor. Knows nothing of HTTP.

pub mod addr;
pub mod client_hello;
pub mod intake;
pub mod listener;
pub mod passed;
pub mod proxy_header;
pub mod reader;
pub mod stream;
pub mod tls;
pub mod wake;
