//! How much of a route's requests each of its variants gets, in whole thousandths.
//!
//! Plain arithmetic. Thousandths, so that any 1000 requests can be split exactly; what weights make of it is rounded by
//! the largest remainder, so that the sum is always the whole.

use smallvec::SmallVec;

/// Parts of the whole.
pub const WHOLE: u32 = 1_000;

/// Most variants of a route.
pub const VARIANTS_MAX: usize = 16;

/// Parts of all variants, in their order. Their sum is [`WHOLE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shares(SmallVec<[u32; 4]>);

impl Shares {
    /// By weight. `None` where no weight is more than nothing.
    pub fn by_weight(weights: &[u32]) -> Option<Self> {
        Some(Self(apportion(WHOLE, weights)?))
    }

    /// All for one of so many.
    pub fn all_for(variant: usize, variants: usize) -> Self {
        Self((0..variants).map(|at| if at == variant { WHOLE } else { 0 }).collect())
    }

    /// These parts. `None` unless they are the whole together.
    pub fn exactly(parts: &[u32]) -> Option<Self> {
        (parts.iter().map(|part| u64::from(*part)).sum::<u64>() == u64::from(WHOLE))
            .then(|| Self(parts.iter().copied().collect()))
    }

    /// So much for some, and what is left for the others by weight. `None` where it is too much, or something is left
    /// that nobody is to have.
    pub fn with(fixed: &[Option<u32>], weights: &[u32]) -> Option<Self> {
        let taken: u64 = fixed.iter().flatten().map(|part| u64::from(*part)).sum();
        let left = u32::try_from(u64::from(WHOLE).checked_sub(taken)?).ok()?;
        let free: SmallVec<[u32; 4]> = fixed
            .iter()
            .zip(weights)
            .map(|(part, weight)| if part.is_some() { 0 } else { *weight })
            .collect();
        let rest = if left == 0 { free.iter().map(|_| 0).collect() } else { apportion(left, &free)? };
        Some(Self(fixed.iter().zip(&rest).map(|(part, rest)| part.unwrap_or(*rest)).collect()))
    }

    /// In the order of the variants.
    pub fn parts(&self) -> &[u32] {
        &self.0
    }

    /// What one of them gets; nothing for one that is not there.
    pub fn of(&self, variant: usize) -> u32 {
        self.0.get(variant).copied().unwrap_or(0)
    }

    /// The one that has all.
    pub fn only(&self) -> Option<usize> {
        self.0.iter().position(|part| *part == WHOLE)
    }
}

/// Divides `whole` by weight: each gets what is its due, rounded down, and who is owed most gets one more until nothing
/// is left. Of those who are owed as much, the first.
fn apportion(whole: u32, weights: &[u32]) -> Option<SmallVec<[u32; 4]>> {
    let sum: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if sum == 0 {
        return None;
    }
    let due = |weight: u32| u64::from(whole) * u64::from(weight);
    let floors = weights.iter().map(|weight| (due(*weight) / sum) as u32);
    let mut parts: SmallVec<[u32; 4]> = floors.collect();
    let left = whole - parts.iter().sum::<u32>();
    let mut order: SmallVec<[usize; 4]> = (0..weights.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(due(weights[at]) % sum));
    order.iter().take(left as usize).for_each(|&at| parts[at] += 1);
    Some(parts)
}

/// `12.5%`, `3%`.
pub fn percent(part: u32) -> String {
    let (whole, tenth) = (part / 10, part % 10);
    if tenth == 0 { format!("{whole}%") } else { format!("{whole}.{tenth}%") }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(shares: Option<Shares>) -> Option<Vec<u32>> {
        shares.map(|shares| shares.parts().to_vec())
    }

    #[test]
    fn weights_make_the_whole() {
        assert_eq!(parts(Shares::by_weight(&[90, 10])), Some(vec![900, 100]));
        assert_eq!(parts(Shares::by_weight(&[1, 1, 1])), Some(vec![334, 333, 333]));
        assert_eq!(parts(Shares::by_weight(&[0, 7])), Some(vec![0, 1000]));
        assert_eq!(parts(Shares::by_weight(&[0, 0])), None);
    }

    #[test]
    fn what_is_fixed_stays_and_others_share_the_rest() {
        let with = |fixed: &[Option<u32>], weights: &[u32]| parts(Shares::with(fixed, weights));
        assert_eq!(with(&[None, Some(10), None], &[3, 9, 1]), Some(vec![743, 10, 247]));
        assert_eq!(with(&[None, Some(1000)], &[1, 1]), Some(vec![0, 1000]));
        assert_eq!(with(&[Some(300), Some(700)], &[1, 1]), Some(vec![300, 700]));
        assert_eq!(with(&[Some(300), Some(600)], &[1, 1]), None, "a tenth is nobody's");
        assert_eq!(with(&[Some(300), None], &[1, 0]), None, "the rest is for nobody");
        assert_eq!(with(&[Some(600), Some(600)], &[1, 1]), None);
    }

    #[test]
    fn only_the_whole_is_a_division() {
        assert_eq!(Shares::exactly(&[500, 400]), None);
        assert_eq!(Shares::exactly(&[u32::MAX, u32::MAX]), None);
        assert_eq!(Shares::exactly(&[1000, 0]).and_then(|shares| shares.only()), Some(0));
        assert_eq!(Shares::all_for(1, 3).parts(), [0, 1000, 0]);
    }

    #[test]
    fn a_share_is_told_in_percent() {
        assert_eq!([0, 1, 10, 125, 1000].map(percent), ["0%", "0.1%", "1%", "12.5%", "100%"]);
    }

    proptest! {
        #[test]
        fn nobody_is_off_by_a_whole_part(weights in prop::collection::vec(0u32..=1000, 1..8)) {
            let Some(shares) = Shares::by_weight(&weights) else {
                prop_assert!(weights.iter().all(|weight| *weight == 0));
                return Ok(());
            };
            prop_assert_eq!(shares.parts().iter().sum::<u32>(), WHOLE);
            let sum: u32 = weights.iter().sum();
            for (part, weight) in shares.parts().iter().zip(&weights) {
                let due = f64::from(WHOLE * weight) / f64::from(sum);
                prop_assert!((f64::from(*part) - due).abs() < 1.0);
            }
        }
    }
}
