//! Changes under traffic: history on disk, staged rollout, taking back, the start from what was good.

mod history;
