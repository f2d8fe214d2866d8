//! Framing, persistence and Host: one table for each rule of RFC 9112 6.3, 9.3 and 3.2.
//!
//! What requests and responses share is asserted for both.

use super::*;

fn fields(lines: &[&str]) -> Fields {
    let mut fields = Fields::default();
    for line in lines {
        let (name, value) = line.split_once(':').unwrap();
        assert!(fields.append(name.as_bytes(), value.as_bytes()));
    }
    fields
}

fn request_head(version: Version, lines: &[&str]) -> RequestHead {
    let mut head = RequestHead::default();
    head.version = version;
    head.fields = fields(lines);
    head
}

fn response_head(status: u16, lines: &[&str]) -> ResponseHead {
    let mut head = ResponseHead::default();
    head.set_line(status, b"");
    head.fields = fields(lines);
    head
}

fn of_request(version: Version, lines: &[&str]) -> Result<Framing, Refusal> {
    request(&request_head(version, lines))
}

fn of_response(status: u16, method: Method, lines: &[&str]) -> Result<Framing, Breach> {
    response(&response_head(status, lines), method)
}

#[test]
fn a_request_without_framing_fields_has_no_body_rfc_9112_6_3_rule_7() {
    assert_eq!(of_request(Version::Http11, &["Host: a"]), Ok(Framing::None));
    assert_eq!(of_request(Version::Http10, &[]), Ok(Framing::None));
}

#[test]
fn content_length_is_one_decimal_number_rfc_9110_8_6() {
    for (value, length) in [("0", 0), ("42", 42), ("007", 7), ("18446744073709551615", u64::MAX)] {
        assert_eq!(
            of_request(Version::Http11, &[&format!("Content-Length: {value}")]),
            Ok(Framing::Length(length))
        );
    }
    for value in ["", "+1", "-1", "1.0", "0x1", "1 2", "5, 5", "5,", "a", "18446744073709551616", "1\u{a0}"] {
        let line = format!("Content-Length: {value}");
        assert_eq!(of_request(Version::Http11, &[&line]), Err(Refusal::BadContentLength), "{value:?}");
        assert_eq!(of_response(200, Method::Get, &[&line]), Err(Breach::BadContentLength), "{value:?}");
    }
}

#[test]
fn refuses_two_content_lengths_even_if_they_agree_rfc_9112_6_3_rule_5() {
    for second in ["5", "6"] {
        let lines = ["Content-Length: 5", &format!("content-length: {second}")];
        assert_eq!(of_request(Version::Http11, &lines), Err(Refusal::RepeatedContentLength));
        assert_eq!(of_response(200, Method::Get, &lines), Err(Breach::RepeatedContentLength));
    }
}

#[test]
fn refuses_both_framings_at_once_rfc_9112_6_3_rule_3() {
    for coding in ["chunked", "gzip", ""] {
        let lines = [&format!("Transfer-Encoding: {coding}"), "Content-Length: 5"];
        assert_eq!(of_request(Version::Http11, &lines), Err(Refusal::TwoFramings));
        assert_eq!(of_request(Version::Http10, &lines), Err(Refusal::TwoFramings));
        assert_eq!(of_response(200, Method::Get, &lines), Err(Breach::TwoFramings));
        assert_eq!(of_response(200, Method::Head, &lines), Err(Breach::TwoFramings));
    }
}

#[test]
fn transfer_encoding_is_exactly_chunked_rfc_9112_6_1() {
    for value in ["chunked", "Chunked", "CHUNKED"] {
        assert_eq!(
            of_request(Version::Http11, &[&format!("Transfer-Encoding: {value}")]),
            Ok(Framing::Chunked)
        );
    }
    for (values, refusal) in [
        (&["gzip, chunked"][..], Refusal::UnknownTransferCoding),
        (&["gzip", "chunked"], Refusal::UnknownTransferCoding),
        (&["identity, chunked"], Refusal::UnknownTransferCoding),
        (&["gzip"], Refusal::BadTransferEncoding),
        (&["identity"], Refusal::BadTransferEncoding),
        (&[""], Refusal::BadTransferEncoding),
        (&["chunked, gzip"], Refusal::BadTransferEncoding),
        (&["chunked, chunked"], Refusal::BadTransferEncoding),
        (&["chunked", "chunked"], Refusal::BadTransferEncoding),
        (&["chunked,"], Refusal::BadTransferEncoding),
        (&[", chunked"], Refusal::BadTransferEncoding),
        (&["", "chunked"], Refusal::BadTransferEncoding),
        (&["xchunked"], Refusal::BadTransferEncoding),
        (&["chunked;q=1"], Refusal::BadTransferEncoding),
        (&["\"chunked\""], Refusal::BadTransferEncoding),
        (&["chunked\u{b}"], Refusal::BadTransferEncoding),
    ] {
        let lines: Vec<_> = values.iter().map(|value| format!("Transfer-Encoding: {value}")).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        assert_eq!(of_request(Version::Http11, &lines), Err(refusal), "{values:?}");
        assert_eq!(of_response(200, Method::Get, &lines), Err(Breach::BadTransferEncoding), "{values:?}");
    }
}

