//! How requests are shared between tiers of endpoints, and between the own zone and others, as a function of numbers.
//!
//! As Envoy does it: a tier gives up requests to the next one only once it has lost more than it has to spare, and where
//! too little is left altogether, health is not believed any more. Knows nothing of endpoints but their weights.

/// All of it, in millionths.
pub const WHOLE: u32 = 1_000_000;

/// What the endpoints of a tier can do together is 7/5 (1.4) times what they have to: up to two of seven may fail before
/// requests go to the next tier.
const SPARE: (u64, u64) = (7, 5);

/// The endpoints of a tier by weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capacity {
    /// Of those that are in use.
    pub used: u64,
    /// Of those and of the ones that are out, but would be used before there is nothing.
    pub usable: u64,
    /// Of all.
    pub all: u64,
}

/// What a tier gets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TierShare {
    /// Of all requests, in millionths.
    pub share: u32,
    /// True where those of its endpoints that are out are used too.
    pub panics: bool,
}

impl Capacity {
    /// What it can take of all requests, in millionths.
    fn available(self) -> u64 {
        let part = (self.used * u64::from(WHOLE) * SPARE.0).checked_div(self.all * SPARE.1).unwrap_or(0);
        part.clamp(u64::from(self.used > 0), WHOLE.into())
    }

    fn is_below(self, millionths: u32) -> bool {
        self.used * u64::from(WHOLE) < self.all * u64::from(millionths)
    }
}

/// What each tier gets, the first to be used first. Together all, or nothing where there is nothing to use. A tier with less
/// than `panic_below` of its weight in use panics, but only where all tiers together are too weak.
pub fn shares(tiers: &[Capacity], panic_below: u32) -> Vec<TierShare> {
    let whole = u64::from(WHOLE);
    let available: Vec<u64> = tiers.iter().map(|tier| tier.available()).collect();
    let total: u64 = available.iter().sum();
    if total >= whole {
        let mut left = whole;
        let fill = |available: &u64| {
            let share = left.min(*available);
            left -= share;
            TierShare { share: share as u32, panics: false }
        };
        return available.iter().map(fill).collect();
    }
    let panics = |tier: &Capacity| tier.is_below(panic_below);
    if total > 0 {
        return divided(tiers, &available, panics);
    }
    // Nothing is in use: all that may be used at all, or nothing.
    let usable: Vec<u64> = tiers.iter().map(|tier| if panics(tier) { tier.usable } else { 0 }).collect();
    divided(tiers, &usable, |tier| panics(tier) && tier.usable > 0)
}

/// All, in these proportions.
fn divided(tiers: &[Capacity], parts: &[u64], panics: impl Fn(&Capacity) -> bool) -> Vec<TierShare> {
    let total: u64 = parts.iter().sum();
    let part = |part: &u64| (part * u64::from(WHOLE)).checked_div(total).unwrap_or(0) as u32;
    let share = |(tier, it): (&Capacity, &u64)| TierShare { share: part(it), panics: panics(tier) };
    let mut shares: Vec<TierShare> = tiers.iter().zip(parts).map(share).collect();
    // What rounding has left over.
    let given: u32 = shares.iter().map(|one| one.share).sum();
    if let Some(first) = shares.iter_mut().find(|one| one.share > 0) {
        first.share += WHOLE - given;
    }
    shares
}

