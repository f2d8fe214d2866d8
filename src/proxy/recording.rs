//! What one worker remembers of its exchanges for the operator, and how it tells.
//!
//! Owns the ring of decisions and that of heads, both bounded by the configuration and allocated when it is installed.
//! What control asks is answered between events, in pieces of a few hundred records at most: a copy, nothing more.

use std::cell::RefCell;

use crate::proxy::decision::{DecisionRecord, Decisions, Met};
use crate::proxy::recent::{HeadMeta, Heads, Kept};
use crate::proxy::shadow::sample::Mismatches;
use crate::shared::names::NameId;
use crate::shared::reply::Reply;
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::pseudonym::Pseudonyms;
use crate::telemetry::redaction::Redaction;

/// What is remembered.
#[derive(Debug, Default)]
pub struct RecordingPlan {
    /// Decision records per worker; 0 for none.
    pub decisions: usize,
    /// Heads per worker; 0 for none.
    pub heads: usize,
    /// What of heads is never kept.
    pub redaction: Redaction,
    /// What stands in for it.
    pub pseudonyms: Pseudonyms,
}

/// Something control wants to know. Room for the answer comes along, so that a worker allocates nothing for it.
pub enum Dump {
    /// The latest record of a request.
    Decision {
        /// The request's id.
        id: Box<[u8]>,
        /// Where the answer goes.
        reply: Reply<Option<DecisionRecord>>,
    },
    /// The latest records, the latest first.
    Decisions {
        /// Only those with a smaller number.
        before: u64,
        /// Room for as many as are wanted.
        room: Vec<DecisionRecord>,
        /// Where the answer goes.
        reply: Reply<Vec<DecisionRecord>>,
    },
    /// Recorded heads.
    Heads {
        /// The first one's place.
        from: usize,
        /// Room for as many as are wanted.
        room: HeadBatch,
        /// Where the answer goes.
        reply: Reply<HeadBatch>,
    },
    /// Answers to copies of requests that were others than the originals', the latest first, a line each.
    Mismatches {
        /// Room for as much as is wanted.
        room: Vec<u8>,
        /// Where the answer goes.
        reply: Reply<Vec<u8>>,
    },
}

/// Some of the recorded heads.
#[derive(Debug, Default)]
pub struct HeadBatch {
    /// What is known of each.
    pub metas: Vec<HeadMeta>,
    /// Their texts, one after the other.
    pub text: Vec<u8>,
    /// Where there are more.
    pub next: Option<usize>,
}

/// What one worker remembers.
#[derive(Debug)]
pub struct Recording {
    decisions: RefCell<Decisions>,
    heads: RefCell<Heads>,
    mismatches: RefCell<Mismatches>,
}

impl Recording {
    /// Remembers as much as is planned.
    pub fn new(plan: &RecordingPlan) -> Self {
        let recording =
            Self { decisions: RefCell::default(), heads: RefCell::default(), mismatches: RefCell::default() };
        recording.resize(plan);
        recording
    }

    /// Remembers as much as is planned from now on. Keeps what it has, as far as that fits.
    pub fn resize(&self, plan: &RecordingPlan) {
        self.decisions.borrow_mut().resize(plan.decisions);
        self.heads.borrow_mut().resize(plan.heads);
    }

    /// Writes down an exchange that is over or has switched protocols.
    pub fn note(&self, met: &Met<'_>, metrics: &WorkerMetrics) {
        self.decisions.borrow_mut().note(met);
        if met.upgraded.end.is_some() {
            // Its head was looked at when it switched.
            return;
        }
        let upstream = &met.tally.upstream;
        let is_refused = upstream.cluster.get().is_none() && met.tally.fault.get().is_some();
        let mut heads = self.heads.borrow_mut();
        if heads.wants(met.now_ms, is_refused) {
            match heads.note(met, &met.installed.snapshot.recording) {
                Kept::Yes => metrics.heads_recorded.add(1),
                Kept::TooLarge => metrics.heads_too_large.add(1),
                Kept::No => {}
            }
        }
    }

    /// Writes down that the answer to a copy of a request was another than the original's.
    pub fn note_mismatch(&self, route: NameId, now_ms: u64, text: impl FnOnce() -> Vec<u8>) {
        self.mismatches.borrow_mut().note(route, now_ms, text);
    }

    /// Answers control.
    pub fn answer(&self, dump: Dump) {
        match dump {
            Dump::Decision { id, reply } => reply.send(self.decisions.borrow().find(&id)),
            Dump::Decisions { before, mut room, reply } => {
                self.decisions.borrow().copy_before(before, room.capacity(), &mut room);
                reply.send(room);
            }
            Dump::Heads { from, mut room, reply } => {
                room.next = self.heads.borrow().copy_from(from, &mut room.metas, &mut room.text);
                reply.send(room);
            }
            Dump::Mismatches { mut room, reply } => {
                self.mismatches.borrow().copy(&mut room);
                reply.send(room);
            }
        }
    }
}
