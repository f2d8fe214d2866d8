//! Laws of what is read in front of a connection's own first byte, for property tests and fuzzing alike.

use ringgate::net::client_hello::{self, HELLO_BYTES_MAX};
use ringgate::net::proxy_header::{self, HEADER_BYTES_MAX, encode};

/// One verdict however the bytes are split, nothing beyond them, and what was read survives being written.
pub fn holds_for_proxy_header(input: &[u8]) {
    let verdict = proxy_header::read(input);
    if let Ok(Some((header, used))) = verdict {
        assert!(used <= input.len().min(HEADER_BYTES_MAX));
        if let Some(proxied) = header.proxied {
            let written = encode(header.version, &proxied);
            let again = proxy_header::read(&written).expect("what is written is right").expect("and whole");
            let read = again.0.proxied.expect("with addresses");
            assert_eq!(read.source.ip().to_canonical(), proxied.source.ip().to_canonical());
            assert_eq!(read.destination.port(), proxied.destination.port());
        }
    }
    assert!(verdict != Ok(None) || input.len() < HEADER_BYTES_MAX);
    for end in ends(input) {
        match proxy_header::read(&input[..end]) {
            Ok(None) => {}
            early => assert_eq!(early, verdict),
        }
    }
}

/// One verdict however the bytes are split, and a bound to what is waited for.
pub fn holds_for_client_hello(input: &[u8]) {
    let verdict = client_hello::read(input);
    assert!(verdict != Ok(None) || input.len() < HELLO_BYTES_MAX);
    if let Ok(Some(hello)) = &verdict
        && let Some(name) = &hello.server_name
    {
        assert!(!name.is_empty() && name.len() <= 253 && name.is_ascii());
        assert!(!name.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control()));
    }
    for end in ends(input).filter(|end| *end < HELLO_BYTES_MAX) {
        match client_hello::read(&input[..end]) {
            Ok(None) => {}
            early => assert_eq!(early, verdict),
        }
    }
}

/// All of a short input, some of a long one.
fn ends(input: &[u8]) -> impl Iterator<Item = usize> + '_ {
    (0..input.len()).step_by(input.len() / 300 + 1)
}
