//! The chunked coding: one table for each rule of RFC 9112 7.1.
//!
//! Every message is also fed in small reads, and both ways of emitting must agree on what is an error.

use super::*;

/// What the message becomes, and how much of the input it took.
type Outcome = Result<(String, usize, bool), ChunkError>;

/// Feeds `input` as it would come in reads of `read` bytes: what is not consumed is given again.
fn feed(mut decoder: ChunkedDecoder, input: &[u8], mode: Emit, read: usize) -> Outcome {
    let (mut buffer, mut output, mut consumed) = (Vec::new(), Vec::new(), 0);
    for part in input.chunks(read) {
        buffer.extend_from_slice(part);
        let before = buffer.clone();
        let step = decoder.advance(&mut buffer, mode)?;
        assert!(step.kept <= step.consumed);
        assert_eq!(buffer[step.consumed..], before[step.consumed..]);
        output.extend_from_slice(&buffer[..step.kept]);
        buffer.drain(..step.consumed);
        consumed += step.consumed;
    }
    Ok((String::from_utf8(output).unwrap(), consumed, decoder.is_done()))
}

/// The outcome, which is the same for reads of any size.
fn outcome(input: impl AsRef<[u8]>, mode: Emit) -> Outcome {
    let input = input.as_ref();
    let whole = feed(ChunkedDecoder::default(), input, mode, input.len().max(1));
    for read in 1..input.len().min(9) {
        assert_eq!(feed(ChunkedDecoder::default(), input, mode, read), whole, "in reads of {read}");
    }
    whole
}

fn error(input: impl AsRef<[u8]>) -> Option<ChunkError> {
    let error = outcome(&input, Emit::Data).err();
    assert_eq!(outcome(&input, Emit::Framed).err(), error);
    error
}

#[test]
fn parts_payload_and_trailers() {
    let input = "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nA: b\r\nHost: x\r\nC: d\r\n\r\n";
    let kept = "abcdeA: b\r\nC: d\r\n\r\n";
    assert_eq!(outcome(input, Emit::Parted), Ok((kept.into(), input.len(), true)));
    assert_eq!(outcome("0\r\n\r\n", Emit::Parted), Ok(("\r\n".into(), 5, true)));
}

#[test]
fn decodes_the_payload_and_stops_at_the_end_rfc_9112_7_1_3() {
    let input = "5\r\nhello\r\n006\r\n, worl\r\n1\r\nd\r\n0\r\n\r\nGET /";
    assert_eq!(outcome(input, Emit::Data), Ok(("hello, world".into(), input.len() - 5, true)));
    let end = input.len() - 5;
    assert_eq!(outcome(input, Emit::Framed), Ok((input[..end].into(), end, true)));
}

#[test]
fn passes_a_plain_message_through_without_moving_it() {
    let mut input = *b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\nGrpc-Status: 0\r\n\r\n";
    let before = input;
    let mut decoder = ChunkedDecoder::default();
    let step = decoder.advance(&mut input, Emit::Framed);
    assert_eq!(step, Ok(Step { consumed: before.len(), kept: before.len(), done: true }));
    assert_eq!((input, decoder.data_bytes()), (before, 13));
    let after = decoder.advance(&mut input, Emit::Framed);
    assert_eq!(after, Ok(Step { consumed: 0, kept: 0, done: true }));
}

#[test]
fn drops_extensions_rfc_9112_7_1_1() {
    let input = "3;a=b ; c=\"x\\\"\"\r\nabc\r\n0;last\r\n\r\n";
    assert_eq!(outcome(input, Emit::Framed), Ok(("3\r\nabc\r\n0\r\n\r\n".into(), input.len(), true)));
    assert_eq!(outcome(input, Emit::Data), Ok(("abc".into(), input.len(), true)));
}

#[test]
fn refuses_malformed_sizes_rfc_9112_7_1() {
    for size in [
        "",
        " 3",
        "3 ",
        "3\t",
        "+3",
        "-3",
        "0x3",
        "g",
        "3g",
        ";a",
        "3,",
        "00000000000000003",
        "3\0",
        "\u{e9}",
    ] {
        assert_eq!(error(format!("{size}\r\nabc\r\n0\r\n\r\n")), Some(ChunkError::BadChunk), "{size:?}");
    }
    for size in ["3", "0000000000000003"] {
        assert_eq!(error(format!("{size}\r\nabc\r\n0\r\n\r\n")), None, "{size:?}");
    }
    assert_eq!(outcome("ffffffffffffffff\r\nabc", Emit::Data), Ok(("abc".into(), 21, false)));
}

