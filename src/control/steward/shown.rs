//! What the steward lets others see.

use serde::Serialize;
use serde_json::Value;

use crate::config::diagnostic::Diagnostics;
use crate::control::config::Config;
use crate::control::discovery::feeds::Feeds;
use crate::control::fleet::FleetDesk;
use crate::control::generation::{GenerationLabel, GenerationView, ReloadFigures};
use crate::control::health::HealthDesk;
use crate::control::keepers::Keepers;
use crate::control::releases::ReleaseDesk;
use crate::control::revocations::RevocationDesk;
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
    /// What was wrong with the configuration that was read last, if anything was.
    pub refused: Published<Option<Refused>>,
    /// How reloads went.
    pub figures: Frozen<ReloadFigures>,
    /// The clusters' endpoints.
    pub feeds: Feeds,
    /// Credentials that are good no more.
    pub revocations: RevocationDesk,
    /// Limits and quotas across hosts.
    pub fleet: FleetDesk,
    /// What is believed of services.
    pub health: HealthDesk,
    /// Releases behind routes.
    pub releases: ReleaseDesk,
    /// What policies live on.
    pub keepers: Keepers,
    /// The rollout that is under way, or was last.
    pub rollout: Published<Option<RolloutReport>>,
    /// How rollouts went.
    pub rollouts: Frozen<RolloutFigures>,
}

/// A configuration that was read and not taken.
#[derive(Debug, Clone, Serialize)]
pub struct Refused {
    /// When, in milliseconds since 1970.
    pub unix_ms: u64,
    /// What is wrong with it.
    #[serde(flatten)]
    pub diagnostics: Diagnostics,
    /// The same as people read it.
    pub report: String,
}

impl Shown {
    /// Of a gateway that runs this.
    pub fn new(
        snapshot: Frozen<Snapshot>,
        feeds: Feeds,
        revocations: RevocationDesk,
        fleet: FleetDesk,
        health: HealthDesk,
    ) -> Self {
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
            refused: Published::new(Frozen::new(None)),
            figures: Frozen::new(figures),
            feeds,
            releases: ReleaseDesk::default(),
            keepers: Keepers::default(),
            revocations,
            fleet,
            health,
            rollout: Published::new(Frozen::new(None)),
            rollouts: Frozen::new(RolloutFigures::default()),
        }
    }
}
