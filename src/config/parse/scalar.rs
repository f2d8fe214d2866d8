//! What an unquoted scalar is: the core schema of YAML 1.2.2, section 10.3.2.

use crate::config::tree::Value;

/// The value of an unquoted scalar.
pub(super) fn resolve(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    // Nearly every scalar is text, and text hardly ever begins like a number.
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Value::Text(text.to_owned());
    }
    integer(text).or_else(|| float(text)).unwrap_or_else(|| Value::Text(text.to_owned()))
}

fn integer(text: &str) -> Option<Value> {
    let number = if let Some(digits) = text.strip_prefix("0o") {
        unsigned(digits, 8)?
    } else if let Some(digits) = text.strip_prefix("0x") {
        unsigned(digits, 16)?
    } else if let Some(digits) = text.strip_prefix('-') {
        -unsigned(digits, 10)?
    } else {
        unsigned(text.strip_prefix('+').unwrap_or(text), 10)?
    };
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number).then_some(Value::Integer(number))
}

fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    let fits = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
    fits.then(|| i128::from_str_radix(digits, radix).ok()).flatten()
}

fn float(text: &str) -> Option<Value> {
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    match unsigned {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if unsigned.len() == text.len() => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    // `5s`, `10.0.0.1` and `1e` are text: let through only what the schema's expression admits.
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    let fits = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && !exponent.is_empty()
        && digits(exponent);
    fits.then(|| text.parse().ok()).flatten().map(Value::Float)
}
