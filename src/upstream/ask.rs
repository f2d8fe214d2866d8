//! A request of the gateway's own: small, whole on both sides, over the same connections as everything else that goes to
//! the cluster.
//!
//! For policies that have to ask a service about a request. An endpoint that does not take the connection is left for
//! another; a reused connection that turns out closed is replaced. Allocates; whoever asks often remembers the answers.

use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use crate::http::h1::body::BodyCursor;
use crate::http::h1::chunked::Emit;
use crate::http::h1::framing;
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::head::ResponseHead;
use crate::http::method::Method;
use crate::rt::buffer::{Buffer, HEADROOM, Pool, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, Deadlines, due_ms};
use crate::upstream::cluster::{Ask, Cluster};
use crate::upstream::endpoint::{ConnectError, Connection, Endpoint, Opening};
use crate::upstream::entry::Class;
use crate::upstream::verdict::Outcome;

/// Endpoints that are tried.
const ATTEMPTS_MAX: u32 = 3;
/// Fields of an answer.
const FIELDS_MAX: usize = 200;
/// How much of an answer is read only to use its connection again. Opening another one costs less than reading more.
const REST_BYTES_MAX: usize = 256 * 1024;

/// What asking takes of a worker.
pub struct Means<'a> {
    /// Its buffers.
    pub buffers: &'a Rc<Pool>,
    /// Its deadlines.
    pub deadlines: &'a Rc<Deadlines>,
}

/// What is asked.
pub struct Request<'a> {
    /// Its method, which says whether an answer has a body.
    pub method: Method,
    /// Whether it may be asked twice, where a connection turns out closed.
    pub is_repeatable: bool,
    /// Head and body as they go over the wire in HTTP/1.1.
    pub bytes: &'a [u8],
    /// Largest body of an answer that is taken, in bytes.
    pub body_bytes_max: usize,
    /// Whether the beginning of a larger one will do. The rest is read, up to a bound, so that the connection can go on.
    pub cuts: bool,
    /// For everything, connecting included.
    pub within: Duration,
}

/// The answer.
#[derive(Debug, Default)]
pub struct Told {
    /// Its head.
    pub head: ResponseHead,
    /// Its body, without any framing.
    pub body: Vec<u8>,
    /// True if that is only its beginning.
    pub is_cut: bool,
    /// The number in `grpc-status`, if it came over HTTP/2 and has one.
    pub grpc_status: Option<u16>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAnswer {
    /// No endpoint took the connection, or the cluster lets nobody in.
    Unreachable,
    /// It was not there in time.
    Late,
    /// It ended in the middle, is larger than it may be, or is not HTTP.
    Broken,
}

/// How one attempt failed.
enum Miss {
    /// The connection was closed before anything came back.
    Silent,
    /// For good.
    For(NoAnswer),
}

/// Asks a cluster, if its breaker and its limits have nothing against that.
///
/// # Errors
/// When there is no whole answer in time.
pub async fn ask(cluster: &Rc<Cluster>, means: &Means<'_>, request: &Request<'_>) -> Result<Told, NoAnswer> {
    let by_ms = due_ms(clock::coarse_ms(), request.within);
    let deadline = Deadline::new(means.deadlines);
    let entry = match cluster.enter(Class::NORMAL) {
        Ok(entry) => entry,
        Err(refused) => {
            let turn = pin!(cluster.enter_later(Class::NORMAL, refused, means.deadlines));
            let turn = deadline.guard_until(by_ms, turn).await.map_err(|_| NoAnswer::Late)?;
            turn.map_err(|_| NoAnswer::Unreachable)?
        }
    };
    let began_nanos = clock::nanos();
    let outcome = Asking { cluster, means, request, deadline: &deadline, by_ms }.run().await;
    let is_success = outcome.as_ref().is_ok_and(|told| told.head.status < 500);
    let nanos = clock::nanos() - began_nanos;
    cluster.note(is_success, nanos);
    if let Some(trial) = entry.take_probe() {
        trial.settle(is_success && nanos <= cluster.plan.slow_nanos);
    }
    outcome
}

struct Asking<'a> {
    cluster: &'a Cluster,
    means: &'a Means<'a>,
    request: &'a Request<'a>,
    deadline: &'a Deadline,
    by_ms: u64,
}

