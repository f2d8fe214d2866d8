//! Heads of recent requests, so that a configuration can be tried on them before it is used.
//!
//! A sample: a few a tick, and as many again of those that the gateway refused. The ring is shared fairly: what came
//! most often makes room first, so rare routes stay. Secrets are hidden before anything is kept. Slots and their
//! buffers are made at the start and used again; a head that needs more than its slot has makes it grow, up to a bound.

use std::net::IpAddr;

use crate::http::field::FieldId;
use crate::http::head::Version;
use crate::policy::reply::Fault;
use crate::proxy::decision::Met;
use crate::proxy::recording::RecordingPlan;
use crate::shared::names::NameId;
use crate::telemetry::head_text::{FieldText, HeadText};

/// How long a tick of sampling is.
const TICK_MS: u64 = 20;
/// Heads that are kept in a tick, of those that were served and of those that were refused: 400 a second at most, and
/// each costs a microsecond or two.
const HEADS_PER_TICK: u8 = 4;
/// Room in a slot to begin with. Most heads have less.
const SLOT_BYTES: usize = 1024;
/// Largest head that is kept, as it came and as it is written.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// By how many kinds of requests the ring is shared.
const BUCKETS: usize = 256;

/// What is known of a recorded head besides its text.
#[derive(Debug, Clone, Copy)]
pub struct HeadMeta {
    /// When it ended, in milliseconds since 1970.
    pub unix_ms: u64,
    /// Generation it ran on.
    pub generation: u64,
    /// Who the socket's peer was.
    pub peer: IpAddr,
    /// True if it came over TLS.
    pub is_secure: bool,
    /// The listener.
    pub listener: NameId,
    /// The route it met.
    pub route: NameId,
    /// The cluster it was to go to.
    pub cluster: NameId,
    /// Why it went nowhere, or did not come back.
    pub fault: Option<Fault>,
    /// The policy that answered.
    pub policy: Option<&'static str>,
    /// How many bytes of text belong to it.
    pub text_bytes: usize,
}

/// A recorded head: see [`HeadText`].
#[derive(Debug)]
struct Slot {
    meta: HeadMeta,
    text: Vec<u8>,
}

/// What became of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is in the ring.
    Yes,
    /// Enough were kept in this tick.
    No,
    /// It is larger than [`HEAD_BYTES_MAX`].
    TooLarge,
}

/// The recorded heads of one worker.
#[derive(Debug, Default)]
pub struct Heads {
    slots: Vec<Slot>,
    /// Which kind each slot's request is of.
    buckets: Vec<u8>,
    /// How many slots each kind has.
    held: Box<[u16]>,
    /// Buffers of slots that are still empty.
    spare: Vec<Vec<u8>>,
    /// A head is written here first.
    scratch: Vec<u8>,
    /// Where the next slot to give up is looked for.
    cursor: usize,
    tick: u64,
    /// How many more are kept in this tick: of those served, of those refused.
    left: [u8; 2],
    capacity: usize,
}

impl Heads {
    /// Keeps this many from now on.
    pub fn resize(&mut self, capacity: usize) {
        if capacity == self.capacity {
            return;
        }
        self.slots.truncate(capacity);
        self.buckets.truncate(capacity);
        self.spare = (self.slots.len()..capacity).map(|_| Vec::with_capacity(SLOT_BYTES)).collect();
        self.slots.reserve_exact(capacity - self.slots.len());
        self.buckets.reserve_exact(capacity - self.buckets.len());
        self.held = vec![0; BUCKETS].into();
        self.buckets.iter().for_each(|bucket| self.held[usize::from(*bucket)] += 1);
        self.scratch = Vec::with_capacity(if capacity > 0 { SLOT_BYTES } else { 0 });
        self.cursor = 0;
        self.capacity = capacity;
    }