/// What of a tier's requests stays in the own zone: `keep` of them, less as soon as the zone has lost more than it has to
/// spare. In millionths.
pub fn own_zone_share(own: Capacity, others_used: u64, keep: u32) -> u32 {
    if others_used == 0 {
        return WHOLE;
    }
    (own.available() * u64::from(keep) / u64::from(WHOLE)) as u32
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn tier(used: u64, all: u64) -> Capacity {
        Capacity { used, usable: all, all }
    }

    fn percents(tiers: &[(u64, u64)], panic_below: u32) -> Vec<(u32, bool)> {
        let tiers: Vec<_> = tiers.iter().map(|(used, all)| tier(*used, *all)).collect();
        shares(&tiers, panic_below * 10_000).iter().map(|it| (it.share.div_ceil(10_000), it.panics)).collect()
    }

    #[test]
    fn tiers_spill_over_as_the_table_of_envoy_has_it() {
        // Its documentation, "priority levels": healthy share of tiers 0 and 1 to traffic.
        for (first, second, expected) in [
            (100, 100, (100, 0)),
            (72, 72, (100, 0)),
            (71, 71, (100, 1)),
            (50, 50, (70, 30)),
            (25, 100, (35, 65)),
            (0, 100, (0, 100)),
        ] {
            let told = percents(&[(first, 100), (second, 100)], 50);
            assert_eq!((told[0].0, told[1].0), expected, "{first} {second}");
            assert!(told.iter().all(|it| !it.1));
        }
        assert_eq!(percents(&[(25, 100), (25, 100)], 50), [(50, true), (50, true)]);
        assert_eq!(percents(&[(20, 100), (20, 100), (20, 100)], 0), [(34, false), (34, false), (34, false)]);
    }

    #[test]
    fn where_nothing_is_in_use_all_is_used_or_nothing() {
        assert_eq!(percents(&[(0, 1), (0, 3)], 50), [(25, true), (75, true)]);
        assert_eq!(percents(&[(0, 1), (0, 3)], 0), [(0, false), (0, false)]);
        let barred = Capacity { used: 0, usable: 0, all: 4 };
        assert_eq!(shares(&[barred], WHOLE / 2), [TierShare::default()]);
        assert_eq!(shares(&[], WHOLE / 2), []);
    }

    #[test]
    fn one_tier_panics_below_its_threshold_alone() {
        assert_eq!(percents(&[(6, 10)], 50), [(100, false)]);
        assert_eq!(percents(&[(4, 10)], 50), [(100, true)]);
        assert_eq!(percents(&[(4, 10)], 30), [(100, false)]);
        // What the second has to give is enough.
        assert_eq!(percents(&[(4, 10), (10, 10)], 50), [(56, false), (44, false)]);
    }

    #[test]
    fn the_own_zone_keeps_what_it_can_take() {
        let zone = |used| own_zone_share(tier(used, 10), 10, WHOLE);
        assert_eq!((zone(10), zone(8), zone(5), zone(0)), (WHOLE, WHOLE, 700_000, 0));
        assert_eq!(own_zone_share(tier(10, 10), 10, 800_000), 800_000);
        assert_eq!(own_zone_share(tier(1, 10), 0, 800_000), WHOLE, "there is nothing else");
    }

    fn capacities() -> impl Strategy<Value = Vec<Capacity>> {
        let capacity = (1u64..5_000, 0u64..=100, 0u64..=100).prop_map(|(all, usable, used)| {
            let usable = all * usable / 100;
            Capacity { used: usable * used / 100, usable, all }
        });
        vec(capacity, 1..6)
    }

    proptest! {
        #[test]
        fn all_is_given_away_and_only_to_who_can_take_it(tiers in capacities(), panic_below in 0..=WHOLE) {
            let shares = shares(&tiers, panic_below);
            let total: u32 = shares.iter().map(|it| it.share).sum();
            let can_be_used = tiers.iter().any(|it| it.used > 0)
                || tiers.iter().any(|it| it.usable > 0 && it.is_below(panic_below));
            prop_assert_eq!(total, if can_be_used { WHOLE } else { 0 });
            for (tier, it) in tiers.iter().zip(&shares) {
                let usable = if it.panics { tier.usable } else { tier.used };
                prop_assert!(it.share == 0 || usable > 0, "{:?} {:?}", tier, it);
            }
        }

        #[test]
        fn who_loses_an_endpoint_never_gets_more(tiers in capacities(), at in any::<prop::sample::Index>(), loss in 1u64..50) {
            // Without panic, which is there to give up on health.
            let at = at.index(tiers.len());
            let mut fewer = tiers.clone();
            fewer[at].used = fewer[at].used.saturating_sub(loss);
            let (before, after) = (shares(&tiers, 0), shares(&fewer, 0));
            // A millionth for each tier may go to and fro by rounding.
            prop_assert!(after[at].share <= before[at].share + tiers.len() as u32 || before.iter().all(|it| it.share == 0));
        }

        #[test]
        fn a_later_tier_gets_nothing_as_long_as_the_first_has_enough(tiers in capacities(), panic_below in 0..=WHOLE) {
            let shares = shares(&tiers, panic_below);
            if tiers[0].used * 7 >= tiers[0].all * 5 {
                prop_assert_eq!(shares[0], TierShare { share: WHOLE, panics: false });
            }
        }
    }
}
