//! Laws of the difference between two configurations.

use proptest::prelude::*;
use ringgate::control::config::Config;
use ringgate::control::diff::{CHANGES_MAX, TEXT_CHARS_MAX, diff, diff_values};
use serde_json::{Value, json};

/// A configuration of these routes and clusters, in this order.
fn config(routes: &[(u8, u8, u8)], clusters: &[(u8, Vec<u8>)], head_secs: u8) -> Value {
    let mut names = std::collections::BTreeSet::new();
    let routes: Vec<_> = routes
        .iter()
        .filter(|(name, ..)| names.insert(*name))
        .map(|(name, path, cluster)| {
            json!({"name": format!("r{name}"), "match": {"path": format!("/{path}"), "methods": ["GET", "POST"]},
                   "cluster": format!("c{cluster}")})
        })
        .collect();
    let clusters: serde_json::Map<_, _> = clusters
        .iter()
        .map(|(name, ports)| {
            let endpoints: std::collections::BTreeSet<_> =
                ports.iter().map(|port| format!("127.0.0.1:{}", 1 + u16::from(*port))).collect();
            (format!("c{name}"), json!({"endpoints": endpoints}))
        })
        .collect();
    json!({
        "listeners": [{"name": "web", "address": "127.0.0.1:0"}],
        "limits": {"head_timeout": format!("{}s", 1 + u16::from(head_secs))},
        "clusters": clusters,
        "routes": routes,
    })
}

fn read(value: &Value) -> Config {
    serde_json::from_value(value.clone()).expect("a configuration")
}

fn written() -> impl Strategy<Value = Value> {
    let routes = prop::collection::vec((0u8..20, any::<u8>(), 0u8..4), 0..12);
    let clusters = prop::collection::vec((0u8..6, prop::collection::vec(any::<u8>(), 1..5)), 0..5);
    (routes, clusters, any::<u8>()).prop_map(|(routes, clusters, head)| config(&routes, &clusters, head))
}

/// Pointers to all values that are no object and no list, of a configuration with its defaults.
fn leaves(value: &Value, pointer: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            leaves(value, &format!("{pointer}/{key}"), found);
        }),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &format!("{pointer}/{at}"), found));
        }
        _ => found.push(pointer.to_owned()),
    }
}

/// The same with everything in the order that means nothing sorted.
fn in_order(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let sorted: std::collections::BTreeMap<_, _> =
                object.iter().map(|(key, value)| (key.clone(), in_order(value))).collect();
            json!(sorted)
        }
        Value::Array(items) => {
            let mut items: Vec<_> = items.iter().map(in_order).collect();
            items.sort_by_key(Value::to_string);
            items.into()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn nothing_differs_from_itself(written in written()) {
        let config = read(&written);
        prop_assert!(diff(&config, &config).is_empty());
    }

    #[test]
    fn differs_exactly_where_the_content_does(old in written(), new in written()) {
        let (a, b) = (read(&old), read(&new));
        let content = |config: &Config| in_order(&serde_json::to_value(config).unwrap());
        prop_assert_eq!(diff(&a, &b).is_empty(), content(&a) == content(&b));
    }

    #[test]
    fn order_of_routes_is_no_change(written in written(), seed in any::<u64>()) {
        let mut shuffled = written.clone();
        let routes = shuffled["routes"].as_array_mut().unwrap();
        let count = routes.len().max(1) as u64;
        for at in 0..routes.len() {
            routes.swap(at, (seed.rotate_left(at as u32) % count) as usize);
        }
        prop_assert!(diff(&read(&written), &read(&shuffled)).is_empty());
    }

    #[test]
    fn one_changed_leaf_is_one_line_that_names_it(written in written(), which in any::<prop::sample::Index>()) {
        let old = serde_json::to_value(read(&written)).unwrap();
        let mut pointers = Vec::new();
        leaves(&old, "", &mut pointers);
        let pointer = which.get(&pointers);
        let mut new = old.clone();
        *new.pointer_mut(pointer).unwrap() = json!("changed-here");
        let changes = diff_values(&old, &new);
        // A name is not a leaf of a thing but what the thing is called: one line if nothing is like it, else two.
        let is_name = pointer.ends_with("/name") || pointer.ends_with("/address");
        prop_assert!(changes.len() == 1 || is_name && changes.len() == 2, "{}: {:?}", pointer, changes);
        let key = pointer.rsplit('/').find(|part| part.parse::<usize>().is_err()).unwrap();
        let names = |text: &str| text.contains(key) || text.contains("changed-here");
        prop_assert!(changes.iter().any(|change| names(&change.text)), "{}: {:?}", pointer, changes);
        prop_assert!(changes.iter().any(|change| change.text.contains("changed-here")), "{:?}", changes);
    }

    #[test]
    fn what_is_told_is_bounded(old in written(), new in written()) {
        let changes = diff(&read(&old), &read(&new));
        prop_assert!(changes.len() <= CHANGES_MAX + 1);
        for change in &changes {
            prop_assert!(change.text.chars().count() <= TEXT_CHARS_MAX && !change.text.contains('\n'));
        }
    }

    #[test]
    fn there_and_back_tells_as_much(old in written(), new in written()) {
        let (a, b) = (read(&old), read(&new));
        prop_assert_eq!(diff(&a, &b).len(), diff(&b, &a).len());
    }
}
