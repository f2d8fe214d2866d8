//! Captured path parameters of one request, as ranges of its normalised path.
//!
//! Holds positions only, never text or names: names belong to the route's plan, in the same order.
//! Fixed size, so capturing never allocates.

/// Most parameters in one pattern. Deeper resources than this do not occur; the limit keeps [`Params`] a fixed
/// array. A pattern beyond it does not compile.
pub const PARAMS_MAX: usize = 16;

/// What a lookup captured, first parameter of the pattern first.
#[derive(Debug, Clone, Default)]
pub struct Params {
    ranges: [(u32, u32); PARAMS_MAX],
    len: usize,
}

impl Params {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many were captured.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none was captured.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of parameter `index`, still percent-encoded. `path` is the path that was looked up.
    pub fn value<'a>(&self, index: usize, path: &'a str) -> Option<&'a str> {
        let (start, end) = *self.ranges[..self.len].get(index)?;
        path.get(start as usize..end as usize)
    }

    /// The value by name; `names` are those of the route's plan.
    pub fn named<'a>(&self, name: &str, names: &[String], path: &'a str) -> Option<&'a str> {
        self.value(names.iter().position(|known| known == name)?, path)
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn push(&mut self, start: usize, end: usize) {
        // Patterns have at most PARAMS_MAX parameters; a push beyond would lose a capture, never corrupt one.
        if let Some(slot) = self.ranges.get_mut(self.len) {
            *slot = (start as u32, end as u32);
            self.len += 1;
        }
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }
}
