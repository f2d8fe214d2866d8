//! One endpoint as one worker sees it: its idle connections and the way to new ones.
//!
//! Owns sockets between exchanges. Bounded per worker (idle) and for the whole gateway (open); the most
//! recently used idle connection is taken first, the oldest leave first. Never retries.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::net::addr::EndpointAddr;
use crate::net::reader::{Outcome, Reader};
use crate::net::stream::Stream;
use crate::net::tls::fault::HandshakeFault;
use crate::net::tls::handshake;
use crate::net::tls::plan::EndpointTls;
use crate::rt::buffer::{Buffer, Pool};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::shared::ledger::{Lease, Ledger};
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::EndpointMetrics;

/// Between two looks at whether another worker has given a connection back.
const LEASE_WAIT: Duration = Duration::from_millis(20);

/// What an endpoint is, the same for all workers.
#[derive(Debug)]
pub struct EndpointPlan {
    /// Where it listens.
    pub addr: EndpointAddr,
    /// The address as written, for metrics and logs.
    pub label: Box<str>,
    /// What its certificate must be for, where TLS is spoken.
    pub tls_name: Option<ServerName<'static>>,
    /// Share of the requests relative to its neighbours.
    pub weight: u32,
    /// Open connections, counted for the whole gateway.
    pub connections: Ledger,
}

/// How long a read stays posted on an idle connection, in milliseconds. Busy ones come back long before.
const POSTED_MS: u64 = 1_000;

/// How many connections are kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct PoolPlan {
    /// Idle connections per worker.
    pub idle: usize,
    /// How long one may be idle.
    pub idle_timeout: Duration,
}

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// The endpoint did not take it.
    Refused(io::Error),
    /// It took too long, a handshake included.
    TimedOut,
    /// The handshake failed.
    Tls(HandshakeFault),
    /// The gateway's cap on connections to this endpoint is reached.
    Exhausted,
}

/// What a new connection is opened with.
#[derive(Clone, Copy)]
pub struct Opening<'a> {
    /// Bytes in front of everything else, a handshake too: a PROXY header.
    pub preface: Option<&'a [u8]>,
    /// For a handshake.
    pub buffers: &'a Rc<Pool>,
}

/// One endpoint as one worker sees it.
pub struct Endpoint {
    addr: EndpointAddr,
    connections: Ledger,
    pool: PoolPlan,
    tls: Option<EndpointTls>,
    idle: RefCell<Vec<Idle>>,
    wants_seen: Cell<u64>,
    waiting: Cell<u32>,
    /// This worker's figures.
    pub metrics: Slot<EndpointMetrics>,
}

/// Counts an exchange as waiting for as long as it does, also if it is cancelled.
struct Waiting<'a>(&'a Cell<u32>);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A connection between exchanges. A read is posted on it, which is the next answer's and until then tells of whatever
/// comes unasked; after [`POSTED_MS`] it is given up together with its buffer.
struct Idle {
    stream: Rc<Stream>,
    reader: Option<Reader>,
    lease: Lease,
    since_ms: u64,
}

impl Idle {
    /// False if the other side has closed, or has sent something that nobody asked for.
    fn is_quiet(&mut self) -> bool {
        match &mut self.reader {
            Some(reader) => reader.look().is_none(),
            None => self.stream.is_quiet(),
        }
    }
}

