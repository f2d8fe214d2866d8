//! A transport that is no socket of its own.
//!
//! Whoever implements this lets HTTP/1.1 be spoken, byte by byte, where something else travels: one stream of an HTTP/2
//! connection, say. It is polled by the task that uses it and wakes that task alone. Bytes are given and taken in pieces
//! of any size; the order of calls is that of a socket.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use crate::net::tls::session::Facts;
use crate::rt::buffer::Buffer;

/// What a [`Stream`](super::stream::Stream) can stand on besides a socket.
pub trait Transport {
    /// Reads behind what is in `buffer`, as much as is there and fits. Ok(0) is the end.
    fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut Buffer) -> Poll<io::Result<usize>>;

    /// Waits until a read would bring something, the end or an error.
    fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Takes bytes from the front and says how many. It may use their room: what has been taken need not be as it was.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Takes all of a few bytes, or nothing.
    fn send_now(&self, bytes: &[u8]) -> bool;

    /// True if a read would have to wait.
    fn is_quiet(&self) -> bool;

    /// Bytes that have been taken and not been sent yet.
    fn unsent_bytes(&self) -> usize;

    /// Nothing more will be written.
    fn shutdown_write(&self);

    /// It is cut, and the other side is to notice.
    fn reset(&self);

    /// What a TLS handshake has brought, if there was one.
    fn tls(&self) -> Option<&Facts>;

    /// Where the client has connected to.
    fn local_addr(&self) -> SocketAddr;

    /// What travels, as logs name it: `HTTP/2`.
    fn protocol(&self) -> &'static str;
}
