//! Buffers that the kernel reads into and writes from, leased from a per-worker pool.
//!
//! A buffer belongs to whoever holds it, and while an operation is in flight that is the kernel: it comes
//! back to the pool only when the last holder drops it. The pool is bounded; what is over goes back to
//! the allocator. Never shared between threads.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use monoio::buf::{IoBuf, IoBufMut};

/// Room in front of what is read from either side, for the head that goes on to be written before the body where it
/// lies. A head that needs more is written by itself.
pub const HEADROOM: usize = 1024;
/// What a standard buffer holds besides the body: a head as it came, the one that goes on, and chunk sizes.
const HEADS: usize = 8 * 1024;

/// The two sizes that are leased. Measured: a 16 KiB answer costs a third less with a 64 KiB buffer than with
/// a 16 KiB one, a 1 MiB answer a third less with 256 KiB than with 64 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 64 KiB and room for heads: heads, small bodies, everything at first.
    Standard,
    /// 256 KiB: bodies whose length is known to be large.
    Large,
}

impl Size {
    /// Capacity in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Standard => Self::STANDARD_BODY + HEADS,
            Self::Large => 256 * 1024,
        }
    }

    /// The size that suits a body of which `left` bytes are to come.
    pub fn for_body(left: u64) -> Self {
        if left > Self::STANDARD_BODY as u64 { Self::Large } else { Self::Standard }
    }

    const STANDARD_BODY: usize = 64 * 1024;
}

/// Bytes at the front of a growable but never growing allocation: `[consumed | filled | spare]`.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    home: Option<(Rc<Pool>, Size)>,
}

impl Buffer {
    /// A buffer of its own, outside any pool.
    pub fn detached(capacity: usize) -> Self {
        Self { bytes: Vec::with_capacity(capacity), start: 0, home: None }
    }

    /// The bytes that are there and not consumed.
    pub fn filled(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// The same, to change in place.
    pub fn filled_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..]
    }

    /// Number of bytes that are there.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// True if nothing is there.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes it can hold in all.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Bytes that can still be added behind.
    pub fn spare(&self) -> usize {
        self.bytes.capacity() - self.bytes.len()
    }

    /// Drops `count` bytes from the front. Saturates.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.bytes.len());
    }

    /// Takes back the last `count` bytes that were consumed, as long as nothing has moved since.
    pub fn rewind(&mut self, count: usize) {
        self.start = self.start.saturating_sub(count);
    }

    /// Keeps the first `count` of the bytes that are there.
    pub fn truncate(&mut self, count: usize) {
        self.bytes.truncate(self.start + count);
    }

    /// Drops everything and leaves `headroom` bytes free in front of what comes.
    pub fn reset(&mut self, headroom: usize) {
        let headroom = headroom.min(self.bytes.capacity());
        // What stands there from before is nobody's: it is overwritten before it can be read.
        if self.bytes.len() < headroom {
            self.bytes.resize(headroom, 0);
        }
        self.bytes.truncate(headroom);
        self.start = headroom;
    }

    /// Moves what is there to the front when less than `wanted` bytes are spare behind it.
    pub fn make_room(&mut self, wanted: usize) {
        if self.spare() < wanted && self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Adds behind. False, and nothing is added, if it does not fit.
    #[must_use]
    pub fn append(&mut self, more: &[u8]) -> bool {
        if more.len() > self.spare() {
            return false;
        }
        self.bytes.extend_from_slice(more);
        true
    }

    /// Puts `head` directly before what is there. False, and nothing changes, if the room in front is short.
    #[must_use]
    pub fn prepend(&mut self, head: &[u8]) -> bool {
        let Some(start) = self.start.checked_sub(head.len()) else { return false };
        self.bytes[start..self.start].copy_from_slice(head);
        self.start = start;
        true
    }

    /// For encoders that append to a vector. Keep within `spare()`: more makes the buffer grow.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some((pool, size)) = self.home.take() {
            pool.take_back(std::mem::take(&mut self.bytes), size);
        }
    }
}

/// A buffer lent to a read: new bytes go behind those that are there.
pub struct Spare(pub Buffer);

// SAFETY: the pointer is that of a heap allocation which a move of the value does not change, and the range
// [write_ptr, write_ptr + bytes_total) is the vector's spare capacity.
unsafe impl IoBufMut for Spare {
    fn write_ptr(&mut self) -> *mut u8 {
        self.0.bytes.spare_capacity_mut().as_mut_ptr().cast()
    }

    fn bytes_total(&mut self) -> usize {
        self.0.spare()
    }