impl Asking<'_> {
    /// One endpoint after another, until one answers or fails.
    async fn run(&self) -> Result<Told, NoAnswer> {
        let mut excluded: Vec<Rc<Endpoint>> = Vec::new();
        for _ in 0..ATTEMPTS_MAX {
            let Ok(chosen) = self.cluster.choose(&Ask { hash: None, excluded: &excluded }) else { break };
            let endpoint = chosen.endpoint().clone();
            endpoint.metrics.attempts.add(1);
            let began_nanos = clock::nanos();
            let settle = |outcome: Outcome| chosen.settle(outcome, clock::nanos() - began_nanos);
            let connection = match self.connect(&endpoint).await {
                Ok(connection) => connection,
                Err(error) => {
                    settle(error.outcome());
                    if clock::coarse_ms() >= self.by_ms {
                        return Err(NoAnswer::Late);
                    }
                    excluded.push(endpoint);
                    continue;
                }
            };
            let is_replaceable = connection.is_reused && self.request.is_repeatable;
            match self.attempt(connection).await {
                Ok(told) => {
                    settle(if told.head.status < 500 { Outcome::Success } else { Outcome::Failure });
                    return Ok(told);
                }
                // Where one was closed on its next request, the others will be too.
                Err(Miss::Silent) if is_replaceable => endpoint.close_idle(),
                Err(miss) => {
                    settle(Outcome::Failure);
                    endpoint.metrics.failures.add(1);
                    return Err(match miss {
                        Miss::Silent => NoAnswer::Broken,
                        Miss::For(reason) => reason,
                    });
                }
            }
        }
        Err(NoAnswer::Unreachable)
    }

    async fn connect(&self, endpoint: &Rc<Endpoint>) -> Result<Connection, ConnectError> {
        let (now_ms, is_repeatable) = (clock::coarse_ms(), self.request.is_repeatable);
        if let Some(connection) = endpoint.reuse(is_repeatable, now_ms, false) {
            return Ok(connection);
        }
        let left = Duration::from_millis(self.by_ms.saturating_sub(now_ms));
        let way = Opening { preface: None, buffers: self.means.buffers, needs_http1: false };
        endpoint.open(self.deadline, self.cluster.plan.timeouts.connect.min(left), is_repeatable, way).await
    }

    async fn attempt(&self, mut connection: Connection) -> Result<Told, Miss> {
        let size =
            if self.request.bytes.len() > Size::Standard.bytes() { Size::Large } else { Size::Standard };
        let mut opener = self.means.buffers.lease(size);
        opener.tail().extend_from_slice(self.request.bytes);
        let len = opener.len();
        let stream = connection.stream.clone();
        let (written, _) = self.in_time(pin!(stream.write(opener, len))).await?;
        written.map_err(|_| Miss::Silent)?;
        let mut told = Told::default();
        let input = self.read_head(&mut connection, &mut told.head).await?;
        let framed = framing::response(&told.head, self.request.method);
        let framed = framed.map_err(|_| Miss::For(NoAnswer::Broken))?;
        let mut cursor = BodyCursor::new(framed, Emit::Data);
        let leftover = self.read_body(&mut connection, &mut cursor, input, &mut told).await?;
        told.grpc_status = connection.grpc_status();
        let keeps = framing::persists(told.head.version, &told.head.fields);
        if cursor.is_done() && leftover == 0 && keeps {
            let buffer = self.means.buffers.lease_behind(Size::Standard, HEADROOM);
            connection.release(buffer, clock::coarse_ms());
        }
        Ok(told)
    }

    async fn read_head(&self, connection: &mut Connection, head: &mut ResponseHead) -> Result<Buffer, Miss> {
        let limits =
            HeadLimits { head_bytes: self.cluster.plan.head_bytes, target_bytes: 0, field_count: FIELDS_MAX };
        let mut scan = HeadScan::default();
        let mut input: Option<Buffer> = None;
        loop {
            let is_first = input.is_none();
            let (count, mut buffer) = self.read(connection, input.take()).await?;
            if count == 0 {
                return Err(if is_first { Miss::Silent } else { Miss::For(NoAnswer::Broken) });
            }
            loop {
                let parsed = parse::response(&mut scan, buffer.filled(), &limits, head);
                let Some(used) = parsed.map_err(|_| Miss::For(NoAnswer::Broken))? else { break };
                buffer.consume(used);
                if !head.is_interim() {
                    return Ok(buffer);
                }
                scan.reset();
            }
            input = Some(buffer);
        }
    }

    /// Reads to the end. Gives how many bytes there are behind it.
    async fn read_body(
        &self,
        connection: &mut Connection,
        cursor: &mut BodyCursor,
        mut input: Buffer,
        told: &mut Told,
    ) -> Result<usize, Miss> {
        let mut rest = 0;
        loop {
            let portion = cursor.advance(input.filled_mut()).map_err(|_| Miss::For(NoAnswer::Broken))?;
            let room = self.request.body_bytes_max - told.body.len();
            if portion.kept > room && !self.request.cuts {
                return Err(Miss::For(NoAnswer::Broken));
            }
            told.body.extend_from_slice(&input.filled()[..portion.kept.min(room)]);
            let thrown_away = portion.kept.saturating_sub(room);
            told.is_cut |= thrown_away > 0;
            rest += thrown_away;
            if rest > REST_BYTES_MAX {
                return Ok(input.len());
            }
            input.consume(portion.consumed);
            if cursor.is_done() {
                return Ok(input.len());
            }
            let before = input.len();
            let (count, more) = self.read(connection, Some(input)).await?;
            if count == 0 {
                let is_whole = matches!(cursor, BodyCursor::UntilClose) && before == 0;
                return if is_whole { Ok(0) } else { Err(Miss::For(NoAnswer::Broken)) };
            }
            input = more;
        }
    }

    /// Reads behind what there is. Zero at the end.
    async fn read(
        &self,
        connection: &mut Connection,
        so_far: Option<Buffer>,
    ) -> Result<(usize, Buffer), Miss> {
        let so_far = so_far.map(|mut buffer| {
            buffer.make_room(1);
            buffer
        });
        if so_far.as_ref().is_some_and(|buffer| buffer.spare() == 0) {
            return Err(Miss::For(NoAnswer::Broken));
        }
        let fresh = || self.means.buffers.lease_behind(Size::Standard, HEADROOM);
        let reading = pin!(connection.read(|| so_far.unwrap_or_else(fresh)));
        let (outcome, buffer): (io::Result<usize>, Buffer) = self.in_time(reading).await?;
        // A reset is an end: what it cuts off is told by the framing.
        Ok((outcome.unwrap_or(0), buffer))
    }

    async fn in_time<F: Future>(&self, work: Pin<&mut F>) -> Result<F::Output, Miss> {
        self.deadline.guard_until(self.by_ms, work).await.map_err(|_| Miss::For(NoAnswer::Late))
    }
}
