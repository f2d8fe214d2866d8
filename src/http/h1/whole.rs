//! A whole, ordinary head in one pass.
//!
//! Nearly every head comes in one read and has nothing odd about it. Those are taken here: start line, names, values
//! and what the names are known as, each byte looked at once. Nothing is refused here: whatever is not plainly in
//! order, or not complete, is left to [`super::parse`], whose verdict is the one that counts. What this takes, that
//! takes as well and reads the same way; tests, properties and a fuzz target hold the two together.

use super::parse::{FIELD_COUNT_MAX, HeadLimits};
use super::start_line::METHOD_LEN_MAX;
use crate::http::ascii::{FIELD_VALUE, TARGET, TOKEN, is, is_token};
use crate::http::field::{FieldId, Fields, Span};
use crate::http::head::{RequestHead, ResponseHead, Version};

/// Takes a request's head from the front of `window`; how many bytes it has. After `None` the head holds anything.
pub(super) fn request(window: &[u8], limits: &HeadLimits, head: &mut RequestHead) -> Option<usize> {
    let method_end = run_of(window, 0, TOKEN);
    let target_start = method_end + 1;
    if method_end == 0 || method_end > METHOD_LEN_MAX || *window.get(method_end)? != b' ' {
        return None;
    }
    let target_end = run_of(window, target_start, TARGET);
    let target = &window[target_start..target_end];
    if target.is_empty() || target.len() > limits.target_bytes || *window.get(target_end)? != b' ' {
        return None;
    }
    let version_start = target_end + 1;
    let version = version(window.get(version_start..version_start + 8)?)?;
    let line_end = version_start + 8;
    let end = fields(window, line_end, limits, &mut head.fields)?;
    head.set_line(&window[..method_end], target);
    head.version = version;
    Some(end)
}

/// Takes a response's head from the front of `window`, as [`request`] does.
pub(super) fn response(window: &[u8], limits: &HeadLimits, head: &mut ResponseHead) -> Option<usize> {
    let version = version(window.get(..8)?)?;
    let [b' ', hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9', after, ..] = window[8..]
    else {
        return None;
    };
    let status = [hundreds, tens, ones].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    // The phrase may be left out together with the space before it.
    let reason_start = match after {
        b' ' => 13,
        b'\r' => 12,
        _ => return None,
    };
    let reason_end = value_end(window, reason_start);
    let end = fields(window, reason_end, limits, &mut head.fields)?;
    head.set_line(status, &window[reason_start..reason_end]);
    head.version = version;
    Some(end)
}

fn version(text: &[u8]) -> Option<Version> {
    match text {
        b"HTTP/1.1" => Some(Version::Http11),
        b"HTTP/1.0" => Some(Version::Http10),
        _ => None,
    }
}

/// Takes the fields behind a start line that ends at `line_end`; where the head ends.
#[inline]
fn fields(window: &[u8], line_end: usize, limits: &HeadLimits, fields: &mut Fields) -> Option<usize> {
    let count_max = limits.field_count.min(FIELD_COUNT_MAX);
    fields.clear();
    let mut at = line_end;
    loop {
        let [b'\r', b'\n', first, ..] = window[at..] else { return None };
        at += 2;
        if first == b'\r' {
            break;
        }
        let name_start = at;
        let name = &window[name_start..][..name_len(&window[name_start..])?];
        let id = FieldId::recognise(name);
        // What the table has is a token.
        if id == FieldId::Other && !is_token(name) || fields.len() == count_max {
            return None;
        }
        at += name.len() + 1;
        let name = Span::new(name_start - line_end, at - 1 - line_end);
        let (blanks, is_space) = blanks(&window[at..])?;
        at += blanks;
        let value_start = at;
        at = value_end(window, at);
        let end = at - trailing_blanks(&window[value_start..at]);
        let value = Span::new(value_start - line_end, end - line_end);
        let is_empty = end == value_start;
        let value = if is_empty { Span::default() } else { value };
        fields.push_known(id, name, value, is_space && end == at && !is_empty);
    }
    if *window.get(at + 1)? != b'\n' {
        return None;
    }
    let end = at + 2;
    fields.adopt(&window[line_end..end]);
    Some(end)
}

/// How many bytes stand before the next colon, wherever that is.
#[inline]
fn name_len(bytes: &[u8]) -> Option<usize> {
    const EVERY: u64 = u64::from_le_bytes([1; 8]);
    let (mut at, mut rest) = (0, bytes);
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*chunk) ^ (EVERY * b':' as u64);
        let found = word.wrapping_sub(EVERY) & !word & (EVERY << 7);
        if found != 0 {
            return Some(at + (found.trailing_zeros() / 8) as usize);
        }
        (at, rest) = (at + 8, after);
    }
    rest.iter().position(|byte| *byte == b':').map(|found| at + found)
}

