//! Which exchanges are logged: a share of them, and every one that failed.
//!
//! Owns a threshold and a generator. Deciding is one random number and a comparison; it looks at nothing but the
//! status.

use super::xorshift::Xorshift;

/// Decides per exchange. One per worker.
#[derive(Debug, Clone)]
pub struct Sampler {
    /// Random numbers below this are kept; `None` keeps all.
    threshold: Option<u64>,
    random: Xorshift,
}

/// From this status on an exchange is always kept: there are few of them and they are why logs are read.
pub const ALWAYS_KEPT_FROM_STATUS: u16 = 500;

impl Sampler {
    /// Keeps `share` (0 to 1) of the exchanges; beyond that range it is the nearer end.
    pub fn new(share: f64, seed: u64) -> Self {
        Self { threshold: threshold(share), random: Xorshift::new(seed) }
    }

    /// Keeps another share from now on.
    pub fn set_share(&mut self, share: f64) {
        self.threshold = threshold(share);
    }

    /// Whether an exchange that ended with `status` is logged.
    #[inline]
    pub fn keeps(&self, status: u16) -> bool {
        match self.threshold {
            None => true,
            Some(threshold) => status >= ALWAYS_KEPT_FROM_STATUS || self.random.next() <= threshold,
        }
    }
}

fn threshold(share: f64) -> Option<u64> {
    (share < 1.0).then_some((share.max(0.0) * u64::MAX as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(share: f64, status: u16) -> usize {
        let sampler = Sampler::new(share, 42);
        (0..10_000).filter(|_| sampler.keeps(status)).count()
    }

    #[test]
    fn keeps_its_share() {
        assert_eq!(kept(1.0, 200), 10_000);
        assert_eq!(kept(0.0, 200), 0);
        assert!((80..=120).contains(&kept(0.01, 200)));
        assert!((4_800..=5_200).contains(&kept(0.5, 404)));
    }

    #[test]
    fn always_keeps_errors() {
        assert_eq!(kept(0.0, 500), 10_000);
        assert_eq!(kept(0.0, 599), 10_000);
        assert_eq!(kept(0.0, 499), 0);
    }

    #[test]
    fn a_share_that_is_no_share_is_the_nearer_end() {
        assert_eq!((kept(-1.0, 200), kept(7.0, 200)), (0, 10_000));
    }
}
