//! What the operator's listener shows and others find out: published by them as JSON, read here.
//!
//! Each view stands by itself and may be older than another. A view that nobody publishes is `null`.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

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
}

impl Default for AdminViews {
    fn default() -> Self {
        let none = || View::new(|| Value::Null);
        Self { generations: none(), rollout: none(), clusters: none(), source: none() }
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
