//! Bytes to heads (RFC 9112 2 to 5).
//!
//! Whole heads without anything odd are taken by `whole` in one pass; this is for all others.
//! Owns the order in which a head is judged: by line as its bytes arrive (`lines`, `start_line`),
//! then field by field with httparse once it is complete. A head gets the same verdict in one read or in a hundred.
//! What the fields mean together is [`super::framing`]'s business.

use super::lines::{BadByte, LineScan};
use super::start_line::{self, RequestLine};
use super::whole;
use crate::http::field::{Fields, Span};
use crate::http::head::{RequestHead, ResponseHead};
use crate::http::refusal::{Breach, Refusal};
use std::mem::MaybeUninit;
use std::ops::Range;

/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Start line, fields and line ends together; an empty line in front counts.
    pub head_bytes: usize,
    /// The request target. Not looked at for responses.
    pub target_bytes: usize,
    /// Field lines, at most [`FIELD_COUNT_MAX`].
    pub field_count: usize,
}

/// Most field lines a head may have whatever the limits say: while parsing, their places are kept on the stack.
pub const FIELD_COUNT_MAX: usize = 500;

/// How far a head has been looked at, so that reading it in n pieces costs no more than reading it in one.
///
/// Belongs to one head at a time. A call that returns a head has reset it; after an error it must be reset.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    lines: LineScan,
    has_begun: bool,
    start_line: Option<Range<usize>>,
    field_count: usize,
}

impl HeadScan {
    /// Ready for the next head.
    pub fn reset(&mut self) {
        *self = HeadScan::default();
    }
}

/// Parses the head of a request from the front of `input`, which begins with the head's first byte on every call.
///
/// Returns how many bytes the head takes, or `None` if it is not complete: call again with more. Until then `head`
/// holds nothing of use. What is already known to be wrong is refused without waiting for the rest.
pub fn request(
    scan: &mut HeadScan,
    input: &[u8],
    limits: &HeadLimits,
    head: &mut RequestHead,
) -> Result<Option<usize>, Refusal> {
    let window = scan.window(input, limits);
    if scan.is_fresh() {
        if let Some(end) = whole::request(window, limits, head) {
            return Ok(Some(end));
        }
        head.fields.clear();
    }
    if !scan.has_begun && !begin_request(scan, window)? {
        return scan.more(window, limits).map_err(Fault::into_refusal);
    }
    if scan.start_line.is_none() {
        let (so_far, verdict) = scan.read_start_line(window);
        start_line::request_so_far(so_far, limits.target_bytes)?;
        if verdict.map_err(Fault::into_refusal)? {
            start_line::check_request(so_far)?;
        }
    }
    match scan.read_fields(window, limits).map_err(Fault::into_refusal)? {
        Some(end) => {
            let line = scan.start_line.clone().unwrap_or_default();
            let done = fill_request(head, &input[line.start..end], line.len());
            scan.reset();
            done.map(|()| Some(end))
        }
        None => scan.more(window, limits).map_err(Fault::into_refusal),
    }
}

/// Parses the head of a response, as [`request`] does.
pub fn response(
    scan: &mut HeadScan,
    input: &[u8],
    limits: &HeadLimits,
    head: &mut ResponseHead,
) -> Result<Option<usize>, Breach> {
    let window = scan.window(input, limits);
    if scan.is_fresh() {
        if let Some(end) = whole::response(window, limits, head) {
            return Ok(Some(end));
        }
        head.fields.clear();
    }
    if scan.start_line.is_none() {
        let (so_far, verdict) = scan.read_start_line(window);
        start_line::status_so_far(so_far)?;
        if verdict.map_err(Fault::into_breach)? {
            start_line::status_line(so_far)?;
        }
    }
    match scan.read_fields(window, limits).map_err(Fault::into_breach)? {
        Some(end) => {
            let line = scan.start_line.clone().unwrap_or_default();
            let done = fill_response(head, &input[line.start..end], line.len());
            scan.reset();
            done.map(|()| Some(end))
        }
        None => scan.more(window, limits).map_err(Fault::into_breach),
    }
}

impl HeadScan {
    /// True before the first byte has been looked at.
    #[inline]
    fn is_fresh(&self) -> bool {
        self.lines.at() == 0
    }

