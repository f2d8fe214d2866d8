//! Tests of [`super::Frames`].

use super::*;
use proptest::prelude::*;

/// A frame as a peer writes it.
fn frame(first: u8, payload: &[u8], key: Option<[u8; 4]>) -> Vec<u8> {
    let mask = if key.is_some() { 0x80 } else { 0 };
    let mut frame = vec![first];
    match payload.len() {
        short @ 0..126 => frame.push(mask | short as u8),
        medium @ 126..65536 => {
            frame.push(mask | 126);
            frame.extend_from_slice(&(medium as u16).to_be_bytes());
        }
        long => {
            frame.push(mask | 127);
            frame.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    let key_or_zero = key.unwrap_or_default();
    frame.extend(key.iter().flatten());
    frame.extend(payload.iter().zip(key_or_zero.iter().cycle()).map(|(byte, key)| byte ^ key));
    frame
}

#[test]
fn a_boundary_is_where_a_frame_ends_and_nowhere_else() {
    for len in [0, 1, 125, 126, 127, 65535, 65536, 70_000] {
        for key in [None, Some([1, 2, 3, 4])] {
            let bytes = frame(0x82, &vec![b'x'; len], key);
            let mut frames = Frames::default();
            for (at, byte) in bytes.iter().enumerate() {
                assert_eq!(frames.is_at_boundary(), at == 0, "{len} at {at}");
                frames.pass(&[*byte]).unwrap();
            }
            assert!(frames.is_at_boundary(), "{len}");
            assert_eq!(frames.close(), None);
        }
    }
}

#[test]
fn reads_the_code_of_a_close_frame_masked_or_not_and_in_pieces() {
    for key in [None, Some([0xaa, 0x55, 7, 9])] {
        let bytes = frame(0x88, b"\x03\xe9going", key);
        for cut in 0..bytes.len() {
            let mut frames = Frames::default();
            frames.pass(&bytes[..cut]).unwrap();
            assert_eq!(frames.close(), None);
            frames.pass(&bytes[cut..]).unwrap();
            assert_eq!(frames.close(), Some(Close { code: Some(1001) }));
        }
    }
    let mut frames = Frames::default();
    frames.pass(&frame(0x88, b"", None)).unwrap();
    assert_eq!(frames.close(), Some(Close { code: None }));
}

#[test]
fn what_follows_a_close_frame_is_not_looked_at() {
    let mut frames = Frames::default();
    let bytes = [frame(0x88, b"\x03\xe8", None), vec![0xff; 100]].concat();
    frames.pass(&bytes).unwrap();
    assert!(frames.is_at_boundary());
}

#[test]
fn a_length_of_64_bits_is_refused() {
    let bytes = [0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Frames::default().pass(&bytes), Err(BadLength));
    let bytes = [0x82, 127, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(Frames::default().pass(&bytes), Ok(()));
}

#[test]
fn a_close_frame_of_ours_reads_as_one() {
    for key in [None, Some([9, 8, 7, 6])] {
        let mut bytes = Vec::new();
        write_close(1001, "shutting down", key, &mut bytes);
        assert_eq!(bytes, frame(0x88, b"\x03\xe9shutting down", key));
        let mut frames = Frames::default();
        frames.pass(&bytes).unwrap();
        assert_eq!(frames.close(), Some(Close { code: Some(1001) }));
    }
}

proptest! {
    #[test]
    fn finishing_stops_at_the_end_of_the_frame_that_has_begun(
        first in 0usize..200_000, second in 0usize..300, cut in 1usize..200_000, masked: bool,
    ) {
        let key = masked.then_some([1, 2, 3, 4]);
        let one = frame(0x02, &vec![7; first], key);
        let both = [one.clone(), frame(0x80, &vec![8; second], key)].concat();
        let cut = cut.min(one.len());
        let mut frames = Frames::default();
        frames.pass(&both[..cut]).unwrap();
        prop_assert_eq!(frames.finish(&both[cut..]).unwrap(), one.len() - cut);
        prop_assert!(frames.is_at_boundary());
    }

    #[test]
    fn pieces_do_not_matter(
        lens in prop::collection::vec(0usize..70_000, 1..6), piece in 1usize..5_000, masked: bool,
    ) {
        let key = masked.then_some([5, 6, 7, 8]);
        let bytes: Vec<u8> = lens.iter().flat_map(|len| frame(0x81, &vec![1; *len], key)).collect();
        let mut frames = Frames::default();
        for piece in bytes.chunks(piece) {
            frames.pass(piece).unwrap();
        }
        prop_assert!(frames.is_at_boundary());
    }
}
