use super::*;
use crate::http::{Method, Version};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 4096, target_bytes: 64, field_count: 4 };

/// The verdict in one read, which must be the verdict in reads of one byte, too.
fn parse(input: &[u8]) -> (Result<Option<usize>, Refusal>, RequestHead) {
    let mut whole = RequestHead::default();
    let verdict = request(&mut HeadScan::default(), input, &LIMITS, &mut whole);
    let (mut scan, mut head) = (HeadScan::default(), RequestHead::default());
    let drip = (0..=input.len())
        .map(|len| request(&mut scan, &input[..len], &LIMITS, &mut head))
        .find(|verdict| *verdict != Ok(None))
        .unwrap_or(Ok(None));
    assert_eq!(verdict, drip, "{}", String::from_utf8_lossy(input));
    (verdict, whole)
}

fn verdict(input: impl AsRef<[u8]>) -> Result<Option<usize>, Refusal> {
    parse(input.as_ref()).0
}

fn verdict_of_response(input: impl AsRef<[u8]>) -> Result<Option<usize>, Breach> {
    response(&mut HeadScan::default(), input.as_ref(), &LIMITS, &mut ResponseHead::default())
}

/// A request with this field line.
fn with_field(line: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n")
}

#[test]
fn parses_a_request_and_says_where_it_ends() {
    let input = b"POST /a?b HTTP/1.0\r\nHost: h\r\nX-Empty:\r\nx-list: \t a, b \t\r\n\r\nbody";
    let (verdict, head) = parse(input);
    assert_eq!(verdict, Ok(Some(input.len() - 4)));
    assert_eq!((head.method, head.version, head.target()), (Method::Post, Version::Http10, &b"/a?b"[..]));
    let fields: Vec<_> = head.fields.iter().map(|field| (field.name, field.value)).collect();
    assert_eq!(fields, [(&b"Host"[..], &b"h"[..]), (b"X-Empty", b""), (b"x-list", b"a, b")]);
}

#[test]
fn parses_a_request_without_fields() {
    let (verdict, head) = parse(b"M-SEARCH * HTTP/1.1\r\n\r\n");
    assert_eq!(verdict, Ok(Some(23)));
    assert_eq!((head.method, head.method_text()), (Method::Other, &b"M-SEARCH"[..]));
    assert!(head.fields.is_empty());
}

#[test]
fn a_head_is_reused_without_anything_left_of_the_one_before() {
    let (mut scan, mut head) = (HeadScan::default(), RequestHead::default());
    for input in ["GET /long-target HTTP/1.0\r\nA: 1\r\nHost: x\r\n\r\n", "PUT / HTTP/1.1\r\nB: 2\r\n\r\n"] {
        assert_eq!(request(&mut scan, input.as_bytes(), &LIMITS, &mut head), Ok(Some(input.len())));
    }
    assert_eq!((head.method, head.target(), head.fields.len()), (Method::Put, &b"/"[..], 1));
    assert_eq!(head.fields.first_named(b"host"), None);
}

