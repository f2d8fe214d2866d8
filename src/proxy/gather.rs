//! A small request body, taken whole before anything is sent, so that it can be sent again.

use std::io;
use std::pin::pin;
use std::time::Duration;

use crate::http::refusal::Refusal;
use crate::net::intake::{Arrival, Intake};
use crate::net::stream::Stream;
use crate::policy::reply::{Code, Fault};
use crate::proxy::local::Local;
use crate::proxy::upload::{Duplex, Upload, refusal};
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::deadline::Deadline;

/// Bodies up to this size fit a standard buffer, with whatever comes in one read.
const SMALL_BYTES: usize = 32 * 1024;

/// What gathering takes.
pub struct Gathering<'a> {
    /// The worker.
    pub local: &'a Local,
    /// The client's transport, if the client waits for 100 (Continue).
    pub waits_for_100: Option<&'a Stream>,
    /// What the two directions know of each other.
    pub duplex: &'a Duplex,
    /// Waits for the client.
    pub waiting: &'a Deadline,
    /// Without a byte from the client.
    pub timeout: Duration,
}

impl Upload {
    /// Takes the rest of the body behind what is in `body`, if all of it has at most `most` bytes. Where it turns out to have
    /// more, what was taken until then is given, and the rest is carried as usual.
    pub async fn gather(
        &mut self,
        intake: &mut Intake,
        body: Buffer,
        means: &Gathering<'_>,
        most: usize,
    ) -> Result<Buffer, Fault> {
        if self.is_known_to_exceed(most) {
            return Ok(body);
        }
        if let Some(client) = means.waits_for_100.filter(|_| body.is_empty() && intake.bytes().is_empty()) {
            means.duplex.has_spoken.set(true);
            client.send_now(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
        let size = if most <= SMALL_BYTES { Size::Standard } else { Size::Large };
        let mut gathered = means.local.pool.lease_behind(size, HEADROOM);
        gathered.tail().extend_from_slice(body.filled());
        drop(body);
        while !self.is_done() && gathered.len() < most {
            self.take_in(intake, means, &mut gathered).await?;
        }
        means.duplex.is_uploaded.set(self.is_done());
        Ok(gathered)
    }

    async fn take_in(
        &mut self,
        intake: &mut Intake,
        means: &Gathering<'_>,
        gathered: &mut Buffer,
    ) -> Result<(), Fault> {
        // What is there already is the beginning of something that needs more.
        match means.waiting.guard(means.timeout, pin!(intake.fill())).await {
            Ok(Ok(Arrival::Bytes(_))) => {}
            // A chunk's extension or a trailer section that does not fit a whole buffer.
            Ok(Err(error)) if error.kind() == io::ErrorKind::StorageFull => {
                return Err(Refusal::BadChunk.into());
            }
            Ok(Ok(Arrival::End) | Err(_)) => return Err(Code::ClientGone.into()),
            Err(_) => return Err(Code::BodyTimeout.into()),
        }
        let Some(mut buffer) = intake.take() else { return Ok(()) };
        let portion = self.cursor.advance(buffer.filled_mut()).map_err(refusal)?;
        self.count(portion.kept, means.duplex)?;
        gathered.tail().extend_from_slice(&buffer.filled()[..portion.kept]);
        buffer.consume(portion.consumed);
        intake.put_back(buffer);
        Ok(())
    }
}
