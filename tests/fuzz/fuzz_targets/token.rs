//! Fuzzes tokens, their parts, key sets and PEM: what is read of a token is what was signed.

#![no_main]

#[path = "../../property/token_laws.rs"]
mod token_laws;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| token_laws::holds(input));
