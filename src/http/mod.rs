//! HTTP values and codecs without sockets: bytes in, values or bytes out.
//!
//! Owns the words of HTTP ([`Method`], [`Fields`], [`RequestHead`], ...) and the HTTP/1.1 codec ([`h1`]), strict
//! after RFC 9110 and RFC 9112. Everything here is a plain function over byte slices: no clock, no I/O, and no
//! allocation in the steady state. It decides whether a message is well formed, never what to do with it.

mod ascii;
pub mod base64;
// Pairs of the Cookie field.
pub mod cookie;
// The form of Date.
pub mod date;
// Fields of a head: names, values, lists.
pub mod field;
mod field_id;
// Fields as they came.
mod field_section;
pub mod grpc;
// The HTTP/1.1 codec.
pub mod h1;
// HTTP/2 heads as HTTP/1.1 text, and back.
pub mod h2;
// Heads of requests and responses.
pub mod head;
mod list;
// Request methods.
pub mod method;
// Pairs of a query.
pub mod query;
// Why a message is refused.
pub mod refusal;
// The request target and its authority.
pub mod target;
// WebSocket: the opening handshake and where frames end.
pub mod ws;

pub use ascii::{is_field_value, is_token};
pub use field::{FieldId, FieldRef, Fields, IdSet};
pub use head::{RequestHead, ResponseHead, Version};
pub use method::Method;
pub use refusal::{Breach, Refusal};
pub use target::Target;
