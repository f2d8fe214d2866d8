//! Sending a copy, and holding its answer against the original's.
//!
//! A task of its own over the connections of the cluster that gets copies. Whatever becomes of it is counted and goes no
//! further: no exchange hears of it.

use std::pin::pin;
use std::rc::Rc;

use super::compare::{Bodies, Comparison, Kept, compare};
use super::pair::Pair;
use super::running::Place;
use super::sample::Sample;
use crate::http::method::Method;
use crate::proxy::local::Local;
use crate::rt::clock;
use crate::rt::deadline::{Deadline, due_ms};
use crate::telemetry::shadow::ShadowMetrics;
use crate::upstream::ask::{Means, NoAnswer, Request, Told, ask};

/// A copy that is to be sent.
pub(super) struct Sending {
    /// Its place among those in flight.
    pub place: Place,
    /// The worker.
    pub local: Rc<Local>,
    /// Its method.
    pub method: Method,
    /// Head and body.
    pub bytes: Vec<u8>,
    /// How much more of a body there is room for.
    pub body_left: usize,
    /// The id that it has in common with the original.
    pub request_id: Box<[u8]>,
    /// The original's answer, if it is compared.
    pub pair: Option<Rc<Pair>>,
}

impl Sending {
    /// Sends it, and compares.
    pub async fn run(self) {
        let (running, local) = (self.place.running(), &self.local);
        let plan = &*running.plan;
        let (began_nanos, until_ms) = (clock::nanos(), due_ms(clock::coarse_ms(), plan.timeout));
        let means = Means { buffers: &local.pool, deadlines: &local.deadlines };
        let request = Request {
            method: self.method,
            is_repeatable: self.method.is_idempotent(),
            bytes: &self.bytes,
            body_bytes_max: plan.compare.as_ref().map_or(0, |compare| compare.body_bytes),
            cuts: true,
            within: plan.timeout,
        };
        let told = match ask(&running.cluster, &means, &request).await {
            Ok(told) => told,
            Err(reason) => return count(&running.metrics, reason),
        };
        running.metrics.answered.add(1);
        running.metrics.duration.record(clock::nanos().saturating_sub(began_nanos));
        let Some(pair) = &self.pair else { return };
        let deadline = Deadline::new(&local.deadlines);
        match deadline.guard_until(until_ms, pin!(pair.ended())).await {
            Ok(true) => self.hold_against(&pair.take(), &kept(told)),
            // The original got none, or its client left, or it takes longer than anybody waits.
            Ok(false) | Err(_) => running.metrics.alone.add(1),
        }
    }

    fn hold_against(&self, original: &Kept, copy: &Kept) {
        let running = self.place.running();
        let Some(plan) = &running.plan.compare else { return };
        let found = compare(plan, original, copy);
        tally(&running.metrics, &found, plan.body_bytes > 0);
        if found.is_match() {
            return;
        }
        let local = &self.local;
        let now_ms = clock::coarse_ms();
        local.recording.note_mismatch(running.route, now_ms, || {
            let installed = local.installed();
            let sample = Sample {
                plan: &running.plan,
                redaction: &installed.snapshot.recording.redaction,
                unix_ms: local.wall_ms(now_ms),
                request_id: &self.request_id,
                request: &self.bytes,
                original,
                copy,
                found: &found,
            };
            sample.text()
        });
    }
}

fn kept(told: Told) -> Kept {
    Kept {
        status: told.head.status,
        grpc_status: told.grpc_status,
        fields: told.head.fields,
        body: told.body,
        is_cut: told.is_cut,
    }
}

fn count(metrics: &ShadowMetrics, reason: NoAnswer) {
    match reason {
        NoAnswer::Unreachable => &metrics.unreachable,
        NoAnswer::Late => &metrics.late,
        NoAnswer::Broken => &metrics.broken,
    }
    .add(1);
}

fn tally(metrics: &ShadowMetrics, found: &Comparison, compares_bodies: bool) {
    if found.is_match() { &metrics.matched } else { &metrics.mismatched }.add(1);
    if !found.has_same_status {
        metrics.statuses.add(1);
    } else if compares_bodies && matches!(found.body, Bodies::Left) {
        metrics.bodies_left.add(1);
    }
    if !found.fields.is_empty() {
        metrics.fields.add(1);
    }
    if found.has_other_body() {
        metrics.bodies.add(1);
    }
}
