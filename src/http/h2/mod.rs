//! HTTP/2 heads as HTTP/1.1 text, and back.
//!
//! Everything behind a connection speaks HTTP/1.1: limits, policies, relay and log know one form of a message. What comes
//! in as HTTP/2 is therefore written as text where it enters, and read from it where it leaves. Owns what may not
//! cross: fields of a connection, a Host that contradicts `:authority`, names and values that would be read differently
//! on the other side (RFC 9113 8.2.1). No sockets and no streams here.

pub mod fields;
pub mod flood;
pub mod from_origin;
pub mod inbound;
mod names;
pub mod outbound;
pub mod payload;
pub mod to_origin;
