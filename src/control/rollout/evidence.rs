//! Evidence that one side has more of something than the other, which may be looked at as often as one likes.
//!
//! A test that is made once a second until it fires will fire, if it is one that was made to be made once. This is an
//! e-process: a wealth that starts at 1 and that nobody can expect to grow where both sides are alike, so that it reaches
//! 1/a with probability a at most, over all time (Ville's inequality). For two streams of yes and no: R. Turner, A. Ly,
//! P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional stopping", Journal of
//! Statistical Planning and Inference 230 (2024). The share that both sides have in common may change from look to look.

/// What one side did since the last look: so many cases, so many of them of the kind that is asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Count {
    /// All cases.
    pub cases: f64,
    /// Those of the kind.
    pub hits: f64,
}

impl Count {
    /// So many of so many.
    pub fn new(hits: u64, cases: u64) -> Self {
        Self { cases: cases as f64, hits: hits.min(cases) as f64 }
    }

    /// Share of the kind; 0 without cases.
    pub fn share(self) -> f64 {
        if self.cases > 0.0 { self.hits / self.cases } else { 0.0 }
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { cases: self.cases + other.cases, hits: self.hits + other.hits }
    }

    /// A guess at the share behind it, never none and never all: what has not been seen may still come.
    pub fn guess(self) -> f64 {
        ((self.hits + 0.02) / (self.cases + 2.0)).clamp(1e-4, 0.98)
    }
}

/// How much more of the kind there may be on the new side: shares of what is left to go wrong, each a bet of its own.
/// Their mean is an e-process as well, which does well whichever is right.
const BETS: [f64; 6] = [0.01, 0.03, 0.1, 0.3, 0.7, 0.99];

/// Evidence so far, as logarithms of the wealth of each bet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence([f64; BETS.len()]);

impl Evidence {
    /// Takes in a look. `known` is what was known of the old side before it: a bet must not know what it bets on. One
    /// look adds at most `look_max`, so that a single burst, in which cases are not independent, decides nothing; that
    /// takes evidence away and so keeps the bound.
    pub fn look(&mut self, new: Count, old: Count, known: Count, look_max: f64) {
        let all = new.cases + old.cases;
        if new.cases == 0.0 || old.cases == 0.0 {
            return;
        }
        let of_old = known.guess();
        for (wealth, bet) in self.0.iter_mut().zip(BETS) {
            let of_new = of_old + bet * (1.0 - of_old);
            // What both would have in common: of all pairs the one that is hardest to tell from the bet.
            let of_both = (new.cases * of_new + old.cases * of_old) / all;
            let gain = log_ratio(new, of_new, of_both) + log_ratio(old, of_old, of_both);
            *wealth += gain.min(look_max);
        }
    }

    /// The same where there is no old side at work, but only what it was before: `at_most` is the largest share that may
    /// be behind that.
    pub fn look_alone(&mut self, new: Count, at_most: f64, look_max: f64) {
        for (wealth, bet) in self.0.iter_mut().zip(BETS) {
            let of_new = at_most + bet * (1.0 - at_most);
            *wealth += log_ratio(new, of_new, at_most).min(look_max);
        }
    }

    /// Logarithm of the wealth: where it reaches ln(1/a), both sides are alike with probability `a` at most.
    pub fn nats(&self) -> f64 {
        let largest = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = self.0.iter().map(|wealth| (wealth - largest).exp()).sum();
        largest + (sum / BETS.len() as f64).ln()
    }
}

fn log_ratio(count: Count, bet: f64, both: f64) -> f64 {
    let misses = count.cases - count.hits;
    let hits = if count.hits > 0.0 { count.hits * (bet / both).ln() } else { 0.0 };
    let misses = if misses > 0.0 { misses * ((1.0 - bet) / (1.0 - both)).ln() } else { 0.0 };
    hits + misses
}

/// The largest share that may be behind a count, but for a chance of `e^-nats` (Chernoff's bound: cases times the
/// divergence of the shares).
pub fn share_at_most(count: Count, nats: f64) -> f64 {
    if count.cases <= 0.0 {
        return 0.98;
    }
    let (mut low, mut high) = (count.share(), 1.0);
    for _ in 0..40 {
        let middle = f64::midpoint(low, high);
        if count.cases * divergence(count.share(), middle) > nats { high = middle } else { low = middle }
    }
    low.clamp(1e-4, 0.98)
}

fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_grows_with_every_failure_where_the_other_side_has_none() {
        let mut evidence = Evidence::default();
        for look in 1..5 {
            evidence.look(Count::new(5, 5), Count::new(0, 5), Count::new(0, 100), 100.0);
            assert!(evidence.nats() > 3.0 * f64::from(look), "{}", evidence.nats());
        }
    }

    #[test]
    fn one_look_adds_no_more_than_it_may() {
        let mut evidence = Evidence::default();
        evidence.look(Count::new(1000, 1000), Count::new(0, 1000), Count::new(0, 1000), 4.0);
        assert!(evidence.nats() <= 4.0);
    }

    #[test]
    fn no_evidence_comes_from_one_side_alone_or_from_likeness() {
        let mut evidence = Evidence::default();
        evidence.look(Count::new(5, 5), Count::default(), Count::default(), 9.0);
        assert_eq!(evidence.nats(), 0.0);
        for _ in 0..50 {
            evidence.look(Count::new(2, 40), Count::new(5, 100), Count::new(50, 1000), 9.0);
        }
        assert!(evidence.nats() < 0.0, "{}", evidence.nats());
    }

    /// The expectation of the wealth after a look, over all outcomes, for shares that both sides have in common.
    #[test]
    fn nobody_can_expect_to_grow_where_both_sides_are_alike() {
        let chance = |hits: u64, cases: u64, share: f64| {
            let ways = (0..hits).fold(1.0, |ways, at| ways * (cases - at) as f64 / (at + 1) as f64);
            ways * share.powi(hits as i32) * (1.0 - share).powi((cases - hits) as i32)
        };
        for share in [0.0, 0.001, 0.02, 0.3, 0.5, 0.9, 1.0] {
            for (new, old) in [(1, 1), (3, 9), (8, 2), (6, 6)] {
                for known in [Count::default(), Count::new(1, 100), Count::new(5, 10)] {
                    let mut expected = 0.0;
                    for (a, b) in (0..=new).flat_map(|a| (0..=old).map(move |b| (a, b))) {
                        let mut evidence = Evidence::default();
                        evidence.look(Count::new(a, new), Count::new(b, old), known, f64::INFINITY);
                        expected += chance(a, new, share) * chance(b, old, share) * evidence.nats().exp();
                    }
                    assert!(expected <= 1.0 + 1e-9, "{expected} at {share}, {new} of {old}, {known:?}");
                }
            }
        }
    }

    #[test]
    fn what_may_be_behind_a_count_narrows_with_it() {
        let at_most = |hits, cases| share_at_most(Count::new(hits, cases), 7.0);
        assert!(at_most(0, 10) > 0.4 && at_most(0, 1000) < 0.01);
        assert!(at_most(50, 1000) > 0.05 && at_most(50, 1000) < 0.09);
        assert!(share_at_most(Count::default(), 7.0) > 0.9);
    }
}