#[test]
fn refuses_transfer_encoding_in_http_1_0_rfc_9112_6_1() {
    let lines = ["Transfer-Encoding: chunked"];
    assert_eq!(of_request(Version::Http10, &lines), Err(Refusal::TransferEncodingInHttp10));
    let mut head = response_head(200, &lines);
    head.version = Version::Http10;
    assert_eq!(response(&head, Method::Get), Err(Breach::TransferEncodingInHttp10));
}

#[test]
fn some_responses_have_no_body_rfc_9112_6_3_rules_1_and_2() {
    for (status, method) in [(200, Method::Head), (304, Method::Get), (200, Method::Connect)] {
        for line in ["Content-Length: 5", "Transfer-Encoding: chunked", "A: b"] {
            assert_eq!(of_response(status, method, &[line]), Ok(Framing::None), "{status} {line}");
        }
    }
    for status in [100, 103, 204] {
        assert_eq!(of_response(status, Method::Get, &[]), Ok(Framing::None));
        assert_eq!(of_response(status, Method::Get, &["Content-Length: 0"]), Ok(Framing::None));
        for line in ["Content-Length: 1", "Transfer-Encoding: chunked"] {
            assert_eq!(
                of_response(status, Method::Get, &[line]),
                Err(Breach::BodyNotAllowed),
                "{status} {line}"
            );
        }
    }
    assert_eq!(of_response(200, Method::Head, &["Content-Length: x"]), Err(Breach::BadContentLength));
}

#[test]
fn other_responses_are_framed_or_end_with_the_connection_rfc_9112_6_3_rule_8() {
    assert_eq!(of_response(200, Method::Get, &["Content-Length: 5"]), Ok(Framing::Length(5)));
    assert_eq!(of_response(200, Method::Get, &["Transfer-Encoding: chunked"]), Ok(Framing::Chunked));
    assert_eq!(of_response(200, Method::Get, &[]), Ok(Framing::UntilClose));
    assert_eq!(of_response(404, Method::Connect, &[]), Ok(Framing::UntilClose));
}

#[test]
fn connections_persist_as_rfc_9112_9_3_says() {
    for (version, lines, expected) in [
        (Version::Http11, &[][..], true),
        (Version::Http11, &["Connection: close"], false),
        (Version::Http11, &["Connection: keep-alive, x", "Connection: y, CLOSE"], false),
        (Version::Http11, &["Connection: closed"], true),
        (Version::Http10, &[], false),
        (Version::Http10, &["Connection: Keep-Alive"], true),
        (Version::Http10, &["Connection: keep-alive, close"], false),
    ] {
        assert_eq!(persists(version, &fields(lines)), expected, "{version:?} {lines:?}");
    }
}

#[test]
fn there_is_one_valid_host_rfc_9112_3_2() {
    let host_of = |version, lines: &[&str]| {
        let head = request_head(version, lines);
        host(&head).map(|host| host.map(|host| String::from_utf8(host.text.to_vec()).unwrap()))
    };
    assert_eq!(host_of(Version::Http11, &["Host: a.example:80"]), Ok(Some("a.example:80".into())));
    assert_eq!(host_of(Version::Http11, &[]), Err(Refusal::MissingHost));
    assert_eq!(host_of(Version::Http10, &[]), Ok(None));
    for version in [Version::Http10, Version::Http11] {
        assert_eq!(host_of(version, &["Host: a", "host: a"]), Err(Refusal::RepeatedHost));
        for bad in ["", "a b", "a,b/c", "a@b", "http://a", "a:b", "[::1", "\u{e9}"] {
            assert_eq!(host_of(version, &[&format!("Host: {bad}")]), Err(Refusal::BadHost), "{bad:?}");
        }
    }
}
