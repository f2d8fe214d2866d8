//! A second endpoint, asked where the first takes long: the answer that begins first is taken.
//!
//! For requests without a body. Whoever loses is dropped: its connection closes, its stream is reset, so that nothing of its
//! answer can be taken for somebody else's. Only the beginning of an answer is raced for; what follows is as usual.

use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use crate::policy::reply::Code;
use crate::proxy::answer::{Answer, Miss};
use crate::proxy::attempts::Tried;
use crate::proxy::care::may_be_hedged;
use crate::proxy::opener::put_request_head;
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::rt::join::{Either, race};
use crate::telemetry::retry::Hedge;
use crate::upstream::cluster::{Ask, Chosen};
use crate::upstream::endpoint::{Connection, Endpoint};
use crate::upstream::h2::lane::Fate;
use crate::upstream::verdict::Outcome;

/// Times from here on are left to the wheel of deadlines, which is up to 30 ms late and costs a store; shorter ones take a timer
/// of the event loop.
const COARSE: Duration = Duration::from_millis(100);
/// Kept connections that may turn out closed in one attempt.
const STALE_MAX: u32 = 2;

/// Somebody whose answer has begun, or why it has not.
type Begun = Result<(Connection, Buffer), Miss>;

impl Answer<'_> {
    /// How long the first attempt is waited for before another endpoint is asked.
    pub(super) fn hedge_wait(&self, tried: &Tried) -> Option<Duration> {
        let hedge = self.care.running?.hedge.as_ref()?;
        if tried.made > 0 || !may_be_hedged(self.exchange) {
            return None;
        }
        hedge.wait(self.tally.sent_ms())
    }

    /// An attempt, and after `wait` a second one beside it.
    pub(super) async fn hedged(
        &mut self,
        chosen: Chosen,
        opener: Buffer,
        wait: Duration,
        hash: Option<u64>,
        tried: &mut Tried,
    ) -> Result<bool, (Miss, Option<Buffer>)> {
        self.tally.upstream.sent_nanos.set(clock::nanos());
        let endpoint = self.take_up(chosen, tried);
        let outcome = {
            let mut first = pin!(self.leg(&endpoint, self.answering, opener));
            let sooner = if wait >= COARSE {
                self.opening.guard(wait, first.as_mut()).await.ok()
            } else {
                match race(first.as_mut(), pin!(monoio::time::sleep(wait))).await {
                    Either::First(outcome) => Some(outcome),
                    Either::Second(()) => None,
                }
            };
            match sooner {
                Some(outcome) => outcome,
                None => match self.second(&endpoint, hash) {
                    Some(second) => self.both(first, second, tried).await,
                    None => first.await,
                },
            }
        };
        let outcome = match outcome {
            Ok((connection, input)) => {
                self.duplex.is_opened.set(true);
                self.duplex.open(&connection.stream);
                self.answering.arm(self.head_timeout());
                self.respond(connection, Some(input)).await
            }
            Err(miss) => Err(miss),
        };
        outcome.map_err(|miss| (miss, Some(self.head_alone())))
    }

    /// The endpoint that is asked besides, if there is one and the budget has something left.
    fn second(&self, first: &Rc<Endpoint>, hash: Option<u64>) -> Option<Chosen> {
        let chosen = self.cluster.choose(&Ask { hash, excluded: std::slice::from_ref(first) }).ok()?;
        self.cluster.may_hedge().then_some(chosen)
    }

    /// Both at once. The second is asked now.
    async fn both<F: Future<Output = Begun>>(
        &self,
        mut first: std::pin::Pin<&mut F>,
        chosen: Chosen,
        tried: &mut Tried,
    ) -> Begun {
        let former = (self.chosen.take(), self.tally.upstream.endpoint.borrow().clone());
        self.cluster.metrics.hedges.add(1);
        self.tally.upstream.hedge.set(Hedge::Lost);
        let endpoint = self.take_up(chosen, tried);
        let deadline = Deadline::new(&self.local.deadlines);
        let mut second = pin!(self.leg(&endpoint, &deadline, self.head_alone()));
        let (has_second_won, outcome) = match race(first.as_mut(), second.as_mut()).await {
            Either::First(Ok(begun)) => (false, Ok(begun)),
            Either::Second(Ok(begun)) => (true, Ok(begun)),
            // Where one fails, the other one may still come.
            Either::First(Err(_)) => {
                if let Some(former) = &former.0 {
                    former.settle(Outcome::Failure, 0);
                }
                (true, second.await)
            }
            Either::Second(Err(_)) => {
                self.settle(Outcome::Failure, 0);
                (false, first.await)
            }
        };
        if has_second_won {
            self.cluster.metrics.hedges_won.add(u64::from(outcome.is_ok()));
            self.tally.upstream.hedge.set(Hedge::Won);
            return outcome;
        }
        self.chosen.set(former.0);
        self.tally.upstream.endpoint.replace(former.1);
        outcome
    }

    /// From the connection to the first bytes of the answer.
    async fn leg(&self, endpoint: &Rc<Endpoint>, deadline: &Deadline, opener: Buffer) -> Begun {
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
                return Err(Miss::Unanswered(fate));
            }
            stale += 1;
            endpoint.metrics.stale_replaced.add(1);
            endpoint.close_idle();
            opener = self.head_alone();
        }
    }

    /// The request again, which has no body.
    fn head_alone(&self) -> Buffer {
        let body = self.local.pool.lease_behind(Size::Standard, HEADROOM);
        put_request_head(self.exchange, self.aim, self.cluster, body, &mut Vec::new(), &self.local.pool)
    }
}
