//! Tests of responses as text: what is written is what the parser of HTTP/1.1 reads, and nothing besides.

use http::Response;
use http::header::HeaderValue;
use proptest::prelude::*;

use super::*;
use crate::http::h1::framing::{self, Framing};
use crate::http::h1::parse::{self, HeadLimits, HeadScan};
use crate::http::head::ResponseHead;

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1 << 20, target_bytes: 0, field_count: 500 };

fn parts(status: u16, fields: &[(&str, &str)]) -> Parts {
    let mut builder = Response::builder().status(status);
    for (name, value) in fields {
        builder = builder.header(*name, *value);
    }
    builder.body(()).unwrap().into_parts().0
}

fn read(text: &[u8]) -> (ResponseHead, usize) {
    let mut head = ResponseHead::default();
    let used = parse::response(&mut HeadScan::default(), text, &LIMITS, &mut head).unwrap().unwrap();
    (head, used)
}

fn framed(parts: &Parts, is_whole: bool, method: Method) -> (Form, Framing) {
    let mut out = Vec::new();
    let form = head(parts, is_whole, method, None, &mut out);
    let (head, used) = read(&out);
    assert_eq!(used, out.len());
    (form, framing::response(&head, method).unwrap())
}

#[test]
fn a_body_is_framed_so_that_its_end_is_known() {
    let plain = parts(200, &[("content-length", "5")]);
    assert_eq!(framed(&plain, false, Method::Get), (Form::Plain, Framing::Length(5)));
    assert_eq!(framed(&plain, true, Method::Head), (Form::None, Framing::None));
    assert_eq!(framed(&parts(200, &[]), false, Method::Get), (Form::Chunked, Framing::Chunked));
    assert_eq!(framed(&parts(200, &[]), true, Method::Get), (Form::Plain, Framing::Length(0)));
    assert_eq!(framed(&parts(204, &[]), true, Method::Get), (Form::None, Framing::None));
    assert_eq!(
        framed(&parts(304, &[("content-length", "9")]), true, Method::Get),
        (Form::None, Framing::None)
    );
    let announced = parts(200, &[("content-length", "5"), ("trailer", "x-a")]);
    assert_eq!(framed(&announced, false, Method::Get), (Form::Chunked, Framing::Chunked));
    let grpc = parts(200, &[("content-type", "application/grpc"), ("content-length", "5")]);
    assert_eq!(framed(&grpc, false, Method::Post), (Form::Chunked, Framing::Chunked));
}

#[test]
fn fields_of_a_connection_do_not_cross() {
    let odd = parts(200, &[("transfer-encoding", "chunked"), ("connection", "x-a"), ("x-a", "1")]);
    let mut out = Vec::new();
    head(&odd, true, Method::Get, None, &mut out);
    assert_eq!(out, b"HTTP/1.1 200 OK\r\nx-a: 1\r\nContent-Length: 0\r\n\r\n");
}

#[test]
fn trailers_follow_the_last_chunk() {
    let mut out = Vec::new();
    put_chunk(Form::Chunked, b"abc", &mut out);
    let trailers = parts(200, &[("grpc-status", "0"), ("content-length", "3")]).headers;
    end(Form::Chunked, Some(&trailers), &mut out);
    assert_eq!(out, b"3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n");
}

#[test]
fn grpc_web_has_its_trailers_in_the_body() {
    let only = parts(200, &[("content-type", "application/grpc+proto"), ("grpc-status", "5"), ("x-a", "1")]);
    let mut out = Vec::new();
    assert_eq!(head(&only, true, Method::Post, Some(Web::Binary), &mut out), Form::Web(Web::Binary));
    let expected = "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-type: application/grpc-web+proto\r\nTransfer-Encoding: \
                    chunked\r\n\r\n15\r\n\u{80}\0\0\0\u{10}grpc-status: 5\r\n\r\n0\r\n\r\n";
    let expected: Vec<u8> = expected.chars().map(|letter| letter as u8).collect();
    assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&expected));
    assert_eq!(out, expected);
    let html = parts(502, &[("content-type", "text/html")]);
    assert_eq!(head(&html, false, Method::Post, Some(Web::Text), &mut Vec::new()), Form::Chunked);
}

#[test]
fn text_of_grpc_web_is_cut_where_its_groups_end() {
    assert_eq!(portion(Form::Web(Web::Text), &[0; 100], AROUND + 9), 6);
    assert_eq!(portion(Form::Web(Web::Text), &[0; 4], AROUND + 8), 4);
    assert_eq!(portion(Form::Chunked, &[0; 100], AROUND + 9), 9);
    assert_eq!(portion(Form::Plain, &[0; 100], 9), 9);
}

proptest! {
    /// Whatever an origin puts into names and values that its codec lets through, the text has those fields and no
    /// others, and ends where it should.
    #[test]
    fn nothing_in_a_field_makes_other_text(
        fields in proptest::collection::vec(("[!-~]{1,8}", proptest::collection::vec(any::<u8>(), 0..12)), 0..8),
    ) {
        let mut response = parts(200, &[]);
        for (name, value) in &fields {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
                response.headers.append(name, value);
            }
        }
        let mut out = Vec::new();
        head(&response, false, Method::Get, None, &mut out);
        let mut parsed = ResponseHead::default();
        // What HTTP/1.1 does not take is refused as a whole, never read differently.
        if let Ok(Some(used)) = parse::response(&mut HeadScan::default(), &out, &LIMITS, &mut parsed) {
            prop_assert_eq!(used, out.len());
            let kept = response.headers.keys().filter(|name| is_ordinary(name) && **name != CONTENT_LENGTH);
            let cookies = response.headers.get_all("cookie").iter().count().saturating_sub(1);
            let count: usize = kept.map(|name| response.headers.get_all(name).iter().count()).sum();
            prop_assert_eq!(parsed.fields.len(), count - cookies + 1);
        }
    }
}
