//! Round robin by weight, smooth: heavy endpoints are spread over the round instead of served in a row.
//!
//! The round is computed once, by nginx's smooth weighted algorithm, and shared; a worker only moves a cursor. Where
//! computing it would take a worker too long, its cursor moves along the weights by steps that fill them evenly.

use std::cell::Cell;

use super::random::{self, Cumulative};

/// Longest round for which shares are exact. Beyond it, weights are scaled to about this sum: the error of a
/// share is then below 1/4096 of the round, and the round is at most this plus one turn per endpoint.
pub(super) const ROUND_LEN_MAX: u64 = 4096;

/// The order of one round, as endpoint indexes; None where computing it takes more than `steps_max` steps of a
/// nanosecond or two.
pub(super) fn sequence(weights: &[u32], steps_max: u64) -> Option<Vec<u16>> {
    let weights = reduced(weights);
    let total: i64 = weights.iter().sum();
    if total == weights.len() as i64 {
        return Some((0..weights.len()).map(|index| index as u16).collect());
    }
    (total.cast_unsigned() * weights.len() as u64 <= steps_max).then(|| smooth(&weights, total))
}

fn smooth(weights: &[i64], total: i64) -> Vec<u16> {
    let mut current = vec![0i64; weights.len()];
    let mut sequence = Vec::with_capacity(total as usize);
    for _ in 0..total {
        let mut best = 0;
        for index in 0..weights.len() {
            current[index] += weights[index];
            if current[index] > current[best] {
                best = index;
            }
        }
        current[best] -= total;
        sequence.push(best as u16);
    }
    sequence
}

/// The smallest weights of the same proportions, scaled where their sum would still make too long a round.
fn reduced(weights: &[u32]) -> Vec<i64> {
    let divisor = weights.iter().copied().fold(0, gcd).max(1);
    let total: u64 = weights.iter().map(|weight| u64::from(weight / divisor)).sum();
    let scaled =
        |weight: u64| if total <= ROUND_LEN_MAX { weight } else { (weight * ROUND_LEN_MAX / total).max(1) };
    weights.iter().map(|weight| scaled(u64::from(weight / divisor)) as i64).collect()
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A round along the weights is so many steps.
pub(super) const STRIDES: usize = 1 << 32;
/// The golden part of [`STRIDES`]: as many steps of this as one likes are spread as evenly as can be (Weyl; Knuth,
/// TAOCP 3, 6.4).
const STRIDE: u32 = 0x9e37_79b9;
/// Steps before the remaining endpoints are looked at one by one.
const STRIDES_MAX: usize = 8;

/// The next point that fills the round evenly. The cursor is below [`STRIDES`].
pub(super) fn stride(cursor: &Cell<usize>) -> u32 {
    let at = cursor.get() as u32;
    cursor.set(at.wrapping_add(STRIDE) as usize);
    at
}

/// The next endpoint along the weights.
pub(super) fn pick_along(
    weights: &Cumulative,
    cursor: &Cell<usize>,
    is_excluded: &dyn Fn(usize) -> bool,
) -> Option<usize> {
    for _ in 0..STRIDES_MAX {
        let index = weights.at(stride(cursor));
        if !is_excluded(index) {
            return Some(index);
        }
    }
    random::pick_of_remaining(weights, stride(cursor), is_excluded)
}

/// The next endpoint in turn; the turn of an excluded one goes to the one after it.
pub(super) fn pick(
    sequence: &[u16],
    cursor: &Cell<usize>,
    is_excluded: &dyn Fn(usize) -> bool,
) -> Option<usize> {
    let mut at = cursor.get();
    for _ in 0..sequence.len() {
        let endpoint = usize::from(sequence[at]);
        at = if at + 1 == sequence.len() { 0 } else { at + 1 };
        if !is_excluded(endpoint) {
            cursor.set(at);
            return Some(endpoint);
        }
    }
    None
}
