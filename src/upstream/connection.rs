//! A connection in use by one exchange: a socket of its own, or a stream of a connection that others share.

use std::future::poll_fn;
use std::rc::Rc;

use crate::net::reader::{Outcome, Reader};
use crate::net::stream::Stream;
use crate::rt::buffer::Buffer;
use crate::shared::ledger::Lease;
use crate::upstream::endpoint::{Endpoint, Idle};
use crate::upstream::h2::lane::{Fate, Lane};

/// A connection in use. Dropping it closes it, or ends its stream.
pub struct Connection {
    /// The transport.
    pub stream: Rc<Stream>,
    reader: Option<Reader>,
    /// True if it has served an exchange before.
    pub is_reused: bool,
    endpoint: Rc<Endpoint>,
    lease: Option<Lease>,
    /// Where it is a stream.
    lane: Option<Rc<Lane>>,
}

impl Connection {
    /// One that was just opened.
    pub(super) fn fresh(endpoint: &Rc<Endpoint>, stream: Stream, lease: Lease) -> Self {
        endpoint.metrics.active.add(1);
        Self {
            stream: Rc::new(stream),
            reader: None,
            is_reused: false,
            endpoint: endpoint.clone(),
            lease: Some(lease),
            lane: None,
        }
    }

    /// One that was idle.
    pub(super) fn reused(endpoint: &Rc<Endpoint>, idle: Idle) -> Self {
        endpoint.metrics.active.add(1);
        Self {
            reader: idle.reader,
            stream: idle.stream,
            is_reused: true,
            endpoint: endpoint.clone(),
            lease: Some(idle.lease),
            lane: None,
        }
    }

    /// A stream of a connection that others share.
    pub(super) fn shared(endpoint: &Rc<Endpoint>, lane: Rc<Lane>, is_reused: bool) -> Self {
        let stream = Rc::new(Stream::from_transport(lane.clone()));
        Self { stream, reader: None, is_reused, endpoint: endpoint.clone(), lease: None, lane: Some(lane) }
    }

    /// Reads behind what is in the buffer that `lend` gives, unless a read is posted already. What is read is not lost
    /// if this is dropped: the next call gives it.
    pub async fn read(&mut self, lend: impl FnOnce() -> Buffer) -> Outcome {
        let reader = self.reader.get_or_insert_with(|| Reader::new(self.stream.clone()));
        if !reader.is_in_flight() {
            reader.begin(lend());
        }
        poll_fn(|cx| reader.poll(cx)).await
    }

    /// Gives up what reading takes: the transport is read by somebody else from now on. Only when no read is in flight.
    pub fn stop_reading(&mut self) {
        debug_assert!(self.reader.as_ref().is_none_or(|reader| !reader.is_in_flight()));
        self.reader = None;
    }

    /// True if others share its connection: it speaks HTTP/2.
    pub fn is_stream(&self) -> bool {
        self.lane.is_some()
    }

    /// What became of the request, where nothing came back.
    pub fn fate(&self) -> Fate {
        self.lane.as_ref().map_or(Fate::Lost, |lane| lane.fate.get())
    }

    /// The number in `grpc-status`, where the answer has come over HTTP/2 and has one.
    pub fn grpc_status(&self) -> Option<u16> {
        self.lane.as_ref()?.grpc_status.get()
    }

    /// Puts it back, to be used again. Only after an exchange that ended cleanly on both sides. `buffer` is for the
    /// next answer, `now_ms` is of the coarse clock.
    pub fn release(mut self, buffer: Buffer, now_ms: u64) {
        let Some(lease) = self.lease.take() else { return };
        let Some(mut reader) = self.reader.take().filter(|reader| !reader.is_in_flight()) else { return };
        if !self.endpoint.keeps_idle() {
            return;
        }
        reader.begin(buffer);
        if reader.look().is_some() {
            return;
        }
        self.endpoint.keep(self.stream.clone(), reader, lease, now_ms);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.lane.is_none() {
            self.endpoint.metrics.active.sub(1);
        }
    }
}
