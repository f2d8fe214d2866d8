//! What the steward lets others see.

use serde_json::Value;

use crate::control::export::GenerationLabel;
use crate::control::generation::GenerationView;
use crate::control::tls::Inventory;
use crate::proxy::snapshot::Snapshot;
use crate::shared::{Counter, Frozen, Gauge, Published};

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
    /// Certificates of listeners.
    pub certificates: Published<Inventory>,
    /// How reloads went.
    pub figures: Frozen<ReloadFigures>,
}

/// How reloads went. The steward is their only writer.
#[derive(Debug, Default)]
pub struct ReloadFigures {
    /// Brought into force, or on their way.
    pub installed: Counter,
    /// Nothing was different.
    pub unchanged: Counter,
    /// Wrong in some way.
    pub refused: Counter,
    /// Back to a former generation.
    pub rolled_back: Counter,
    /// 1 if the last one was not refused.
    pub was_last_good: Gauge,
    /// When the last one that was not refused came, in seconds since 1970.
    pub last_good_seconds: Gauge,
    /// Microseconds from reading to the last worker, of the last one that was brought into force.
    pub last_took_micros: Gauge,
    /// Generations that are kept, the one in force among them.
    pub kept: Gauge,
    /// Former generations that something still runs on.
    pub former: Gauge,
    /// What runs on them.
    pub former_exchanges: Gauge,
}

impl Shown {
    /// Of a gateway that runs this.
    pub fn new(snapshot: Frozen<Snapshot>) -> Self {
        let label = GenerationLabel { number: snapshot.generation, hash: snapshot.hash.to_string() };
        let figures = ReloadFigures::default();
        figures.was_last_good.set(1);
        figures.last_good_seconds.set(crate::rt::clock::wall_seconds().cast_signed());
        Self {
            snapshot: Published::new(snapshot),
            config: Published::new(Frozen::new(Value::Null)),
            label: Published::new(Frozen::new(label)),
            generations: Published::new(Frozen::new(Vec::new())),
            certificates: Published::new(Frozen::new(Inventory::default())),
            figures: Frozen::new(figures),
        }
    }
}
