//! Request targets and authorities, form by form.
//!
//! Every row is a rule of RFC 9112 3.2, RFC 9110 4.2 or RFC 3986 3.2.

use super::*;

type Parts<'a> = (Form, Option<&'a str>, &'a str, Option<&'a str>);

fn parts(method: Method, target: &str) -> Result<Parts<'_>, Refusal> {
    let text = |part| std::str::from_utf8(part).unwrap();
    let (bytes, parsed) = (target.as_bytes(), Target::parse(method, target.as_bytes())?);
    Ok((
        parsed.form,
        parsed.authority(bytes).map(text),
        text(parsed.path(bytes)),
        parsed.query(bytes).map(text),
    ))
}

#[test]
fn takes_origin_form_apart_rfc_9112_3_2_1() {
    for (target, path, query) in [
        ("/", "/", None),
        ("/a/b?c=d", "/a/b", Some("c=d")),
        ("/?", "/", Some("")),
        ("/a?b?c", "/a", Some("b?c")),
        ("//host/a", "//host/a", None),
        ("/http://x", "/http://x", None),
    ] {
        assert_eq!(parts(Method::Get, target), Ok((Form::Origin, None, path, query)), "{target}");
    }
}

#[test]
fn takes_absolute_form_apart_rfc_9112_3_2_2() {
    for (target, authority, path, query) in [
        ("http://a.example/b?c", "a.example", "/b", Some("c")),
        ("HTTPS://a:8443", "a:8443", "/", None),
        ("http://[::1]:80?q", "[::1]:80", "/", Some("q")),
        ("http://a/b@c", "a", "/b@c", None),
    ] {
        assert_eq!(
            parts(Method::Get, target),
            Ok((Form::Absolute, Some(authority), path, query)),
            "{target}"
        );
    }
    for target in
        ["http://", "http:///a", "http:/a", "ftp://a/", "a", "a:80", "http://a:x/", "http://:80/", "?a"]
    {
        assert_eq!(parts(Method::Get, target), Err(Refusal::BadTarget), "{target}");
    }
}

#[test]
fn refuses_user_information_rfc_9110_4_2_4() {
    for target in ["http://user@a/", "http://user:secret@a/", "http://@a/", "http://a%40@b"] {
        assert_eq!(parts(Method::Get, target), Err(Refusal::TargetUserinfo), "{target}");
    }
}

#[test]
fn connect_takes_host_and_port_only_rfc_9112_3_2_3() {
    assert_eq!(parts(Method::Connect, "a:443"), Ok((Form::Authority, Some("a:443"), "/", None)));
    for target in ["a", "a:", "/", "*", "http://a:80/", "u@a:80", "a:80/b"] {
        assert_eq!(parts(Method::Connect, target), Err(Refusal::BadTarget), "{target}");
    }
}

#[test]
fn the_asterisk_is_for_options_only_rfc_9112_3_2_4() {
    assert_eq!(parts(Method::Options, "*"), Ok((Form::Asterisk, None, "*", None)));
    for (method, target) in [(Method::Get, "*"), (Method::Options, "**"), (Method::Options, "*?a")] {
        assert_eq!(parts(method, target), Err(Refusal::BadTarget), "{target}");
    }
}

#[test]
fn reads_authorities_as_rfc_3986_3_2_2_and_3_2_3_have_them() {
    for (text, host, port) in [
        ("a.example", "a.example", None),
        ("A-b_c.~!$&'()*+,;=", "A-b_c.~!$&'()*+,;=", None),
        ("%41b:80", "%41b", Some(80)),
        ("127.0.0.1:65535", "127.0.0.1", Some(65535)),
        ("a:", "a", None),
        ("a:0080", "a", Some(80)),
        ("[::1]", "[::1]", None),
        ("[2001:db8::1.2.3.4]:8443", "[2001:db8::1.2.3.4]", Some(8443)),
    ] {
        let text = text.as_bytes();
        assert_eq!(authority(text), Ok(Authority { text, host: host.as_bytes(), port }));
    }
    for text in [
        "",
        ":80",
        "a:65536",
        "a:000080",
        "a:8x",
        "a:-1",
        "a:80:80",
        "a b",
        "a/b",
        "a@b",
        "a%4",
        "a%zz",
        "[]",
        "[::1",
        "[::1]x",
        "[::1]80",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "[a]",
        "::1",
        "a\0b",
        "a|b",
        "<a>",
        "a[",
        "\u{e9}",
    ] {
        assert_eq!(authority(text.as_bytes()), Err(Refusal::BadHost), "{text}");
    }
}
