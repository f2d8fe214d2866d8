//! Alternatives and kinds, on schemas as schemars writes them.

use schemars::JsonSchema;

use super::*;
use crate::config::diagnostic::Diagnostics;
use crate::config::parse::parse;
use crate::config::source::Sources;
use crate::config::units::{ByteSize, Share, Span};

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Root {
    /// A name. Used in logs.
    name: String,
    #[serde(default)]
    span: Option<Span>,
    #[serde(default)]
    size: Option<ByteSize>,
    #[serde(default)]
    share: Share,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    count: Option<u32>,
    #[serde(default)]
    is_on: bool,
    #[serde(default)]
    list: Vec<String>,
    #[serde(default)]
    set: std::collections::BTreeSet<String>,
    #[serde(default)]
    map: BTreeMap<String, Tagged>,
    #[serde(default)]
    by_status: BTreeMap<u16, String>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    mode: Mode,
    #[serde(default)]
    either: Option<Either>,
}

#[derive(JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Tagged {
    Exact(String),
    Present(bool),
    Nested(Inner),
}

#[derive(JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[allow(dead_code)]
enum Kind {
    Small { width: u8 },
    Large { height: u8 },
}

#[derive(JsonSchema, Default)]
#[serde(rename_all = "snake_case")]
#[allow(dead_code)]
enum Mode {
    /// One.
    #[default]
    Auto,
    /// Two.
    Manual,
    /// Three.
    Given(Inner),
}

#[derive(JsonSchema)]
#[serde(untagged)]
#[allow(dead_code)]
enum Either {
    Short(String),
    Long(Inner),
}

#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Inner {
    address: String,
    #[serde(default)]
    weight: Option<u8>,
}

fn faults(text: &str) -> Diagnostics {
    let mut sources = Sources::default();
    let file = sources.add("t.yaml", text.to_owned()).unwrap();
    let mut report = Report::new(&sources);
    let tree = parse(file, &mut report).expect("grammar");
    check(&tree, &schemars::schema_for!(Root).to_value(), &mut report);
    report.diagnostics
}

#[test]
fn admits_what_fits() {
    let text = "name: a\nspan: 5s\nsize: 512\nshare: 25%\nport: 80\nis_on: true\nlist: [a, b]\nset: [a]\n\
        map:\n  a: {exact: x}\n  b: {present: true}\n  c: {nested: {address: x}}\nkind: {kind: small, width: 1}\n\
        mode: manual\neither: {address: x, weight: 2}\nby_status: {\"404\": x}\n";
    assert!(faults(text).is_empty(), "{}", faults(text));
    for text in ["name: a\neither: x\n", "name: a\nmode: {given: {address: x}}\n"] {
        assert!(faults(text).is_empty(), "{}", faults(text));
    }
}

