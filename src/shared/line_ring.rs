//! Log lines on their way from one worker to the log writer.
//!
//! Owns a ring of bytes with one producer and one consumer. A line goes in whole or not at all, and comes out
//! whole, so lines of several workers can share a file. It never waits: when the writer cannot keep up, lines
//! are lost and counted, because a slow disk must not stop a worker.

use rtrb::{Consumer, Producer, RingBuffer};

use super::counter::Counter;
use super::frozen::Frozen;

/// Bytes between a worker and the log writer unless told otherwise: some 2,000 lines of 500 bytes, which is 40,000
/// lines a second at the writer's 50 ms.
pub const LINE_RING_BYTES: usize = 1 << 20;

/// A ring of `capacity` bytes.
pub fn line_ring(capacity: usize) -> (LineWriter, LineReader) {
    let (producer, consumer) = RingBuffer::new(capacity.max(1));
    let lost = Frozen::new(Counter::default());
    (LineWriter { producer, lost: lost.clone() }, LineReader { consumer, lost })
}

/// The worker's end.
#[derive(Debug)]
pub struct LineWriter {
    producer: Producer<u8>,
    lost: Frozen<Counter>,
}

impl LineWriter {
    /// Puts `line`, which ends with its only newline, into the ring. `false` when there was no room: the line is
    /// lost and counted.
    #[inline]
    pub fn push(&mut self, line: &[u8]) -> bool {
        debug_assert_eq!(memchr::memchr(b'\n', line), line.len().checked_sub(1), "one line");
        let pushed = self.producer.push_entire_slice(line).is_ok();
        if !pushed {
            self.lost.add(1);
        }
        pushed
    }

    /// Lines lost so far.
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }
}

/// The log writer's end.
#[derive(Debug)]
pub struct LineReader {
    consumer: Consumer<u8>,
    lost: Frozen<Counter>,
}

impl LineReader {
    /// Appends whole lines to `out`, at most `max` bytes unless the first line alone is longer; returns how many
    /// bytes.
    pub fn read_into(&mut self, out: &mut Vec<u8>, max: usize) -> usize {
        let available = self.consumer.slots();
        let wanted = self.whole_lines(available.min(max)).or_else(|| self.whole_lines(available));
        let Some(length) = wanted.filter(|length| *length > 0) else { return 0 };
        let Ok(chunk) = self.consumer.read_chunk(length) else { return 0 };
        let (head, tail) = chunk.as_slices();
        out.extend_from_slice(head);
        out.extend_from_slice(tail);
        chunk.commit_all();
        length
    }

    /// Bytes that wait.
    pub fn waiting_bytes(&self) -> usize {
        self.consumer.slots()
    }

    /// Whether the worker has dropped its end; what waits can still be read.
    pub fn is_abandoned(&self) -> bool {
        self.consumer.is_abandoned()
    }

    /// Lines the worker has lost so far because the ring was full.
    pub fn lost(&self) -> u64 {
        self.lost.get()
    }

    /// Length of the whole lines within the first `limit` bytes. The bytes stay in the ring.
    fn whole_lines(&mut self, limit: usize) -> Option<usize> {
        let chunk = self.consumer.read_chunk(limit).ok()?;
        let (head, tail) = chunk.as_slices();
        match memchr::memrchr(b'\n', tail) {
            Some(at) => Some(head.len() + at + 1),
            None => memchr::memrchr(b'\n', head).map(|at| at + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_goes_in_whole_or_not_at_all() {
        let (mut writer, mut reader) = line_ring(8);
        assert!(writer.push(b"abcd\n"));
        assert!(!writer.push(b"efg\n"));
        assert!(writer.push(b"hi\n"));
        assert_eq!((writer.lost(), reader.lost()), (1, 1));
        let mut out = Vec::new();
        assert_eq!(reader.read_into(&mut out, 100), 8);
        assert_eq!(out, b"abcd\nhi\n");
        assert_eq!(reader.waiting_bytes(), 0);
    }

    #[test]
    fn reading_stops_between_lines_but_takes_one_long_line() {
        let (mut writer, mut reader) = line_ring(64);
        writer.push(b"first line\n");
        writer.push(b"second\n");
        let mut out = Vec::new();
        assert_eq!(reader.read_into(&mut out, 14), 11);
        assert_eq!(out, b"first line\n");
        out.clear();
        assert_eq!(reader.read_into(&mut out, 3), 7);
        assert_eq!(out, b"second\n");
        assert_eq!(reader.read_into(&mut out, 3), 0);
    }

    #[test]
    fn lines_survive_a_writer_that_is_gone() {
        let (mut writer, mut reader) = line_ring(64);
        writer.push(b"last\n");
        drop(writer);
        assert!(reader.is_abandoned());
        let mut out = Vec::new();
        assert_eq!(reader.read_into(&mut out, 64), 5);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_went_in(lines in prop::collection::vec("[a-z]{0,12}", 0..60), max in 1usize..40) {
            let (mut writer, mut reader) = line_ring(32);
            let (mut expected, mut out) = (Vec::new(), Vec::new());
            for (index, line) in lines.iter().enumerate() {
                let line = format!("{line}\n");
                if writer.push(line.as_bytes()) {
                    expected.extend_from_slice(line.as_bytes());
                }
                if index % 3 == 0 {
                    reader.read_into(&mut out, max);
                    prop_assert!(out.is_empty() || out.ends_with(b"\n"));
                }
            }
            while reader.read_into(&mut out, max) > 0 {}
            prop_assert_eq!(out, expected);
        }
    }
}
