//! YAML's corners: what is text, what is refused, and where.

use proptest::prelude::*;

use super::*;
use crate::config::diagnostic::Diagnostics;
use crate::config::source::Sources;
use crate::config::tree::Value;

fn read(text: &str) -> (Option<Node>, Diagnostics) {
    let mut sources = Sources::default();
    let file = sources.add("t.yaml", text.to_owned()).unwrap();
    let mut report = Report::new(&sources);
    let tree = parse(file, &mut report);
    (tree, report.diagnostics)
}

fn good(text: &str) -> Node {
    let (tree, diagnostics) = read(text);
    assert!(diagnostics.is_empty(), "{text}\n{diagnostics}");
    tree.unwrap()
}

#[test]
fn only_yaml_1_2_words_are_more_than_text() {
    use serde_json::json;
    for (text, value) in [
        ("no", json!("no")),
        ("on", json!("on")),
        ("yes", json!("yes")),
        ("y", json!("y")),
        ("True", json!(true)),
        ("tRUE", json!("tRUE")),
        ("~", json!(null)),
        ("null", json!(null)),
        ("010", json!(10)),
        ("0o17", json!(15)),
        ("0x1F", json!(31)),
        ("-7", json!(-7)),
        ("+7", json!(7)),
        ("1_000", json!("1_000")),
        ("12:30", json!("12:30")),
        ("2024-01-01", json!("2024-01-01")),
        ("1.50", json!(1.5)),
        (".5", json!(0.5)),
        ("1e3", json!(1000.0)),
        ("1e", json!("1e")),
        (".", json!(".")),
        ("-", json!([null])),
        ("5s", json!("5s")),
        ("10.0.0.1", json!("10.0.0.1")),
        ("18446744073709551615", json!(u64::MAX)),
        ("'5'", json!("5")),
        ("\"true\"", json!("true")),
        ("''", json!("")),
        ("!!str 5", json!("5")),
        ("|\n  a\n  b\n", json!("a\nb\n")),
        (">-\n  a\n  b\n", json!("a b")),
        ("\u{feff}a", json!("a")),
        ("", json!(null)),
        ("# nothing", json!(null)),
    ] {
        assert_eq!(good(text).to_json(), value, "{text}");
    }
}

#[test]
fn a_number_beyond_64_bits_is_not_cut() {
    assert!(matches!(good("99999999999999999999").value, Value::Float(_)));
    assert!(matches!(good(".inf").value, Value::Float(inf) if inf.is_infinite()));
}

#[test]
fn nodes_and_keys_know_where_they_are() {
    let tree = good("a: 1\nb:\n  - c: x\n    d: [1, 'y']\n");
    let at = |path: &str| (tree.nearest(path).mark.line, tree.nearest(path).mark.column);
    assert_eq!(at("a"), (1, 4));
    assert_eq!(at("b[0].c"), (3, 8));
    assert_eq!(at("b[0].d[1]"), (4, 12));
    assert_eq!(at("b[0].missing.deeper"), (3, 5));
    assert_eq!((tree.mark_at("b[0].d").line, tree.mark_at("b[0].d").column), (4, 5));
}

#[test]
fn a_path_finds_keys_that_have_dots() {
    let tree = good("clusters:\n  a: {b: 1}\n  a.b: 2\n  a.b.c: {d: 3}\n");
    assert_eq!(tree.nearest("clusters.a.b").shown(), "2");
    assert_eq!(tree.nearest("clusters.a.b.c.d").shown(), "3");
}

#[test]
fn prunes_a_value_with_its_key_and_an_item_with_its_list() {
    let mut tree = good("a: {b: 1, c: 2}\nd: [1, 2]\ne: [{f: 1, g: 2}]\n");
    for path in ["a.b", "d[1]", "e[0].g", "x.y"] {
        tree.prune(path);
    }
    assert_eq!(tree.to_json(), serde_json::json!({"a": {"c": 2}, "e": [{"f": 1}]}));
}