    /// What may be looked at: nothing beyond the limit, so that what lies there cannot change the verdict.
    #[inline]
    fn window<'a>(&self, input: &'a [u8], limits: &HeadLimits) -> &'a [u8] {
        &input[..input.len().min(limits.head_bytes)]
    }

    /// The start line as far as it is there, and whether that is all of it.
    #[inline]
    fn read_start_line<'a>(&mut self, window: &'a [u8]) -> (&'a [u8], Result<bool, Fault>) {
        let start = self.lines.line_start();
        match self.lines.next(window) {
            Ok(Some(line)) => {
                self.start_line = Some(line.clone());
                (&window[line], Ok(true))
            }
            Ok(None) => (&window[start..self.lines.at()], Ok(false)),
            Err(bad) => (&window[start..self.lines.at()], Err(bad.into())),
        }
    }

    /// Reads field lines up to the empty one and returns where the head ends.
    #[inline]
    fn read_fields(&mut self, window: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Fault> {
        if self.start_line.is_none() {
            return Ok(None);
        }
        loop {
            // RFC 9112 2.2: white space before the first field is how requests are smuggled past a filter;
            // RFC 9112 5.2: later it is an obsolete fold, which a server may refuse. Neither waits for its line.
            if let Some(b' ' | b'\t') = window.get(self.lines.line_start()) {
                return Err(if self.field_count == 0 { Fault::BadField } else { Fault::ObsoleteFold });
            }
            match self.lines.next(window)? {
                None => return Ok(None),
                Some(line) if line.is_empty() => return Ok(Some(self.lines.line_start())),
                Some(_) => self.field_count += 1,
            }
            if self.field_count > limits.field_count.min(FIELD_COUNT_MAX) {
                return Err(Fault::TooManyFields);
            }
        }
    }

    /// More is needed, if more is allowed.
    #[inline]
    fn more(&self, window: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Fault> {
        if window.len() >= limits.head_bytes { Err(Fault::HeadTooLarge) } else { Ok(None) }
    }
}

/// Looks at the first bytes: one empty line is skipped (RFC 9112 2.2), what cannot begin a request is refused.
/// Whether the request line has begun.
fn begin_request(scan: &mut HeadScan, window: &[u8]) -> Result<bool, Refusal> {
    let start = match window {
        [] | b"\r" | b"\r\n" => return Ok(false),
        [b'\r', b'\n', ..] => 2,
        [b'\r', ..] => return Err(Refusal::BareCrOrLf),
        _ => 0,
    };
    start_line::request_first_byte(window[start])?;
    scan.lines = LineScan::starting_at(start);
    scan.has_begun = true;
    Ok(true)
}

fn fill_request(head: &mut RequestHead, text: &[u8], line_len: usize) -> Result<(), Refusal> {
    // RFC 9112 3: the line has been checked when it was complete.
    let line = RequestLine::split(&text[..line_len]).ok_or(Refusal::BadRequestLine)?;
    let mut slots = [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX];
    let mut parsed = httparse::Request::new(&mut []);
    match parsed.parse_with_uninit_headers(text, &mut slots) {
        Ok(httparse::Status::Complete(len)) if len == text.len() => {}
        _ => return Err(Refusal::BadField),
    }
    head.set_line(line.method, line.target);
    head.version = start_line::version(line.version);
    copy_fields(&mut head.fields, &text[line_len..], parsed.headers);
    Ok(())
}

fn fill_response(head: &mut ResponseHead, text: &[u8], line_len: usize) -> Result<(), Breach> {
    let line = start_line::status_line(&text[..line_len])?;
    let mut slots = [const { MaybeUninit::uninit() }; FIELD_COUNT_MAX];
    let mut parsed = httparse::Response::new(&mut []);
    let config = httparse::ParserConfig::default();
    match config.parse_response_with_uninit_headers(&mut parsed, text, &mut slots) {
        Ok(httparse::Status::Complete(len)) if len == text.len() => {}
        _ => return Err(Breach::BadField),
    }
    head.set_line(line.status, line.reason);
    head.version = line.version;
    copy_fields(&mut head.fields, &text[line_len..], parsed.headers);
    Ok(())
}

/// Copies the section once and keeps where in it httparse found names and values.
fn copy_fields(fields: &mut Fields, section: &[u8], found: &[httparse::Header<'_>]) {
    let place = |part: &[u8]| {
        let start = (part.as_ptr() as usize).wrapping_sub(section.as_ptr() as usize);
        if part.is_empty() { Span::default() } else { Span::new(start, start + part.len()) }
    };
    fields.begin(section);
    for field in found {
        fields.push_span(place(field.name.as_bytes()), place(field.value));
    }
}

/// What can be wrong with a head whoever sent it.
enum Fault {
    BareCrOrLf,
    NulByte,
    BadField,
    ObsoleteFold,
    TooManyFields,
    HeadTooLarge,
}

impl From<BadByte> for Fault {
    fn from(bad: BadByte) -> Fault {
        match bad {
            BadByte::BareCrOrLf => Fault::BareCrOrLf,
            BadByte::Nul => Fault::NulByte,
        }
    }
}

impl Fault {
    fn into_refusal(self) -> Refusal {
        match self {
            Fault::BareCrOrLf => Refusal::BareCrOrLf,
            Fault::NulByte => Refusal::NulByte,
            Fault::BadField => Refusal::BadField,
            Fault::ObsoleteFold => Refusal::ObsoleteFold,
            Fault::TooManyFields => Refusal::TooManyFields,
            Fault::HeadTooLarge => Refusal::HeadTooLarge,
        }
    }

    fn into_breach(self) -> Breach {
        match self {
            Fault::BareCrOrLf => Breach::BareCrOrLf,
            Fault::NulByte => Breach::NulByte,
            Fault::BadField => Breach::BadField,
            Fault::ObsoleteFold => Breach::ObsoleteFold,
            Fault::TooManyFields => Breach::TooManyFields,
            Fault::HeadTooLarge => Breach::HeadTooLarge,
        }
    }
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
