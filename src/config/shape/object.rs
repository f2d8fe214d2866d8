//! Mappings: unknown keys, missing keys, and the values of the others.

use serde_json::{Map, Value as Json};

use super::{Parts, Walk, limit};
use crate::config::suggest;
use crate::config::tree::{Key, Node};
use crate::config::units::UnitError;

impl<'s> Walk<'s, '_, '_> {
    pub(super) fn object(&mut self, parts: &Parts<'s>, node: &Node, entries: &[(Key, Node)]) {
        let mut meant = Vec::new();
        for (key, value) in entries {
            match self.property(parts, &key.text) {
                Property::Known(schema) => self.within(&key.text, |walk| walk.node(schema, value)),
                Property::Free => {}
                Property::Unknown => meant.extend(self.unknown(parts, key, entries)),
            }
        }
        for part in parts {
            for name in
                part.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str)
            {
                if node.get(name).is_none() && !meant.contains(&name) {
                    self.missing(parts, node, name);
                }
            }
        }
        if let Some(least) = limit(parts, "minProperties").filter(|least| (entries.len() as u64) < *least) {
            let why = UnitError::new("the mapping is empty").hint(format!("write at least {least}"));
            self.fault("too-few-items", node.mark, "", why);
        }
    }

    fn property(&mut self, parts: &Parts<'s>, key: &str) -> Property<'s> {
        if let Some(schema) = parts.iter().find_map(|part| properties(part)?.get(key)) {
            return Property::Known(schema);
        }
        for part in parts {
            for (pattern, schema) in
                part.get("patternProperties").and_then(Json::as_object).into_iter().flatten()
            {
                if self.matches(pattern, key) {
                    return Property::Known(schema);
                }
            }
        }
        let rule = |part: &&'s Map<String, Json>| {
            part.get("additionalProperties").or_else(|| part.get("unevaluatedProperties"))
        };
        match parts.iter().find_map(rule) {
            Some(Json::Bool(false)) => Property::Unknown,
            Some(schema @ Json::Object(_)) => Property::Known(schema),
            _ => Property::Free,
        }
    }

    /// Reports an unknown key. Gives back the known one that was meant.
    fn unknown(&mut self, parts: &Parts<'s>, key: &Key, entries: &[(Key, Node)]) -> Option<&'s str> {
        // A key that is there already cannot have been meant.
        let absent = |name: &&str| !entries.iter().any(|(key, _)| key.text == *name);
        let all: Vec<&'s str> = known(parts).collect();
        let known: Vec<&'s str> = all.iter().copied().filter(absent).collect();
        let meant = suggest::nearest(&key.text, known.iter().copied());
        let present = suggest::nearest(&key.text, all);
        let hint = match (meant, self.home(parts, &key.text), present) {
            (Some(name), ..) => Some(format!("did you mean `{name}`?")),
            (None, Some(home), _) => Some(format!("`{}` belongs under `{home}`", key.text)),
            (None, None, Some(name)) => Some(format!("remove it: `{name}` is there already")),
            (None, None, None) => suggest::hint(&key.text, &known, "other keys are"),
        };
        let mut why = UnitError::new(format!("unknown key `{}`", key.text));
        why.hint = hint;
        self.within(&key.text, |walk| walk.fault("unknown-key", key.mark, &key.text, why));
        meant
    }

    /// The key of this object under which `name` would be known.
    fn home(&self, parts: &Parts<'s>, name: &str) -> Option<&'s str> {
        parts.iter().filter_map(|part| properties(part)).flatten().find_map(|(key, schema)| {
            let mut inner = Parts::new();
            self.collect(schema, &mut inner, super::REFERENCES_MAX);
            let mut next = 0;
            // Bounded, because a schema may refer to itself.
            while let Some(part) = inner.get(next).filter(|_| next < HOME_PARTS_MAX) {
                next += 1;
                for alternative in super::alternatives(part).into_iter().flatten() {
                    self.collect(alternative, &mut inner, super::REFERENCES_MAX);
                }
            }
            inner
                .iter()
                .any(|part| properties(part).is_some_and(|all| all.contains_key(name)))
                .then_some(key.as_str())
        })
    }

    fn missing(&mut self, parts: &Parts<'s>, node: &Node, name: &str) {
        let about = parts
            .iter()
            .find_map(|part| properties(part)?.get(name)?.get("description")?.as_str())
            .and_then(|text| text.split(". ").next())
            .map(|sentence| sentence.trim_end_matches('.').replace('\n', " "));
        let hint = match about {
            Some(about) => format!("add `{name}`: {about}"),
            None => format!("add `{name}`"),
        };
        let why = UnitError::new(format!("`{name}` is missing")).hint(hint);
        self.within(name, |walk| walk.fault("missing-key", node.mark, "", why));
    }
}

/// What a schema says about a key.
enum Property<'s> {
    Known(&'s Json),
    Free,
    Unknown,
}

pub(super) fn properties(part: &Map<String, Json>) -> Option<&Map<String, Json>> {
    part.get("properties").and_then(Json::as_object)
}

/// Every key that the parts name.
pub(super) fn known<'s>(parts: &Parts<'s>) -> impl Iterator<Item = &'s str> {
    parts.iter().filter_map(|part| properties(part)).flat_map(Map::keys).map(String::as_str)
}

/// Schema objects that are looked at for where a key belongs.
const HOME_PARTS_MAX: usize = 64;
