//! `ringgate schema`: the JSON Schema of the configuration, as checked in.

use serde_json::Value;

use crate::harness::ringgate;

#[test]
fn the_checked_in_schema_is_the_generated_one() {
    let generated = ringgate(&["schema"]).succeeded();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/schema.json");
    let checked_in = std::fs::read_to_string(path).expect("config/schema.json is checked in");
    assert!(checked_in == generated, "write it anew: cargo run -- schema > config/schema.json");
}

#[test]
fn the_schema_describes_every_property() {
    let schema: Value = serde_json::from_str(&ringgate(&["schema"]).succeeded()).expect("JSON");
    assert!(schema["$schema"].is_string());
    let mut bare = Vec::new();
    find_bare(&schema, "", &mut bare);
    assert!(bare.is_empty(), "without description: {bare:#?}");
}

/// Collects the properties of objects that have no description, of their own or by reference.
fn find_bare(value: &Value, path: &str, bare: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let properties = members.get("properties").and_then(Value::as_object);
            // A variant of an enum is an object with one property, and described as a whole.
            let is_variant =
                members.contains_key("description") && properties.is_some_and(|all| all.len() == 1);
            for (name, property) in properties.into_iter().flatten() {
                let told =
                    is_variant || property.get("description").is_some() || property.get("$ref").is_some();
                if !told {
                    bare.push(format!("{path}/{name}"));
                }
            }
            members.iter().for_each(|(name, member)| find_bare(member, &format!("{path}/{name}"), bare));
        }
        Value::Array(items) => items.iter().for_each(|item| find_bare(item, path, bare)),
        _ => {}
    }
}
