//! Laws of the HTTP/1.1 codec, as functions that panic where one is broken.
//!
//! Used by the property tests beside it and by the fuzz targets, so it needs nothing but the product and the
//! reference. Which of the laws a user calls is its choice.

#![allow(dead_code)]

#[path = "reference_codec.rs"]
mod reference_codec;

use reference_codec::{Head, LIMITS, Lines, Verdict, chunked, request, request_framing, response};
use ringgate::http::h1::{self, ChunkedDecoder, Emit, Framing, HeadLimits, HeadScan, encode};
use ringgate::http::{Fields, IdSet, Method, RequestHead, ResponseHead, Version};

/// Law: the codec reads a request as the reference does, in one read and in reads of `read` bytes; what it accepts
/// can be written and read again; what it refuses, it refuses for the same reason however it came in.
pub fn holds_for_request(input: &[u8], read: usize) {
    let mut head = RequestHead::default();
    let whole = h1::parse::request(&mut HeadScan::default(), input, &LIMITS, &mut head);
    let (mut scan, mut dripped) = (HeadScan::default(), RequestHead::default());
    let in_parts = reads(input, read)
        .map(|part| h1::parse::request(&mut scan, part, &LIMITS, &mut dripped))
        .find(|verdict| *verdict != Ok(None));
    assert_eq!(in_parts.unwrap_or(Ok(None)), whole);
    let version = head.version.text().as_bytes().to_vec();
    let parsed = Head {
        start: [head.method_text().to_vec(), head.target().to_vec(), version],
        fields: lines(&head.fields),
    };
    agrees(request(input), whole, &parsed);
    if whole.is_ok_and(|end| end.is_some()) {
        assert_eq!(lines(&dripped.fields), parsed.fields);
        let framing = request_framing(&parsed.start[2], &parsed.fields);
        assert_eq!(h1::framing::request(&head).ok(), framing);
        request_survives_encoding(&head);
    }
}

fn request_survives_encoding(head: &RequestHead) {
    let mut wire = Vec::new();
    encode::request_line(&mut wire, head.method_text(), head.target());
    head.fields.write_except(IdSet::of(&[]), &mut wire);
    encode::end_of_head(&mut wire);
    let mut again = RequestHead::default();
    // Spaces after colons may have been added.
    let limits = HeadLimits { head_bytes: 2 * LIMITS.head_bytes, ..LIMITS };
    let verdict = h1::parse::request(&mut HeadScan::default(), &wire, &limits, &mut again);
    assert_eq!(verdict, Ok(Some(wire.len())));
    assert_eq!((again.method_text(), again.target()), (head.method_text(), head.target()));
    assert_eq!(lines(&again.fields), lines(&head.fields));
}

/// Law: the same for a response.
pub fn holds_for_response(input: &[u8], read: usize) {
    let mut head = ResponseHead::default();
    let whole = h1::parse::response(&mut HeadScan::default(), input, &LIMITS, &mut head);
    let (mut scan, mut dripped) = (HeadScan::default(), ResponseHead::default());
    let in_parts = reads(input, read)
        .map(|part| h1::parse::response(&mut scan, part, &LIMITS, &mut dripped))
        .find(|verdict| *verdict != Ok(None));
    assert_eq!(in_parts.unwrap_or(Ok(None)), whole);
    let version = head.version.text().as_bytes().to_vec();
    let parsed = Head {
        start: [version, head.status.to_string().into_bytes(), head.reason().to_vec()],
        fields: lines(&head.fields),
    };
    agrees(response(input), whole, &parsed);
    if whole.is_ok_and(|end| end.is_some()) {
        response_survives_encoding(&head);
        bodies_end_somewhere(&head);
    }
}

fn response_survives_encoding(head: &ResponseHead) {
    let mut wire = Vec::new();
    encode::status_line(&mut wire, head.status, head.reason());
    head.fields.write_except(IdSet::of(&[]), &mut wire);
    encode::end_of_head(&mut wire);
    let mut again = ResponseHead::default();
    let limits = HeadLimits { head_bytes: 2 * LIMITS.head_bytes, ..LIMITS };
    let verdict = h1::parse::response(&mut HeadScan::default(), &wire, &limits, &mut again);
    assert_eq!(verdict, Ok(Some(wire.len())));
    assert_eq!((again.status, again.version), (head.status, Version::Http11));
    assert_eq!(lines(&again.fields), lines(&head.fields));
}

