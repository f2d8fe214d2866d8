//! A route with a breaker, as the health thread keeps it.

use super::case::Meter;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;
use crate::shared::sharded::Sharded;
use crate::telemetry::metrics::RouteMetrics;
use crate::upstream::config::health::BreakerConfig;
use crate::upstream::verdict::Breaker;
use crate::upstream::verdict::fuse::Held;
use crate::upstream::verdict::gate::Gate;
use crate::upstream::verdict::window::Tally;

/// A route.
pub(super) struct RouteCase {
    pub(super) gate: Gate,
    /// What generations look at.
    lives: Vec<Published<Breaker>>,
    shards: Sharded<RouteMetrics>,
    meter: Meter,
}

impl RouteCase {
    pub(super) fn new(settings: &BreakerConfig, shards: Sharded<RouteMetrics>, now_ms: u64) -> Self {
        let meter = Meter::new(shards.iter().map(|shard| &shard.outcomes));
        Self { gate: Gate::new(settings, now_ms), lives: Vec::new(), shards, meter }
    }

    /// Tells this generation too, and goes by what it says from now on.
    pub(super) fn attach(&mut self, live: &Published<Breaker>, settings: &BreakerConfig) {
        self.gate.set(settings);
        if !self.lives.iter().any(|one| one.is_same(live)) {
            self.lives.push(live.clone());
        }
        live.publish(Frozen::new(self.gate.breaker()));
    }

    /// Forgets generations that are gone. False if none is left.
    pub(super) fn prune(&mut self) -> bool {
        self.lives.retain(|live| live.handles() > 1);
        !self.lives.is_empty()
    }

    /// Looks at what has come since the last look. True if it stands otherwise now.
    pub(super) fn look(&mut self, now_ms: u64, is_moving: bool) -> bool {
        let came = match is_moving {
            true => self.meter.read(self.shards.iter().map(|shard| &shard.outcomes)),
            false => None,
        };
        if came.is_none() && !self.gate.is_waiting() {
            return false;
        }
        let before = self.gate.standing().label();
        let tally = came.map_or_else(Tally::default, |came| came.tally);
        if self.gate.look(now_ms, &tally) {
            self.publish();
        }
        before != self.gate.standing().label()
    }

    /// Holds it, or lets it go. True if it stands otherwise now.
    pub(super) fn hold(&mut self, held: Held, now_ms: u64) -> bool {
        let has_turned = self.gate.hold(held, now_ms);
        if has_turned {
            self.publish();
        }
        has_turned
    }

    fn publish(&self) {
        let breaker = Frozen::new(self.gate.breaker());
        self.lives.iter().for_each(|live| _ = live.publish(breaker.clone()));
    }
}