/// A connection in use. Dropping it closes it.
pub struct Connection {
    /// The transport.
    pub stream: Rc<Stream>,
    reader: Option<Reader>,
    /// True if it has served an exchange before.
    pub is_reused: bool,
    endpoint: Rc<Endpoint>,
    lease: Option<Lease>,
}

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(
        plan: &EndpointPlan,
        pool: PoolPlan,
        tls: Option<EndpointTls>,
        metrics: Slot<EndpointMetrics>,
    ) -> Rc<Self> {
        Rc::new(Self {
            addr: plan.addr.clone(),
            connections: plan.connections.clone(),
            pool,
            tls,
            idle: RefCell::default(),
            wants_seen: Cell::new(0),
            waiting: Cell::new(0),
            metrics,
        })
    }

    /// An idle connection that is still open and silent, if there is one. Where a close that has not been seen yet could
    /// not be repaired, because the request must not be sent twice, the kernel is asked too.
    pub fn reuse(self: &Rc<Self>, is_repeatable: bool, now_ms: u64) -> Option<Connection> {
        let expiry_ms = self.pool.idle_timeout.as_millis() as u64;
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            self.metrics.idle.sub(1);
            let age_ms = now_ms.saturating_sub(idle.since_ms);
            if age_ms <= expiry_ms && idle.is_quiet() && (is_repeatable || idle.stream.is_quiet()) {
                self.metrics.reused.add(1);
                self.metrics.active.add(1);
                return Some(Connection {
                    reader: idle.reader,
                    stream: idle.stream,
                    is_reused: true,
                    endpoint: self.clone(),
                    lease: Some(idle.lease),
                });
            }
        }
    }

    /// A new connection. Where the gateway has all it may have, workers with idle ones are asked to
    /// close them, and this waits for that or for one of its own, no longer than for a connect.
    pub async fn open(
        self: &Rc<Self>,
        deadline: &Deadline,
        timeout: Duration,
        is_repeatable: bool,
        way: Opening<'_>,
    ) -> Result<Connection, ConnectError> {
        let by_ms = clock::coarse_ms() + timeout.as_millis() as u64;
        loop {
            if let Some(lease) = self.connections.try_take(1) {
                return self.connect(lease, deadline, timeout, way).await;
            }
            self.wait_for_lease(deadline, by_ms).await?;
            if let Some(connection) = self.reuse(is_repeatable, clock::coarse_ms()) {
                return Ok(connection);
            }
        }
    }

    /// A new connection that nothing has passed over, for what is more than an exchange. Where the gateway has all it may
    /// have, idle ones are closed for it, here and on other workers.
    pub async fn open_own(
        self: &Rc<Self>,
        deadline: &Deadline,
        timeout: Duration,
        way: Opening<'_>,
    ) -> Result<Connection, ConnectError> {
        let by_ms = clock::coarse_ms() + timeout.as_millis() as u64;
        loop {
            if let Some(lease) = self.connections.try_take(1) {
                return self.connect(lease, deadline, timeout, way).await;
            }
            self.close_idle();
            if self.connections.cap().is_some_and(|cap| self.connections.in_use() < cap) {
                continue;
            }
            self.wait_for_lease(deadline, by_ms).await?;
        }
    }

    async fn wait_for_lease(&self, deadline: &Deadline, by_ms: u64) -> Result<(), ConnectError> {
        if clock::coarse_ms() >= by_ms {
            return Err(ConnectError::Exhausted);
        }
        self.connections.want();
        self.waiting.set(self.waiting.get() + 1);
        let waiting = Waiting(&self.waiting);
        deadline.arm(LEASE_WAIT);
        deadline.elapsed().await;
        drop(waiting);
        Ok(())
    }

    async fn connect(
        self: &Rc<Self>,
        lease: Lease,
        deadline: &Deadline,
        timeout: Duration,
        way: Opening<'_>,
    ) -> Result<Connection, ConnectError> {
        self.metrics.connects.add(1);
        let connected = deadline.guard(timeout, pin!(self.reach(way))).await;
        let outcome = match connected {
            Ok(Ok(stream)) => {
                self.metrics.active.add(1);
                return Ok(Connection {
                    stream: Rc::new(stream),
                    reader: None,
                    is_reused: false,
                    endpoint: self.clone(),
                    lease: Some(lease),
                });
            }
            Ok(Err(error)) => error,
            Err(_) => ConnectError::TimedOut,
        };
        self.metrics.connect_failures.add(1);
        Err(outcome)
    }

    async fn reach(&self, way: Opening<'_>) -> Result<Stream, ConnectError> {
        let stream = Stream::connect(&self.addr).await.map_err(ConnectError::Refused)?;
        // A connection that was just opened has room for a hundred bytes.
        if way.preface.is_some_and(|preface| !stream.send_now(preface)) {
            return Err(ConnectError::Refused(io::ErrorKind::ConnectionReset.into()));
        }
        let Some(tls) = &self.tls else { return Ok(stream) };
        // Boxed: it is large and rare, and would make every exchange's task as large.
        let shaking = Box::pin(handshake::connect(stream, &tls.config, tls.name.clone(), way.buffers));
        let secured = shaking.await.map_err(ConnectError::Tls);
        match &secured {
            Ok(stream) => {
                self.metrics.tls_handshakes.add(1);
                let is_resumed = stream.tls().is_some_and(|facts| facts.is_resumed);
                self.metrics.tls_resumed.add(u64::from(is_resumed));
            }
            Err(_) => self.metrics.tls_failures.add(1),
        }
        secured
    }

    /// Closes idle connections if another worker wants one. Called every tick: one load where nobody does. Exchanges
    /// of this worker that wait take an idle one as it is.
    pub fn yield_idle(&self) {
        let wants = self.connections.wants();
        if self.wants_seen.replace(wants) != wants && self.waiting.get() == 0 {
            self.close_idle();
        }
    }

    /// Closes what has been idle too long or was closed by the other side. Called by the worker now and then.
    pub fn sweep(&self, now_ms: u64) {
        let expiry_ms = self.pool.idle_timeout.as_millis() as u64;
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        idle.retain_mut(|one| {
            let age_ms = now_ms.saturating_sub(one.since_ms);
            let is_kept = age_ms <= expiry_ms && one.is_quiet();
            // What a read could still bring while it is given up would make the connection useless anyway.
            if age_ms >= POSTED_MS {
                one.reader = None;
            }
            is_kept
        });
        self.metrics.idle.sub((before - idle.len()) as i64);
    }

    /// Closes every idle connection.
    pub fn close_idle(&self) {
        let closed = std::mem::take(&mut *self.idle.borrow_mut()).len();
        self.metrics.idle.sub(closed as i64);
    }
}

impl Connection {
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

    /// Puts it back, to be used again. Only after an exchange that ended cleanly on both sides. `buffer` is for the
    /// next answer, `now_ms` is of the coarse clock.
    pub fn release(mut self, buffer: Buffer, now_ms: u64) {
        let Some(lease) = self.lease.take() else { return };
        let endpoint = self.endpoint.clone();
        let mut idle = endpoint.idle.borrow_mut();
        if endpoint.pool.idle == 0 {
            return;
        }
        let Some(mut reader) = self.reader.take().filter(|reader| !reader.is_in_flight()) else { return };
        reader.begin(buffer);
        if reader.look().is_some() {
            return;
        }
        if idle.len() >= endpoint.pool.idle {
            // The oldest is at the front; it has waited longest for a use that did not come.
            idle.remove(0);
            endpoint.metrics.idle.sub(1);
        }
        idle.push(Idle { stream: self.stream.clone(), reader: Some(reader), lease, since_ms: now_ms });
        endpoint.metrics.idle.add(1);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // The figures outlive the endpoint.
        self.close_idle();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.endpoint.metrics.active.sub(1);
    }
}
