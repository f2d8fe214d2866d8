//! Hellos that are right, wrong, cut and spread, and laws that hold for any bytes.

use proptest::prelude::*;

use super::*;

fn list16(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u16).to_be_bytes()[..], content].concat()
}

fn extension(kind: u16, content: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &list16(content)].concat()
}

fn name(name: &[u8]) -> Vec<u8> {
    extension(0, &list16(&[&[0][..], &list16(name)].concat()))
}

/// A handshake message with these extensions.
fn message(extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.extend([0]);
    body.extend(list16(&[0x13, 0x01]));
    body.extend([1, 0]);
    body.extend(list16(extensions));
    let len = (body.len() as u32).to_be_bytes();
    [&[1][..], &len[1..], &body].concat()
}

/// The same in records of at most `size` bytes.
fn records(message: &[u8], size: usize) -> Vec<u8> {
    message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &list16(part)].concat()).collect()
}

#[test]
fn finds_the_name_and_the_protocols() {
    let alpn = extension(16, &list16(b"\x02h2\x08http/1.1"));
    let bytes =
        records(&message(&[extension(10, &[0, 2, 0, 29]), name(b"Db.Example.com"), alpn].concat()), 16_384);
    let hello = read(&bytes).unwrap().unwrap();
    assert_eq!(hello.server_name.as_deref(), Some("db.example.com"));
    assert_eq!(hello.protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
}

#[test]
fn a_hello_without_a_name_is_one() {
    for extensions in [vec![], extension(10, &[0, 2, 0, 29])] {
        assert_eq!(read(&records(&message(&extensions), 1000)).unwrap().unwrap().server_name, None);
    }
}

#[test]
fn refuses_what_is_not_a_hello() {
    let bad = |extensions: &[u8]| records(&message(extensions), 1000);
    let two_names = list16(&[&[0][..], &list16(b"a"), &[0], &list16(b"b")].concat());
    for (bytes, fault) in [
        (b"GET / HTTP/1.1".to_vec(), HelloFault::NotTls),
        (b"\x16\x02".to_vec(), HelloFault::NotTls),
        (b"\x80\x2e\x01\x03\x01".to_vec(), HelloFault::NotTls),
        (b"\x16\x03\x01\x00\x00".to_vec(), HelloFault::Malformed),
        (b"\x16\x03\x01\x40\x01".to_vec(), HelloFault::Malformed),
        (records(b"\x02\x00\x00\x01\x00", 100), HelloFault::Malformed),
        (records(b"\x01\x00\x40\x00\x00", 100), HelloFault::TooLong),
        (bad(&[name(b"a"), name(b"b")].concat()), HelloFault::Malformed),
        (bad(&extension(0, &two_names)), HelloFault::Malformed),
        (bad(&name(b"")), HelloFault::Malformed),
        (bad(&name(b"a b")), HelloFault::Malformed),
        (bad(&name(b"a\0b")), HelloFault::Malformed),
        (bad(&name(&[b'a'; 254])), HelloFault::Malformed),
        (bad(&extension(0, &[])), HelloFault::Malformed),
        (bad(&[0, 0, 0, 9]), HelloFault::Malformed),
        (bad(&extension(16, &list16(b"\x00"))), HelloFault::Malformed),
        ([records(&message(&[])[..20], 1), vec![22; HELLO_BYTES_MAX]].concat(), HelloFault::NotTls),
    ] {
        assert_eq!(read(&bytes), Err(fault), "{bytes:?}");
    }
}

#[test]
fn gives_up_where_the_bound_is() {
    // A message of 10 KiB in records of one byte each.
    let long = message(&extension(21, &vec![0; 10_000]));
    let bytes = records(&long, 1);
    assert_eq!(read(&bytes[..HELLO_BYTES_MAX - 1]), Ok(None));
    assert_eq!(read(&bytes[..HELLO_BYTES_MAX]), Err(HelloFault::TooLong));
}

proptest! {
    #[test]
    fn records_and_splits_change_nothing(size in 1_usize..300, host in "[a-z0-9-]{1,60}(\\.[a-z]{1,20}){0,5}") {
        let bytes = records(&message(&name(host.as_bytes())), size);
        let hello = read(&bytes).unwrap().unwrap();
        prop_assert_eq!(hello.server_name.as_deref(), Some(&*host));
        for end in 0..bytes.len() {
            prop_assert_eq!(read(&bytes[..end]), Ok(None));
        }
    }

    #[test]
    fn garbage_has_one_verdict_however_it_is_split(
        extensions in prop::collection::vec(any::<u8>(), 0..120),
        flip in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut bytes = records(&message(&[name(b"a.example"), extensions].concat()), 64);
        let at = flip.index(bytes.len());
        bytes[at] = with;
        let verdict = read(&bytes);
        for end in 0..bytes.len() {
            match read(&bytes[..end]) {
                Ok(None) => {}
                early => prop_assert_eq!(&early, &verdict),
            }
        }
    }
}