    /// Whether one more is kept in this tick.
    #[inline]
    pub fn wants(&mut self, now_ms: u64, is_refused: bool) -> bool {
        if self.capacity == 0 {
            return false;
        }
        let tick = now_ms / TICK_MS;
        if tick != self.tick {
            (self.tick, self.left) = (tick, [HEADS_PER_TICK; 2]);
        }
        let left = &mut self.left[usize::from(is_refused)];
        let wants = *left > 0;
        *left = left.saturating_sub(1);
        wants
    }

    /// Keeps the head of an exchange, as it came.
    pub fn note(&mut self, met: &Met<'_>, plan: &RecordingPlan) -> Kept {
        let request = &met.exchange.request;
        if request.method_text().is_empty() {
            // It was no request; its head is nowhere.
            return Kept::No;
        }
        if request.fields.section_bytes() + request.target().len() > HEAD_BYTES_MAX {
            return Kept::TooLarge;
        }
        let head = HeadText {
            method: request.method_text(),
            target: request.target(),
            is_http10: request.version == Version::Http10,
        };
        let fields = request.fields.as_came().map(|field| FieldText {
            is_known: field.id != FieldId::Other,
            name: field.name,
            value: field.value,
        });
        self.scratch.clear();
        head.write(fields, &plan.redaction, &plan.pseudonyms, &mut self.scratch);
        if self.scratch.len() > HEAD_BYTES_MAX {
            self.scratch = Vec::with_capacity(SLOT_BYTES);
            return Kept::TooLarge;
        }
        let meta = HeadMeta {
            unix_ms: met.wall_ms,
            generation: met.installed.snapshot.generation,
            peer: met.exchange.peer.ip(),
            is_secure: met.exchange.scheme == "https",
            listener: met.listener(),
            route: met.route(),
            cluster: met.cluster(),
            fault: met.tally.fault.get(),
            policy: met.policy(),
            text_bytes: self.scratch.len(),
        };
        self.put(meta);
        Kept::Yes
    }

    /// Puts what is in the scratch buffer into a slot.
    fn put(&mut self, meta: HeadMeta) {
        let bucket = bucket(&meta);
        self.held[usize::from(bucket)] += 1;
        if let Some(mut text) = self.spare.pop() {
            std::mem::swap(&mut text, &mut self.scratch);
            self.slots.push(Slot { meta, text });
            self.buckets.push(bucket);
            return;
        }
        let place = self.victim();
        let slot = &mut self.slots[place];
        std::mem::swap(&mut slot.text, &mut self.scratch);
        slot.meta = meta;
        self.held[usize::from(self.buckets[place])] -= 1;
        self.buckets[place] = bucket;
        self.cursor = (place + 1) % self.slots.len();
    }

    /// The oldest of the kind that has most. Ages show in the places alone, roughly where kinds come and go.
    fn victim(&self) -> usize {
        let (behind, ahead) = self.buckets.split_at(self.cursor);
        let places = (self.cursor..).zip(ahead).chain((0..).zip(behind));
        let mut most = (0, 0);
        for (place, bucket) in places {
            let held = self.held[usize::from(*bucket)];
            if held > most.0 {
                most = (held, place);
            }
        }
        most.1
    }

    /// Appends heads from place `from` on, as many as there is room for in both, but at least one. The place to go on
    /// from, if there are more.
    pub fn copy_from(&self, from: usize, metas: &mut Vec<HeadMeta>, text: &mut Vec<u8>) -> Option<usize> {
        for (place, slot) in self.slots.iter().enumerate().skip(from) {
            let is_full = metas.len() == metas.capacity() || text.len() + slot.text.len() > text.capacity();
            if is_full && !metas.is_empty() {
                return Some(place);
            }
            metas.push(slot.meta);
            text.extend_from_slice(&slot.text);
        }
        None
    }
}

/// Requests are of one kind if the same route took them, or refused them for the same reason.
fn bucket(meta: &HeadMeta) -> u8 {
    let fault = meta.fault.map_or(0, |fault| fault.slot() as u32 + 1);
    let mixed = (meta.route.number() ^ fault.rotate_left(16)).wrapping_mul(0x9e37_79b1);
    (mixed >> 24) as u8
}

#[cfg(test)]
#[path = "recent_tests.rs"]
mod tests;
