//! TLS over one [`Stream`](super::stream::Stream): rustls without its sockets.
//!
//! rustls is driven as a state machine ([`engine`]): ciphertext is read into a leased buffer, decrypted where it lies and
//! copied once into the reader's buffer; what is written is encrypted into a leased buffer, one write a message. Between
//! two exchanges nothing is leased. Certificates, roots and keys are control's; here they are used.

pub mod certificate;
mod engine;
pub mod fault;
pub mod handshake;
pub mod plan;
pub mod session;
