//! What was decided about an exchange, as a record of fixed size, and the ring of the latest ones.
//!
//! Written once per exchange: plain stores into memory that is there already. Names are told by number and endpoints by
//! their text, so a record stays right when its generation is gone. What it means is said by control, in words.

use std::hash::BuildHasher;

use foldhash::fast::FixedState;

use crate::http::method::Method;
use crate::policy::exchange::Exchange;
use crate::policy::reply::Fault;
use crate::proxy::installed::Installed;
use crate::proxy::record::{Tally, Upgraded, protocol};
use crate::shared::names::NameId;
use crate::telemetry::retry::{Fallback, Hedge, RetryReason};
use crate::telemetry::upgrade_end::UpgradeEnd;

/// Room for an id: a UUID fits, and our own. Longer ones are found all the same, by their hash.
const ID_BYTES: usize = 36;
/// Room for an endpoint; longer names show their beginning.
const ENDPOINT_BYTES: usize = 44;
/// Room for a path; longer ones show their first segments.
const PATH_BYTES: usize = 38;

/// Text of bounded length within a record.
#[derive(Debug, Clone, Copy)]
pub struct Inline<const N: usize> {
    len: u8,
    is_cut: bool,
    bytes: [u8; N],
}

impl<const N: usize> Default for Inline<N> {
    fn default() -> Self {
        Self { len: 0, is_cut: false, bytes: [0; N] }
    }
}

impl<const N: usize> Inline<N> {
    /// As much of `text` as there is room for.
    #[inline]
    pub fn put(&mut self, text: &[u8]) {
        let len = text.len().min(N);
        self.bytes[..len].copy_from_slice(&text[..len]);
        self.is_cut = text.len() > N;
        // At most a few dozen.
        self.len = len as u8;
    }

    /// What there was room for.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// True if there was more.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }
}

/// What was decided about an exchange, and what came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct DecisionRecord {
    /// Counts the worker's records, from 1.
    pub number: u64,
    /// When its head began, in milliseconds since 1970.
    pub began_ms: u64,
    /// Generation it ran on.
    pub generation: u64,
    /// From the first byte of the head to the last of the answer.
    pub duration_nanos: u64,
    /// How long the last connect took; 0 for a reused connection, or none.
    pub connect_nanos: u64,
    /// From the sent request to the complete response head; 0 if it never came.
    pub head_nanos: u64,
    /// Bytes of the request body.
    pub request_bytes: u64,
    /// Bytes of the response body.
    pub response_bytes: u64,
    /// `HTTP/1.1` and the like.
    pub protocol: &'static str,
    /// The policy that answered.
    pub policy: Option<&'static str>,
    /// The listener.
    pub listener: NameId,
    /// The route, if one was found.
    pub route: NameId,
    /// The variant of the route, where it has several.
    pub variant: NameId,
    /// The cluster, if the request was to go to one.
    pub cluster: NameId,
    /// Attempts made.
    pub attempts: u16,
    /// Status of the answer; 0 for none.
    pub status: u16,
    /// The status of a gRPC call.
    pub grpc_status: Option<u16>,
    /// Code of the Close frame that ended an upgraded connection; 0 for none.
    pub close_code: u16,
    /// Why it did not end with the origin's answer.
    pub fault: Option<Fault>,
    /// The method.
    pub method: Method,
    /// True if the last attempt was made over HTTP/2.
    pub is_http2: bool,
    /// True if the last attempt reused a connection.
    pub is_reused: bool,
    /// True if it has switched protocols.
    pub is_switched: bool,
    /// Why the last attempt was made again.
    pub retried: Option<RetryReason>,
    /// Whether a second endpoint was asked.
    pub hedge: Hedge,
    /// What stands for the cluster's answer.
    pub fallback: Fallback,
    /// Why the upgraded connection ended, once it has.
    pub end: Option<UpgradeEnd>,
    /// The request's id.
    pub id: Inline<ID_BYTES>,
    /// The endpoint of the last attempt.
    pub endpoint: Inline<ENDPOINT_BYTES>,
    /// The path as routed.
    pub path: Inline<PATH_BYTES>,
}

/// An exchange that is over, or has switched protocols.
pub struct Met<'a> {
    /// What happened.
    pub tally: &'a Tally,
    /// The exchange.
    pub exchange: &'a Exchange,
    /// The generation it ran on.
    pub installed: &'a Installed,
    /// The listener it came in on.
    pub listener: usize,
    /// How long it took.
    pub duration_nanos: u64,
    /// When it ended, by the coarse clock.
    pub now_ms: u64,
    /// The same in milliseconds since 1970.
    pub wall_ms: u64,
    /// What it was upgraded to, and how that ended.
    pub upgraded: &'a Upgraded<'a>,
}

