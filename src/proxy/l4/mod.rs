//! What a connection meets besides HTTP: a PROXY header in front of it, or no HTTP at all.
//!
//! [`enter`] reads who the client really is where a listener is told so, and then hands the connection to HTTP, or
//! carries it as raw TCP: [`hello`] looks which name a TLS client asks for, [`tunnel`] finds an endpoint,
//! [`stream_relay`] carries bytes both ways, [`ending`] writes down what happened. Where TLS ends here, [`secure`] comes
//! before either: the header is in front of the handshake.

pub mod callers;
pub mod ending;
pub mod enter;
pub mod header;
pub mod hello;
pub mod plan;
pub mod secure;
pub mod stream_relay;
pub mod tunnel;
