//! What the operator's listener shows and others find out: published by them as JSON, read here.
//!
//! Each view stands by itself and may be older than another. A view that nobody publishes is `null`.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::control::desk::Refusal;
use crate::shared::Published;

/// The views. A clone is a handle to the same ones.
#[derive(Debug, Clone)]
pub struct AdminViews {
    /// Generations, the newest first: at least `number` and `hash` of each.
    pub generations: View,
    /// The rollout that is under way or was last; `null` if there was none.
    pub rollout: View,
    /// Clusters in the order of their names: at least `name`, and `endpoints` with `address` or `label` of each.
    pub clusters: View,
    /// Where the configuration comes from, and what became of the last look at it.
    pub source: View,
    /// What differs between two generations.
    pub differ: Differ,
}

impl Default for AdminViews {
    fn default() -> Self {
        let nobody = Differ::new(|_, number| {
            Err(Refusal { code: "no_such_generation", reason: format!("there is no generation {number}") })
        });
        let none = || View::new(|| Value::Null);
        Self { generations: none(), rollout: none(), clusters: none(), source: none(), differ: nobody }
    }
}

/// Something that is shown as it is when somebody asks.
#[derive(Clone)]
pub struct View(Arc<dyn Fn() -> Value + Send + Sync>);

impl View {
    /// What `now` gives; it may not take long.
    pub fn new(now: impl Fn() -> Value + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// What is published.
    pub fn of<T: Serialize + Send + Sync + 'static>(published: Published<T>) -> Self {
        Self::new(move || serde_json::to_value(&*published.load().1).unwrap_or_default())
    }

    /// What it shows now.
    pub fn now(&self) -> Value {
        (self.0)()
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

/// Tells what differs between two generations, the older one first, in the words of the configuration.
#[derive(Clone)]
pub struct Differ(Arc<Diff>);

type Diff = dyn Fn(u64, u64) -> Result<Vec<String>, Refusal> + Send + Sync;

impl Differ {
    /// One that asks `diff`; it may not take long.
    pub fn new(diff: impl Fn(u64, u64) -> Result<Vec<String>, Refusal> + Send + Sync + 'static) -> Self {
        Self(Arc::new(diff))
    }

    /// What is different in `to`.
    ///
    /// # Errors
    /// When one of them is not kept (any more).
    pub fn diff(&self, from: u64, to: u64) -> Result<Vec<String>, Refusal> {
        (self.0)(from, to)
    }
}

impl fmt::Debug for Differ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Differ")
    }
}
