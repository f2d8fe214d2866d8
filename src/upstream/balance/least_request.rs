//! The better of two endpoints drawn at random (Mitzenmacher, "The Power of Two Choices", 2001).
//!
//! Two draws avoid what asking for the very best does: every worker sending to the same idle endpoint at once.
//! Weights act twice: on the draw, so that idle endpoints share by weight, and on the load that is compared.

use super::random::{self, Cumulative, Random};
use super::{Pick, peak_ewma};

/// The less busy one.
pub(super) fn pick(
    cumulative: &Cumulative,
    weights: &[u32],
    random: &Random,
    pick: &Pick<'_>,
) -> Option<usize> {
    let (first, second) = two(cumulative, random, pick)?;
    let load = |index: usize| u64::from((pick.in_flight)(index));
    // load / weight, multiplied out.
    let is_second_idler = load(second) * u64::from(weights[first]) < load(first) * u64::from(weights[second]);
    Some(if is_second_idler { second } else { first })
}

/// The one where less waiting is to be expected.
pub(super) fn pick_quicker(
    cumulative: &Cumulative,
    weights: &[u32],
    random: &Random,
    pick: &Pick<'_>,
) -> Option<usize> {
    let (first, second) = two(cumulative, random, pick)?;
    let cost =
        |index: usize| peak_ewma::cost((pick.answer_nanos)(index), (pick.in_flight)(index), weights[index]);
    Some(if cost(second) < cost(first) { second } else { first })
}

/// Two different ones; the same twice where there is one alone.
fn two(cumulative: &Cumulative, random: &Random, pick: &Pick<'_>) -> Option<(usize, usize)> {
    let first = random::pick(cumulative, random, pick.is_excluded)?;
    let second = random::pick(cumulative, random, |index| index == first || (pick.is_excluded)(index));
    Some((first, second.unwrap_or(first)))
}
