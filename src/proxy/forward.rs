//! An exchange with a cluster: what goes there, and the two directions side by side.
//!
//! Both run in one task. The answer's side ([`super::answer`]) owns the upstream connection; the request's side
//! ([`super::upload`]) carries the body and watches the client.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use crate::http::field::FieldId;
use crate::http::grpc;
use crate::http::head::Version;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault};
use crate::policy::revocation::Watch;
use crate::proxy::answer::{Answer, is_failure};
use crate::proxy::care::Care;
use crate::proxy::connection::Conversation;
use crate::proxy::gather::Gathering;
use crate::proxy::installed::{Installed, RunningRoute};
use crate::proxy::opener::{Aim, Limit, put_request_head, tell_deadline};
use crate::proxy::record::Tally;
use crate::proxy::shadow::copy::Original;
use crate::proxy::upgrade::Switched;
use crate::proxy::upload::{Duplex, Uplink, Upload, UploadTimeouts};
use crate::rt::clock;
use crate::rt::deadline::Deadline;
use crate::rt::join::{Either, race};
use crate::upstream::cluster::Cluster;
use crate::upstream::entry;

/// How the exchange with the cluster ended.
pub enum Forwarded {
    /// The answer is with the client.
    Answered {
        /// The client's connection can go on.
        persists: bool,
        /// The whole request was read.
        is_uploaded: bool,
    },
    /// Nothing is with the client; it can be told.
    Failed {
        /// What is wrong.
        fault: Fault,
        /// The whole request was read.
        is_uploaded: bool,
    },
    /// The origin has switched protocols; its 101 is still to be written.
    Switched(Box<Switched>),
    /// Part of an answer is with the client: the connection must be cut so that it notices.
    Cut(Fault),
}

/// Asks the route's breaker, if it has one.
pub fn ask_route(conversation: &Conversation, route: &RunningRoute, care: &Care<'_>) -> Result<(), Fault> {
    let Some(breaker) = care.running.and_then(|care| care.breaker.as_ref()) else { return Ok(()) };
    breaker.refresh();
    let asked = entry::ask(&breaker.get()).map_err(|retry_after_ms| {
        conversation.tally.retry_after_ms.set(retry_after_ms);
        route.metrics.breaker_refused.add(1);
        Code::CircuitOpen
    });
    let slow_nanos = care.plan.and_then(|plan| plan.breaker.as_ref()).map_or(u64::MAX, |it| it.slow_nanos);
    conversation.tally.trial.set(asked?.map(|probe| (probe, slow_nanos)));
    Ok(())
}

/// Counts how the exchange went, for the route's breaker. A client that leaves says nothing of the service.
pub fn settle_route(outcome: &Forwarded, tally: &Tally, route: &RunningRoute, care: &Care<'_>) {
    let trial = tally.trial.take();
    let Some(breaker) = care.plan.and_then(|plan| plan.breaker.as_ref()) else { return };
    let is_success = match outcome {
        Forwarded::Answered { .. } => !is_failure(tally.final_status(), tally.grpc_status.get()),
        Forwarded::Switched(_) => true,
        Forwarded::Failed { fault, .. } | Forwarded::Cut(fault) if fault.status() < 500 => return,
        // Nobody was asked: how the service is, other breakers know.
        Forwarded::Failed { .. } if tally.upstream.attempts.get() == 0 => return,
        Forwarded::Failed { .. } | Forwarded::Cut(_) => false,
    };
    let nanos = match tally.upstream.head_nanos.get() {
        0 => clock::nanos().saturating_sub(tally.began_nanos.get()),
        nanos => nanos,
    };
    route.metrics.outcomes.count(is_success, nanos, breaker.slow_nanos);
    if let Some((probe, slow_nanos)) = trial {
        probe.settle(is_success && nanos <= slow_nanos);
    }
}