impl Met<'_> {
    /// The policy that answered.
    pub fn policy(&self) -> Option<&'static str> {
        let passed = self.tally.refused_by.get();
        let plan = self.installed.plan(self.tally.route.get().filter(|_| passed > 0)?);
        Some(plan.policies.get(usize::from(passed) - 1)?.key())
    }

    /// The route, if one was found.
    #[inline]
    pub fn route(&self) -> NameId {
        self.tally.route.get().map_or(NameId::NONE, |route| self.installed.route(route).name)
    }

    /// The cluster, if the request was to go to one.
    #[inline]
    pub fn cluster(&self) -> NameId {
        let cluster = self.tally.upstream.cluster.get();
        cluster.map_or(NameId::NONE, |index| self.installed.names.clusters[index])
    }

    /// The variant of the route, where it has several.
    #[inline]
    pub fn variant(&self) -> NameId {
        let Some(variant) = self.tally.variant.get() else { return NameId::NONE };
        let split = self.tally.route.get().and_then(|route| self.installed.split(route));
        split.map_or(NameId::NONE, |split| split.name(variant))
    }

    /// The listener.
    #[inline]
    pub fn listener(&self) -> NameId {
        self.installed.names.listeners[self.listener]
    }

    fn write(&self, record: &mut DecisionRecord) {
        let Self { tally, exchange, installed, .. } = *self;
        let upstream = &tally.upstream;
        record.began_ms = self.wall_ms.saturating_sub(self.duration_nanos / 1_000_000);
        record.generation = installed.snapshot.generation;
        record.duration_nanos = self.duration_nanos;
        record.connect_nanos = upstream.connect_nanos.get();
        record.head_nanos = upstream.head_nanos.get();
        record.request_bytes = tally.request_bytes.get();
        record.response_bytes = tally.response_bytes.get();
        record.protocol = protocol(exchange);
        record.policy = self.policy();
        record.listener = self.listener();
        record.route = self.route();
        record.variant = self.variant();
        record.cluster = self.cluster();
        record.attempts = upstream.attempts.get() as u16;
        record.status = tally.final_status();
        record.grpc_status = tally.grpc_status.get();
        record.close_code = self.upgraded.close_code;
        record.fault = tally.fault.get();
        record.method = exchange.request.method;
        record.is_http2 = upstream.is_http2.get();
        record.is_reused = record.attempts > 0 && record.connect_nanos == 0;
        record.is_switched = !self.upgraded.protocol.is_empty();
        record.end = self.upgraded.end;
        record.retried = upstream.retried.get();
        record.hedge = upstream.hedge.get();
        record.fallback = upstream.fallback.get();
        record.id.put(&exchange.request_id);
        let endpoint = upstream.endpoint.borrow();
        record.endpoint.put(endpoint.as_ref().map_or(&b""[..], |endpoint| endpoint.label.as_bytes()));
        record.path.put(&exchange.path);
    }
}

/// The latest records of one worker.
#[derive(Debug, Default)]
pub struct Decisions {
    records: Vec<DecisionRecord>,
    /// Hashes of their ids, side by side: looking for an id is a walk over a few KiB.
    hashes: Vec<u64>,
    /// How many were written so far.
    written: u64,
    capacity: usize,
}

fn hash(id: &[u8]) -> u64 {
    FixedState::default().hash_one(id)
}

impl Decisions {
    /// Keeps the latest `capacity` from now on.
    pub fn resize(&mut self, capacity: usize) {
        if capacity == self.capacity {
            return;
        }
        let mut kept = Vec::new();
        self.copy_before(u64::MAX, capacity, &mut kept);
        // Number and place have to fit together again.
        let first = self.written - kept.len() as u64;
        let mut next = Self {
            records: Vec::with_capacity(capacity),
            hashes: Vec::with_capacity(capacity),
            written: self.written,
            capacity,
        };
        next.records.resize(capacity.min(self.written as usize), DecisionRecord::default());
        next.hashes.resize(next.records.len(), 0);
        for record in kept.into_iter().rev().filter(|record| record.number > first) {
            let place = next.place(record.number);
            next.hashes[place] = self.hashes[self.place(record.number)];
            next.records[place] = record;
        }
        *self = next;
    }

    fn place(&self, number: u64) -> usize {
        ((number - 1) % self.capacity.max(1) as u64) as usize
    }

