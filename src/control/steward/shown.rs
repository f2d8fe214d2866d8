//! What the steward lets others see.

use serde_json::Value;

use crate::control::config::Config;
use crate::control::discovery::feeds::Feeds;
use crate::control::generation::{GenerationLabel, GenerationView, ReloadFigures};
use crate::control::rollout::figures::{RolloutFigures, RolloutReport};
use crate::control::tls::Inventory;
use crate::proxy::snapshot::Snapshot;
use crate::shared::{Frozen, Published};

/// What others are shown, each replaced as a whole.
#[derive(Clone)]
pub struct Shown {
    /// What runs.
    pub snapshot: Published<Snapshot>,
    /// The effective configuration, secrets hidden.
    pub config: Published<Value>,
    /// Its number and hash.
    pub label: Published<GenerationLabel>,
    /// All generations that are kept, the newest first.
    pub generations: Published<Vec<GenerationView>>,
    /// Configurations of those that are kept in memory, by number.
    pub configs: Published<Vec<(u64, Frozen<Config>)>>,
    /// Certificates of listeners.
    pub certificates: Published<Inventory>,
    /// How reloads went.
    pub figures: Frozen<ReloadFigures>,
    /// The clusters' endpoints.
    pub feeds: Feeds,
    /// The rollout that is under way, or was last.
    pub rollout: Published<Option<RolloutReport>>,
    /// How rollouts went.
    pub rollouts: Frozen<RolloutFigures>,
}

impl Shown {
    /// Of a gateway that runs this.
    pub fn new(snapshot: Frozen<Snapshot>, feeds: Feeds) -> Self {
        let label = GenerationLabel { number: snapshot.generation, hash: snapshot.hash.to_string() };
        let figures = ReloadFigures::default();
        figures.was_last_good.set(1);
        figures.last_good_seconds.set(crate::rt::clock::wall_seconds().cast_signed());
        Self {
            snapshot: Published::new(snapshot),
            config: Published::new(Frozen::new(Value::Null)),
            label: Published::new(Frozen::new(label)),
            generations: Published::new(Frozen::new(Vec::new())),
            configs: Published::new(Frozen::new(Vec::new())),
            certificates: Published::new(Frozen::new(Inventory::default())),
            figures: Frozen::new(figures),
            feeds,
            rollout: Published::new(Frozen::new(None)),
            rollouts: Frozen::new(RolloutFigures::default()),
        }
    }
}
