//! Bodies of HTTP/1.1 text as the data and trailers that HTTP/2 has instead.
//!
//! Copies each piece once, because the codec owns what it sends; never changes what it reads, which may have to be sent
//! again elsewhere.

use std::io;

use bytes::Bytes;
use http::HeaderMap;

use super::fields;
use crate::http::base64;
use crate::http::h1::chunked::{ChunkedDecoder, Emit};
use crate::http::h1::framing::Framing;

/// Most bytes of framing that are looked at where no data may be sent.
const GLANCE: usize = 16 * 1024;

/// Where in a body we are.
#[derive(Debug)]
pub struct Payload {
    form: Form,
    /// Undoes the base64 of gRPC-Web.
    text: Option<base64::Decoder>,
}

#[derive(Debug)]
enum Form {
    Length(u64),
    /// With the beginning of a trailer section that has not all come.
    Chunked(Box<ChunkedDecoder>, Vec<u8>),
}

/// What comes next.
#[derive(Debug, Default)]
pub struct Piece {
    /// Bytes of the text that were used.
    pub taken: usize,
    /// What they hold; at most as much as there was room for, and what a group of base64 began with.
    pub data: Bytes,
    /// True if that is all.
    pub is_last: bool,
    /// Behind the last data.
    pub trailers: Option<HeaderMap>,
}

impl Payload {
    /// The beginning of a body; None if there is none.
    pub fn new(framing: Framing, is_base64: bool) -> Option<Self> {
        let form = match framing {
            Framing::None | Framing::Length(0) | Framing::UntilClose => return None,
            Framing::Length(length) => Form::Length(length),
            Framing::Chunked => Form::Chunked(Box::default(), Vec::new()),
        };
        Some(Self { form, text: is_base64.then(base64::Decoder::default) })
    }

    /// What `bytes` begin with, with `room` for so much data. None if there is room for nothing that it holds.
    pub fn next(&mut self, bytes: &[u8], room: usize) -> io::Result<Option<Piece>> {
        let piece = match &mut self.form {
            Form::Length(_) if room == 0 => None,
            Form::Length(left) => {
                let taken = bytes.len().min(room).min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= taken as u64;
                let data = Bytes::copy_from_slice(&bytes[..taken]);
                Some(Piece { taken, data, is_last: *left == 0, trailers: None })
            }
            Form::Chunked(decoder, held) if held.is_empty() => chunked(decoder, held, bytes, room)?,
            Form::Chunked(decoder, held) => {
                held.extend_from_slice(bytes);
                let all = std::mem::take(held);
                // A trailer section, which takes no room and is looked at as a whole.
                chunked(decoder, held, &all, usize::MAX)?.map(|piece| Piece { taken: bytes.len(), ..piece })
            }
        };
        match (piece, &mut self.text) {
            (Some(piece), Some(text)) => decoded(piece, text).map(Some),
            (piece, _) => Ok(piece),
        }
    }
}

fn decoded(mut piece: Piece, text: &mut base64::Decoder) -> io::Result<Piece> {
    let mut data = Vec::with_capacity(piece.data.len());
    let is_good = text.decode(&piece.data, &mut data).is_ok() && (!piece.is_last || text.is_whole());
    piece.data = data.into();
    if is_good { Ok(piece) } else { Err(bad()) }
}

fn chunked(
    decoder: &mut ChunkedDecoder,
    held: &mut Vec<u8>,
    bytes: &[u8],
    room: usize,
) -> io::Result<Option<Piece>> {
    let mut ahead = decoder.clone();
    let limit = if room == 0 { GLANCE } else { room };
    let mut text = bytes[..bytes.len().min(limit)].to_vec();
    let step = ahead.advance(&mut text, Emit::Parted).map_err(|_| bad())?;
    let data_bytes = (ahead.data_bytes() - decoder.data_bytes()) as usize;
    if data_bytes > room {
        return Ok(None);
    }
    let is_cut = !step.done && step.consumed < text.len();
    *decoder = ahead;
    text.truncate(step.kept);
    let mut trailers = text.split_off(data_bytes);
    let mut piece = Piece { taken: step.consumed, data: text.into(), is_last: step.done, ..Piece::default() };
    if is_cut {
        // A trailer section, which takes no room.
        trailers = bytes[step.consumed..].to_vec();
        let step = decoder.advance(&mut trailers, Emit::Parted).map_err(|_| bad())?;
        piece.is_last = step.done;
        piece.taken += step.consumed;
        trailers.truncate(step.kept);
        if !step.done {
            held.extend_from_slice(&bytes[piece.taken..]);
            piece.taken = bytes.len();
        }
    }
    if piece.is_last {
        piece.trailers = Some(fields::read_trailers(&trailers)).filter(|fields| !fields.is_empty());
    }
    Ok(Some(piece))
}

fn bad() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What comes out of `text`, given in pieces of `cut` bytes with room for `room` each time.
    fn read(payload: &mut Payload, text: &[u8], cut: usize, room: usize) -> (Vec<u8>, Option<HeaderMap>) {
        let mut data = Vec::new();
        for part in text.chunks(cut) {
            let mut part = part;
            while !part.is_empty() {
                let piece = payload.next(part, room).unwrap().unwrap();
                assert!(piece.data.len() <= room + 2 && piece.taken > 0);
                data.extend_from_slice(&piece.data);
                part = &part[piece.taken..];
                if piece.is_last {
                    assert!(part.is_empty());
                    return (data, piece.trailers);
                }
            }
        }
        panic!("the end did not come");
    }

    #[test]
    fn framing_needs_no_room() {
        let mut payload = Payload::new(Framing::Chunked, false).unwrap();
        assert!(payload.next(b"1\r\na\r\n", 0).unwrap().is_none());
        let piece = payload.next(b"1\r\na\r\n", 4).unwrap().unwrap();
        assert_eq!((piece.taken, &piece.data[..]), (4, &b"a"[..]));
        let piece = payload.next(b"\r\n0\r\nX-A: 1\r\n\r\n", 0).unwrap().unwrap();
        assert!(piece.is_last && piece.trailers.unwrap()["x-a"] == "1");
    }

    proptest! {
        #[test]
        fn a_body_is_the_same_however_it_comes(
            body in proptest::collection::vec(any::<u8>(), 1..400),
            chunk in 1usize..100, cut in 1usize..100, room in 1usize..100, is_base64: bool,
        ) {
            let mut plain = body.clone();
            if is_base64 {
                plain.clear();
                base64::encode(&body, &mut plain);
            }
            let mut payload = Payload::new(Framing::Length(plain.len() as u64), is_base64).unwrap();
            prop_assert_eq!(read(&mut payload, &plain, cut, room), (body.clone(), None));
            let mut text = Vec::new();
            for part in plain.chunks(chunk) {
                text.extend_from_slice(format!("{:x}\r\n", part.len()).as_bytes());
                text.extend_from_slice(part);
                text.extend_from_slice(b"\r\n");
            }
            text.extend_from_slice(b"0\r\nX-Sum: 7\r\n\r\n");
            let mut payload = Payload::new(Framing::Chunked, is_base64).unwrap();
            let (data, trailers) = read(&mut payload, &text, cut, room);
            prop_assert_eq!(data, body);
            prop_assert_eq!(&trailers.unwrap()["x-sum"], "7");
        }
    }
}
