//! Laws of tokens, for whatever bytes: what is read of one is what was signed, and there is one way to write it.
//!
//! Used by the property tests and by the fuzzer.

use ringgate::policy::auth::jwt::token::Compact;
use ringgate::policy::auth::jwt::{base64url, json, jwk, pem};

/// Holds for any input, as a token, as base64url, as JSON, as a key set and as PEM.
pub fn holds(input: &[u8]) {
    if let Ok(bytes) = base64url::decode(input) {
        assert_eq!(base64url::encode(&bytes).as_bytes(), input, "one text for one value");
    }
    if let Ok(strict) = json::object(input) {
        let plain: serde_json::Value = serde_json::from_slice(input).expect("what is strict is JSON");
        assert_eq!(plain, serde_json::Value::Object(strict), "and means the same to others");
    }
    if let Ok(token) = Compact::split(input) {
        let whole = [token.message, b".", token.signature.as_bytes()].concat();
        assert_eq!(whole, input, "nothing lies outside of what is signed but the signature");
        let _ = (token.header(), token.claims());
    }
    let _ = jwk::read(input, jwk::Symmetric::Take);
    let _ = pem::read(input);
}