/// How many blanks there are before what is none, and whether they are one space.
#[inline]
fn blanks(bytes: &[u8]) -> Option<(usize, bool)> {
    match bytes {
        [b' ', next, ..] if *next > b' ' => Some((1, true)),
        _ => bytes.iter().position(|byte| !is_blank(*byte)).map(|count| (count, false)),
    }
}

/// How many blanks it ends with.
#[inline]
fn trailing_blanks(value: &[u8]) -> usize {
    match value {
        [.., last] if *last > b' ' => 0,
        _ => value.iter().rev().take_while(|byte| is_blank(**byte)).count(),
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// One past the bytes of `class` that begin at `start`.
#[inline]
fn run_of(bytes: &[u8], start: usize, class: u8) -> usize {
    let run = bytes.get(start..).unwrap_or_default();
    start + run.iter().position(|byte| !is(*byte, class)).unwrap_or(run.len())
}

/// One past the field value (RFC 9110 5.5) that begins at `start`: eight bytes at a time.
#[inline]
fn value_end(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut rest) = (start, &bytes[start..]);
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let found = controls(u64::from_le_bytes(*chunk));
        if found == 0 {
            (at, rest) = (at + 8, after);
            continue;
        }
        at += (found.trailing_zeros() / 8) as usize;
        if bytes[at] != b'\t' {
            return at;
        }
        at += 1;
        rest = &bytes[at..];
    }
    run_of(bytes, at, FIELD_VALUE)
}

/// Marks the lowest of eight bytes that is a control (below SP, or DEL); bytes above it may be marked for nothing.
#[inline]
fn controls(word: u64) -> u64 {
    const EVERY: u64 = u64::from_le_bytes([1; 8]);
    const TOP: u64 = EVERY << 7;
    let below_space = word.wrapping_sub(EVERY * 0x20) & !word;
    let from_del = word ^ (EVERY * 0x7f);
    let is_del = from_del.wrapping_sub(EVERY) & !from_del;
    (below_space | is_del) & TOP
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_at_the_first_control_wherever_it_stands() {
        for byte in 0..=255u8 {
            for place in 0..20 {
                let mut text = *b"abcdefgh\xff\x80 jklmn\topqrst";
                text[place] = byte;
                let expected = text.iter().position(|byte| !is(*byte, FIELD_VALUE)).unwrap_or(text.len());
                assert_eq!(value_end(&text, 0), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn takes_ordinary_heads_and_leaves_the_others() {
        let limits = HeadLimits { head_bytes: 4096, target_bytes: 8, field_count: 2 };
        let taken = |text: &str| request(text.as_bytes(), &limits, &mut RequestHead::default());
        assert_eq!(taken("GET / HTTP/1.1\r\nA: b\r\n\r\nbody"), Some(24));
        assert_eq!(taken("GET / HTTP/1.0\r\n\r\n"), Some(18));
        for left in [
            "GET / HTTP/1.1\r\nA: b\r\n\r",
            "GET / HTTP/1.1\nA: b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\n\r\n",
            "GET / HTTP/1.1\r\nA : b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
            "GET / HTTP/1.1\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n",
            "GET /too-long HTTP/1.1\r\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(taken(left), None, "{left:?}");
        }
    }
}
