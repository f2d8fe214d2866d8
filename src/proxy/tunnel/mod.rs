//! A connection that has switched protocols, from the 101 to its end.
//!
//! Two lanes in one task. Busy, it holds a buffer for each; quiet for a while, it gives them back and waits for
//! readability alone. Ends by itself when both sides have, and by the gateway's Close frame where nothing moves any more
//! or the gateway stops. Counted at the switch, logged at the end.

mod lane;
mod pace;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use crate::http::head::ResponseHead;
use crate::net::intake::Intake;
use crate::net::stream::Stream;
use crate::policy::exchange::Exchange;
use crate::policy::revocation::Watch;
use crate::proxy::connection::Conversation;
use crate::proxy::installed::Installed;
use crate::proxy::local::Local;
use crate::proxy::record::{self, Tally, Upgraded};
use crate::proxy::relay::write;
use crate::proxy::tunnel::lane::{Course, Lane, Pump, Source, Stop};
use crate::proxy::tunnel::pace::Pace;
use crate::proxy::upgrade::{Switched, is_websocket};
use crate::rt::buffer::{Buffer, HEADROOM, Size};
use crate::rt::deadline::Deadline;
use crate::rt::join::{Either, race};
use crate::telemetry::metrics::RouteMetrics;
use crate::telemetry::upgrade_end::UpgradeEnd;
use crate::upstream::cluster::Chosen;
use crate::upstream::endpoint::Connection;

/// A connection that has switched protocols.
pub struct Tunnel {
    local: Rc<Local>,
    installed: Rc<Installed>,
    listener: usize,
    exchange: Exchange,
    tally: Tally,
    downstream: Rc<Stream>,
    connection: Connection,
    _chosen: Option<Chosen>,
    from_client: Lane,
    from_upstream: Lane,
    course: Course,
    pace: Pace,
    /// Tells when the client's credentials are revoked.
    watch: Option<Watch>,
}

/// Where a busy tunnel has come to.
#[derive(PartialEq)]
enum Rest {
    Quiet,
    Over,
}

/// What a tunnel begins with.
pub struct Opening {
    /// The head for the client.
    head: Vec<u8>,
    /// What the origin has sent behind its own.
    input: Buffer,
    /// The client's side, with what it has sent ahead.
    intake: Intake,
}

impl Tunnel {
    /// What comes of a conversation whose origin has switched. None if none has.
    pub fn follow_on(conversation: Conversation) -> Option<(Box<Self>, Box<Opening>)> {
        let Conversation {
            local, mut exchange, tally, stream: downstream, intake, listener, switched, ..
        } = conversation;
        let Switched { mut connection, installed, chosen, head, input } = *switched?;
        let installed = installed?;
        let is_websocket = is_websocket(&exchange.upgrade);
        // Only the access log will want to know more of the exchange.
        exchange.response = ResponseHead::default();
        exchange.path_scratch = Vec::new();
        exchange.request.fields.shrink_to(0);
        connection.stop_reading();
        let tunnel = Self {
            from_client: Lane::new(Source::Client, is_websocket),
            from_upstream: Lane::new(Source::Upstream, is_websocket),
            course: Course::default(),
            pace: Pace::new(&installed.snapshot.limits),
            watch: None,
            _chosen: chosen,
            local,
            installed,
            listener,
            exchange,
            tally,
            downstream,
            connection,
        };
        Some((Box::new(tunnel), Box::new(Opening { head, input, intake })))
    }

    /// Carries the connection from its 101 to its end. `idle` is pulled when the worker drains.
    pub async fn run(mut self: Box<Self>, opening: Opening, idle: &Deadline) {
        self.watch = self.local.bench.watch(&self.exchange.principals, idle);
        self.metrics().upgraded_open.add(1);
        self.metrics().upgraded.add(1);
        self.local.metrics.upgraded.add(1);
        let mut rest = Box::pin(self.begin(opening, idle)).await;
        while rest == Rest::Quiet && self.wait_parked(idle).await {
            rest = Box::pin(self.resume(idle)).await;
        }
        self.finish();
    }

