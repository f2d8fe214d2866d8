//! Which endpoint an attempt goes to.
//!
//! [`BalancePlan`] is compiled once and shared read-only: weights, the round-robin sequence, the Maglev table.
//! [`Balancer`] is one worker's: a cursor and a random state in Cells. Picking neither allocates nor formats.
//! It knows endpoints by index only; health, breakers and connections are its caller's, who excludes by index.
//! [`layout::Layout`] puts several of them together where there are tiers, zones, subsets, or somebody is out.

pub mod layout;
mod least_request;
mod maglev;
pub mod peak_ewma;
mod random;
mod round_robin;
pub mod slow_start;
pub mod subset;
#[cfg(test)]
mod tests;
pub mod tiers;

use std::cell::Cell;

use crate::shared::Frozen;
use crate::upstream::config::{BalanceConfig, HashKeyConfig};
use maglev::{Bound, Maglev};

pub use maglev::{hash_address, hash_key};
use random::{Cumulative, Random};

/// Most endpoints of one cluster: the Maglev table still has a dozen slots for each.
pub const ENDPOINTS_MAX: usize = 4096;

/// How a cluster chooses, compiled. Read-only and the same for every worker.
#[derive(Debug, Clone)]
pub struct BalancePlan {
    kind: Kind,
    weights: Vec<u32>,
}

#[derive(Debug, Clone)]
enum Kind {
    RoundRobin {
        sequence: Vec<u16>,
    },
    /// In turn too, where a round would take too long to compute.
    Strides {
        cumulative: Cumulative,
    },
    Random {
        cumulative: Cumulative,
    },
    LeastRequest {
        cumulative: Cumulative,
    },
    PeakEwma {
        cumulative: Cumulative,
    },
    Maglev {
        table: Maglev,
        key: HashKeyConfig,
        bound: Option<Bound>,
    },
}

/// Steps that a worker may take to compute a round, between two exchanges: less than half a millisecond.
const WORKER_STEPS_MAX: u64 = 1 << 18;

/// Why a plan can not be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BalanceError {
    /// More than [`ENDPOINTS_MAX`].
    #[error("a cluster has at most {ENDPOINTS_MAX} endpoints")]
    TooManyEndpoints,
    /// An endpoint that could never be chosen.
    #[error("an endpoint's weight must not be zero")]
    ZeroWeight,
}

impl BalancePlan {
    /// Compiles how to choose between these endpoints: address and weight of each, in the order of their
    /// indexes. There may be none, of which none is chosen. Maglev places an endpoint by its address, so that it keeps its keys when others come and go.
    ///
    /// # Errors
    /// Too many, or a weight of zero.
    pub fn compile(config: &BalanceConfig, endpoints: &[(&str, u32)]) -> Result<Self, BalanceError> {
        let weights: Vec<u32> = endpoints.iter().map(|(_, weight)| *weight).collect();
        if weights.len() > ENDPOINTS_MAX {
            return Err(BalanceError::TooManyEndpoints);
        }
        if weights.contains(&0) {
            return Err(BalanceError::ZeroWeight);
        }
        let cumulative = || Cumulative::of(&weights);
        let kind = match config {
            BalanceConfig::RoundRobin => in_turn(&weights, u64::MAX),
            BalanceConfig::Random => Kind::Random { cumulative: cumulative() },
            BalanceConfig::LeastRequest => Kind::LeastRequest { cumulative: cumulative() },
            BalanceConfig::PeakEwma => Kind::PeakEwma { cumulative: cumulative() },
            BalanceConfig::Maglev(maglev) => Kind::Maglev {
                table: Maglev::of(endpoints),
                key: maglev.key().clone(),
                bound: maglev.above_average().map(|share| Bound { above_average: share.millionths() }),
            },
        };
        Ok(Self { kind, weights })
    }

    /// The same way of choosing among others, by their weights, quickly enough for a worker. None for a table, which takes
    /// milliseconds to fill.
    fn among(&self, weights: Vec<u32>) -> Option<Self> {
        let cumulative = Cumulative::of(&weights);
        let kind = match &self.kind {
            Kind::RoundRobin { .. } | Kind::Strides { .. } => in_turn(&weights, WORKER_STEPS_MAX),
            Kind::Random { .. } => Kind::Random { cumulative },
            Kind::LeastRequest { .. } => Kind::LeastRequest { cumulative },
            Kind::PeakEwma { .. } => Kind::PeakEwma { cumulative },
            Kind::Maglev { .. } => return None,
        };
        Some(Self { kind, weights })
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.weights.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.weights.is_empty()
    }

