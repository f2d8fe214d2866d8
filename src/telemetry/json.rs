//! JSON strings and numbers, appended to a buffer without `std::fmt`.
//!
//! Owns the escaping: eight bytes at a time while nothing needs it, which is nearly always. What is not UTF-8
//! becomes U+FFFD, so a line is always valid JSON. It writes no names and no structure.

use std::net::IpAddr;

/// Appends `text` as the inside of a JSON string.
#[inline]
pub(super) fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    let plain = copy_plain(text, |word| odd_ones(word) != 0, out);
    if plain < text.len() {
        write_odd(&text[plain..], out);
    }
}

/// Appends `text` if it stands for itself in a JSON string and has neither `=` nor `@`. False, and nothing is appended,
/// if it does not.
#[inline]
pub(super) fn write_if_innocent(text: &[u8], out: &mut Vec<u8>) -> bool {
    let len = out.len();
    let is_odd = |word| odd_ones(word) | equal_ones(word, b'=') | equal_ones(word, b'@') != 0;
    let is_innocent = copy_plain(text, is_odd, out) == text.len();
    if !is_innocent {
        out.truncate(len);
    }
    is_innocent
}

/// Copies eight bytes at a time up to those that are odd, of which nothing is copied. How many it copied.
#[inline(always)]
fn copy_plain(text: &[u8], is_odd: impl Fn(u64) -> bool, out: &mut Vec<u8>) -> usize {
    let mut rest = text;
    while let Some((word, after)) = rest.split_first_chunk() {
        if is_odd(u64::from_le_bytes(*word)) {
            return text.len() - rest.len();
        }
        out.extend_from_slice(word);
        rest = after;
    }
    let is_plain = match (rest.first_chunk(), rest.last_chunk(), rest) {
        (Some(first), Some(last), _) => {
            !is_odd(u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32)
        }
        (.., [first, .., last]) => {
            let middle = rest[rest.len() / 2];
            !is_odd(u64::from_le_bytes([*first, middle, *last, b' ', b' ', b' ', b' ', b' ']))
        }
        (.., [one]) => !is_odd(u64::from_le_bytes([*one; 8])),
        (.., []) => return text.len(),
    };
    if !is_plain {
        return text.len() - rest.len();
    }
    out.extend_from_slice(rest);
    text.len()
}

/// Not zero if any of eight bytes is special or not ASCII. Where a borrow or carry reaches another byte, the one that
/// it came from is odd itself.
#[inline]
fn odd_ones(word: u64) -> u64 {
    let from_del = word | word.wrapping_add(ONES);
    (from_del | word.wrapping_sub(ONES * 0x20)) & TOPS | equal_ones(word, b'"') | equal_ones(word, b'\\')
}

/// Not zero if any of eight bytes, all of them ASCII, is this one.
#[inline]
fn equal_ones(word: u64, byte: u8) -> u64 {
    (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES) & TOPS
}

const ONES: u64 = u64::MAX / 255;
const TOPS: u64 = ONES << 7;

/// For what does not stand for itself.
fn write_odd(text: &[u8], out: &mut Vec<u8>) {
    for chunk in text.utf8_chunks() {
        write_escaped_utf8(chunk.valid().as_bytes(), out);
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

fn write_escaped_utf8(mut text: &[u8], out: &mut Vec<u8>) {
    loop {
        let plain = plain_prefix(text);
        out.extend_from_slice(&text[..plain]);
        let Some((special, rest)) = text[plain..].split_first() else { return };
        write_special(*special, out);
        text = rest;
    }
}

/// Length of the prefix that stands for itself in a JSON string.
fn plain_prefix(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(word) = text[at..].first_chunk::<8>() {
        if has_special(u64::from_le_bytes(*word)) {
            break;
        }
        at += 8;
    }
    // What is left of a text without specials is seen by looking at its last eight bytes, some of them again.
    if text.len() < at + 8
        && text.last_chunk::<8>().is_some_and(|word| !has_special(u64::from_le_bytes(*word)))
    {
        return text.len();
    }
    at + text[at..].iter().position(|byte| is_special(*byte)).unwrap_or(text.len() - at)
}

/// Quote, backslash, C0 controls and DEL (which terminals act on).
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\' || byte == 0x7f
}

/// [`is_special`] for eight bytes at once ("Bit Twiddling Hacks", determine if a word has a byte less than n).
fn has_special(word: u64) -> bool {
    let less = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word & TOPS;
    let zero_where = |byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    less(word, 0x20) | zero_where(b'"') | zero_where(b'\\') | zero_where(0x7f) != 0
}

#[cold]
fn write_special(byte: u8, out: &mut Vec<u8>) {
    match byte {
        b'"' => out.extend_from_slice(b"\\\""),
        b'\\' => out.extend_from_slice(b"\\\\"),
        b'\n' => out.extend_from_slice(b"\\n"),
        b'\r' => out.extend_from_slice(b"\\r"),
        b'\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u00");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
    }
}

/// Appends a number.
#[inline]
pub(super) fn write_number(value: u64, out: &mut Vec<u8>) {
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends nanoseconds as milliseconds with three decimals: `1.234`.
pub(super) fn write_millis(nanos: u64, out: &mut Vec<u8>) {
    let micros = nanos / 1000;
    write_number(micros / 1000, out);
    let rest = (micros % 1000) as u32;
    let digit = |value: u32| b'0' + (value % 10) as u8;
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
}

/// Appends an address as RFC 5952 writes it, without brackets.
pub fn write_ip(ip: IpAddr, out: &mut Vec<u8>) {
    match ip {
        IpAddr::V4(ip) => write_ipv4(ip.octets(), out),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(mapped) => {
                out.extend_from_slice(b"::ffff:");
                write_ipv4(mapped.octets(), out);
            }
            None => write_ipv6(ip.segments(), out),
        },
    }
}

/// Each octet with a dot behind it, and how many bytes that is.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let (digits, written) = ([octet / 100, octet / 10 % 10, octet % 10], &mut octets[octet]);
        let mut at = (octet < 100) as usize + (octet < 10) as usize;
        while at < 3 {
            written.0[written.1 as usize] = b'0' + digits[at] as u8;
            written.1 += 1;
            at += 1;
        }
        written.1 += 1;
        octet += 1;
    }
    octets
};