#[test]
fn aliases_stand_for_their_values() {
    let tree = good("a: &x {b: [1, 2]}\nc: *x\n");
    assert_eq!(tree.get("c").unwrap().to_json(), serde_json::json!({"b": [1, 2]}));
    assert_eq!(tree.get("c").unwrap().mark.line, 2);
}

#[test]
fn refuses_with_code_line_and_hint() {
    let laughs: String = (1..8).fold("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned(), |text, n| {
        let before = n - 1;
        format!("{text}a{n}: &a{n} [{}]\n", vec![format!("*a{before}"); 10].join(", "))
    });
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    for (text, code, line, hint) in [
        ("a: 1\nb: 2\na: 3\n", "duplicate-key", 3, "the other is on line 1"),
        ("a: {b: 1, b: 2}\n", "duplicate-key", 1, "remove one"),
        ("a: 1\n---\nb: 2\n", "yaml-documents", 2, "include"),
        ("a:\n\tb: 1\n", "yaml-tab", 2, "indent with spaces"),
        ("a: 1\n\tb: 1\n", "yaml-tab", 2, "indent with spaces"),
        ("r:\n  - a: 1\n\tb: 1\n", "yaml-tab", 3, "indent with spaces"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "yaml-merge", 3, "write the keys out"),
        ("404: x\n", "yaml-key", 1, "write \"404\" in quotes"),
        ("true: x\n", "yaml-key", 1, "write \"true\" in quotes"),
        ("? [a]\n: x\n", "yaml-key", 1, "keys are text"),
        ("a: !env X\n", "yaml-tag", 1, "remove it"),
        ("hosts:\n  - *.example.com\n", "yaml-syntax", 2, "in quotes"),
        ("a: b: c\n", "yaml-syntax", 1, "write `a: {b: c}`"),
        ("r:\n  - a: 1\n      b: 2\n", "yaml-syntax", 3, "by 4 spaces, as `a`"),
        ("r:\n  - a: 1\n    cluster api\n", "yaml-syntax", 3, "write `cluster: api`"),
        ("a: 1\nb c\n\n# d\nd: 2\n", "yaml-syntax", 2, "write `b: c`"),
        ("a: [1, 2\nb: 3\n", "yaml-syntax", 2, "close the `[` above"),
        ("a: 'x\n", "yaml-syntax", 1, "close it"),
        ("a: 1\n  b: 2\n", "yaml-syntax", 2, "by 0 spaces, as `a`"),
        ("a: @x\n", "yaml-syntax", 1, "in quotes"),
        (&laughs, "yaml-alias", 4, "write the values out"),
        (&deep, "yaml-depth", 1, ""),
    ] {
        let (_, diagnostics) = read(text);
        let first = diagnostics.iter().next().unwrap_or_else(|| panic!("{text:.60} is refused"));
        let place = first.place.as_ref().unwrap();
        assert_eq!((first.code, place.line), (code, line), "{text:.60}\n{first}");
        assert!(first.hint.as_deref().unwrap_or("").contains(hint), "{text:.60}\n{first}");
    }
}

#[test]
fn a_key_written_three_times_is_refused_twice_and_the_first_is_kept() {
    let (tree, diagnostics) = read("a: 1\na: 2\nb: 0\na: 3\n");
    assert_eq!(diagnostics.error_count(), 2);
    assert_eq!(tree.unwrap().to_json(), serde_json::json!({"a": 1, "b": 0}));
}

#[test]
fn an_alias_within_its_own_value_ends() {
    assert!(read("a: &x [*x]\n").1.has_errors());
}

proptest! {
    #[test]
    fn nothing_that_is_typed_makes_the_reader_panic(text in "[a-c:\\-\\[\\]{},&*#!|>'\"% \t\n0-9.~?<é]{0,60}") {
        read(&text);
    }

    #[test]
    fn text_in_quotes_comes_back(text in "[ -~]{0,30}") {
        let quoted = serde_json::to_string(&text).unwrap();
        let tree = good(&format!("a: {quoted}\n"));
        prop_assert_eq!(tree.get("a").and_then(Node::text), Some(text.as_str()));
    }
}