    fn metrics(&self) -> &RouteMetrics {
        let route = self.tally.route.get();
        route.map_or(&self.installed.unrouted, |route| &self.installed.route(route).metrics)
    }

    /// Writes the 101 and what the origin sent behind it, in one piece, and goes on from there.
    async fn begin(&self, opening: Opening, idle: &Deadline) -> Rest {
        let Opening { head, mut input, mut intake } = opening;
        let behind = input.len();
        if self.from_upstream.follow(input.filled(), &self.course).is_err() {
            self.course.ends(UpgradeEnd::BadFrame);
            self.cut();
            return Rest::Over;
        }
        let rest = if input.prepend(&head) {
            None
        } else {
            let mut alone = self.local.pool.lease_behind(Size::Standard, HEADROOM);
            alone.tail().extend_from_slice(&head);
            Some(std::mem::replace(&mut input, alone))
        };
        drop(head);
        let sending = Deadline::new(&self.local.deadlines);
        let timeout = self.installed.snapshot.limits.write_timeout;
        for buffer in [Some(input), rest].into_iter().flatten() {
            let len = buffer.len();
            let progress = &self.course.progress;
            if write(&self.downstream, buffer, len, &sending, timeout, progress).await.is_err() {
                self.course.ends(UpgradeEnd::ClientGone);
                self.cut();
                return Rest::Over;
            }
            self.local.metrics.bytes_downstream_written.add(len as u64);
        }
        self.tally.response_bytes.set(behind as u64);
        self.metrics().upgraded_bytes_written.add(behind as u64);
        let mut upstream = Intake::new(self.connection.stream.clone(), self.local.pool.clone());
        self.carry(&mut intake, &mut upstream, idle).await
    }

    async fn resume(&self, idle: &Deadline) -> Rest {
        let pool = &self.local.pool;
        let mut client = Intake::new(self.downstream.clone(), pool.clone());
        let mut upstream = Intake::new(self.connection.stream.clone(), pool.clone());
        self.carry(&mut client, &mut upstream, idle).await
    }

    /// Carries until it is over, or until both sides are quiet and no buffer is held any more.
    async fn carry(&self, client: &mut Intake, upstream: &mut Intake, idle: &Deadline) -> Rest {
        loop {
            if self.pump(client, upstream, idle).await == Rest::Over {
                return Rest::Over;
            }
            let has_client_sent = client.park().await;
            let has_upstream_sent = upstream.park().await;
            if !has_client_sent && !has_upstream_sent {
                return Rest::Quiet;
            }
        }
    }

    async fn pump(&self, client: &mut Intake, upstream: &mut Intake, idle: &Deadline) -> Rest {
        let limits = &self.installed.snapshot.limits;
        let cluster = self.tally.upstream.cluster.get();
        let upstream_timeout =
            cluster.map_or(limits.write_timeout, |index| self.installed.clusters[index].plan.timeouts.idle);
        let (route, worker) = (self.metrics(), &self.local.metrics);
        let asking = Pump {
            lane: &self.from_client,
            course: &self.course,
            target: &self.connection.stream,
            sending: Deadline::new(&self.local.deadlines),
            timeout: upstream_timeout,
            read: &worker.bytes_downstream_read,
            bytes: (&self.tally.request_bytes, &route.upgraded_bytes_read, &worker.bytes_upstream_written),
        };
        let answering = Pump {
            lane: &self.from_upstream,
            course: &self.course,
            target: &self.downstream,
            sending: Deadline::new(&self.local.deadlines),
            timeout: limits.write_timeout,
            read: &worker.bytes_upstream_read,
            bytes: (
                &self.tally.response_bytes,
                &route.upgraded_bytes_written,
                &worker.bytes_downstream_written,
            ),
        };
        let (asking, answering) = (pin!(asking.run(client)), pin!(answering.run(upstream)));
        let mut both = pin!(self.both(asking, answering));
        loop {
            if self.look() {
                return Rest::Over;
            }
            let before = self.course.progress.get();
            if idle.guard(self.patience(), both.as_mut()).await.is_ok() {
                return Rest::Over;
            }
            if self.course.progress.get() == before && self.is_waiting() {
                return Rest::Quiet;
            }
        }
    }