    /// Writes down an exchange.
    #[inline]
    pub fn note(&mut self, met: &Met<'_>) {
        if self.capacity == 0 {
            return;
        }
        self.written += 1;
        let place = self.place(self.written);
        if place >= self.records.len() {
            // Room for all of them is there.
            self.records.resize(place + 1, DecisionRecord::default());
            self.hashes.resize(place + 1, 0);
        }
        let record = &mut self.records[place];
        record.number = self.written;
        met.write(record);
        self.hashes[place] = hash(&met.exchange.request_id);
    }

    /// The latest record of this request.
    pub fn find(&self, id: &[u8]) -> Option<DecisionRecord> {
        let wanted = hash(id);
        let matching = self.hashes.iter().zip(&self.records).filter(|(hash, _)| **hash == wanted);
        let matching =
            matching.map(|(_, record)| record).filter(|record| id.starts_with(record.id.as_bytes()));
        matching.max_by_key(|record| record.number).copied()
    }

    /// Appends the latest records before the one of this number, at most `max`, the latest first.
    pub fn copy_before(&self, before: u64, max: usize, to: &mut Vec<DecisionRecord>) {
        let newest = self.written.min(before.saturating_sub(1));
        let oldest = self.written.saturating_sub(self.records.len() as u64);
        let all = (oldest + 1..=newest).rev().map(|number| (number, self.records[self.place(number)]));
        let there = all.filter(|(number, record)| record.number == *number);
        to.extend(there.map(|(_, record)| record).take(max));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Decisions {
        fn put(&mut self, id: &str) {
            self.written += 1;
            let place = self.place(self.written);
            if place >= self.records.len() {
                self.records.resize(place + 1, DecisionRecord::default());
                self.hashes.resize(place + 1, 0);
            }
            self.records[place].number = self.written;
            self.records[place].id.put(id.as_bytes());
            self.hashes[place] = hash(id.as_bytes());
        }

        fn latest(&self, before: u64, max: usize) -> Vec<u64> {
            let mut found = Vec::new();
            self.copy_before(before, max, &mut found);
            found.iter().map(|record| record.number).collect()
        }
    }

    fn ring(capacity: usize, count: usize) -> Decisions {
        let mut ring = Decisions::default();
        ring.resize(capacity);
        (1..=count).for_each(|number| ring.put(&format!("id-{number}")));
        ring
    }

    #[test]
    fn a_record_takes_four_cache_lines_at_most() {
        assert!(size_of::<DecisionRecord>() <= 256, "{} bytes", size_of::<DecisionRecord>());
    }

    #[test]
    fn keeps_the_latest_and_gives_them_page_by_page() {
        let ring = ring(4, 10);
        assert_eq!(ring.latest(u64::MAX, 3), [10, 9, 8]);
        assert_eq!(ring.latest(8, 3), [7]);
        assert!(ring.latest(7, 3).is_empty());
        assert!(super::Decisions::default().latest(u64::MAX, 3).is_empty());
    }

    #[test]
    fn finds_the_latest_of_an_id_and_none_that_is_gone() {
        let mut ring = ring(4, 10);
        ring.put("id-9");
        assert_eq!(ring.find(b"id-9").unwrap().number, 11);
        assert!(ring.find(b"id-7").is_none() && ring.find(b"").is_none());
        let long = "x".repeat(128);
        ring.put(&long);
        assert_eq!(ring.find(long.as_bytes()).unwrap().number, 12);
        assert!(ring.find(&long.as_bytes()[..127]).is_none());
    }

    #[test]
    fn a_change_of_size_keeps_what_fits() {
        for (from, count, to, expected) in [
            (4, 10, 8, vec![10, 9, 8, 7]),
            (8, 10, 3, vec![10, 9, 8]),
            (4, 2, 8, vec![2, 1]),
            (4, 9, 0, vec![]),
        ] {
            let mut ring = ring(from, count);
            ring.resize(to);
            assert_eq!(ring.latest(u64::MAX, 100), expected, "{from} {count} {to}");
            if to > 0 {
                assert_eq!(ring.find(b"id-2").is_some(), expected.contains(&2));
                (0..20).for_each(|_| ring.put("more"));
                assert_eq!(ring.latest(u64::MAX, 100).len(), to);
            }
        }
    }

    #[test]
    fn a_text_is_cut_where_its_room_ends() {
        let mut text = Inline::<4>::default();
        text.put(b"abcd");
        assert_eq!((text.as_bytes(), text.is_cut()), (&b"abcd"[..], false));
        text.put(b"abcde");
        assert_eq!((text.as_bytes(), text.is_cut()), (&b"abcd"[..], true));
        text.put(b"");
        assert_eq!((text.as_bytes(), text.is_cut()), (&b""[..], false));
    }
}
