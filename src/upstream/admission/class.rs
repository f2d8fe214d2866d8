//! Classes by name, and what is kept for the better ones.
//!
//! Four classes, the first matters most. What is kept for a class is open to it and to those before it; whoever comes last
//! has what is left. A limit holds for all of them together.

use crate::upstream::entry::Class;

/// How many classes there are.
pub const CLASSES: usize = 4;

/// Their names, in their order.
pub const NAMES: [&str; CLASSES] = ["critical", "high", "normal", "low"];

impl Class {
    /// What must work whatever else does not.
    pub const CRITICAL: Self = Self(0);
    /// What matters more than most.
    pub const HIGH: Self = Self(1);
    /// What can be done another time.
    pub const LOW: Self = Self(3);

    /// Its place in tables.
    #[inline]
    pub fn slot(self) -> usize {
        usize::from(self.0).min(CLASSES - 1)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        NAMES[self.slot()]
    }
}

/// What is kept for classes, as shares of a limit: each for its class and those before it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reserves {
    /// For critical requests alone.
    pub critical: f64,
    /// For those and high ones.
    pub high: f64,
    /// For those and normal ones.
    pub normal: f64,
}

impl Reserves {
    /// Which part of a limit each class may fill.
    pub fn shares(&self) -> [f64; CLASSES] {
        let high = 1.0 - self.critical;
        let normal = high - self.high;
        [1.0, high, normal, normal - self.normal].map(|share| share.clamp(0.0, 1.0))
    }

    /// Most in use for one of each class to be let in. Nobody is kept out of what is there, if it is more than nothing.
    pub fn caps(&self, limit: u64) -> [u64; CLASSES] {
        // Half a slot is none that others could have.
        self.shares().map(|share| ((limit as f64 * share).floor() as u64).clamp(limit.min(1), limit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_matters_less_has_less_and_nobody_has_nothing() {
        let reserves = Reserves { critical: 0.1, high: 0.2, normal: 0.3 };
        assert_eq!(reserves.caps(100), [100, 90, 70, 40]);
        assert_eq!(reserves.caps(3), [3, 2, 2, 1]);
        assert_eq!(reserves.caps(1), [1; 4]);
        assert_eq!(reserves.caps(0), [0; 4]);
        assert_eq!(Reserves::default().caps(7), [7; 4]);
    }

    #[test]
    fn names_are_in_the_order_of_classes() {
        let all = [Class::CRITICAL, Class::HIGH, Class::NORMAL, Class::LOW, Class(200)];
        assert_eq!(all.map(Class::name), ["critical", "high", "normal", "low", "low"]);
    }
}
