//! The laws of first bytes for made-up input near the real thing. The fuzz targets go further.

use proptest::prelude::*;

use super::first_bytes_laws::{holds_for_client_hello, holds_for_proxy_header};

/// Real beginnings, of which some bytes are changed and more follow.
fn mangled(beginning: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    (changes, prop::collection::vec(any::<u8>(), 0..300)).prop_map(move |(changes, more)| {
        let mut bytes = beginning.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.extend(more);
        bytes
    })
}

const V1: &[u8] = b"PROXY TCP6 2001:db8::1 2001:db8::2 443 65535\r\nGET";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x12\xc0\x00\x02\x01\xc0\x00\x02\x02\x00\x50\x01\xbb\x04\x00\x03abc";
const HELLO: &[u8] =
    b"\x16\x03\x01\x00\x41\x01\x00\x00\x3d\x03\x030123456789abcdef0123456789abcdef\x00\x00\x02\x13\x01\
    \x01\x00\x00\x12\x00\x00\x00\x0e\x00\x0c\x00\x00\x09a.example";

#[test]
fn the_beginnings_are_right() {
    assert!(matches!(ringgate::net::proxy_header::read(V1), Ok(Some(_))));
    assert!(matches!(ringgate::net::proxy_header::read(V2), Ok(Some(_))));
    let hello = ringgate::net::client_hello::read(HELLO).unwrap().unwrap();
    assert_eq!(hello.server_name.as_deref(), Some("a.example"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn proxy_headers_of_version_1(input in mangled(V1)) {
        holds_for_proxy_header(&input);
    }

    #[test]
    fn proxy_headers_of_version_2(input in mangled(V2)) {
        holds_for_proxy_header(&input);
    }

    #[test]
    fn hellos(input in mangled(HELLO)) {
        holds_for_client_hello(&input);
    }
}
