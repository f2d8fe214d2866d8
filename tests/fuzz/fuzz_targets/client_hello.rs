//! Fuzzes the first message of TLS: one verdict however the bytes are split into reads, and never beyond what is there.

#![no_main]

#[path = "../../property/first_bytes_laws.rs"]
mod first_bytes_laws;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| first_bytes_laws::holds_for_client_hello(input));