    /// Runs both lanes until both have ended or one was cut. A lane that was over before is left alone.
    async fn both<A, B>(&self, mut asking: Pin<&mut A>, mut answering: Pin<&mut B>)
    where
        A: Future<Output = Stop>,
        B: Future<Output = Stop>,
    {
        poll_fn(|cx| {
            if !self.from_client.is_over.get() && asking.as_mut().poll(cx) == Poll::Ready(Stop::Cut) {
                self.cut();
                return Poll::Ready(());
            }
            if !self.from_upstream.is_over.get() && answering.as_mut().poll(cx) == Poll::Ready(Stop::Cut) {
                self.cut();
                return Poll::Ready(());
            }
            if self.is_half_over() {
                self.limit_the_rest();
            }
            let is_over = self.from_client.is_over.get() && self.from_upstream.is_over.get();
            if is_over { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    fn is_websocket(&self) -> bool {
        is_websocket(&self.exchange.upgrade)
    }

    fn is_half_over(&self) -> bool {
        self.from_client.is_over.get() || self.from_upstream.is_over.get()
    }

    /// True if a wait for readability would miss nothing.
    fn is_waiting(&self) -> bool {
        let waits = |lane: &Lane| lane.is_over.get() || lane.is_waiting.get();
        waits(&self.from_client) && waits(&self.from_upstream)
    }

    /// Waits without a buffer until either side has something to say. False if it is over.
    async fn wait_parked(&self, idle: &Deadline) -> bool {
        loop {
            if self.look() {
                return false;
            }
            if let Some(farewell) = self.course.closing.get() {
                let say = |lane: &Lane, target: &Stream| {
                    lane.can_say_close() && !lane.say_close_now(farewell, target)
                };
                let is_full = say(&self.from_client, &self.connection.stream);
                if say(&self.from_upstream, &self.downstream) || is_full {
                    return true;
                }
                // Now that it has been said, the answers have their time.
                self.look();
            }
            self.local.metrics.parked_connections.add(1);
            let outcome = idle.guard(self.until_due(), pin!(self.readable())).await;
            self.local.metrics.parked_connections.sub(1);
            if outcome.is_ok() {
                return true;
            }
        }
    }

    async fn readable(&self) {
        let of = async |lane: &Lane, source: &Stream| {
            if lane.is_over.get() {
                return std::future::pending().await;
            }
            // An error shows in the read that follows.
            let _ = source.readable().await;
        };
        let client = pin!(of(&self.from_client, &self.downstream));
        let upstream = pin!(of(&self.from_upstream, &self.connection.stream));
        let (Either::First(()) | Either::Second(())) = race(client, upstream).await;
    }

    /// Lets neither side take what it got for all there was, unless it has been told that it is.
    fn cut(&self) {
        if !self.from_upstream.has_told() {
            self.downstream.reset_on_close();
        }
        if !self.from_client.has_told() {
            self.connection.stream.reset_on_close();
        }
    }

    fn finish(&self) {
        let end = self.course.end.get().unwrap_or(UpgradeEnd::Client);
        self.metrics().upgraded_open.sub(1);
        self.metrics().upgraded_ends[end as usize].add(1);
        self.local.metrics.upgraded.sub(1);
        let upgraded = Upgraded {
            protocol: &self.exchange.upgrade,
            end: Some(end),
            close_code: self.course.close_code.get().unwrap_or(0),
        };
        record::log(&self.tally, &self.exchange, &self.installed, &self.local, self.listener, &upgraded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_task<A, B, C, T: Future>(_: impl Fn(A, B, C) -> T) -> usize {
        size_of::<T>()
    }

    #[test]
    fn an_idle_tunnel_is_small() {
        let task = size_of_task::<_, _, &'static Deadline, _>(Tunnel::run);
        let (tunnel, exchange) = (size_of::<Tunnel>(), size_of::<Exchange>());
        println!("task {task} bytes, of which tunnel {tunnel}, of which exchange {exchange}");
        assert!(task <= 2 * 1024, "{task} bytes");
    }
}
