//! The end of what has run on a former generation for too long.

use super::Steward;

impl Steward {
    /// Ends what the configuration in force allows no longer. A stream ends at its next byte, WebSocket with a Close frame.
    pub(super) fn expire(&self) {
        let Some(age) = self.current().config.changes.old_generations else { return };
        let pinned = self.crew.pinned();
        for generation in &self.generations {
            let is_old = generation.replaced.is_some_and(|since| since.elapsed() >= age.duration());
            if is_old && generation.number != self.in_force && pinned.contains_key(&generation.number) {
                self.crew.expire(generation.number);
            }
        }
    }
}