    /// Choices until a round begins again.
    fn period(&self) -> usize {
        match &self.kind {
            Kind::RoundRobin { sequence } => sequence.len().max(1),
            Kind::Strides { .. } => round_robin::STRIDES,
            _ => 1,
        }
    }

    /// Whether [`Pick::answer_nanos`] is looked at.
    pub fn wants_answer_times(&self) -> bool {
        matches!(self.kind, Kind::PeakEwma { .. })
    }

    /// What [`Pick::hash`] is to be taken of; `None` where no hash is used.
    pub fn hash_key(&self) -> Option<&HashKeyConfig> {
        match &self.kind {
            Kind::Maglev { key, .. } => Some(key),
            _ => None,
        }
    }
}

fn in_turn(weights: &[u32], steps_max: u64) -> Kind {
    match round_robin::sequence(weights, steps_max) {
        Some(sequence) => Kind::RoundRobin { sequence },
        None => Kind::Strides { cumulative: Cumulative::of(weights) },
    }
}

/// What a choice may depend on.
#[derive(Clone, Copy)]
pub struct Pick<'a> {
    /// [`hash_key`] of what [`BalancePlan::hash_key`] asks for; `None` where the request has no such value: the
    /// choice is then random.
    pub hash: Option<u64>,
    /// Requests in flight by endpoint, as far as this worker knows.
    pub in_flight: &'a dyn Fn(usize) -> u32,
    /// Nanoseconds that an endpoint's answers take, as [`peak_ewma::PeakEwma::at`]; looked at where that decides.
    pub answer_nanos: &'a dyn Fn(usize) -> f64,
    /// Whether an endpoint must not be chosen: unhealthy, full, or tried already.
    pub is_excluded: &'a dyn Fn(usize) -> bool,
}

/// One worker's balancer of one cluster.
#[derive(Debug)]
pub struct Balancer {
    plan: Frozen<BalancePlan>,
    cursor: Cell<usize>,
    random: Random,
}

impl Balancer {
    /// Starts on worker `worker_index` of `worker_count`. Each worker begins the round at another place, so that
    /// together they stay even. `seed` must differ between workers.
    pub fn start(plan: Frozen<BalancePlan>, worker_index: usize, worker_count: usize, seed: u64) -> Self {
        let period = plan.period();
        let cursor = Cell::new(worker_index * period / worker_count.max(1) % period);
        Self { plan, cursor, random: Random::seeded(seed) }
    }

    /// Goes on where `before` is, in a plan that may have other endpoints: at about the same part of the round, so that
    /// workers stay at different parts of it.
    pub fn resume(plan: Frozen<BalancePlan>, before: &Self) -> Self {
        let (period, former) = (plan.period() as u128, before.plan.period() as u128);
        let at = before.cursor.get() as u128 * period / former % period;
        Self { plan, cursor: Cell::new(at as usize), random: Random::seeded(before.random.next()) }
    }

    /// The endpoint of the next attempt; `None` where every endpoint is excluded.
    pub fn pick(&self, pick: &Pick<'_>) -> Option<usize> {
        match self.plan.weights.len() {
            0 => return None,
            // There is nothing to weigh.
            1 => return (!(pick.is_excluded)(0)).then_some(0),
            _ => {}
        }
        match &self.plan.kind {
            Kind::RoundRobin { sequence } => round_robin::pick(sequence, &self.cursor, pick.is_excluded),
            Kind::Strides { cumulative } => {
                round_robin::pick_along(cumulative, &self.cursor, pick.is_excluded)
            }
            Kind::Random { cumulative } => random::pick(cumulative, &self.random, pick.is_excluded),
            Kind::LeastRequest { cumulative } => {
                least_request::pick(cumulative, &self.plan.weights, &self.random, pick)
            }
            Kind::PeakEwma { cumulative } => {
                least_request::pick_quicker(cumulative, &self.plan.weights, &self.random, pick)
            }
            Kind::Maglev { table, bound, .. } => self.look_up(table, *bound, pick),
        }
    }

    fn look_up(&self, table: &Maglev, bound: Option<Bound>, pick: &Pick<'_>) -> Option<usize> {
        let hash = pick.hash.unwrap_or_else(|| self.random.next());
        let weights = &self.plan.weights;
        let bounded = bound.and_then(|bound| {
            let is_full = |at: usize| (pick.is_excluded)(at) || bound.is_full(at, weights, pick);
            table.pick(hash, weights.len(), &is_full)
        });
        bounded.or_else(|| table.pick(hash, weights.len(), pick.is_excluded))
    }

    /// The plan it was started with.
    pub fn plan(&self) -> &BalancePlan {
        &self.plan
    }
}