fn write_ipv4(octets: [u8; 4], out: &mut Vec<u8>) {
    let (mut text, mut at) = ([0; 16], 0);
    for octet in octets {
        let (written, len) = OCTETS[usize::from(octet)];
        text[at..at + 4].copy_from_slice(&written);
        at += usize::from(len);
    }
    out.extend_from_slice(&text[..at - 1]);
}

fn write_ipv6(segments: [u16; 8], out: &mut Vec<u8>) {
    // RFC 5952 4.2: the longest run of two or more zero groups is left out, the first one of equals.
    let zeros = longest_zeros(&segments);
    let mut at = 0;
    while at < 8 {
        if zeros.len() > 1 && at == zeros.start {
            out.extend_from_slice(b"::");
            at = zeros.end;
            continue;
        }
        let follows_gap = zeros.len() > 1 && at == zeros.end;
        if at > 0 && !follows_gap {
            out.push(b':');
        }
        write_hex_group(segments[at], out);
        at += 1;
    }
}

fn longest_zeros(segments: &[u16; 8]) -> std::ops::Range<usize> {
    let mut longest = 0..0;
    let mut start = 0;
    for (at, segment) in segments.iter().enumerate() {
        if *segment != 0 {
            start = at + 1;
        } else if at + 1 - start > longest.len() {
            longest = start..at + 1;
        }
    }
    longest
}

fn write_hex_group(group: u16, out: &mut Vec<u8>) {
    let digits = (16 - group.leading_zeros()).div_ceil(4).max(1);
    for position in (0..digits).rev() {
        out.push(HEX[usize::from(group >> (4 * position) & 15)]);
    }
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn milliseconds_have_three_decimals() {
        for (nanos, text) in
            [(0, "0.000"), (1_234_567, "1.234"), (999, "0.000"), (60_000_050_000, "60000.050")]
        {
            assert_eq!(written(|out| write_millis(nanos, out)), text);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_become_the_string_a_parser_reads(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let json = written(|out| write_escaped(&bytes, out));
            let parsed: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
            prop_assert_eq!(parsed, String::from_utf8_lossy(&bytes));
            prop_assert!(!json.bytes().any(is_special_raw));
        }

        #[test]
        fn eight_at_once_see_what_one_by_one_see(bytes in any::<[u8; 8]>()) {
            let word = u64::from_le_bytes(bytes);
            prop_assert_eq!(has_special(word), bytes.iter().any(|byte| is_special(*byte)));
            let is_odd = |byte: &u8| is_special(*byte) || !byte.is_ascii();
            prop_assert_eq!(odd_ones(word) != 0, bytes.iter().any(is_odd));
        }

        #[test]
        fn what_is_innocent_is_copied_and_nothing_else(text in "[ -~]{0,30}[\"=@\\\\é]?[a-z]{0,9}") {
            let mut out = b"before".to_vec();
            let is_innocent = write_if_innocent(text.as_bytes(), &mut out);
            prop_assert_eq!(is_innocent, text.bytes().all(|byte| byte.is_ascii() && !b"\"=@\\".contains(&byte)));
            prop_assert_eq!(out, if is_innocent { format!("before{text}") } else { "before".to_owned() }.into_bytes());
        }

        #[test]
        fn addresses_are_written_as_the_standard_library_does(bits in any::<u128>(), mask in any::<u8>()) {
            let mut segments = Ipv6Addr::from(bits).segments();
            for (index, segment) in segments.iter_mut().enumerate() {
                *segment *= u16::from(mask >> index & 1);
            }
            for ip in [IpAddr::V6(segments.into()), IpAddr::V4(Ipv4Addr::from(bits as u32))] {
                prop_assert_eq!(written(|out| write_ip(ip, out)), ip.to_string());
            }
        }
    }

    fn is_special_raw(byte: u8) -> bool {
        byte < 0x20 || byte == 0x7f
    }
}
