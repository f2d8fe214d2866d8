//! Sockets: transports, listeners, addresses.
//!
//! Owns everything that is a descriptor. Knows nothing of HTTP.

pub mod addr;
// A stream as the HTTP/2 codec reads and writes it.
pub mod async_io;
pub mod client_hello;
pub mod intake;
pub mod listener;
pub mod passed;
pub mod proxy_header;
pub mod reader;
pub mod stream;
pub mod tls;
pub mod transport;
pub mod wake;
