//! Exact decimals: `1.5` of a unit, without a float in between.
//!
//! What cannot be said exactly in the unit's smallest step is refused, so that what is printed is what was read.

/// Why a decimal has no exact value.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inexact {
    NotANumber,
    TooFine,
    TooLarge,
}

/// Splits `1.5s` into `1.5` and `s`.
pub(super) fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// `number` times `steps`, where `steps` is the unit in its smallest steps.
pub(super) fn scaled(number: &str, steps: u64) -> Result<u64, Inexact> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(Inexact::NotANumber);
    }
    let fraction = fraction.trim_end_matches('0');
    // 18 digits keep every product below within u128.
    if fraction.len() > 18 {
        return Err(Inexact::TooFine);
    }
    let whole: u64 = whole.parse().map_err(|_| Inexact::TooLarge)?;
    let divisor = 10u128.pow(fraction.len() as u32);
    let numerator =
        if fraction.is_empty() { 0 } else { fraction.parse::<u128>().map_err(|_| Inexact::TooFine)? };
    let product = numerator * u128::from(steps);
    if !product.is_multiple_of(divisor) {
        return Err(Inexact::TooFine);
    }
    u64::try_from(u128::from(whole) * u128::from(steps) + product / divisor).map_err(|_| Inexact::TooLarge)
}
