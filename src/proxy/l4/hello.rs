//! Which name a TLS client asks for, read from its first message, which goes on as it came.

use std::pin::pin;

use crate::net::client_hello::{self, HelloFault};
use crate::net::stream::Stream;
use crate::proxy::l4::ending::TunnelFault;
use crate::proxy::local::Local;
use crate::rt::buffer::{Buffer, Size};
use crate::rt::deadline::Deadline;

/// What a client began with.
pub struct Opening {
    /// Every byte of it that was read.
    pub bytes: Buffer,
    /// The name it asks for, lower case. None if it is not TLS, or names nobody.
    pub server_name: Option<String>,
}

/// Reads until the name is known. `deadline` has been armed.
pub async fn read_hello(local: &Local, stream: &Stream, deadline: &Deadline) -> Result<Opening, TunnelFault> {
    // A client that sends nothing holds no buffer.
    match deadline.watch(pin!(stream.readable())).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => return Err(TunnelFault::ClientGone),
        Err(_) => return Err(TunnelFault::HelloTimeout),
    }
    let mut bytes = local.pool.lease(Size::Standard);
    loop {
        let Ok((outcome, buffer)) = deadline.watch(pin!(stream.read(bytes))).await else {
            return Err(TunnelFault::HelloTimeout);
        };
        bytes = buffer;
        match outcome {
            Ok(count) if count > 0 => local.metrics.bytes_downstream_read.add(count as u64),
            _ => return Err(TunnelFault::ClientGone),
        }
        match client_hello::read(bytes.filled()) {
            Ok(None) => {}
            Ok(Some(hello)) => return Ok(Opening { bytes, server_name: hello.server_name }),
            Err(HelloFault::NotTls) => return Ok(Opening { bytes, server_name: None }),
            Err(HelloFault::Malformed | HelloFault::TooLong) => return Err(TunnelFault::BadHello),
        }
    }
}
