//! Headers as the specification has them, every way to be wrong, and laws that hold for any bytes.

use proptest::prelude::*;

use super::crc32c::crc32c;
use super::*;

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";

fn proxied(source: &str, destination: &str) -> Option<Proxied> {
    Some(Proxied { source: source.parse().unwrap(), destination: destination.parse().unwrap() })
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = v2::SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    header
}

const BLOCK4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 1, 0xDC, 0x04, 0x01, 0xBB];

/// The usual header with a checksum behind it.
fn with_checksum() -> Vec<u8> {
    let mut header = v2(0x21, 0x11, &[&BLOCK4[..], &[0x04, 0, 1, 9, 0x03, 0, 4, 0, 0, 0, 0]].concat());
    let sum = crc32c(&[&header]);
    let at = header.len() - 4;
    header[at..].copy_from_slice(&sum.to_be_bytes());
    header
}

#[test]
fn reads_what_the_specification_shows() {
    let known = proxied("192.0.2.1:56324", "198.51.100.1:443");
    let v6 = proxied("[2001:db8::1]:1", "[2001:db8::2]:65535");
    let mut block6 = [0_u8; 36];
    block6[..4].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
    block6[15] = 1;
    block6[16..20].copy_from_slice(&[0x20, 0x01, 0x0D, 0xB8]);
    block6[31] = 2;
    block6[32..].copy_from_slice(&[0, 1, 0xFF, 0xFF]);
    for (bytes, expected) in [
        (V1.to_vec(), known),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n".to_vec(), v6),
        (b"PROXY UNKNOWN\r\n".to_vec(), None),
        (b"PROXY UNKNOWN ffff::1 what ever 1\r\n".to_vec(), None),
        (v2(0x21, 0x11, &BLOCK4), known),
        (v2(0x21, 0x21, &block6), v6),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &BLOCK4), None),
        (v2(0x20, 0x00, &[1, 2]), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x12, &BLOCK4), None),
        (v2(0x21, 0x31, &[7; 216]), None),
        (v2(0x21, 0x11, &[&BLOCK4[..], &[0x02, 0, 3, b'a', b'b', b'c']].concat()), known),
        (with_checksum(), known),
    ] {
        let len = bytes.len();
        let behind = [&bytes[..], b"GET / HTTP/1.1"].concat();
        let (header, used) = read(&behind).unwrap().unwrap();
        assert_eq!((header.proxied, used), (expected, len), "{bytes:?}");
    }
}

#[test]
fn refuses_what_breaks_the_protocol() {
    let mut wrong_sum = with_checksum();
    wrong_sum[20] ^= 1;
    for (bytes, fault) in [
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), HeaderFault::Missing),
        (b"PROXX".to_vec(), HeaderFault::Missing),
        (b"\r\n\r\nG".to_vec(), HeaderFault::Missing),
        (b"\x16\x03\x01".to_vec(), HeaderFault::Missing),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 65536\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 +1 443\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 01 443\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1  198.51.100.1 1 443\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1 198.51.100.1 1 443 \r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 ::1 ::1 1 443\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP6 192.0.2.1 198.51.100.1 1 2\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY TCP4 192.0.2.1\r\n".to_vec(), HeaderFault::Malformed),
        (b"PROXY UDP4 192.0.2.1 192.0.2.1 1 2\r\n".to_vec(), HeaderFault::Malformed),
        ([b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 107]].concat(), HeaderFault::TooLong),
        (v2(0x11, 0x11, &BLOCK4), HeaderFault::Malformed),
        (v2(0x22, 0x11, &BLOCK4), HeaderFault::Malformed),
        (v2(0x21, 0x41, &BLOCK4), HeaderFault::Malformed),
        (v2(0x21, 0x13, &BLOCK4), HeaderFault::Malformed),
        (v2(0x21, 0x11, &BLOCK4[..11]), HeaderFault::Malformed),
        (v2(0x21, 0x21, &BLOCK4), HeaderFault::Malformed),
        (v2(0x21, 0x11, &[&BLOCK4[..], &[4, 0]].concat()), HeaderFault::Malformed),
        (v2(0x21, 0x11, &[&BLOCK4[..], &[4, 0, 2, 1]].concat()), HeaderFault::Malformed),
        (v2(0x21, 0x11, &[&BLOCK4[..], &[3, 0, 1, 1]].concat()), HeaderFault::Malformed),
        (v2(0x21, 0x11, &vec![0; HEADER_BYTES_MAX]), HeaderFault::TooLong),
        (wrong_sum, HeaderFault::Checksum),
    ] {
        assert_eq!(read(&bytes), Err(fault), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn a_longest_line_is_still_read() {
    let line = [b"PROXY UNKNOWN ".to_vec(), vec![b'x'; 107 - 16], b"\r\n".to_vec()].concat();
    assert_eq!(read(&line).unwrap().unwrap().1, 107);
}

fn any_header() -> impl Strategy<Value = Vec<u8>> {
    let tail = prop::collection::vec(any::<u8>(), 0..40);
    prop_oneof![
        Just(V1.to_vec()),
        Just(with_checksum()),
        (0x1F_u8..0x23, any::<u8>(), tail.clone())
            .prop_map(|(command, family, rest)| v2(command, family, &rest)),
        tail.clone().prop_map(|rest| [b"PROXY TCP4 ".to_vec(), rest].concat()),
        tail,
    ]
}

proptest! {
    #[test]
    fn every_split_gives_the_same_verdict(bytes in any_header(), behind in prop::collection::vec(any::<u8>(), 0..20)) {
        let whole = [bytes, behind].concat();
        let verdict = read(&whole);
        for end in 0..whole.len() {
            match read(&whole[..end]) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    prop_assert!(found.1 <= end);
                    prop_assert_eq!(verdict, Ok(Some(found)));
                }
                Err(fault) => prop_assert_eq!(verdict, Err(fault)),
            }
        }
    }

    #[test]
    fn what_is_written_is_read_again(source in any::<std::net::SocketAddrV6>(), port in any::<u16>(), v4 in any::<[u8; 4]>(), is_v1 in any::<bool>(), mixed in any::<bool>()) {
        let version = if is_v1 { HeaderVersion::V1 } else { HeaderVersion::V2 };
        let small = SocketAddr::from((v4, port));
        let given = Proxied { source: if mixed { SocketAddr::new((*source.ip()).into(), source.port()) } else { small }, destination: small };
        let bytes = encode(version, &given);
        prop_assert!(bytes.len() <= ENCODED_BYTES_MAX);
        let (header, used) = read(&bytes).unwrap().unwrap();
        let read = header.proxied.unwrap();
        prop_assert_eq!((header.version, used), (version, bytes.len()));
        let plain = |addr: SocketAddr| (addr.ip().to_canonical(), addr.port());
        prop_assert_eq!((plain(read.source), plain(read.destination)), (plain(given.source), plain(given.destination)));
    }
}
