//! A client of the stage: one connection to the gateway, whichever way it talks.
//!
//! Checks every answer for status and length. It does not decide when a request is sent.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rustls::ClientConfig;

use crate::message::Message;
use crate::multiplexed::Multiplexed;
use crate::poller::Event;
use crate::secure::Secure;
use crate::socket::{self, Address};
use crate::talk::Talk;
use crate::work::Work;

/// A connection.
pub struct Client {
    fd: OwnedFd,
    gateway: Address,
    way: Way,
}

enum Way {
    Plain(Plain),
    Secure(Box<Secure>),
    Multiplexed(Box<Multiplexed>),
}

/// HTTP/1.1 in clear.
#[derive(Default)]
struct Plain {
    message: Message,
    request: usize,
    /// None of a request that has not begun.
    sent: Option<usize>,
}

impl Client {
    /// A new one that has sent nothing.
    pub fn connect(gateway: &Address, talk: Talk, tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let fd = socket::connect(gateway).context("connecting to the gateway")?;
        Self::on(fd, gateway, talk, tls)
    }

    /// The same to the same gateway, without waiting for the connection.
    pub fn again(&self, talk: Talk, tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let fd = socket::begin_connect(&self.gateway).context("connecting to the gateway once more")?;
        Self::on(fd, &self.gateway, talk, tls)
    }

    fn on(fd: OwnedFd, gateway: &Address, talk: Talk, tls: &Arc<ClientConfig>) -> anyhow::Result<Self> {
        let way = match talk {
            Talk::Plain | Talk::Guarded => Way::Plain(Plain::default()),
            Talk::Secure => Way::Secure(Box::new(Secure::new(tls, false)?)),
            Talk::Handshakes => Way::Secure(Box::new(Secure::new(tls, true)?)),
            Talk::Multiplexed { .. } => Way::Multiplexed(Box::default()),
        };
        Ok(Self { fd, gateway: gateway.clone(), way })
    }

    /// To be watched.
    pub fn descriptor(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    /// Begins a request; it may be sent only by [`Self::flush`].
    pub fn begin(&mut self, work: &Work, request: usize) -> anyhow::Result<()> {
        match &mut self.way {
            Way::Plain(plain) => {
                plain.request = request;
                plain.sent = Some(socket::send(self.fd.as_raw_fd(), &work.requests[request])?);
                Ok(())
            }
            Way::Secure(secure) => secure.begin(&work.requests[request]),
            Way::Multiplexed(multiplexed) => multiplexed.begin(),
        }
    }

    /// Sends what was begun, as far as it goes.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        match &mut self.way {
            Way::Plain(_) => Ok(()),
            Way::Secure(secure) => secure.flush(self.fd.as_raw_fd()),
            Way::Multiplexed(multiplexed) => multiplexed.flush(self.fd.as_raw_fd()),
        }
    }

    /// Does what can be done. Gives how many answers have become complete.
    pub fn ready(&mut self, event: Event, work: &Work, buffer: &mut [u8]) -> anyhow::Result<usize> {
        match &mut self.way {
            Way::Plain(plain) => plain.ready(&self.fd, event, work, buffer),
            Way::Secure(secure) => secure.ready(self.fd.as_raw_fd(), work, buffer),
            Way::Multiplexed(multiplexed) => multiplexed.ready(self.fd.as_raw_fd(), work, buffer),
        }
    }

    /// Whether the connection has ended as it should.
    pub fn is_over(&self) -> bool {
        matches!(&self.way, Way::Secure(secure) if secure.is_over())
    }

    /// Whether a further request may be sent.
    pub fn takes_requests(&self) -> bool {
        !matches!(&self.way, Way::Secure(secure) if secure.is_for_one())
    }
}

impl Plain {
    fn ready(&mut self, fd: &OwnedFd, event: Event, work: &Work, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let request = &work.requests[self.request];
        if event.is_writable
            && let Some(sent) = self.sent.as_mut().filter(|sent| **sent < request.len())
        {
            *sent += socket::send(fd.as_raw_fd(), &request[*sent..])?;
        }
        if !event.is_readable || !read(fd, true, &mut self.message, buffer)?.is_complete()? {
            return Ok(0);
        }
        ensure!(self.sent == Some(request.len()), "answered before the request was sent");
        check(&self.message, work)?;
        Ok(1)
    }
}

/// Whether an answer is the expected one.
pub fn check(answer: &Message, work: &Work) -> anyhow::Result<()> {
    ensure!(answer.status == 200, "status {}", answer.status);
    ensure!(answer.body_bytes == work.answer_body_bytes, "an answer of {} bytes", answer.body_bytes);
    Ok(())
}

/// Where the other side is in its message.
#[derive(PartialEq)]
pub enum Progress {
    /// More is to come.
    Incomplete,
    /// The message is complete.
    Complete,
    /// The other side has closed.
    End,
}

impl Progress {
    /// Whether it is complete; the end is an error.
    pub fn is_complete(&self) -> anyhow::Result<bool> {
        if *self == Self::End {
            bail!("the gateway closed a connection");
        }
        Ok(*self == Self::Complete)
    }
}

/// Reads until the message is complete or nothing is left.
pub fn read(
    fd: &OwnedFd,
    is_tcp: bool,
    message: &mut Message,
    buffer: &mut [u8],
) -> anyhow::Result<Progress> {
    loop {
        let droppable = message.droppable().filter(|_| is_tcp);
        let (asked, got) = match droppable {
            Some(len) => (len, socket::discard(fd.as_raw_fd(), len)),
            None => (buffer.len(), socket::receive(fd.as_raw_fd(), buffer)),
        };
        let count = match got {
            Ok(None) => return Ok(Progress::Incomplete),
            Ok(Some(0)) => return Ok(Progress::End),
            Ok(Some(count)) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(Progress::End),
            Err(error) => return Err(error.into()),
        };
        let is_complete = match droppable {
            Some(_) => message.dropped(count as u64)?,
            None => message.advance(&buffer[..count])?,
        };
        if is_complete {
            return Ok(Progress::Complete);
        }
        if count < asked {
            return Ok(Progress::Incomplete);
        }
    }
}