/// RFC 9112 6.3: a response to HEAD has no body, and one that says nothing about its body ends with the connection.
fn bodies_end_somewhere(head: &ResponseHead) {
    if let Ok(framing) = h1::framing::response(head, Method::Head) {
        assert_eq!(framing, Framing::None);
    }
    let version = head.version.text().as_bytes();
    let framing = h1::framing::response(head, Method::Get).ok();
    let expected = request_framing(version, &lines(&head.fields));
    let without_body = head.is_interim() || head.status == 204;
    match expected {
        Some(Framing::None | Framing::Length(0)) if without_body => assert_eq!(framing, Some(Framing::None)),
        _ if without_body => assert_eq!(framing, None),
        Some(_) if head.status == 304 => assert_eq!(framing, Some(Framing::None)),
        Some(Framing::None) => assert_eq!(framing, Some(Framing::UntilClose)),
        expected => assert_eq!(framing, expected),
    }
}

/// Law: the decoder reads a chunked body as the reference does, in reads of any size; what it keeps in front is what
/// the reference keeps, what follows is left alone, and what was kept framed decodes to the same data again.
pub fn holds_for_chunked(input: &[u8], read: usize) {
    let expected = chunked(input);
    for mode in [Emit::Data, Emit::Framed] {
        let whole = decode(input, mode, input.len().max(1));
        assert_eq!(decode(input, mode, read), whole);
        match (&expected, whole) {
            (Verdict::Refused, outcome) => assert_eq!(outcome, None),
            (Verdict::Incomplete, outcome) => assert!(outcome.is_none_or(|outcome| !outcome.done)),
            (Verdict::Complete(message, len), outcome) => {
                let outcome = outcome.expect("the reference accepts it");
                let kept = if mode == Emit::Data { &message.data } else { &message.framed };
                assert_eq!((&outcome.kept, outcome.consumed, outcome.done), (kept, *len, true));
                assert_eq!(outcome.data_bytes, message.data.len() as u64);
                if mode == Emit::Framed {
                    let again = decode(&outcome.kept, Emit::Data, outcome.kept.len()).expect("it is our own");
                    assert_eq!((again.kept, again.consumed), (message.data.clone(), outcome.kept.len()));
                }
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Decoded {
    kept: Vec<u8>,
    consumed: usize,
    done: bool,
    data_bytes: u64,
}

/// Feeds reads of `read` bytes; what is not consumed is given again.
fn decode(input: &[u8], mode: Emit, read: usize) -> Option<Decoded> {
    let mut decoder = ChunkedDecoder::default();
    let (mut buffer, mut kept, mut consumed) = (Vec::new(), Vec::new(), 0);
    for part in input.chunks(read.max(1)) {
        buffer.extend_from_slice(part);
        let before = buffer.clone();
        let step = decoder.advance(&mut buffer, mode).ok()?;
        assert!(step.kept <= step.consumed && step.done == decoder.is_done());
        assert_eq!(buffer[step.consumed..], before[step.consumed..]);
        kept.extend_from_slice(&buffer[..step.kept]);
        buffer.drain(..step.consumed);
        consumed += step.consumed;
    }
    Some(Decoded { kept, consumed, done: decoder.is_done(), data_bytes: decoder.data_bytes() })
}

fn agrees<E: std::fmt::Debug>(expected: Verdict<Head>, actual: Result<Option<usize>, E>, parsed: &Head) {
    match (expected, actual) {
        (Verdict::Complete(head, len), Ok(Some(end))) => assert_eq!((&head, len), (parsed, end)),
        (Verdict::Refused, Err(_)) | (Verdict::Incomplete, Ok(None) | Err(_)) => {}
        (expected, actual) => panic!("reference says {expected:?}, codec says {actual:?}"),
    }
}

/// Ever longer beginnings of `input`, as a buffer shows them.
fn reads(input: &[u8], read: usize) -> impl Iterator<Item = &[u8]> {
    let read = read.max(1);
    (1..=input.len().div_ceil(read)).map(move |count| &input[..(count * read).min(input.len())])
}

/// Every field line, copied.
pub fn lines(fields: &Fields) -> Lines {
    fields.iter().map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}
