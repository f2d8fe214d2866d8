//! One endpoint as one worker sees it: its idle connections and the way to new ones.
//!
//! Owns sockets between exchanges. Bounded per worker (idle) and for the whole gateway (open); the most
//! recently used idle connection is taken first, the oldest leave first. Never retries.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use rustls::pki_types::ServerName;

use crate::net::addr::EndpointAddr;
use crate::net::reader::Reader;
use crate::net::stream::Stream;
use crate::net::tls::fault::HandshakeFault;
use crate::net::tls::handshake;
use crate::net::tls::plan::EndpointTls;
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::shared::ledger::Lease;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::EndpointMetrics;
use crate::upstream::admission::connections::{Connections, Shared};
use crate::upstream::admission::slots::{Slots, SlotsPlan};
use crate::upstream::balance::peak_ewma::PeakEwma;
pub use crate::upstream::connection::Connection;
pub use crate::upstream::endpoint_plan::{ConnectError, EndpointPlan, Opening, PoolPlan};
use crate::upstream::h2::Http2Plan;
use crate::upstream::h2::hub::Hub;

/// Between two looks at whether another worker has given a connection back.
const LEASE_WAIT: Duration = Duration::from_millis(20);

/// How long a read stays posted on an idle connection, in milliseconds. Busy ones come back long before.
const POSTED_MS: u64 = 1_000;

/// One endpoint as one worker sees it.
pub struct Endpoint {
    addr: EndpointAddr,
    /// The address as written, or as a registry names it.
    pub label: Box<str>,
    tls_name: Option<ServerName<'static>>,
    /// Exchanges of this worker that have chosen it.
    pub(super) in_flight: Cell<u32>,
    /// True once no set of endpoints that is in use has it: it keeps no connections.
    pub(super) is_retired: Cell<bool>,
    /// Until when this worker passes it over while there are others.
    pub(super) suspected_until_ms: Cell<u64>,
    /// When it came to others that were there, by the coarse clock; 0 if it was among the first.
    pub(super) joined_ms: Cell<u64>,
    /// How long its answers take.
    pub(super) answers: PeakEwma,
    connections: Connections,
    /// Exchanges that have chosen it, where they are limited.
    pub(super) slots: Slots,
    pool: PoolPlan,
    tls: Option<EndpointTls>,
    /// Where HTTP/2 is spoken, or may be.
    hub: Option<Rc<Hub>>,
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
pub(super) struct Idle {
    pub(super) stream: Rc<Stream>,
    pub(super) reader: Option<Reader>,
    pub(super) lease: Lease,
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

impl Endpoint {
    /// An endpoint without connections.
    pub fn new(
        plan: &EndpointPlan,
        pool: PoolPlan,
        tls: Option<EndpointTls>,
        http2: Option<Http2Plan>,
        (metrics, workers): (Slot<EndpointMetrics>, usize),
    ) -> Rc<Self> {
        Rc::new(Self {
            addr: plan.addr.clone(),
            label: plan.label.clone(),
            tls_name: plan.tls_name.clone(),
            in_flight: Cell::new(0),
            is_retired: Cell::new(false),
            suspected_until_ms: Cell::new(0),
            joined_ms: Cell::new(0),
            answers: PeakEwma::default(),
            connections: Connections::new(&plan.connections),
            slots: Slots::start(&SlotsPlan::of(&plan.requests, None), workers),
            pool,
            tls,
            hub: http2.map(|plan| Hub::new(plan, pool, metrics.clone())),
            idle: RefCell::default(),
            wants_seen: Cell::new(0),
            waiting: Cell::new(0),
            metrics,
        })
    }

    /// Takes other limits: on exchanges at once, on connections of the cluster.
    pub(super) fn limit(&self, requests: Option<u64>, connections: &Shared) {
        self.slots.take_cap(requests);
        self.connections.share(connections);
    }

    /// True if its connections are what those of `plan` would be.
    pub(super) fn is_as(&self, plan: &EndpointPlan) -> bool {
        self.addr == plan.addr && self.label == plan.label && self.tls_name == plan.tls_name
    }

