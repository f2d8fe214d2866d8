//! A body of any size that is made and checked without being held.
//!
//! A block of prime length repeats, so that a lost, doubled or moved piece of any usual buffer size is seen. Every
//! byte is compared, which is stronger than a checksum and faster in a debug build.

/// The block, and how to read and check from any offset.
pub struct Pattern {
    block: Vec<u8>,
}

/// A prime near 256 KiB: no multiple of a page, a buffer or a TLS record.
const BLOCK_BYTES: usize = 262_139;

impl Pattern {
    /// The pattern of this seed; two seeds differ nearly everywhere.
    pub fn new(seed: u64) -> Self {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut block = Vec::with_capacity(BLOCK_BYTES + 8);
        while block.len() < BLOCK_BYTES {
            // xorshift64: only has to look random.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            block.extend_from_slice(&state.to_le_bytes());
        }
        block.truncate(BLOCK_BYTES);
        Self { block }
    }

    /// The longest piece that begins at `offset` and ends before `end`.
    pub fn piece(&self, offset: u64, end: u64) -> &[u8] {
        let start = (offset % BLOCK_BYTES as u64) as usize;
        let length = (BLOCK_BYTES - start).min((end - offset) as usize);
        &self.block[start..start + length]
    }

    /// The first `size` bytes in one piece, for bodies that are small enough.
    pub fn bytes(&self, size: u64) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(size as usize);
        while (bytes.len() as u64) < size {
            bytes.extend_from_slice(self.piece(bytes.len() as u64, size));
        }
        bytes
    }

    /// Asserts that `data` is what the pattern holds at `offset`.
    #[track_caller]
    pub fn assert_holds(&self, offset: u64, data: &[u8]) {
        let mut checked = 0;
        while checked < data.len() {
            let piece = self.piece(offset + checked as u64, offset + data.len() as u64);
            let same = piece == &data[checked..checked + piece.len()];
            assert!(
                same,
                "the body differs between {} and {}",
                offset + checked as u64,
                offset + data.len() as u64
            );
            checked += piece.len();
        }
    }
}

#[test]
fn a_pattern_is_the_same_from_every_offset() {
    let pattern = Pattern::new(7);
    let whole = pattern.bytes(600_000);
    for offset in [0_u64, 1, 262_138, 262_139, 300_000] {
        pattern.assert_holds(offset, &whole[offset as usize..]);
    }
    assert_ne!(whole[..1000], Pattern::new(8).bytes(1000)[..]);
}
