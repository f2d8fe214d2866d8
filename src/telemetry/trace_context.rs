//! W3C Trace Context: the `traceparent` field, 55 bytes on the stack.
//!
//! Parses strictly, starts a trace or continues one under a new parent id. It never samples by itself and leaves
//! `tracestate` alone: that goes upstream as it came, or not at all when `traceparent` was refused
//! (<https://www.w3.org/TR/trace-context/> 3.2, 3.3).

use super::xorshift::Xorshift;

/// A valid `traceparent` of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext([u8; TraceContext::LEN]);

const TRACE_ID: std::ops::Range<usize> = 3..35;
const PARENT_ID: std::ops::Range<usize> = 36..52;
const FLAGS: std::ops::Range<usize> = 53..55;

/// Sampled, and (level 2) random trace id. Bits nobody has defined are not passed on (3.2.2.5).
const KNOWN_FLAGS: u8 = 0b11;

impl TraceContext {
    /// Bytes of a `traceparent` of version 00.
    pub const LEN: usize = 55;

    /// Reads a `traceparent`. `None` when it must be ignored: then start a new trace and drop `tracestate`.
    pub fn parse(field: &[u8]) -> Option<Self> {
        let (known, rest) = field.split_first_chunk::<{ Self::LEN }>()?;
        let version = hex_byte(known[0], known[1])?;
        // Version ff is forbidden; 00 ends here; a later one may go on after a dash (3.2.4).
        let may_end_so = rest.is_empty() || (version > 0 && rest[0] == b'-');
        let dashes = known[2] == b'-' && known[35] == b'-' && known[52] == b'-';
        if version == 0xff || !may_end_so || !dashes {
            return None;
        }
        if !is_id(&known[TRACE_ID]) || !is_id(&known[PARENT_ID]) {
            return None;
        }
        let flags = hex_byte(known[53], known[54])?;
        let mut context = Self(*known);
        context.0[..2].copy_from_slice(b"00");
        write_hex(u64::from(flags & KNOWN_FLAGS), &mut context.0[FLAGS]);
        Some(context)
    }

    /// The field's value.
    #[inline]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// The trace id, 32 hexadecimal digits.
    #[inline]
    pub fn trace_id(&self) -> &[u8] {
        &self.0[TRACE_ID]
    }

    /// The parent id, 16 hexadecimal digits.
    #[inline]
    pub fn parent_id(&self) -> &[u8] {
        &self.0[PARENT_ID]
    }

    /// Whether the caller may have recorded the trace.
    #[inline]
    pub fn is_sampled(&self) -> bool {
        self.0[54] & 1 == 1
    }
}

/// Makes the ids of one worker.
#[derive(Debug, Clone)]
pub struct TraceIds(Xorshift);

impl TraceIds {
    /// A source of ids; `seed` must be random.
    pub fn new(seed: u64) -> Self {
        Self(Xorshift::new(seed))
    }

    /// A new trace.
    pub fn start(&self, is_sampled: bool) -> TraceContext {
        let mut context = TraceContext(*b"00-00000000000000000000000000000000-0000000000000000-00");
        write_hex(self.0.next(), &mut context.0[3..19]);
        write_hex(self.0.next(), &mut context.0[19..35]);
        write_hex(self.0.next(), &mut context.0[PARENT_ID]);
        context.0[54] = b'0' + u8::from(is_sampled);
        context
    }

    /// The same trace with us as the parent.
    pub fn continue_from(&self, caller: &TraceContext) -> TraceContext {
        let mut context = *caller;
        write_hex(self.0.next(), &mut context.0[PARENT_ID]);
        context
    }
}

/// Lowercase digits only (3.2.2.3), and not all of them zero.
fn is_id(digits: &[u8]) -> bool {
    digits.iter().all(|digit| hex_digit(*digit).is_some()) && digits.iter().any(|digit| *digit != b'0')
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Fills `out` with the lowest digits of `value`.
fn write_hex(value: u64, out: &mut [u8]) {
    for (position, digit) in out.iter_mut().rev().enumerate() {
        *digit = b"0123456789abcdef"[(value >> (4 * position)) as usize & 15];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn reads_what_the_recommendation_shows() {
        let context = TraceContext::parse(GOOD.as_bytes()).unwrap();
        assert_eq!(context.as_bytes(), GOOD.as_bytes());
        assert_eq!(context.trace_id(), b"4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(context.parent_id(), b"00f067aa0ba902b7");
        assert!(context.is_sampled());
    }

    #[test]
    fn refuses_what_must_be_ignored() {
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        ] {
            assert_eq!(TraceContext::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn reads_a_later_version_and_answers_in_ours() {
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff-what-comes";
        let context = TraceContext::parse(later.as_bytes()).unwrap();
        assert_eq!(context.as_bytes(), b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03");
    }

    #[test]
    fn continuing_keeps_the_trace_and_changes_the_parent() {
        let ids = TraceIds::new(3);
        let caller = TraceContext::parse(GOOD.as_bytes()).unwrap();
        let ours = ids.continue_from(&caller);
        assert_eq!(ours.trace_id(), caller.trace_id());
        assert_ne!(ours.parent_id(), caller.parent_id());
        assert!(ours.is_sampled());
    }

    #[test]
    fn a_started_trace_can_be_read_again() {
        let ids = TraceIds::new(9);
        let (first, second) = (ids.start(true), ids.start(false));
        assert_eq!(TraceContext::parse(first.as_bytes()), Some(first));
        assert_ne!(first.trace_id(), second.trace_id());
        assert!(first.is_sampled() && !second.is_sampled());
    }
}
