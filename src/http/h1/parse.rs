//! Bytes to heads (RFC 9112 2 to 5).
use crate::http::head::{RequestHead, ResponseHead};
use crate::http::refusal::{Breach, Refusal};
/// Limits of a head.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Start line, fields and line ends together.
    pub head_bytes: usize,
    /// The request target. Not looked at for responses.
    pub target_bytes: usize,
    /// Field lines, at most [`FIELD_COUNT_MAX`].
    pub field_count: usize,
}
/// Most field lines a head may have whatever the limits say: their places are kept on the stack.
pub const FIELD_COUNT_MAX: usize = 500;
/// How far a head has been looked at.
#[derive(Clone, Debug, Default)]
pub struct HeadScan {
    at: usize,
}
impl HeadScan {
    /// Ready for the next head.
    pub fn reset(&mut self) {
        *self = HeadScan::default();
    }
}
/// Parses the head of a request.
pub fn request(
    scan: &mut HeadScan,
    _input: &[u8],
    _limits: &HeadLimits,
    _head: &mut RequestHead,
) -> Result<Option<usize>, Refusal> {
    scan.at += 1;
    Ok(None)
}
/// Parses the head of a response.
pub fn response(
    scan: &mut HeadScan,
    _input: &[u8],
    _limits: &HeadLimits,
    _head: &mut ResponseHead,
) -> Result<Option<usize>, Breach> {
    scan.at += 1;
    Ok(None)
}
