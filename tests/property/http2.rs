//! A request of HTTP/2, told as text, is one request of HTTP/1.1 and the same one.

use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use proptest::prelude::*;
use ringgate::http::RequestHead;
use ringgate::http::h1::{self, HeadLimits, HeadScan};
use ringgate::http::h2::{fields, inbound};

const LIMITS: HeadLimits = HeadLimits { head_bytes: 1 << 20, target_bytes: 1 << 20, field_count: 500 };

/// Whatever the types take: they are what the codec hands on.
fn names() -> impl Strategy<Value = Vec<u8>> {
    let named = prop::sample::select(vec![
        "host",
        "cookie",
        "content-length",
        "connection",
        "transfer-encoding",
        "upgrade",
        "te",
        "expect",
        "trailer",
        "sec-websocket-key",
        "sec-websocket-version",
        "keep-alive",
        "x-a",
    ]);
    prop_oneof![named.prop_map(|name| name.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 1..8)]
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    let sharp = prop::sample::select(vec![
        &b"test"[..],
        b"5",
        b"0",
        b"chunked",
        b"100-continue",
        b"websocket",
        b"\r\n\r\nGET / HTTP/1.1\r\n",
        b" x\t",
        b"",
    ]);
    prop_oneof![sharp.prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 0..20)]
}

fn targets() -> impl Strategy<Value = Vec<u8>> {
    let sharp = prop::sample::select(vec![
        &b"/"[..],
        b"*",
        b"/a?b=c",
        b"http://other/",
        b"other",
        b"/ HTTP/1.1\r\nX: 1",
        b"//x",
        b"?q",
        b"/%20\x7f",
    ]);
    prop_oneof![sharp.prop_map(<[u8]>::to_vec), prop::collection::vec(any::<u8>(), 1..20)]
}

fn methods() -> impl Strategy<Value = Vec<u8>> {
    let usual = prop::sample::select(vec!["GET", "POST", "PUT", "CONNECT", "OPTIONS", "HEAD", "get"]);
    prop_oneof![usual.prop_map(|method| method.as_bytes().to_vec()), prop::collection::vec(any::<u8>(), 1..6)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn the_text_is_one_head_and_the_same_request(
        method in methods(),
        target in targets(),
        authority in prop_oneof![Just(b"test".to_vec()), values()],
        given in prop::collection::vec((names(), values()), 0..6),
        is_websocket: bool,
        has_body: bool,
    ) {
        let (Ok(method), Ok(target)) = (Method::from_bytes(&method), PathAndQuery::try_from(&target[..])) else {
            return Ok(());
        };
        let mut uri = Uri::builder().scheme("http").path_and_query(target.clone());
        uri = uri.authority(&authority[..]);
        let Ok(uri) = uri.build() else { return Ok(()) };
        let mut request = Request::builder().method(method.clone()).uri(uri.clone()).body(()).unwrap();
        for (name, value) in &given {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                request.headers_mut().append(name, value);
            }
        }
        let (head, ()) = request.into_parts();
        let mut text = Vec::new();
        let protocol = is_websocket.then_some("websocket");
        let Ok(told) = inbound::write(&head, protocol, has_body, "c2FtcGxlIG5vbmNlIQ==", &mut text) else {
            return Ok(());
        };

        // Each line ends where it should, and the head ends once.
        let ends = text.windows(4).filter(|window| window == b"\r\n\r\n").count();
        prop_assert_eq!(ends, 1, "{:?}", String::from_utf8_lossy(&text));
        prop_assert!(text.ends_with(b"\r\n\r\n"));
        let mut parsed = RequestHead::default();
        let Ok(Some(used)) = h1::parse::request(&mut HeadScan::default(), &text, &LIMITS, &mut parsed) else {
            // It is refused as one of HTTP/1.1 would be.
            return Ok(());
        };
        prop_assert_eq!(used, text.len());
        let expected = if told.is_websocket { b"GET" } else { method.as_str().as_bytes() };
        prop_assert_eq!(parsed.method_text(), expected);
        if method != Method::CONNECT {
            prop_assert_eq!(parsed.target(), target.as_str().as_bytes());
        }
        // One framing, and the one that was told.
        if let Ok(framing) = h1::framing::request(&parsed) {
            prop_assert_eq!(framing, told.framing);
        }
        // No field that was not given, but for framing and handshake.
        for field in parsed.fields.iter() {
            let name = field.name.to_ascii_lowercase();
            let ours: &[&[u8]] = &[b"host", b"content-length", b"transfer-encoding"];
            let handshake: &[&[u8]] = &[b"connection", b"upgrade", b"sec-websocket-key"];
            let is_ours = ours.contains(&&name[..]) || (told.is_websocket && handshake.contains(&&name[..]));
            let is_given = head.headers.contains_key(HeaderName::from_bytes(&name).unwrap());
            prop_assert!(is_ours || is_given, "{:?}", String::from_utf8_lossy(&text));
            let name = std::str::from_utf8(&name).unwrap();
            prop_assert!(is_ours || !fields::is_of_a_connection(name));
        }
    }

    #[test]
    fn trailers_are_lines_that_are_read_back(given in prop::collection::vec((names(), values()), 0..6)) {
        let mut map = http::HeaderMap::new();
        for (name, value) in &given {
            fields::append(&mut map, name, value);
        }
        map.remove("cookie");
        let mut text = Vec::new();
        fields::write(&map, |_| true, &mut text);
        let lines = text.split(|byte| *byte == b'\n').count() - 1;
        prop_assert_eq!(lines, map.len());
        text.extend_from_slice(b"\r\n");
        let back = fields::read_trailers(&text);
        prop_assert_eq!(back.len(), map.len());
    }
}