/// Sends the exchange to `cluster` and its answer to the client. `aim` says how it is addressed there.
pub async fn forward(
    conversation: &mut Conversation,
    installed: &Installed,
    route: &RunningRoute,
    care: &Care<'_>,
    cluster: &Rc<Cluster>,
    aim: &Aim<'_>,
) -> Forwarded {
    let limits = &installed.snapshot.limits;
    let timeouts = cluster.plan.timeouts;
    let total_limit = total_limit(&conversation.exchange, timeouts.total);
    let limit = total_limit.map(|whole| Limit { whole, began_ms: clock::coarse_ms() });
    let mut duplex = Duplex::default();
    let Conversation {
        local,
        intake,
        exchange,
        stream,
        waiting,
        opening,
        sending,
        answering,
        total,
        scratch,
        ..
    } = conversation;
    let waits_for_100 = (exchange.request.version == Version::Http11
        && exchange.request.fields.first(FieldId::Expect).is_some())
    .then_some(&**stream);
    let mut upload = Upload::new(exchange.framing, exchange.body_bytes_max, &installed.identity_fields);
    let mut body = match upload.claim(local, intake, &duplex) {
        Ok(body) => body,
        Err(fault) => return Forwarded::Failed { fault, is_uploaded: false },
    };
    if !upload.is_done() && care.retries.body_bytes > 0 && care.retries.may_repeat(exchange) {
        let gathering =
            Gathering { local, waits_for_100, duplex: &duplex, waiting, timeout: limits.body_timeout };
        let gathered = upload.gather(intake, body, &gathering, care.retries.body_bytes);
        // Boxed for the sake of all exchanges without a body.
        match Box::pin(gathered).await {
            Ok(gathered) => body = gathered,
            Err(fault) => return Forwarded::Failed { fault, is_uploaded: false },
        }
    }
    if let Some(shadow) = care.running.and_then(|care| care.shadow.as_ref()) {
        let (path, body, is_whole) = (aim.path, body.filled(), upload.is_done());
        duplex.copying = shadow.begin(&Original { local, exchange, path, body, is_whole });
    }
    tell_deadline(exchange, cluster, limit);
    let opener = put_request_head(exchange, aim, cluster, body, scratch, &local.pool);
    let watch = local.bench.watch(&exchange.principals, total);
    let is_whole = upload.is_done();
    let mut answer = Answer {
        is_repeatable: is_whole && exchange.request.method.is_idempotent(),
        exchange,
        local,
        limits,
        pins: &installed.pins,
        cluster,
        clusters: &installed.clusters,
        care,
        aim,
        limit,
        route,
        duplex: &duplex,
        downstream: stream,
        opening,
        sending,
        answering,
        scratch,
        tally: &conversation.tally,
        may_persist: conversation.may_persist,
        is_whole,
        connection: None,
        chosen: Cell::default(),
        permit: Cell::default(),
        trial: Cell::default(),
        hedging: Cell::default(),
        switched: None,
    };
    let upload_timeouts = UploadTimeouts {
        body: limits.body_timeout,
        idle: timeouts.idle,
        head: timeouts.head,
        half_close_grace: limits.half_close_grace,
    };
    let uplink =
        Uplink { intake, waits_for_100, duplex: &duplex, waiting, answering, timeouts: upload_timeouts };
    let outcome = {
        let answering_side = pin!(answer.run(opener));
        let asking_side = pin!(upload.run(uplink));
        let both = pin!(race(answering_side, asking_side));
        match (total_limit, &watch) {
            (None, None) => both.await,
            (limit, watch) => bounded(total, limit, watch.as_ref(), both).await,
        }
    };
    answer.tally.request_bytes.set(duplex.uploaded_bytes.get());
    let is_uploaded = duplex.is_uploaded.get();
    if let Some(copying) = &duplex.copying {
        copying.finish(matches!(outcome, Either::First(Ok(_))), answer.tally.grpc_status.get());
    }
    if let Some(switched) = answer.switched.take() {
        return Forwarded::Switched(switched);
    }
    match outcome {
        Either::First(Ok(persists)) => Forwarded::Answered { persists, is_uploaded },
        Either::First(Err(fault)) | Either::Second(fault) if duplex.has_begun.get() => Forwarded::Cut(fault),
        Either::First(Err(fault)) | Either::Second(fault) => Forwarded::Failed { fault, is_uploaded },
    }
}

/// Awaits both directions until the time is up, or the client's credentials are revoked.
async fn bounded<T, F: Future<Output = Either<T, Fault>>>(
    total: &Deadline,
    limit: Option<Duration>,
    watch: Option<&Watch>,
    both: Pin<&mut F>,
) -> Either<T, Fault> {
    let is_revoked = || watch.is_some_and(Watch::is_revoked);
    if is_revoked() {
        return Either::Second(Code::CredentialsRevoked.into());
    }
    let outcome = match limit {
        Some(limit) => total.guard(limit, both).await,
        // It was armed by whoever may pull it.
        None => {
            let outcome = total.watch(both).await;
            total.disarm();
            outcome
        }
    };
    outcome.unwrap_or_else(|_| {
        let code = if is_revoked() { Code::CredentialsRevoked } else { Code::UpstreamTotalTimeout };
        Either::Second(code.into())
    })
}

/// How long the whole exchange may take. A gRPC call says so itself, but no longer than it may.
fn total_limit(exchange: &Exchange, configured: Option<Duration>) -> Option<Duration> {
    let fields = &exchange.request.fields;
    let asked = if grpc::media_type(fields).is_some() { grpc::timeout(fields) } else { None };
    match (configured, asked) {
        (Some(configured), Some(asked)) => Some(configured.min(asked)),
        (one, other) => one.or(other),
    }
}
