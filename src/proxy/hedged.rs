//! A second endpoint, asked where the first takes long: the answer that begins first is taken.
//!
//! For requests without a body. Whoever loses is dropped: its connection closes, its stream is reset, so that nothing of its
//! answer can be taken for somebody else's. Only the beginning of an answer is raced for; what follows is as usual.

use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use crate::policy::reply::Code;
use crate::proxy::answer::{Answer, hash};
use crate::proxy::care::may_be_hedged;
use crate::proxy::miss::Miss;
use crate::proxy::opener::put_request_head;
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};
use crate::rt::join::{Either, race};
use crate::telemetry::retry::Hedge;
use crate::upstream::cluster::{Ask, Chosen};
use crate::upstream::endpoint::{Connection, Endpoint};
use crate::upstream::h2::lane::Fate;

/// Times from here on are left to the wheel of deadlines, which is up to 30 ms late and costs a store; shorter ones take a timer
/// of the event loop.
const COARSE: Duration = Duration::from_millis(100);
/// Kept connections that may turn out closed in one attempt.
const STALE_MAX: u32 = 2;

/// Whose answer has begun.
enum Begun<T> {
    /// The one that was asked first.
    First(T),
    /// The one that was asked besides.
    Second(Connection, Buffer),
}

/// What is told of the first attempt, while the second is the current one.
struct Former {
    chosen: Option<Chosen>,
    endpoint: Option<Rc<Endpoint>>,
    connect_nanos: u64,
    sent_nanos: u64,
    is_http2: bool,
}

