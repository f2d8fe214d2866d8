//! Names of keys: 128 bits that tell nobody whose they are.

/// A key of a limit, hashed. The same on all workers, and on all hosts that share a secret.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub u128);

impl Key {
    /// Which of `workers` owns it.
    #[inline]
    pub fn owner(self, workers: usize) -> usize {
        let high = (self.0 >> 64) as u64;
        ((u128::from(high) * workers as u128) >> 64) as usize
    }

    /// As bytes.
    pub fn bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// From bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}