#[test]
fn skips_one_empty_line_and_no_more_rfc_9112_2_2() {
    assert_eq!(verdict("\r\nGET / HTTP/1.1\r\n\r\n"), Ok(Some(20)));
    assert_eq!(verdict("\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Err(Refusal::BadRequestLine));
    assert_eq!(verdict("\nGET / HTTP/1.1\r\n\r\n"), Err(Refusal::BareCrOrLf));
    assert_eq!(verdict("\rGET / HTTP/1.1\r\n\r\n"), Err(Refusal::BareCrOrLf));
    assert_eq!(verdict("\r\n"), Ok(None));
}

#[test]
fn refuses_what_cannot_begin_a_request_by_its_first_byte() {
    let cases =
        [("\x16\x03\x01", Refusal::BadRequestLine), ("\0", Refusal::NulByte), (" ", Refusal::BadRequestLine)];
    for (input, refusal) in cases {
        assert_eq!(verdict(input), Err(refusal), "{input:?}");
    }
    assert_eq!(verdict([0xff]), Err(Refusal::BadRequestLine));
}

#[test]
fn refuses_request_lines_that_are_not_three_parts_rfc_9112_3() {
    for (line, refusal) in [
        ("GET /", Refusal::BadRequestLine),
        ("GET", Refusal::BadRequestLine),
        ("GET  / HTTP/1.1", Refusal::BadRequestLine),
        ("GET /  HTTP/1.1", Refusal::BadRequestLine),
        ("GET / HTTP/1.1 ", Refusal::BadRequestLine),
        ("GET /a b HTTP/1.1", Refusal::BadRequestLine),
        ("GET\t/\tHTTP/1.1", Refusal::BadRequestLine),
        ("G@T / HTTP/1.1", Refusal::BadRequestLine),
        ("GET / ", Refusal::BadVersion),
        ("GET / http/1.1", Refusal::BadVersion),
        ("GET / HTTP/1.10", Refusal::BadVersion),
        ("GET / HTTP/11", Refusal::BadVersion),
        ("GET / HTTP/1.2", Refusal::VersionNotSupported),
        ("GET / HTTP/0.9", Refusal::VersionNotSupported),
        ("PRI * HTTP/2.0", Refusal::VersionNotSupported),
    ] {
        // RFC 9112 3: at the end of the line, not of the head.
        assert_eq!(verdict(format!("{line}\r\n")), Err(refusal), "{line}");
    }
}

#[test]
fn refuses_targets_with_bytes_no_uri_has_rfc_3986_2() {
    for byte in 0x01..=0xffu8 {
        let input = [b"GET /a", &[byte][..], b"b HTTP/1.1\r\n\r\n"].concat();
        let refusal = match byte {
            b'\r' | b'\n' => Err(Refusal::BareCrOrLf),
            b' ' => Err(Refusal::BadRequestLine),
            b'#' | b'\\' | b'<' | b'>' | b'"' | 0..=0x1f | 0x7f.. => Err(Refusal::BadTarget),
            _ => Ok(Some(input.len())),
        };
        assert_eq!(verdict(&input), refusal, "{byte:#x}");
    }
}

#[test]
fn refuses_a_long_target_before_its_end_rfc_9112_3() {
    let fits = "/".repeat(64);
    assert!(verdict(format!("GET {fits} HTTP/1.1\r\n\r\n")).is_ok());
    assert_eq!(verdict(format!("GET {fits}/ HTTP/1.1\r\n\r\n")), Err(Refusal::TargetTooLong));
    assert_eq!(verdict(format!("GET {}", "/".repeat(74))), Err(Refusal::TargetTooLong));
}

#[test]
fn refuses_long_methods_as_not_implemented_rfc_9112_3() {
    let longest = "M".repeat(32);
    assert!(verdict(format!("{longest} / HTTP/1.1\r\n\r\n")).is_ok());
    assert_eq!(verdict(format!("{longest}M")), Err(Refusal::MethodNotImplemented));
    assert_eq!(verdict(format!("{longest}:")), Err(Refusal::BadRequestLine));
}

#[test]
fn refuses_bare_cr_lf_and_nul_as_soon_as_seen_rfc_9112_2_2() {
    for (input, refusal) in [
        ("GET / HTTP/1.1\n", Refusal::BareCrOrLf),
        ("GET /\rx", Refusal::BareCrOrLf),
        ("GET /\0", Refusal::NulByte),
        ("GET / HTTP/1.1\r\nA: b\n", Refusal::BareCrOrLf),
        ("GET / HTTP/1.1\r\nA: b\rc", Refusal::BareCrOrLf),
        ("GET / HTTP/1.1\r\nA: b\r\r", Refusal::BareCrOrLf),
        ("GET / HTTP/1.1\r\nA: b\0", Refusal::NulByte),
        ("GET / HTTP/1.1\r\nA: b\r\n\n", Refusal::BareCrOrLf),
    ] {
        assert_eq!(verdict(input), Err(refusal), "{input:?}");
    }
}

#[test]
fn refuses_folds_and_leading_white_space_rfc_9112_5_2_and_2_2() {
    for space in [" ", "\t"] {
        assert_eq!(verdict(format!("GET / HTTP/1.1\r\nA: b\r\n{space}")), Err(Refusal::ObsoleteFold));
        assert_eq!(verdict(format!("GET / HTTP/1.1\r\n{space}")), Err(Refusal::BadField));
    }
}

#[test]
fn refuses_malformed_fields_rfc_9112_5() {
    for line in
        ["A : b", "A\t: b", ": b", "A", "A b: c", "A@: b", "\u{e9}: b", "A: b\x01c", "A: b\x7f", "A;: b"]
    {
        assert_eq!(verdict(with_field(line)), Err(Refusal::BadField), "{line:?}");
    }
    for line in ["A:", "A: \t", "A: b\tc", "A: \u{e9}", "A:b:c", "!#$%&'*+-.^_`|~: x"] {
        assert!(verdict(with_field(line)).is_ok(), "{line:?}");
    }
}

#[test]
fn holds_the_limits_of_size_and_count_rfc_6585_5() {
    let many = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert!(verdict(many(4)).is_ok());
    assert_eq!(verdict(many(5)), Err(Refusal::TooManyFields));
    let sized = |len: usize| with_field(&format!("A: {}", "b".repeat(len - with_field("A: ").len())));
    assert_eq!(verdict(sized(4096)), Ok(Some(4096)));
    assert_eq!(verdict(sized(4097)), Err(Refusal::HeadTooLarge));
    assert_eq!(verdict(&sized(5000).as_bytes()[..4096]), Err(Refusal::HeadTooLarge));
    assert_eq!(verdict(&sized(5000).as_bytes()[..4095]), Ok(None));
}

#[test]
fn takes_as_many_fields_as_the_stack_holds_and_no_more() {
    let limits = HeadLimits { head_bytes: 60_000, target_bytes: 64, field_count: usize::MAX };
    for (count, ok) in [(FIELD_COUNT_MAX, true), (FIELD_COUNT_MAX + 1, false)] {
        let input = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        let mut head = RequestHead::default();
        let verdict = request(&mut HeadScan::default(), input.as_bytes(), &limits, &mut head);
        assert_eq!(verdict.is_ok(), ok);
        assert_eq!(head.fields.len(), if ok { count } else { 0 });
    }
}

#[test]
fn parses_a_response() {
    let input = b"HTTP/1.1 404 Not \xe9 Found\r\nServer: s\r\n\r\nbody";
    let mut head = ResponseHead::default();
    let verdict = response(&mut HeadScan::default(), input, &LIMITS, &mut head);
    assert_eq!(verdict, Ok(Some(input.len() - 4)));
    assert_eq!((head.status, head.reason(), head.version), (404, &b"Not \xe9 Found"[..], Version::Http11));
    assert_eq!(head.fields.len(), 1);
}

#[test]
fn takes_status_lines_as_rfc_9112_4_has_them() {
    for line in ["HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 999 x\ty"] {
        assert!(verdict_of_response(format!("{line}\r\n\r\n")).is_ok(), "{line}");
    }
    for line in [
        "HTTP/1.1 099 x",
        "HTTP/1.1 20 x",
        "HTTP/1.1 2000 x",
        "HTTP/1.1  200 x",
        "HTTP/1.1 +20 x",
        "HTTP/1.1 200\tx",
        "HTTP/1.2 200 x",
        "HTTP/2 200 x",
        "ICY 200 OK",
        "HTTP/1.1",
        "HTTP/1.1 200 a\x01",
        "",
    ] {
        assert_eq!(verdict_of_response(format!("{line}\r\n\r\n")), Err(Breach::BadStatusLine), "{line}");
    }
    assert_eq!(verdict_of_response("SSH-2.0"), Err(Breach::BadStatusLine));
}

#[test]
fn responses_are_held_to_the_same_rules() {
    for (rest, breach) in [
        ("A : b\r\n\r\n", Breach::BadField),
        ("A: b\r\n ", Breach::ObsoleteFold),
        (" ", Breach::BadField),
        ("A: b\n", Breach::BareCrOrLf),
        ("A: \0", Breach::NulByte),
        ("A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n", Breach::TooManyFields),
    ] {
        assert_eq!(verdict_of_response(format!("HTTP/1.1 200 OK\r\n{rest}")), Err(breach), "{rest:?}");
    }
    let long = format!("HTTP/1.1 200 {}", "x".repeat(4096));
    assert_eq!(verdict_of_response(long), Err(Breach::HeadTooLarge));
}