#[test]
fn refuses_every_line_end_but_cr_lf_rfc_9112_2_2() {
    for input in [
        "3\nabc\r\n0\r\n\r\n",
        "3\rabc",
        "3\r\r\nabc",
        "3;a\nabc",
        "3;a\ra",
        "3\r\nabc\n",
        "3\r\nabc\rx",
        "3\r\nabcd\r\n",
        "3\r\nab\r\n",
        "3\r\nabc0\r\n",
    ] {
        assert_eq!(error(input), Some(ChunkError::BadChunk), "{input:?}");
    }
    for input in ["0\r\n\n", "0\r\nA: b\n", "0\r\nA: b\r\n\n", "0\r\n\rx", "0\r\nA: \0"] {
        assert_eq!(error(input), Some(ChunkError::BadTrailer), "{input:?}");
    }
}

#[test]
fn bounds_extensions_by_chunk_and_by_message() {
    let chunk = |len: usize| format!("1;{}\r\nx\r\n", "a".repeat(len - 1));
    assert_eq!(error(chunk(EXTENSION_BYTES_MAX as usize)), None);
    assert_eq!(error(chunk(EXTENSION_BYTES_MAX as usize + 1)), Some(ChunkError::BadChunk));
    assert_eq!(error(chunk(4096).repeat(4)), None);
    assert_eq!(error(chunk(4096).repeat(5)), Some(ChunkError::BadChunk));
    let with_payload = format!("1000;{}\r\n{}\r\n", "a".repeat(4095), "x".repeat(4096));
    assert_eq!(error(with_payload.repeat(9)), None);
}

#[test]
fn keeps_trailer_fields_that_may_go_on_rfc_9110_6_5_1() {
    let input = "0\r\nGrpc-Status: 0\r\nContent-Length: 5\r\nx: \r\nhost: evil\r\nEtag:\"a\"\r\n\r\n";
    let kept = "0\r\nGrpc-Status: 0\r\nx: \r\nEtag:\"a\"\r\n\r\n";
    assert_eq!(outcome(input, Emit::Framed), Ok((kept.into(), input.len(), true)));
    assert_eq!(outcome(input, Emit::Data), Ok((String::new(), input.len(), true)));
    let names = ["grpc-status", "X"].map(|name| name.as_bytes().into()).into();
    let without = feed(ChunkedDecoder::refusing_trailers(names), input.as_bytes(), Emit::Framed, 7);
    assert_eq!(without, Ok(("0\r\nEtag:\"a\"\r\n\r\n".into(), input.len(), true)));
}

#[test]
fn consumes_a_trailer_section_only_when_it_is_complete() {
    assert_eq!(outcome("0\r\nA: b\r\n", Emit::Framed), Ok(("0\r\n".into(), 3, false)));
    assert_eq!(outcome("0\r\nA: b\r\n\r", Emit::Framed), Ok(("0\r\n".into(), 3, false)));
}

#[test]
fn refuses_malformed_trailer_fields_rfc_9112_5() {
    for line in ["A", "A : b", ": b", " A: b", "A: b\r\n c", "A b: c", "A: \x01", "\u{e9}: a"] {
        assert_eq!(error(format!("0\r\n{line}\r\n")), Some(ChunkError::BadTrailer), "{line:?}");
    }
}

#[test]
fn bounds_the_trailer_section_in_bytes_and_fields() {
    let fields = |count: usize| format!("0\r\n{}\r\n", "A: b\r\n".repeat(count));
    assert_eq!(error(fields(64)), None);
    assert_eq!(error(fields(65)), Some(ChunkError::TrailerTooLarge));
    let sized = |len: usize| format!("0\r\nA: {}\r\n\r\n", "b".repeat(len - "A: \r\n\r\n".len()));
    assert_eq!(outcome(sized(TRAILER_BYTES_MAX), Emit::Data).map(|outcome| outcome.2), Ok(true));
    assert_eq!(error(sized(TRAILER_BYTES_MAX + 1)), Some(ChunkError::TrailerTooLarge));
    assert_eq!(error(&sized(9000)[..TRAILER_BYTES_MAX + 3]), Some(ChunkError::TrailerTooLarge));
}

#[test]
fn is_small_because_every_exchange_has_two() {
    assert!(size_of::<ChunkedDecoder>() <= 72, "{}", size_of::<ChunkedDecoder>());
}
