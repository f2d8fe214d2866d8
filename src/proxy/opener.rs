//! What an attempt begins with: the request's head, and what of its body is there.
//!
//! Made once, in front of the body where that lies. Made anew for an attempt that has something else to say: another host,
//! less time.

use std::rc::Rc;
use std::time::Duration;

use crate::http::grpc;
use crate::policy::exchange::Exchange;
use crate::proxy::request_head::{self, Address};
use crate::rt::buffer::{Buffer, HEADROOM, Pool, Size};
use crate::rt::clock;
use crate::upstream::cluster::{Cluster, ClusterPlan};

/// How a route addresses what it sends on, whichever cluster gets it.
#[derive(Clone, Copy)]
pub struct Aim<'a> {
    /// Rewritten path; None for the normalised one.
    pub path: Option<&'a [u8]>,
    /// The Host field, if the route says so.
    pub host: Option<&'a [u8]>,
}

impl<'a> Aim<'a> {
    fn address(&self, plan: &'a ClusterPlan, scheme: &'static str) -> Address<'a> {
        let host = self.host.or(plan.host.as_deref().map(str::as_bytes));
        Address { path: self.path, host, scheme: scheme.as_bytes() }
    }
}

/// Until when everything must be over.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// For everything.
    pub whole: Duration,
    /// When that began, by the coarse clock.
    pub began_ms: u64,
}

/// Puts the request's head in front of what of its body is there.
pub fn put_request_head(
    exchange: &Exchange,
    aim: &Aim<'_>,
    cluster: &Cluster,
    mut body: Buffer,
    scratch: &mut Vec<u8>,
    pool: &Rc<Pool>,
) -> Buffer {
    let address = aim.address(&cluster.plan, exchange.scheme);
    if body.is_empty() {
        body.reset(HEADROOM);
        request_head::write(exchange, &address, body.tail());
        return body;
    }
    scratch.clear();
    request_head::write(exchange, &address, scratch);
    if body.prepend(scratch) {
        return body;
    }
    // Both are limited to less than a large buffer holds.
    let mut opener = pool.lease(Size::Large);
    opener.tail().extend_from_slice(scratch);
    opener.tail().extend_from_slice(body.filled());
    opener
}

/// Tells the service how long it has, where it wants to know. True if it was told.
pub fn tell_deadline(exchange: &mut Exchange, cluster: &Cluster, limit: Option<Limit>) -> bool {
    let Some(limit) = limit else { return false };
    let is_grpc = grpc::media_type(&exchange.request.fields).is_some();
    let field = cluster.plan.deadline_field.as_deref();
    if !is_grpc && field.is_none() {
        return false;
    }
    let passed_ms = clock::coarse_ms().saturating_sub(limit.began_ms);
    let left_ms = (limit.whole.as_millis() as u64).saturating_sub(passed_ms).clamp(1, 99_999_999);
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(left_ms);
    if let Some(name) = field {
        exchange.request.fields.set(name, digits.as_bytes());
    }
    if is_grpc {
        let mut value = [0_u8; 9];
        value[..digits.len()].copy_from_slice(digits.as_bytes());
        // Milliseconds, at most eight digits of them.
        value[digits.len()] = b'm';
        exchange.request.fields.set(b"grpc-timeout", &value[..=digits.len()]);
    }
    true
}
