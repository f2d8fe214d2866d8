//! Lines of the audit log and the chain they make: written here, verified here.
//!
//! A line is JSON; its last member is the SHA-256 of the line without that member, and `previous` is that of the line
//! before. A segment's first line binds everything in front of it instead: the SHA-256 of all bytes before. Reads any
//! text and writes no file.

use std::collections::VecDeque;
use std::io::{self, BufRead};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Entry;

/// Action of the line that begins a segment.
pub const SEGMENT: &str = "segment_begun";

/// What the first line of a log follows.
const NOTHING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Longest line that is read: a body of a request fits in, a disk image does not.
const LINE_BYTES_MAX: usize = 256 * 1024;

/// Breaks that are told one by one.
const BREAKS_MAX: usize = 20;

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Number of the last line; 0 before the first.
    pub seq: u64,
    /// What the next line has to name as `previous`.
    pub previous: String,
}

impl Default for Head {
    fn default() -> Self {
        Self { seq: 0, previous: NOTHING.to_owned() }
    }
}

/// A place where a log is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Break {
    /// Number of the line in the file, from 1.
    pub line: u64,
    /// What is wrong there.
    pub reason: String,
}

/// What is found in a log.
#[derive(Debug, Default)]
pub struct Verified {
    /// Its end.
    pub head: Head,
    /// Lines that are as they were written.
    pub good: u64,
    /// Times that a segment was begun behind something broken.
    pub segments: u64,
    /// Where it is broken, the first few.
    pub breaks: Vec<Break>,
    /// The last lines.
    pub tail: VecDeque<Value>,
    /// Whether the last line is broken.
    pub is_broken_at_end: bool,
    /// Whether what is broken has been followed by a segment.
    pub has_segment_after_breaks: bool,
    /// Whether the file ends where a line does.
    pub ends_in_line: bool,
    digest: Sha256,
}

impl Verified {
    /// What a segment that begins now binds: everything so far, and the line end that is yet to be written.
    pub fn anchor(&self, adds_line_end: bool) -> String {
        let mut digest = self.digest.clone();
        if adds_line_end {
            digest.update(b"\n");
        }
        hex(&digest.finalize())
    }

    fn breaks_at(&mut self, line: u64, reason: impl Into<String>) {
        self.is_broken_at_end = true;
        self.has_segment_after_breaks = false;
        if self.breaks.len() < BREAKS_MAX {
            self.breaks.push(Break { line, reason: reason.into() });
        }
    }
}

/// Text of a line, its end included, and the chain's end behind it.
pub fn line(seq: u64, time: &[u8], entry: &Entry, previous: &str) -> (String, Head) {
    let body = json!({
        "seq": seq,
        "time": String::from_utf8_lossy(time),
        "author": entry.author,
        "role": entry.role,
        "address": entry.address,
        "action": entry.action,
        "parameters": entry.parameters,
        "outcome": entry.outcome,
        "previous": previous,
    })
    .to_string();
    let hash = hex(&Sha256::digest(body.as_bytes()));
    let open = body.strip_suffix('}').unwrap_or(&body);
    (format!("{open},\"hash\":\"{hash}\"}}\n"), Head { seq, previous: hash })
}

/// Reads a log to its end. `tail_max` lines of it are kept.
///
/// # Errors
/// When reading fails; what is read may be anything.
pub fn verify(mut from: impl BufRead, tail_max: usize) -> io::Result<Verified> {
    let mut found = Verified { ends_in_line: true, ..Verified::default() };
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        if io::Read::take(&mut from, LINE_BYTES_MAX as u64).read_until(b'\n', &mut bytes)? == 0 {
            break;
        }
        found.ends_in_line = bytes.ends_with(b"\n");
        let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
        look(&mut found, number, text, tail_max);
        found.digest.update(&bytes);
    }
    Ok(found)
}

/// Looks at one line; whatever it is, the next is compared with what it says of itself.
fn look(found: &mut Verified, number: u64, text: &[u8], tail_max: usize) {
    let Some((value, hash)) = parsed(text) else {
        return found.breaks_at(number, "not a line of this log, or not all of it");
    };
    let seq = value["seq"].as_u64().unwrap_or(0);
    let previous = value["previous"].as_str().unwrap_or_default().to_owned();
    let is_segment = value["action"] == SEGMENT && previous == found.anchor(false);
    if hash != computed(text) {
        found.breaks_at(number, "its hash is not that of its text: it was altered");
    } else if is_segment {
        found.segments += 1;
        found.is_broken_at_end = false;
        found.has_segment_after_breaks = true;
        found.good += 1;
    } else if previous != found.head.previous {
        found.breaks_at(number, "it does not follow the line before: one was altered, added or taken out");
    } else if seq != found.head.seq + 1 {
        found.breaks_at(number, format!("number {seq} follows {}", found.head.seq));
    } else {
        found.good += 1;
        found.is_broken_at_end = false;
    }
    found.head = Head { seq, previous: hash };
    if found.tail.len() == tail_max {
        found.tail.pop_front();
    }
    if tail_max > 0 {
        found.tail.push_back(value);
    }
}

/// A line, and the hash it claims.
fn parsed(text: &[u8]) -> Option<(Value, String)> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let hash = value["hash"].as_str()?.to_owned();
    value["seq"].as_u64()?;
    Some((value, hash))
}

/// The hash of a line without its last member.
fn computed(text: &[u8]) -> String {
    /// `,"hash":"` and 64 digits and `"}`.
    const MEMBER_LEN: usize = 9 + 64 + 2;
    let mut body = text[..text.len().saturating_sub(MEMBER_LEN)].to_vec();
    body.push(b'}');
    hex(&Sha256::digest(&body))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}
