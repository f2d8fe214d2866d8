//! Quantities and addresses as people write them: `250ms`, `10MiB`, `100/s`, `25%`, `10.0.0.0/8`.
//!
//! Owns the reading, the writing and the schema of each; a value that was read is printed so that it reads back
//! as the same value. A number without its unit is refused with a hint, never guessed.
//! Does not know which ranges make sense for which key: `control::check` does.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

mod address;
mod byte_size;
mod decimal;
mod rate;
mod share;
mod span;
mod status_range;
#[cfg(test)]
mod tests;
mod weight;
mod worker_part;

pub use address::{AddressRange, SocketAddress};
pub use byte_size::ByteSize;
pub use rate::Rate;
pub use share::Share;
pub use span::Span;
pub use status_range::StatusRange;
pub use weight::Weight;
pub use worker_part::WorkerPart;

/// Why a written value is refused, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitError {
    /// What is wrong, as a clause without a full stop.
    pub reason: String,
    /// What to write instead, where that is known.
    pub hint: Option<String>,
}

impl UnitError {
    /// A reason alone.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), hint: None }
    }

    /// The same with what to write instead.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)?;
        self.hint.as_ref().map_or(Ok(()), |hint| write!(f, " ({hint})"))
    }
}

impl std::error::Error for UnitError {}

/// A check of a value's text.
pub type FormatCheck = fn(&str) -> Result<(), UnitError>;

/// Every `format` that the units put into the schema, with its check.
pub const FORMATS: &[(&str, FormatCheck)] = &[
    (Span::FORMAT, reads::<Span>),
    (ByteSize::FORMAT, reads::<ByteSize>),
    (Rate::FORMAT, reads::<Rate>),
    (Share::FORMAT, reads::<Share>),
    (AddressRange::FORMAT, reads::<AddressRange>),
    (SocketAddress::FORMAT, reads::<SocketAddress>),
    (WorkerPart::FORMAT, reads::<WorkerPart>),
    (StatusRange::FORMAT, reads::<StatusRange>),
];

/// What the schema says about a unit that is written as text.
pub(crate) trait Unit: FromStr<Err = UnitError> + fmt::Display {
    /// The schema's `format`, a row of [`FORMATS`].
    const FORMAT: &'static str;
    /// For editors; the check proper is `FromStr`.
    const PATTERN: &'static str;
    /// Shown by editors and on the reference page.
    const EXAMPLES: &'static [&'static str];
    /// One line for the schema.
    const ABOUT: &'static str;
    /// Whether an integer is admitted too.
    const INTEGER: bool = false;
}

fn reads<T: Unit>(text: &str) -> Result<(), UnitError> {
    text.parse::<T>().map(drop)
}

/// Reads a unit from a string, or from the digits of a number so that its hint can name the missing unit.
struct Written<T>(PhantomData<T>);

impl<T: Unit> serde::de::Visitor<'_> for Written<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a {} such as {}", T::FORMAT, T::EXAMPLES[0])
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        self.visit_str(&number.to_string())
    }
}

fn read<'de, T: Unit, D: serde::Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Written(PhantomData))
}

fn schema<T: Unit>() -> schemars::Schema {
    let mut schema = schemars::json_schema!({
        "description": T::ABOUT,
        "type": "string",
        "format": T::FORMAT,
        "pattern": T::PATTERN,
        "examples": T::EXAMPLES,
    });
    if T::INTEGER {
        schema.insert("type".to_owned(), serde_json::json!(["string", "integer"]));
    }
    schema
}

/// Serde and schemars by way of `FromStr`, `Display` and [`Unit`].
macro_rules! written_as_text {
    ($unit:ident) => {
        impl serde::Serialize for $unit {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $unit {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                super::read(deserializer)
            }
        }

        impl schemars::JsonSchema for $unit {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($unit).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                super::schema::<Self>()
            }
        }
    };
}
use written_as_text;
