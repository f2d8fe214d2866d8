//! Fields: finding, replacing, removing, and that no value can end its line.
//!
//! Laws over many steps are in `tests/property/codec.rs`; here are the rules with their sections.

use super::*;

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        assert!(fields.append(name.as_bytes(), value.as_bytes()));
    }
    fields
}

fn lines(fields: &Fields) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|field| (text(field.name), text(field.value))).collect()
}

fn owned(lines: &[(&str, &str)]) -> Vec<(String, String)> {
    lines.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
}

#[test]
fn finds_fields_by_id_and_by_name_in_any_case() {
    let fields = fields(&[("HOST", "a"), ("X-One", "1"), ("x-one", "2"), ("Accept", "x")]);
    assert_eq!(fields.first(FieldId::Host), Some(&b"a"[..]));
    assert_eq!(fields.first(FieldId::Via), None);
    assert_eq!(fields.first_named(b"x-ONE"), Some(&b"1"[..]));
    assert_eq!(fields.all_named(b"X-one").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(fields.first_named(b"host"), Some(&b"a"[..]));
    assert_eq!(fields.first_named(b"x-two"), None);
    assert_eq!((fields.len(), fields.count(FieldId::Other), fields.count(FieldId::Accept)), (4, 2, 1));
}

#[test]
fn set_replaces_every_line_of_the_name_in_place() {
    let mut fields = fields(&[("a", "1"), ("Via", "x"), ("b", "2"), ("via", "y"), ("A", "3")]);
    assert!(fields.set(b"VIA", b"z"));
    assert!(fields.set(b"a", b"4"));
    assert!(fields.set(b"new", b"5"));
    assert_eq!(lines(&fields), owned(&[("a", "4"), ("VIA", "z"), ("b", "2"), ("new", "5")]));
}

#[test]
fn removes_by_id_by_name_and_by_choice() {
    let mut fields = fields(&[("a", "1"), ("Via", "x"), ("b", "2"), ("via", "y"), ("c", "3")]);
    assert!(fields.remove(FieldId::Via));
    assert!(!fields.remove(FieldId::Via));
    assert!(fields.remove_named(b"A"));
    assert!(!fields.remove_named(b"A"));
    fields.retain(|field| field.name != b"b");
    assert_eq!(lines(&fields), owned(&[("c", "3")]));
    assert!(fields.remove(FieldId::Other));
    assert!(fields.is_empty());
}

#[test]
fn a_field_appended_after_it_was_removed_is_found_again() {
    let mut fields = fields(&[("Via", "x")]);
    fields.remove(FieldId::Via);
    fields.append(b"via", b"y");
    assert_eq!(fields.first(FieldId::Via), Some(&b"y"[..]));
}

#[test]
fn no_value_can_end_its_line_after_rfc_9110_5_5() {
    let mut fields = Fields::default();
    assert!(fields.append(b"a", b" x\r\nInjected: y\0z\t"));
    assert_eq!(lines(&fields), owned(&[("a", "x  Injected: y z")]));
}

#[test]
fn a_name_that_is_not_a_token_is_not_added() {
    let mut fields = Fields::default();
    for name in [&b""[..], b"a b", b"a:", b"a\r\nb", b"\xff"] {
        assert!(!fields.append(name, b"x"));
        assert!(!fields.set(name, b"x"));
    }
    assert!(fields.is_empty());
}

#[test]
fn lists_run_over_all_lines_of_a_field() {
    let fields = fields(&[("Connection", "close, X-A"), ("a", "b"), ("connection", ",Keep-Alive ,")]);
    let tokens: Vec<_> = fields.list_tokens(FieldId::Connection).collect();
    assert_eq!(tokens, [&b"close"[..], b"X-A", b"Keep-Alive"]);
    assert!(fields.has_token(FieldId::Connection, "CLOSE"));
    assert!(fields.has_token(FieldId::Connection, "x-a"));
    assert!(!fields.has_token(FieldId::Connection, "clos"));
    assert!(!fields.has_token(FieldId::Te, "close"));
}

#[test]
fn hop_by_hop_fields_go_with_what_they_nominate_after_rfc_9110_7_6_1() {
    let mut fields = fields(&[
        ("Host", "h"),
        ("X-A", "1"),
        ("Connection", "x-a, close, Host, content-length, cache-control"),
        ("Connection", "Authorization, connection"),
        ("Authorization", "secret"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "trailers"),
        ("Upgrade", "h2c"),
        ("Trailer", "a"),
        ("Proxy-Connection", "close"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("Cache-Control", "no-store"),
        ("X-B", "2"),
    ]);
    fields.remove_hop_by_hop();
    assert_eq!(
        lines(&fields),
        owned(&[
            ("Host", "h"),
            ("Authorization", "secret"),
            ("Trailer", "a"),
            ("Content-Length", "3"),
            ("X-B", "2")
        ])
    );
}

#[test]
fn nominating_more_fields_than_bounded_drops_all_that_could_be_meant() {
    let many = (0..=NOMINATED_MAX).map(|n| format!("n{n}")).collect::<Vec<_>>();
    let mut some = fields(&[("Connection", &many[1..].join(",")), ("n1", ""), ("x", ""), ("Via", "")]);
    some.remove_hop_by_hop();
    assert_eq!(lines(&some), owned(&[("x", ""), ("Via", "")]));
    let mut all = fields(&[("Connection", &many.join(",")), ("n1", ""), ("x", ""), ("Via", "")]);
    all.remove_hop_by_hop();
    assert_eq!(lines(&all), owned(&[("Via", "")]));
}

#[test]
fn clear_keeps_the_storage() {
    let mut fields = fields(&[("some-name", "some value")]);
    let (bytes, list) = (fields.bytes.capacity(), fields.list.capacity());
    fields.clear();
    assert!(fields.is_empty() && fields.first(FieldId::Other).is_none());
    assert_eq!((fields.bytes.capacity(), fields.list.capacity()), (bytes, list));
}
