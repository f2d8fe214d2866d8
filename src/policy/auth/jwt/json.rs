//! JSON objects of tokens, read strictly.
//!
//! RFC 8725 2.4 and RFC 7515 4: what two parsers could read in two ways is refused. serde_json keeps the last of two
//! members with one name and says nothing; here that is a fault. Depth is bounded, length by whoever has the bytes.

use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserializer, de};
use serde_json::{Map, Number, Value};

/// Deepest nesting. Claims are flat or nearly so.
const DEPTH_MAX: usize = 16;

/// What is not one JSON object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAnObject;

/// The object that `bytes` are, and nothing besides.
///
/// # Errors
/// When they are not UTF-8, not JSON, something else than an object, nested too deeply, or a name is there twice.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, NotAnObject> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = Strict(DEPTH_MAX).deserialize(&mut reader).map_err(|_| NotAnObject)?;
    reader.end().map_err(|_| NotAnObject)?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(NotAnObject),
    }
}

/// A value with at most so many levels below it.
#[derive(Clone, Copy)]
struct Strict(usize);

impl Strict {
    fn below<E: de::Error>(self) -> Result<Self, E> {
        self.0.checked_sub(1).map(Self).ok_or_else(|| E::custom("nested too deeply"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(below)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let below = self.below()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(below)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_serde_json_reads() {
        let text = r#"{"a": [1, -2, 3.5, true, null, "x\u00e9"], "b": {"c": {}}}"#;
        let plain: Map<String, Value> = serde_json::from_str(text).unwrap();
        assert_eq!(object(text.as_bytes()).unwrap(), plain);
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for wrong in [
            r#"{"sub": "a", "sub": "b"}"#,
            r#"{"sub": "a", "\u0073ub": "a"}"#,
            r#"{"a": {"b": 1, "b": 1}}"#,
            r#"{"a": [{"b": 1, "b": 1}]}"#,
            r#"{"a": 1} {"a": 2}"#,
            r#"{"a": 1}x"#,
            r#"{"a": 1,}"#,
            r#"{"a": NaN}"#,
            r#"{"a": "\ud800"}"#,
            "{\"a\": \"\u{1}\"}",
            "[]",
            "\"a\"",
            "",
            "{",
        ] {
            assert_eq!(object(wrong.as_bytes()), Err(NotAnObject), "{wrong}");
        }
        assert_eq!(object(b"{\"a\": \"\xff\"}"), Err(NotAnObject));
    }

    #[test]
    fn refuses_what_is_nested_too_deeply() {
        let nested = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(nested(DEPTH_MAX - 1).as_bytes()).is_ok());
        assert_eq!(object(nested(DEPTH_MAX).as_bytes()), Err(NotAnObject));
        assert_eq!(object(nested(100_000).as_bytes()), Err(NotAnObject));
    }
}
