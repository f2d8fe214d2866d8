//! Lines of a head or a trailer section, found as their bytes arrive.
//!
//! Owns how far the bytes have been looked at, so that a head that comes in n reads is still scanned once. Lines end
//! with CR LF exactly: a recipient may take a bare LF (RFC 9112 2.2), but then two recipients may see two messages.

use memchr::memchr3;
use std::ops::Range;

/// How far a section has been scanned. Offsets are from the section's first byte.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LineScan {
    at: usize,
    line_start: usize,
}

/// A byte that may not stand where it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadByte {
    /// CR without LF or LF without CR.
    BareCrOrLf,
    Nul,
}

impl LineScan {
    /// A scan that skips the first `start` bytes.
    pub(super) fn starting_at(start: usize) -> LineScan {
        LineScan { at: start, line_start: start }
    }

    /// Where the line now being read begins.
    #[inline]
    pub(super) fn line_start(&self) -> usize {
        self.line_start
    }

    /// How far has been looked.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next complete line, without its CR LF; `None` if more bytes are needed. A bad byte is an error as soon as
    /// it is seen, also in a line that is not complete.
    #[inline]
    pub(super) fn next(&mut self, input: &[u8]) -> Result<Option<Range<usize>>, BadByte> {
        let Some(found) = memchr3(b'\r', b'\n', 0, &input[self.at..]) else {
            self.at = input.len();
            return Ok(None);
        };
        self.at += found;
        match input[self.at..] {
            [b'\r', b'\n', ..] => {
                let line = self.line_start..self.at;
                self.at += 2;
                self.line_start = self.at;
                Ok(Some(line))
            }
            // What follows the CR decides, and it is not here yet.
            [b'\r'] => Ok(None),
            [0, ..] => Err(BadByte::Nul),
            _ => Err(BadByte::BareCrOrLf),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_lines_at_any_split() {
        let input = b"one\r\n\r\ntwo\r\nrest";
        for split in 0..=input.len() {
            let mut scan = LineScan::default();
            let mut lines = Vec::new();
            for part in [&input[..split], &input[..]] {
                while let Some(line) = scan.next(part).unwrap() {
                    lines.push(&input[line]);
                }
            }
            assert_eq!(lines, [&b"one"[..], b"", b"two"]);
            assert_eq!((scan.line_start(), scan.at()), (12, 16));
        }
    }

    #[test]
    fn refuses_bare_cr_bare_lf_and_nul_as_soon_as_seen() {
        for (input, bad) in [
            (&b"a\rb"[..], BadByte::BareCrOrLf),
            (b"a\r\r\n", BadByte::BareCrOrLf),
            (b"a\n", BadByte::BareCrOrLf),
            (b"a\0", BadByte::Nul),
        ] {
            assert_eq!(LineScan::default().next(input), Err(bad), "{input:?}");
        }
    }
}
