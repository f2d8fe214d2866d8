//! Places in a JSON document that are not compared: a JSON pointer (RFC 6901) with wildcards.
//!
//! `/a/0/b` is one place; `*` stands for any one member or element, `**` for any number of steps. Pure: takes a value and
//! removes what is there.

use serde_json::Value;

/// Steps of one path. More of them lead nowhere in a document that was parsed.
const STEPS_MAX: usize = 32;

/// A place, or many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Box<[Step]>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The member of this name, or the element of this number.
    Named(Box<str>),
    /// Every member and element.
    Any,
    /// Any number of steps, none included.
    AnyDepth,
}

impl JsonPath {
    /// Reads a written path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("`{text}` does not begin with `/`"));
        };
        let steps: Vec<Step> = rest.split('/').map(step).collect::<Result<_, _>>()?;
        if steps.len() > STEPS_MAX {
            return Err(format!("`{text}` has more than {STEPS_MAX} steps"));
        }
        if steps.last() == Some(&Step::AnyDepth) {
            return Err(format!("`{text}` says nothing about what is below `**`"));
        }
        if steps.iter().filter(|step| **step == Step::AnyDepth).count() > 1 {
            return Err(format!("`{text}` has `**` more than once"));
        }
        Ok(Self(steps.into()))
    }

    /// Removes what is there. An element leaves its place behind, so that lengths can still be compared.
    pub fn prune(&self, value: &mut Value) {
        prune(&self.0, value);
    }
}

fn step(text: &str) -> Result<Step, String> {
    match text {
        "*" => return Ok(Step::Any),
        "**" => return Ok(Step::AnyDepth),
        _ => {}
    }
    // RFC 6901 3: `~` is written as `~0` and `/` as `~1`.
    let mut name = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        match character {
            '~' => match rest.next() {
                Some('0') => name.push('~'),
                Some('1') => name.push('/'),
                _ => return Err(format!("`{text}` has a `~` that is neither `~0` nor `~1`")),
            },
            other => name.push(other),
        }
    }
    Ok(Step::Named(name.into()))
}

fn prune(steps: &[Step], value: &mut Value) {
    match steps {
        [] => {}
        [Step::AnyDepth, rest @ ..] => {
            prune(rest, value);
            children(value, |child| prune(steps, child));
        }
        [Step::Any] => match value {
            Value::Object(members) => members.clear(),
            Value::Array(elements) => elements.fill(Value::Null),
            _ => {}
        },
        [Step::Named(name)] => match value {
            Value::Object(members) => drop(members.remove(&**name)),
            Value::Array(elements) => {
                if let Some(element) = index(name).and_then(|at| elements.get_mut(at)) {
                    *element = Value::Null;
                }
            }
            _ => {}
        },
        [Step::Any, rest @ ..] => children(value, |child| prune(rest, child)),
        [Step::Named(name), rest @ ..] => {
            let child = match value {
                Value::Object(members) => members.get_mut(&**name),
                Value::Array(elements) => index(name).and_then(|at| elements.get_mut(at)),
                _ => None,
            };
            if let Some(child) = child {
                prune(rest, child);
            }
        }
    }
}

fn children(value: &mut Value, each: impl FnMut(&mut Value)) {
    match value {
        Value::Object(members) => members.values_mut().for_each(each),
        Value::Array(elements) => elements.iter_mut().for_each(each),
        _ => {}
    }
}

fn index(name: &str) -> Option<usize> {
    name.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pruned(path: &str, mut value: Value) -> Value {
        JsonPath::parse(path).unwrap().prune(&mut value);
        value
    }

    #[test]
    fn removes_a_member_wherever_it_is_named() {
        assert_eq!(pruned("/a/b", json!({"a": {"b": 1, "c": 2}, "b": 3})), json!({"a": {"c": 2}, "b": 3}));
        assert_eq!(pruned("/a~1b/~0", json!({"a/b": {"~": 1}})), json!({"a/b": {}}));
        assert_eq!(pruned("/a/b/c", json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
        assert_eq!(pruned("/", json!({"": 1, "a": 2})), json!({"a": 2}));
    }

    #[test]
    fn an_element_leaves_its_place_behind() {
        assert_eq!(pruned("/1", json!([1, 2, 3])), json!([1, null, 3]));
        assert_eq!(pruned("/*", json!([1, 2])), json!([null, null]));
        assert_eq!(pruned("/7", json!([1])), json!([1]));
    }

    #[test]
    fn a_star_is_one_step_and_two_are_any_number() {
        let value = json!({"items": [{"id": 1, "at": 5}, {"id": 2, "at": 6}], "at": 7});
        assert_eq!(pruned("/items/*/at", value.clone()), json!({"items": [{"id": 1}, {"id": 2}], "at": 7}));
        assert_eq!(pruned("/**/at", value.clone()), json!({"items": [{"id": 1}, {"id": 2}]}));
        assert_eq!(pruned("/*", value), json!({}));
    }

    #[test]
    fn says_what_is_wrong_with_a_path() {
        for (text, says) in [
            ("a/b", "does not begin"),
            ("/a/~2", "neither"),
            ("/a/**", "below"),
            ("/**/a/**/b", "more than once"),
            (&"/a".repeat(33), "more than 32"),
        ] {
            let said = JsonPath::parse(text).unwrap_err();
            assert!(said.contains(says), "{text}: {said}");
        }
    }
}