    /// An idle connection that is still open and silent, if there is one. Where a close that has not been seen yet could
    /// not be repaired, because the request must not be sent twice, the kernel is asked too.
    pub fn reuse(self: &Rc<Self>, is_repeatable: bool, now_ms: u64, needs_http1: bool) -> Option<Connection> {
        if let (Some(hub), false) = (&self.hub, needs_http1)
            && let Some(lane) = hub.take()
        {
            self.metrics.reused.add(1);
            return Some(Connection::shared(self, lane, true));
        }
        let expiry_ms = self.pool.idle_timeout.as_millis() as u64;
        loop {
            let mut idle = self.idle.borrow_mut().pop()?;
            self.metrics.idle.sub(1);
            let age_ms = now_ms.saturating_sub(idle.since_ms);
            if age_ms <= expiry_ms && idle.is_quiet() && (is_repeatable || idle.stream.is_quiet()) {
                self.metrics.reused.add(1);
                return Some(Connection::reused(self, idle));
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
        if let (Some(hub), false) = (&self.hub, way.needs_http1) {
            // Boxed for the sake of all exchanges that do not come here.
            return Box::pin(self.open_shared(hub, deadline, by_ms, is_repeatable, way)).await;
        }
        loop {
            if let Some(lease) = self.connections.try_take() {
                let stream = self.connect(deadline, timeout, way).await?;
                return Ok(Connection::fresh(self, stream, lease));
            }
            self.wait_for_lease(deadline, by_ms).await?;
            if let Some(connection) = self.reuse(is_repeatable, clock::coarse_ms(), way.needs_http1) {
                return Ok(connection);
            }
        }
    }

    /// A stream: on a connection that gets room for one, or on a new one.
    async fn open_shared(
        self: &Rc<Self>,
        hub: &Rc<Hub>,
        deadline: &Deadline,
        by_ms: u64,
        is_repeatable: bool,
        way: Opening<'_>,
    ) -> Result<Connection, ConnectError> {
        loop {
            if let Some(connection) = self.reuse(is_repeatable, clock::coarse_ms(), false) {
                return Ok(connection);
            }
            let left = Duration::from_millis(by_ms.saturating_sub(clock::coarse_ms()));
            if hub.is_worth_waiting() {
                let waited = deadline.guard(left, pin!(hub.change())).await;
                waited.map_err(|_| ConnectError::TimedOut)?;
                continue;
            }
            let Some(lease) = self.connections.try_take() else {
                self.wait_for_lease(deadline, by_ms).await?;
                continue;
            };
            let opening = hub.open();
            let stream = self.connect(deadline, left, way).await?;
            let is_agreed = stream.tls().is_none_or(|facts| facts.alpn == "h2");
            hub.is_http1.set(!is_agreed);
            if !is_agreed {
                return match hub.plan.is_negotiated {
                    true => Ok(Connection::fresh(self, stream, lease)),
                    false => Err(ConnectError::Tls(HandshakeFault::Incompatible)),
                };
            }
            let lane = hub.add(stream, lease, way.buffers).await.map_err(ConnectError::Refused)?;
            drop(opening);
            return Ok(Connection::shared(self, lane, false));
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
            if let Some(lease) = self.connections.try_take() {
                let stream = self.connect(deadline, timeout, way).await?;
                return Ok(Connection::fresh(self, stream, lease));
            }
            self.close_idle();
            if self.connections.has_any() {
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
        &self,
        deadline: &Deadline,
        timeout: Duration,
        way: Opening<'_>,
    ) -> Result<Stream, ConnectError> {
        self.metrics.connects.add(1);
        let connected = deadline.guard(timeout, pin!(self.reach(way))).await;
        let outcome = match connected {
            Ok(Ok(stream)) => return Ok(stream),
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
        let config = if way.needs_http1 { &tls.http1 } else { &tls.config };
        let shaking = Box::pin(handshake::connect(stream, config, tls.name.clone(), way.buffers));
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
        if let Some(hub) = &self.hub {
            hub.sweep(now_ms);
        }
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
        if let Some(hub) = &self.hub {
            hub.close_idle();
        }
        let closed = std::mem::take(&mut *self.idle.borrow_mut()).len();
        self.metrics.idle.sub(closed as i64);
    }

    /// Closes what is idle, and what is busy once it is not: no new exchange will come.
    pub(super) fn retire(&self) {
        self.is_retired.set(true);
        if let Some(hub) = &self.hub {
            hub.retire();
        }
        self.close_idle();
    }

    /// True if any are kept.
    pub(super) fn keeps_idle(&self) -> bool {
        self.pool.idle > 0 && !self.is_retired.get()
    }

    /// Keeps one, with a read posted on it.
    pub(super) fn keep(&self, stream: Rc<Stream>, reader: Reader, lease: Lease, now_ms: u64) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= self.pool.idle {
            // The oldest is at the front; it has waited longest for a use that did not come.
            idle.remove(0);
            self.metrics.idle.sub(1);
        }
        idle.push(Idle { stream, reader: Some(reader), lease, since_ms: now_ms });
        self.metrics.idle.add(1);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        // The figures outlive the endpoint.
        self.close_idle();
    }
}
