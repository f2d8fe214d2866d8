//! The TLS handshake of a new connection, on the worker that serves it.
//!
//! Bounded in time and in number. Who speaks HTTP in clear is told so; everybody else who does not speak TLS is not
//! answered.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::net::stream::Stream;
use crate::net::tls::fault::HandshakeFault;
use crate::net::tls::handshake;
use crate::net::tls::plan::Acceptor;
use crate::policy::reply::{Code, Fault};
use crate::proxy::local::{Local, Stage};
use crate::proxy::reply;
use crate::rt::buffer::Size;
use crate::rt::clock;
use crate::rt::deadline::Deadline;

/// For an answer in clear to somebody who should not have asked in clear.
const FAREWELL: Duration = Duration::from_secs(1);

/// Answers the handshake. None if the connection is over.
pub async fn secure(local: &Rc<Local>, stream: Stream, listener: usize) -> Option<Stream> {
    let Some(acceptor) = local.installed().acceptors[listener].clone() else { return Some(stream) };
    let outcome = bounded(local, stream, &acceptor).await;
    let metrics = &local.metrics.tls;
    match outcome {
        Ok(stream) => {
            if let Some(facts) = stream.tls() {
                let is_new = usize::from(facts.version == "TLSv1.3");
                metrics.handshakes[is_new][usize::from(facts.is_resumed)].add(1);
            }
            Some(stream)
        }
        Err(fault) => {
            metrics.failures[fault as usize].add(1);
            None
        }
    }
}

async fn bounded(local: &Rc<Local>, stream: Stream, acceptor: &Acceptor) -> Result<Stream, HandshakeFault> {
    if acceptor.under_way.get() >= acceptor.plan.handshakes_max {
        return Err(HandshakeFault::Crowded);
    }
    let _place = Place::take(local, acceptor);
    let config = acceptor.config();
    let deadline = Deadline::new(&local.deadlines);
    let place = local.enlist(deadline.trigger(), Stage::Beginning);
    let shaking = pin!(handshake::accept(stream, &config, &local.pool));
    let outcome = deadline.guard(acceptor.plan.handshake_timeout, shaking).await;
    local.delist(place);
    match outcome {
        Err(_) => Err(HandshakeFault::Timeout),
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err((stream, fault))) => {
            if fault == HandshakeFault::PlainHttp {
                tell(local, &stream, &deadline).await;
            }
            Err(fault)
        }
    }
}

/// Counts a handshake for as long as it is under way, also if it is cancelled.
struct Place<'a>(&'a Local, &'a Acceptor);

impl<'a> Place<'a> {
    fn take(local: &'a Local, acceptor: &'a Acceptor) -> Self {
        acceptor.under_way.set(acceptor.under_way.get() + 1);
        local.metrics.tls.under_way.add(1);
        Self(local, acceptor)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.1.under_way.set(self.1.under_way.get() - 1);
        self.0.metrics.tls.under_way.sub(1);
    }
}

async fn tell(local: &Local, stream: &Stream, deadline: &Deadline) {
    let fault = Fault::from(Code::PlainHttp);
    local.metrics.count_error(fault.slot());
    let mut buffer = local.pool.lease(Size::Standard);
    let id = local.request_ids.next(clock::wall_ms());
    reply::write_bare(fault, id.as_bytes(), &local.date(), buffer.tail());
    let len = buffer.len();
    let farewell = async {
        let (_, buffer) = stream.write_counting(buffer, len, &Cell::new(0)).await;
        stream.shutdown_write();
        // The close must not overtake the answer: what else the client sends is read, once.
        stream.read(buffer).await
    };
    // Whether it is taken or not, the connection is over.
    let _ = deadline.guard(FAREWELL, pin!(farewell)).await;
}
