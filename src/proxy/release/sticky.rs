//! Who stays with a variant: the same name always gets the same one, for as long as shares allow.
//!
//! Weighted rendezvous hashing (Thaler, Ravishankar, "Using name-based mappings to increase hit rates", 1998; with weights
//! by Schindelhauer, Schomaker, 2005): every variant draws a number for a name, and the largest wins. Another share of one
//! variant changes its own draw alone, so raising it moves names to it and none between others. Shares hold in the mean
//! over many names, not over every thousand requests: who stays cannot be dealt out.

use super::shares::Shares;
use crate::upstream::balance::hash_key;

/// What a variant draws with. Of its name, so that its draws stay its own when variants come and go; and the same on every
/// host and after every start.
pub fn salt(route: &str, variant: &str) -> u64 {
    hash_key(format!("{route}\0{variant}").as_bytes())
}

/// What a name is known by.
pub fn name_hash(name: &[u8]) -> u64 {
    hash_key(name)
}

/// The variant of a name. `salts` are those of the variants, in their order.
pub fn choose(name: u64, salts: impl Iterator<Item = u64>, shares: &Shares) -> usize {
    if let Some(only) = shares.only() {
        return only;
    }
    let mut best = (f64::NEG_INFINITY, 0);
    for (variant, (salt, part)) in salts.zip(shares.parts()).enumerate() {
        if *part > 0 {
            let drawn = draw(name ^ salt).ln() / f64::from(*part);
            if drawn > best.0 {
                best = (drawn, variant);
            }
        }
    }
    best.1
}

/// A number between 0 and 1, neither of both. Mixes as splitmix64 does (Steele, Lea, Flood, 2014).
fn draw(bits: u64) -> f64 {
    let mut mixed = bits.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // 53 bits, in the middle of their interval.
    ((mixed >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn salts(variants: usize) -> impl Iterator<Item = u64> {
        (0..variants).map(|variant| salt("shop", &format!("v{variant}")))
    }

    #[test]
    fn shares_hold_in_the_mean() {
        let shares = Shares::by_weight(&[70, 25, 5]).expect("weights");
        let mut counts = [0_u32; 3];
        for user in 0..100_000_u32 {
            counts[choose(name_hash(format!("user-{user}").as_bytes()), salts(3), &shares)] += 1;
        }
        for (count, expected) in counts.iter().zip([70_000.0, 25_000.0, 5_000.0]) {
            assert!((f64::from(*count) - expected).abs() < 600.0, "{counts:?}");
        }
    }

    #[test]
    fn routes_do_not_have_the_same_names_first() {
        let shares = Shares::by_weight(&[90, 10]).expect("weights");
        let of = |route: &str| {
            let salts = [salt(route, "stable"), salt(route, "canary")];
            (0..10_000_u64).filter(|name| choose(*name, salts.into_iter(), &shares) == 1).collect::<Vec<_>>()
        };
        let (shop, cart) = (of("shop"), of("cart"));
        let both = shop.iter().filter(|name| cart.contains(name)).count();
        assert!((50..200).contains(&both), "{both} of {}", shop.len());
    }

    proptest! {
        #[test]
        fn raising_a_share_moves_names_to_it_alone(from in 0u32..=1000, to in 0u32..=1000, first in any::<u64>()) {
            let (less, more) = (from.min(to), from.max(to));
            let shares = |part| Shares::with(&[None, Some(part), None], &[3, 0, 1]).expect("the whole");
            for name in (0..200).map(|at| first.wrapping_add(at)) {
                let (before, after) = (choose(name, salts(3), &shares(less)), choose(name, salts(3), &shares(more)));
                // Thousandths are rounded, so that between the others a name in a thousand may move as well.
                let is_rounding = before != 1 && after != 1;
                prop_assert!(before == after || after == 1 || is_rounding, "{before} -> {after}");
                prop_assert!(before != 1 || after == 1, "one left although there is room for more");
            }
        }

        #[test]
        fn with_two_variants_raising_a_share_moves_names_one_way(from in 0u32..=1000, to in 0u32..=1000, name in any::<u64>()) {
            let (less, more) = (from.min(to), from.max(to));
            let of = |part| choose(name, salts(2), &Shares::exactly(&[1000 - part, part]).expect("the whole"));
            prop_assert!(of(less) <= of(more));
        }
    }
}