    unsafe fn set_init(&mut self, count: usize) {
        let len = self.0.bytes.len() + count;
        debug_assert!(len <= self.0.bytes.capacity());
        // SAFETY: the caller states that `count` bytes behind the length have been written.
        unsafe { self.0.bytes.set_len(len) };
    }
}

/// A buffer lent to a write: only the first `limit` of the bytes that are there are written.
pub struct Window {
    /// The buffer; what has been written is consumed by the writer.
    pub buffer: Buffer,
    /// Bytes still to write.
    pub limit: usize,
}

// SAFETY: the pointer is into a heap allocation which a move of the value does not change, and
// [read_ptr, read_ptr + bytes_init) lies within the initialised bytes.
unsafe impl IoBuf for Window {
    fn read_ptr(&self) -> *const u8 {
        self.buffer.filled().as_ptr()
    }

    fn bytes_init(&self) -> usize {
        self.limit.min(self.buffer.len())
    }
}

/// The free buffers of one worker.
#[derive(Debug)]
pub struct Pool {
    standard: RefCell<Vec<Vec<u8>>>,
    large: RefCell<Vec<Vec<u8>>>,
    free_bytes: Cell<usize>,
    free_bytes_max: usize,
    leased: Cell<usize>,
}

impl Pool {
    /// A pool that keeps at most `free_bytes_max` bytes in free buffers.
    pub fn new(free_bytes_max: usize) -> Rc<Self> {
        Rc::new(Self {
            standard: RefCell::default(),
            large: RefCell::default(),
            free_bytes: Cell::new(0),
            free_bytes_max,
            leased: Cell::new(0),
        })
    }

    /// An empty buffer of at least `size`.
    pub fn lease(self: &Rc<Self>, size: Size) -> Buffer {
        self.lease_behind(size, 0)
    }

    /// The same, with `headroom` bytes free in front of what comes.
    pub fn lease_behind(self: &Rc<Self>, size: Size, headroom: usize) -> Buffer {
        let reused = self.shelf(size).borrow_mut().pop();
        let bytes = match reused {
            Some(bytes) => {
                self.free_bytes.set(self.free_bytes.get() - size.bytes());
                bytes
            }
            None => Vec::with_capacity(size.bytes()),
        };
        self.leased.set(self.leased.get() + 1);
        let mut buffer = Buffer { bytes, start: 0, home: Some((self.clone(), size)) };
        buffer.reset(headroom);
        buffer
    }

    /// Buffers that are out.
    pub fn leased(&self) -> usize {
        self.leased.get()
    }

    /// Bytes in free buffers.
    pub fn free_bytes(&self) -> usize {
        self.free_bytes.get()
    }

    fn shelf(&self, size: Size) -> &RefCell<Vec<Vec<u8>>> {
        match size {
            Size::Standard => &self.standard,
            Size::Large => &self.large,
        }
    }

    fn take_back(&self, bytes: Vec<u8>, size: Size) {
        self.leased.set(self.leased.get() - 1);
        // An encoder may have made it grow; such a one is not kept, so that sizes stay what they say.
        let fits = self.free_bytes.get() + size.bytes() <= self.free_bytes_max;
        if fits && bytes.capacity() == size.bytes() {
            self.free_bytes.set(self.free_bytes.get() + size.bytes());
            self.shelf(size).borrow_mut().push(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_to_its_pool_and_is_leased_again() {
        let pool = Pool::new(1 << 20);
        let mut buffer = pool.lease(Size::Standard);
        assert!(buffer.append(b"abc"));
        assert_eq!(pool.leased(), 1);
        drop(buffer);
        assert_eq!((pool.leased(), pool.free_bytes()), (0, Size::Standard.bytes()));
        assert!(pool.lease(Size::Standard).is_empty());
    }

    #[test]
    fn keeps_no_more_free_bytes_than_it_may() {
        let pool = Pool::new(Size::Standard.bytes());
        let both = (pool.lease(Size::Standard), pool.lease(Size::Standard));
        drop(both);
        assert_eq!(pool.free_bytes(), Size::Standard.bytes());
    }

    #[test]
    fn prepends_into_the_headroom_only() {
        let mut buffer = Buffer::detached(64);
        buffer.reset(4);
        assert!(buffer.append(b"body"));
        assert!(buffer.prepend(b"head"));
        assert_eq!(buffer.filled(), b"headbody");
        assert!(!buffer.prepend(b"x"));
    }

    #[test]
    fn makes_room_by_moving_to_the_front() {
        let mut buffer = Buffer::detached(8);
        assert!(buffer.append(b"abcdefgh"));
        buffer.consume(6);
        buffer.make_room(4);
        assert_eq!((buffer.filled(), buffer.spare() >= 4), (&b"gh"[..], true));
    }
}
