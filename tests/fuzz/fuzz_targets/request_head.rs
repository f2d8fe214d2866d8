//! Fuzzes heads of requests, their framing, targets and Host against the reference of the property tests.
//!
//! The first byte says how many bytes come in one read; the rest is what the peer sends.

#![no_main]

#[path = "../../property/codec_laws.rs"]
mod codec_laws;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let [read, input @ ..] = input {
        codec_laws::holds_for_request(input, usize::from(*read % 64) + 1);
    }
});