#[test]
fn says_what_was_meant() {
    for (text, code, path, words) in [
        ("name: a\nnmae: b", "unknown-key", "nmae", "remove it: `name` is there already"),
        ("name: a\nzzz: b", "unknown-key", "zzz", "other keys are"),
        ("nmae: a", "unknown-key", "nmae", "did you mean `name`?"),
        ("{}", "missing-key", "name", "add `name`: A name"),
        ("name: 5", "wrong-type", "name", "write \"5\" in quotes"),
        ("name: 1.10", "wrong-type", "name", "write \"1.10\" in quotes"),
        ("name: [a]", "wrong-type", "name", "write a alone"),
        ("name:", "no-value", "name", "write a value, or remove the key"),
        ("name: a\nspan:", "no-value", "span", "write a value, or remove the key"),
        ("name: a\neither: ~", "no-value", "either", "write its keys"),
        ("name: a\nspan: 5", "bad-value", "span", "write 5s"),
        ("name: a\nspan: 5sec", "bad-value", "span", "write 5s"),
        ("name: a\nshare: 0.25", "bad-value", "share", "write 25%"),
        ("name: a\nsize: -1", "out-of-range", "size", "write 0 or more"),
        ("name: a\nsize: 1.5", "bad-value", "size", "whole number of bytes"),
        ("name: a\nport: 70000", "out-of-range", "port", "from 0 to 65535"),
        ("name: a\nport: '80'", "wrong-type", "port", "write 80 without quotes"),
        ("name: a\nport: 8.5", "wrong-type", "port", "write a whole number"),
        ("name: a\ncount: -1", "out-of-range", "count", "less than 0"),
        ("name: a\nis_on: yes", "wrong-type", "is_on", "write true"),
        ("name: a\nis_on: off", "wrong-type", "is_on", "write false"),
        ("name: a\nlist: a", "wrong-type", "list", "write [a]"),
        ("name: a\nlist: {a: b}", "wrong-type", "list", "begin each item with `- `"),
        ("name: a\nlist: [a, 5]", "wrong-type", "list[1]", "in quotes"),
        ("name: a\nset: [a, b, a]", "repeated-item", "set", "listed twice"),
        ("name: a\nmap: [a]", "wrong-type", "map", "expected a mapping"),
        ("name: a\nmap: {x: {exat: y}}", "unknown-key", "map.x.exat", "did you mean `exact`?"),
        ("name: a\nmap: {x: {exact: y, present: true}}", "one-key", "map.x", "exactly one of"),
        ("name: a\nmap: {x: {}}", "one-key", "map.x", "exactly one of `exact`"),
        ("name: a\nmap: {x: y}", "wrong-type", "map.x", "its keys are `exact`"),
        ("name: a\nmap: {x: {exact: 5}}", "wrong-type", "map.x.exact", "in quotes"),
        ("name: a\nmap: {x: {nested: {weight: 1}}}", "missing-key", "map.x.nested.address", "add `address`"),
        ("name: a\nby_status: {x: y}", "unknown-key", "by_status.x", ""),
        ("name: a\nkind: {kind: smal, width: 1}", "unknown-value", "kind.kind", "did you mean `small`?"),
        ("name: a\nkind: {width: 1}", "missing-key", "kind.kind", "one of `small` and `large`"),
        ("name: a\nkind: {kind: large, width: 1}", "unknown-key", "kind.width", ""),
        ("name: a\nmode: atuo", "unknown-value", "mode", "did you mean `auto`?"),
        ("name: a\nmode: x", "unknown-value", "mode", "values are `auto`, `manual` and `given`"),
        ("name: a\nmode: given", "no-value", "mode", "write `given: ...`"),
        ("name: a\nmode: {auto: 1}", "wrong-type", "mode.auto", "write auto alone"),
        (
            "name: a\nmode: {given: {adress: x}}",
            "unknown-key",
            "mode.given.adress",
            "did you mean `address`?",
        ),
        ("name: a\neither: {address: x, weight: 300}", "out-of-range", "either.weight", "from 0 to 255"),
        ("name: a\neither: {adress: x}", "unknown-key", "either.adress", "did you mean `address`?"),
        ("name: a\neither: [x]", "wrong-type", "either", "expected text or a mapping"),
        ("name: a\naddress: x", "unknown-key", "address", "belongs under `either`"),
    ] {
        let faults = faults(text);
        let first = faults.iter().next().unwrap_or_else(|| panic!("{text} is refused"));
        assert_eq!((first.code, &*first.path), (code, path), "{text}\n{first}");
        let said = format!("{} {}", first.reason, first.hint.as_deref().unwrap_or(""));
        assert!(said.contains(words), "{text}\n{first}");
    }
}

#[test]
fn a_misspelt_required_key_is_one_fault_not_two() {
    assert_eq!(faults("nmae: a").error_count(), 1);
}

#[test]
fn all_faults_of_a_file_come_at_once() {
    let text = "span: 5\nport: 99999\nlist: x\nis_on: no\nmode: y\nzzz: 1\n";
    let codes: Vec<&str> = faults(text).iter().map(|fault| fault.code).collect();
    assert_eq!(codes.len(), 7, "{codes:?}");
}
