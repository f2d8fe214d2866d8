//! What one worker lends to its connections: buffers, deadlines, metrics, the installed generation.
//!
//! Lives as long as the worker and never leaves its thread.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::http::date;
use crate::policy::ground::Bench;
use crate::policy::priority::Early;
use crate::proxy::access_log::AccessLog;
use crate::proxy::installed::Installed;
use crate::proxy::recording::Recording;
use crate::rt::buffer::Pool;
use crate::rt::clock;
use crate::rt::deadline::{Deadlines, Trigger};
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::WorkerMetrics;
use crate::telemetry::request_id::RequestIds;
use crate::telemetry::shed::ShedReason;
use crate::telemetry::xorshift::Xorshift;

/// How long a look at the wall clock is good for. It is coarse anyway.
const WALL_MS: u64 = 10;

/// Length of an IMF-fixdate.
const DATE_BYTES: usize = 29;

/// What one worker lends to its connections.
pub struct Local {
    /// Number of this worker, from 0.
    pub worker: usize,
    /// What its policies share.
    pub bench: Rc<Bench>,
    /// Its buffers.
    pub pool: Rc<Pool>,
    /// Its deadlines.
    pub deadlines: Rc<Deadlines>,
    /// Its figures.
    pub metrics: Slot<WorkerMetrics>,
    /// Its request ids.
    pub request_ids: RequestIds,
    /// Random numbers that need not be secret.
    pub random: Xorshift,
    /// Its access log.
    pub access_log: RefCell<AccessLog>,
    /// What it remembers of its exchanges.
    pub recording: Recording,
    /// Client connections it may have, whatever the configuration says.
    pub connections_max: Cell<i64>,
    /// True once it takes no more requests.
    pub is_draining: Cell<bool>,
    installed: RefCell<Rc<Installed>>,
    date: RefCell<(u64, [u8; DATE_BYTES])>,
    /// When the wall clock was looked at, by the coarse clock, and what it said.
    wall_ms: Cell<(u64, u64)>,
    idle: RefCell<IdleList>,
}

/// A connection that can be woken.
struct Enlisted {
    trigger: Trigger,
    stage: Stage,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has not said yet what it is.
    Beginning,
    /// It brings requests to the listener at this place.
    Serving(usize),
    /// It carries something else.
    Switched,
}

/// Connections that wait for a request and can be closed at any time.
#[derive(Default)]
struct IdleList {
    triggers: Vec<Option<Enlisted>>,
    free: Vec<usize>,
    /// Where the next ones to close are looked for.
    cursor: usize,
}

impl Local {
    /// Everything a worker needs besides its sockets.
    pub fn new(
        bench: Rc<Bench>,
        installed: Rc<Installed>,
        metrics: Slot<WorkerMetrics>,
        access_log: AccessLog,
    ) -> Rc<Self> {
        let worker = bench.worker;
        let seed = (u128::from(clock::nanos()) << 64) | (worker as u128 + 1);
        Rc::new(Self {
            worker,
            pool: bench.pool.clone(),
            deadlines: bench.deadlines.clone(),
            bench,
            metrics,
            request_ids: RequestIds::new(seed),
            random: Xorshift::new(seed as u64 ^ clock::nanos()),
            access_log: RefCell::new(access_log),
            recording: Recording::new(&installed.snapshot.recording),
            connections_max: Cell::new(i64::MAX),
            is_draining: Cell::new(false),
            installed: RefCell::new(installed),
            date: RefCell::new((u64::MAX, [0; DATE_BYTES])),
            wall_ms: Cell::new((u64::MAX, 0)),
            idle: RefCell::default(),
        })
    }

    /// Counts a request of a route whose class this is, before any policy has run. True if it is to be refused.
    #[inline]
    pub fn refuses(&self, early: Early) -> bool {
        let Early { class, is_open } = early;
        let shedder = &self.bench.shedder;
        let is_refused = if is_open { shedder.refuses_at_best(class) } else { shedder.refuses(class) };
        if is_refused {
            self.metrics.shed.count(class.slot(), ShedReason::Overloaded);
        }
        is_refused
    }

    /// The generation that new exchanges run on.
    pub fn installed(&self) -> Rc<Installed> {
        self.installed.borrow().clone()
    }

