//! Where two JSON documents differ.
//!
//! Members are compared whatever their order, elements in theirs, numbers by their value. Pure; finds the first few
//! differences and then stops looking.

use serde_json::{Number, Value};

/// Differences that are told of one pair of answers.
pub const DIFFERENCES_MAX: usize = 8;

/// One place at which two documents differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference<'a> {
    /// The place as a JSON pointer; empty for the whole document.
    pub at: String,
    /// What the first has there.
    pub first: Option<&'a Value>,
    /// What the second has there.
    pub second: Option<&'a Value>,
}

/// The first few differences; none if both say the same.
pub fn differences<'a>(first: &'a Value, second: &'a Value) -> Vec<Difference<'a>> {
    let mut search = Search { at: String::new(), found: Vec::new() };
    search.compare(first, second);
    search.found
}

struct Search<'a> {
    at: String,
    found: Vec<Difference<'a>>,
}

impl<'a> Search<'a> {
    fn compare(&mut self, first: &'a Value, second: &'a Value) {
        match (first, second) {
            (Value::Object(one), Value::Object(other)) => {
                for (name, value) in one {
                    self.step(name, Some(value), other.get(name));
                }
                for (name, value) in other.iter().filter(|(name, _)| !one.contains_key(*name)) {
                    self.step(name, None, Some(value));
                }
            }
            (Value::Array(one), Value::Array(other)) => {
                for index in 0..one.len().max(other.len()) {
                    if self.is_full() {
                        return;
                    }
                    self.step(&index.to_string(), one.get(index), other.get(index));
                }
            }
            (Value::Number(one), Value::Number(other)) if is_same_number(one, other) => {}
            _ if first == second => {}
            _ => self.note(Some(first), Some(second)),
        }
    }

    fn step(&mut self, name: &str, first: Option<&'a Value>, second: Option<&'a Value>) {
        if self.is_full() {
            return;
        }
        let len = self.at.len();
        self.at.push('/');
        for character in name.chars() {
            match character {
                '~' => self.at.push_str("~0"),
                '/' => self.at.push_str("~1"),
                other => self.at.push(other),
            }
        }
        match (first, second) {
            (Some(first), Some(second)) => self.compare(first, second),
            _ => self.note(first, second),
        }
        self.at.truncate(len);
    }

    fn note(&mut self, first: Option<&'a Value>, second: Option<&'a Value>) {
        if !self.is_full() {
            self.found.push(Difference { at: self.at.clone(), first, second });
        }
    }

    fn is_full(&self) -> bool {
        self.found.len() == DIFFERENCES_MAX
    }
}

/// `1` and `1.0` are the same number, however a service writes it.
fn is_same_number(one: &Number, other: &Number) -> bool {
    one == other || (one.is_f64() != other.is_f64() && one.as_f64() == other.as_f64())
}

/// What kind of value it is, for those who may not see the value.
pub fn kind(value: Option<&Value>) -> &'static str {
    match value {
        None => "nothing",
        Some(Value::Null) => "null",
        Some(Value::Bool(_)) => "a boolean",
        Some(Value::Number(_)) => "a number",
        Some(Value::String(_)) => "a string",
        Some(Value::Array(_)) => "an array",
        Some(Value::Object(_)) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn places(first: &Value, second: &Value) -> Vec<String> {
        differences(first, second).into_iter().map(|difference| difference.at).collect()
    }

    #[test]
    fn order_of_members_and_form_of_numbers_do_not_matter() {
        let first = json!({"a": 1, "b": [1.0, 2]});
        let second: Value = serde_json::from_str(r#"{"b": [1, 2.0], "a": 1}"#).unwrap();
        assert_eq!(differences(&first, &second), []);
    }

    #[test]
    fn names_every_place_with_what_is_there() {
        let (first, second) =
            (json!({"a": 1, "b": {"c/d": 2}, "e": 3}), json!({"a": "1", "b": {"c/d": 3}, "f": 4}));
        let found = differences(&first, &second);
        let told: Vec<_> =
            found.iter().map(|one| (one.at.as_str(), kind(one.first), kind(one.second))).collect();
        assert_eq!(
            told,
            [
                ("/a", "a number", "a string"),
                ("/b/c~1d", "a number", "a number"),
                ("/e", "a number", "nothing"),
                ("/f", "nothing", "a number"),
            ]
        );
    }

    #[test]
    fn arrays_are_compared_in_their_order_and_to_their_ends() {
        assert_eq!(places(&json!([1, 2]), &json!([2, 1])), ["/0", "/1"]);
        assert_eq!(places(&json!([1]), &json!([1, null])), ["/1"]);
        assert_eq!(places(&json!(1), &json!([1])), [""]);
    }

    #[test]
    fn stops_after_a_few() {
        let (first, second) = (json!(vec![1; 10_000]), json!(vec![2; 10_000]));
        assert_eq!(differences(&first, &second).len(), DIFFERENCES_MAX);
    }

    #[test]
    fn large_integers_are_not_mistaken_for_each_other() {
        assert_eq!(places(&json!(9_007_199_254_740_993_u64), &json!(9_007_199_254_740_992_u64)), [""]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-3_i64..3).prop_map(Value::from),
            "[ab/~]{0,2}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab/~]{0,2}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn finds_something_exactly_where_documents_are_not_equal(first in value(), second in value()) {
            let found = differences(&first, &second);
            prop_assert_eq!(found.is_empty(), first == second);
            for one in &found {
                prop_assert_eq!(first.pointer(&one.at), one.first);
                prop_assert_eq!(second.pointer(&one.at), one.second);
                prop_assert_ne!(one.first, one.second);
            }
        }
    }
}
