//! What may be ordered of a release, by whom, and what is said of it then.

use std::collections::BTreeMap;

/// Something has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// A sentence.
    pub text: String,
    /// Whether a variant was stopped because it did worse.
    pub is_stop: bool,
}

/// What may be ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum ReleaseOrder {
    /// Everything to a variant: that of the ramp, where none is named.
    Promote(Option<String>),
    /// Nothing to a variant: that of the ramp, where none is named.
    Abort(Option<String>),
    /// The ramp stays at its step. It is stopped all the same if it does worse.
    Pause,
    /// The ramp goes on.
    Resume,
    /// Everything as written, from the beginning.
    Restart,
    /// Everything to the other variant, or to the one that is named.
    Flip(Option<String>),
    /// These shares in thousandths; the others share the rest by weight.
    Set(BTreeMap<String, u32>),
}

/// Who changes something, and when.
#[derive(Debug, Clone)]
pub struct By {
    /// Their name.
    pub author: String,
    /// What they say about it.
    pub note: String,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}