    /// Replaces the generation for exchanges that begin from now on. Gives the former one.
    pub fn install(&self, next: Rc<Installed>) -> Rc<Installed> {
        if let Some(log) = &next.snapshot.access_log {
            self.access_log.borrow_mut().resample(log.sample);
        }
        self.recording.resize(&next.snapshot.recording);
        let previous = self.installed.replace(next.clone());
        previous.hand_over(&next);
        previous
    }

    /// Milliseconds since 1970 at `now_ms` of the coarse clock, asking the wall clock now and then only.
    pub fn wall_ms(&self, now_ms: u64) -> u64 {
        let (looked_ms, said_ms) = self.wall_ms.get();
        let since_ms = now_ms.wrapping_sub(looked_ms);
        if since_ms < WALL_MS {
            return said_ms + since_ms;
        }
        let wall_ms = clock::wall_ms();
        self.wall_ms.set((now_ms, wall_ms));
        wall_ms
    }

    /// The Date field's value for now.
    pub fn date(&self) -> [u8; DATE_BYTES] {
        self.date_at(clock::coarse_ms())
    }

    /// The same, where `now_ms` of the coarse clock is now.
    pub fn date_at(&self, now_ms: u64) -> [u8; DATE_BYTES] {
        let second = self.wall_ms(now_ms) / 1_000;
        let mut cached = self.date.borrow_mut();
        if cached.0 != second {
            *cached = (second, date::imf_fixdate(second));
        }
        cached.1
    }

    /// Registers a connection whose `trigger` ends its wait for a request. Returns its place in the list.
    pub fn enlist(&self, trigger: Trigger, stage: Stage) -> usize {
        let enlisted = Some(Enlisted { trigger, stage });
        let mut idle = self.idle.borrow_mut();
        match idle.free.pop() {
            Some(place) => {
                idle.triggers[place] = enlisted;
                place
            }
            None => {
                idle.triggers.push(enlisted);
                idle.triggers.len() - 1
            }
        }
    }

    /// Says that the connection at `place` carries something else than requests from now on.
    pub fn mark_switched(&self, place: usize) {
        if let Some(enlisted) = &mut self.idle.borrow_mut().triggers[place] {
            enlisted.stage = Stage::Switched;
        }
    }

    /// Forgets the connection at `place`.
    pub fn delist(&self, place: usize) {
        let mut idle = self.idle.borrow_mut();
        idle.triggers[place] = None;
        idle.free.push(place);
    }

    /// Closes up to `count` connections that are parked, each in its turn; busy ones do not notice.
    pub fn close_some_idle(&self, count: usize) {
        let chosen: Vec<Trigger> = {
            let mut idle = self.idle.borrow_mut();
            let len = idle.triggers.len().max(1);
            let start = idle.cursor % len;
            idle.cursor = start + count;
            let (behind, ahead) = idle.triggers.split_at(start.min(idle.triggers.len()));
            let all = ahead.iter().chain(behind).take(count).flatten();
            all.map(|enlisted| enlisted.trigger.clone()).collect()
        };
        for trigger in chosen {
            trigger.pull();
        }
    }

    /// Whether requests are taken from connections of a listener.
    pub fn takes_requests(&self, listener: usize) -> bool {
        !self.is_draining.get() && self.installed.borrow().snapshot.is_open[listener]
    }

    /// Takes no more requests: connections that wait for one are woken and close.
    pub fn drain(&self) {
        self.is_draining.set(true);
        self.pull(|_| true);
        self.installed().close_idle();
    }

    /// Closes connections of a listener that is gone: those without a request at once, the others after it.
    pub fn close_listener(&self, listener: usize) {
        self.pull(|enlisted| enlisted.stage == Stage::Serving(listener));
    }

    /// Has connections that have switched protocols look at the state of things.
    pub fn nudge_tunnels(&self) {
        self.pull(|enlisted| enlisted.stage == Stage::Switched);
    }

    fn pull(&self, is_meant: impl Fn(&Enlisted) -> bool) {
        let triggers: Vec<Trigger> = {
            let idle = self.idle.borrow();
            let meant = idle.triggers.iter().flatten().filter(|enlisted| is_meant(enlisted));
            meant.map(|enlisted| enlisted.trigger.clone()).collect()
        };
        for trigger in triggers {
            trigger.pull();
        }
    }
}
