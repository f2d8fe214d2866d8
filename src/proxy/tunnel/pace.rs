//! The time of a tunnel: when nothing moves any more, when the gateway stops, by when an end must have come.
//!
//! Looks at the clock when something else has woken the tunnel or its time is due, never for a message.

use std::cell::Cell;
use std::time::Duration;

use crate::policy::revocation::Watch;
use crate::proxy::snapshot::Limits;
use crate::proxy::tunnel::Tunnel;
use crate::proxy::tunnel::lane::Farewell;
use crate::rt::clock;
use crate::telemetry::upgrade_end::UpgradeEnd;

/// A tunnel in which nothing has moved for so long gives its buffers back.
const PARK_AFTER: Duration = Duration::from_secs(1);
/// The same while a worker has lent out more than [`LEASED_CROWD`], and while the tunnel is being closed: all of them are
/// when a gateway drains.
const PARK_AFTER_IN_CROWD: Duration = Duration::from_millis(40);
/// So many buffers are about 9 MiB; more of them are a reconnecting crowd that must not set the mark for the process's
/// memory.
const LEASED_CROWD: usize = 128;
/// How long the rest of the way to an end may take: for the answers to the gateway's Close frames, and for one side
/// after the other has gone.
const GRACE_MS: u64 = 3_000;
/// What is still open so long before the drain's time is up is cut and logged.
const DRAIN_MARGIN_MS: u64 = 200;
const NEVER: u64 = u64::MAX;

/// What is told to both sides.
const SAYS_DRAIN: Farewell = Farewell::going_away("the gateway is shutting down");
const SAYS_IDLE: Farewell = Farewell::going_away("idle for too long");
const SAYS_REVOKED: Farewell = Farewell::against_policy("credentials revoked");

/// When something last happened, in milliseconds of the coarse clock.
pub struct Pace {
    /// How long nothing may move.
    idle_ms: u64,
    /// How long a drain may take.
    drain_ms: u64,
    /// What `course.progress` was when it was last looked at.
    seen: Cell<u64>,
    moved_ms: Cell<u64>,
    /// By when it ends at the latest, once that is known.
    by_ms: Cell<u64>,
    /// True once the gateway's drain, or the end of its generation, has been taken notice of.
    is_draining: Cell<bool>,
}

impl Pace {
    /// Begins now.
    pub fn new(limits: &Limits) -> Self {
        Self {
            idle_ms: limits.tunnel_idle_timeout.as_millis() as u64,
            drain_ms: limits.drain_timeout.as_millis() as u64,
            seen: Cell::new(0),
            moved_ms: Cell::new(clock::coarse_ms()),
            by_ms: Cell::new(NEVER),
            is_draining: Cell::new(false),
        }
    }
}

impl Tunnel {
    /// Takes notice of the time and of the worker's state. True if it is over.
    pub(super) fn look(&self) -> bool {
        let Pace { seen, moved_ms, by_ms, is_draining, idle_ms, drain_ms } = &self.pace;
        let now_ms = clock::coarse_ms();
        let progress = self.course.progress.get();
        if seen.replace(progress) != progress {
            moved_ms.set(now_ms);
        }
        let is_expired = self.installed.pins.is_expired.get();
        if (self.local.is_draining.get() || is_expired) && !is_draining.replace(true) {
            by_ms.set(by_ms.get().min(now_ms + drain_ms.saturating_sub(DRAIN_MARGIN_MS)));
            self.close(SAYS_DRAIN);
        }
        let is_revoked = self.watch.as_ref().is_some_and(Watch::is_revoked);
        if is_revoked && self.course.closing.get() != Some(SAYS_REVOKED) {
            self.course.ends(UpgradeEnd::Revoked);
            self.course.closing.set(Some(SAYS_REVOKED));
            by_ms.set(by_ms.get().min(now_ms + GRACE_MS));
            if !self.is_websocket() {
                self.cut();
                return true;
            }
        }
        if now_ms >= moved_ms.get().saturating_add(*idle_ms) && self.course.closing.get().is_none() {
            self.course.ends(UpgradeEnd::Idle);
            self.close(SAYS_IDLE);
            by_ms.set(by_ms.get().min(now_ms + GRACE_MS));
            if !self.is_websocket() {
                return true;
            }
        }
        let is_told = self.from_client.has_told() && self.from_upstream.has_told();
        if self.course.closing.get().is_some() && is_told {
            by_ms.set(by_ms.get().min(now_ms + GRACE_MS));
        }
        if now_ms >= by_ms.get() {
            self.course.ends(if is_draining.get() { UpgradeEnd::Drain } else { UpgradeEnd::Idle });
            return true;
        }
        false
    }

    /// Has both lanes say Close, where they can.
    fn close(&self, farewell: Farewell) {
        if self.is_websocket() && self.course.closing.get().is_none() {
            if farewell == SAYS_DRAIN {
                self.course.ends(UpgradeEnd::Drain);
            }
            self.course.closing.set(Some(farewell));
        }
    }

    /// How long nobody needs to look.
    pub(super) fn patience(&self) -> Duration {
        let is_crowd = self.local.pool.leased() > LEASED_CROWD || self.course.closing.get().is_some();
        let park_after = if is_crowd { PARK_AFTER_IN_CROWD } else { PARK_AFTER };
        park_after.min(self.until_due())
    }

    pub(super) fn until_due(&self) -> Duration {
        let idle_ms = if self.course.closing.get().is_some() {
            NEVER
        } else {
            self.pace.moved_ms.get().saturating_add(self.pace.idle_ms)
        };
        let due_ms = idle_ms.min(self.pace.by_ms.get());
        Duration::from_millis(due_ms.saturating_sub(clock::coarse_ms()))
    }

    /// Once one side has gone, WebSocket has nothing more to say (RFC 6455 7.1.1), while other protocols may still be
    /// using the other direction. The limit on idleness holds for them.
    pub(super) fn limit_the_rest(&self) {
        if self.is_websocket() && self.pace.by_ms.get() == NEVER {
            self.pace.by_ms.set(clock::coarse_ms() + GRACE_MS);
        }
    }
}
