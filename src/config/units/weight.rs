//! A weight relative to its siblings, 1 to 1000.
//!
//! An integer in the file. The bound keeps a balancer's tables small; zero is not a weight, leave the thing out.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::UnitError;

/// A weight, 1 to 1000. Default: 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u16);

impl Weight {
    /// The heaviest.
    pub const MAX: u32 = 1000;

    /// None if it is not 1 to 1000.
    pub const fn new(weight: u32) -> Option<Self> {
        if weight >= 1 && weight <= Self::MAX { Some(Self(weight as u16)) } else { None }
    }

    /// 1 to 1000.
    pub const fn get(self) -> u32 {
        self.0 as u32
    }
}

impl Default for Weight {
    fn default() -> Self {
        Self(1)
    }
}

impl FromStr for Weight {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        text.parse().ok().and_then(Self::new).ok_or_else(|| {
            UnitError::new(format!("`{text}` is not a weight")).hint("write a whole number from 1 to 1000")
        })
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Weight {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.0)
    }
}

impl<'de> Deserialize<'de> for Weight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer)?.to_string().parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Weight {
    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A weight relative to its siblings.",
            "type": "integer",
            "minimum": 1,
            "maximum": Self::MAX,
            "examples": [1, 10],
        })
    }
}
