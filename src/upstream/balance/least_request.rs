//! The less busy of two endpoints drawn at random (Mitzenmacher, "The Power of Two Choices", 2001).
//!
//! Two draws avoid what asking for the very least does: every worker sending to the same idle endpoint at once.
//! Weights act twice: on the draw, so that idle endpoints share by weight, and on the load that is compared.

use super::Pick;
use super::random::{self, Cumulative, Random};

pub(super) fn pick(
    cumulative: &Cumulative,
    weights: &[u32],
    random: &Random,
    pick: &Pick<'_>,
) -> Option<usize> {
    let first = random::pick(cumulative, random, pick.is_excluded)?;
    let second = random::pick(cumulative, random, |index| index == first || (pick.is_excluded)(index));
    let Some(second) = second else { return Some(first) };
    let load = |index: usize| u64::from((pick.in_flight)(index));
    // load / weight, multiplied out.
    let is_second_idler = load(second) * u64::from(weights[first]) < load(first) * u64::from(weights[second]);
    Some(if is_second_idler { second } else { first })
}