impl Answer<'_> {
    /// How long the first attempt is waited for before another endpoint is asked, if one may be.
    pub(super) fn hedge_wait(&self) -> Option<Duration> {
        let hedge = self.care.running?.hedge.as_ref()?;
        if self.tally.upstream.hedge.get() != Hedge::None || !may_be_hedged(self.exchange) {
            return None;
        }
        hedge.wait(self.tally.sent_ms()).filter(|wait| *wait < self.head_timeout())
    }

    /// How long an answer is waited for at first.
    pub(super) fn first_wait(&self) -> Duration {
        self.hedging.get().filter(|wait| !is_brief(*wait)).unwrap_or_else(|| self.head_timeout())
    }

    /// Waits on for an answer as if nobody else could be asked.
    pub(super) fn wait_on(&self) {
        if self.hedging.take().is_some() {
            self.answering.arm_at(due_ms(self.tally.sent_ms(), self.head_timeout()));
        }
    }

    /// The first bytes of an answer, where a second endpoint is asked so soon that it takes a timer.
    pub(super) async fn read_within(
        &self,
        connection: &mut Connection,
        wait: Duration,
    ) -> Result<Buffer, Miss> {
        let read = in_time(pin!(self.read_more(connection, None, false)), wait).await;
        match read {
            Some(outcome) => outcome,
            None => self.read_beside(connection).await,
        }
    }

    /// The first bytes of an answer, of this connection's or of another endpoint's that is asked now; its connection takes the
    /// place of this one then.
    pub(super) async fn read_beside(&self, connection: &mut Connection) -> Result<Buffer, Miss> {
        self.wait_on();
        let begun = {
            let first = pin!(self.read_more(connection, None, false));
            self.with_second(first).await?
        };
        match begun {
            Begun::First(input) => Ok(input),
            Begun::Second(other, input) => {
                *connection = other;
                self.duplex.is_opened.set(true);
                self.duplex.open(&connection.stream);
                Ok(input)
            }
        }
    }

    /// An attempt that has to open a connection, and after `wait` a second one beside it.
    pub(super) async fn hedged(
        &mut self,
        endpoint: Rc<Endpoint>,
        opener: Buffer,
        wait: Duration,
    ) -> Result<bool, (Miss, Option<Buffer>)> {
        self.tally.upstream.sent_nanos.set(clock::nanos());
        let begun = {
            let mut first = pin!(self.leg(&endpoint, self.answering, opener));
            match in_time(first.as_mut(), wait).await {
                Some(outcome) => outcome.map(Begun::First),
                None => self.with_second(first).await,
            }
        };
        let outcome = match begun {
            Ok(Begun::First((connection, input)) | Begun::Second(connection, input)) => {
                self.duplex.is_opened.set(true);
                self.duplex.open(&connection.stream);
                self.answering.arm(self.head_timeout());
                self.connection = Some(connection);
                self.respond(Some(input)).await
            }
            Err(miss) => Err(miss),
        };
        outcome.map_err(|miss| (miss, Some(self.head_alone())))
    }

    /// What the first gives, and a second one that is asked now, if there is one and the budget has something left.
    async fn with_second<T, F: Future<Output = Result<T, Miss>>>(
        &self,
        mut first: Pin<&mut F>,
    ) -> Result<Begun<T>, Miss> {
        let asked = self.tally.upstream.endpoint.borrow().clone();
        let hash = hash(&self.cluster.plan, self.exchange);
        let chosen = self.cluster.choose(&Ask { hash, excluded: asked.as_slice() });
        let Some(chosen) = chosen.ok().filter(|_| self.cluster.may_hedge()) else {
            return first.await.map(Begun::First);
        };
        self.cluster.metrics.hedges.add(1);
        self.tally.upstream.hedge.set(Hedge::Lost);
        let former = self.put_aside();
        let endpoint = self.take_up(chosen);
        let deadline = Deadline::new(&self.local.deadlines);
        let mut second = pin!(self.leg(&endpoint, &deadline, self.head_alone()));
        let outcome = match race(first.as_mut(), second.as_mut()).await {
            Either::First(Ok(begun)) => {
                self.take_back(former);
                return Ok(Begun::First(begun));
            }
            Either::Second(Ok(begun)) => Ok(begun),
            // Where one fails, the other one may still come.
            Either::First(Err(miss)) => {
                self.judge_former(miss, former);
                second.await
            }
            Either::Second(Err(miss)) => {
                self.judge(miss);
                self.take_back(former);
                return first.await.map(Begun::First);
            }
        };
        let (connection, input) = outcome?;
        self.cluster.metrics.hedges_won.add(1);
        self.tally.upstream.hedge.set(Hedge::Won);
        Ok(Begun::Second(connection, input))
    }

    /// Makes room for a second attempt in what is told of the exchange.
    fn put_aside(&self) -> Former {
        let upstream = &self.tally.upstream;
        Former {
            chosen: self.chosen.take(),
            endpoint: upstream.endpoint.borrow().clone(),
            connect_nanos: upstream.connect_nanos.get(),
            sent_nanos: upstream.sent_nanos.replace(clock::nanos()),
            is_http2: upstream.is_http2.get(),
        }
    }

    /// The first is the current one again.
    fn take_back(&self, former: Former) {
        let upstream = &self.tally.upstream;
        self.chosen.set(former.chosen);
        upstream.endpoint.replace(former.endpoint);
        upstream.connect_nanos.set(former.connect_nanos);
        upstream.sent_nanos.set(former.sent_nanos);
        upstream.is_http2.set(former.is_http2);
    }

    /// Tells how the first failed, and leaves it.
    fn judge_former(&self, miss: Miss, former: Former) {
        let current = self.put_aside();
        self.take_back(former);
        self.judge(miss);
        self.take_back(current);
    }

    /// From the connection to the first bytes of the answer.
    async fn leg(
        &self,
        endpoint: &Rc<Endpoint>,
        deadline: &Deadline,
        opener: Buffer,
    ) -> Result<(Connection, Buffer), Miss> {
        let mut opener = opener;
        let mut stale = 0;
        loop {
            let mut connection = self.connect(endpoint, deadline).await.map_err(Miss::Unconnected)?;
            let len = opener.len();
            let written = async {
                let (outcome, _) = connection.stream.write(opener, len).await;
                self.local.metrics.bytes_upstream_written.add(len as u64);
                outcome.map_err(|_| connection.fate())?;
                Ok::<_, Fate>(())
            };
            let head_timeout = self.head_timeout();
            let written = deadline
                .guard(head_timeout, pin!(written))
                .await
                .map_err(|_| Miss::Late(Code::UpstreamHeadTimeout))?;
            let fate = match written {
                Ok(()) => {
                    let fresh = || self.local.pool.lease_behind(Size::Standard, HEADROOM);
                    let read = deadline.guard(head_timeout, pin!(connection.read(fresh))).await;
                    match read.map_err(|_| Miss::Late(Code::UpstreamHeadTimeout))? {
                        (Ok(count), input) if count > 0 => {
                            self.local.metrics.bytes_upstream_read.add(count as u64);
                            return Ok((connection, input));
                        }
                        _ => connection.fate(),
                    }
                }
                Err(fate) => fate,
            };
            if fate != Fate::Lost || !connection.is_reused || stale >= STALE_MAX {
                // Who closes one after another is not just tired of the old ones.
                return Err(Miss::Unanswered { fate, is_reused: false });
            }
            stale += 1;
            endpoint.metrics.stale_replaced.add(1);
            endpoint.close_idle();
            opener = self.head_alone();
        }
    }

    /// The request again, which has no body.
    pub(super) fn head_alone(&self) -> Buffer {
        let body = self.local.pool.lease_behind(Size::Standard, HEADROOM);
        put_request_head(self.exchange, self.aim, self.cluster, body, &mut Vec::new(), &self.local.pool)
    }
}

/// True for a wait that the wheel of deadlines would make much longer.
pub(super) fn is_brief(wait: Duration) -> bool {
    wait < COARSE
}

/// What comes before the wait is over.
async fn in_time<F: Future>(work: Pin<&mut F>, wait: Duration) -> Option<F::Output> {
    match race(work, pin!(monoio::time::sleep(wait))).await {
        Either::First(outcome) => Some(outcome),
        Either::Second(()) => None,
    }
}
