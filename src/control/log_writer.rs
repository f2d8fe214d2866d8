//! The thread that writes log lines.
//!
//! Owns the readers of all workers' rings and the file. A slow or full disk never stops a worker: what was read
//! is kept until it is written, nothing more is read meanwhile, and the rings overflow and count. An error is
//! told on stderr once a minute at most. It rotates nothing; it follows who does (a request to reopen, or a file
//! that is gone from its path).

mod sink;

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::shared::{Counter, Frozen, LineReader};

pub use sink::LogTarget;
use sink::Sink;

/// How long a line waits at most while all is well.
const TURN: Duration = Duration::from_millis(50);

/// Bytes of lines that are read before they are written; also the size of one write.
const PENDING_BYTES_MAX: usize = 256 * 1024;

/// Writes before orders are looked at again: workers that never pause must not keep the thread from reopening.
const WRITES_PER_TURN: usize = 64;

/// Between two messages about errors.
const COMPLAINT_INTERVAL: Duration = Duration::from_secs(60);

/// What the thread counts; it is the only writer.
#[derive(Debug, Default)]
pub struct LogMetrics {
    /// Lines written to the end.
    pub lines_written: Counter,
    /// Bytes written.
    pub bytes_written: Counter,
    /// Writes and reopenings that failed.
    pub write_errors: Counter,
}

/// The handle of the thread. Dropped without [`LogWriter::stop`], the thread goes on.
#[derive(Debug)]
pub struct LogWriter {
    orders: Arc<Orders>,
    thread: JoinHandle<bool>,
}

/// What others want of the thread.
#[derive(Debug, Default)]
struct Orders {
    reopen: AtomicBool,
    next_sink: Mutex<Option<Sink>>,
    /// When the thread must have ended; set once.
    stop_by: Mutex<Option<Instant>>,
    stopped: Condvar,
}

impl LogWriter {
    /// Opens `target` and starts to write what comes from `readers` (one of each worker).
    ///
    /// # Errors
    /// When the target cannot be opened or the thread not be started.
    pub fn start(
        target: LogTarget,
        readers: Vec<LineReader>,
        metrics: Frozen<LogMetrics>,
    ) -> io::Result<Self> {
        let sink = Sink::open(target)?;
        let orders = Arc::new(Orders::default());
        let writing = Writing {
            readers,
            sink,
            pending: Vec::with_capacity(PENDING_BYTES_MAX),
            written: 0,
            complained: None,
            orders: Arc::clone(&orders),
            metrics: metrics.clone(),
        };
        let thread = std::thread::Builder::new().name("ringgate-log".to_owned()).spawn(|| writing.run())?;
        Ok(Self { orders, thread })
    }

    /// Makes the thread open its file anew, within a turn.
    pub fn request_reopen(&self) {
        self.orders.reopen.store(true, Ordering::Relaxed);
    }

    /// Makes the thread write to another target, within a turn.
    ///
    /// # Errors
    /// When the target cannot be opened; then the thread goes on with the present one.
    pub fn retarget(&self, target: LogTarget) -> io::Result<()> {
        let sink = Sink::open(target)?;
        *self.orders.next_sink.lock().unwrap_or_else(PoisonError::into_inner) = Some(sink);
        Ok(())
    }

    /// Writes what is left and ends the thread, in `bound` at most; call it when the workers have ended. `false`
    /// when lines were left over.
    pub fn stop(self, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        *self.orders.stop_by.lock().unwrap_or_else(PoisonError::into_inner) = Some(deadline);
        self.orders.stopped.notify_one();
        // A write that hangs in the kernel cannot be interrupted: leave the thread behind, the process is ending.
        while !self.thread.is_finished() {
            if Instant::now() > deadline + TURN {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.thread.join().unwrap_or(false)
    }
}

/// The thread's own state.
#[derive(Debug)]
struct Writing {
    readers: Vec<LineReader>,
    sink: Sink,
    /// Whole lines; those before `written` are done, perhaps with a part of the next.
    pending: Vec<u8>,
    written: usize,
    complained: Option<Instant>,
    orders: Arc<Orders>,
    metrics: Frozen<LogMetrics>,
}

impl Writing {
    /// Whether everything was written.
    fn run(mut self) -> bool {
        loop {
            let stop_by = self.wait();
            self.follow_orders();
            let is_empty = self.write_all_waiting(stop_by);
            match stop_by {
                Some(_) if is_empty => return true,
                Some(deadline) if Instant::now() >= deadline => return false,
                _ => {}
            }
        }
    }

    /// Waits for a turn, or less when the thread is to stop.
    fn wait(&self) -> Option<Instant> {
        let stop_by = self.orders.stop_by.lock().unwrap_or_else(PoisonError::into_inner);
        // Once stopping, a disk that fails is tried again in short turns until the deadline.
        let turn = if stop_by.is_some() { TURN / 10 } else { TURN };
        let (stop_by, _) =
            self.orders.stopped.wait_timeout(stop_by, turn).unwrap_or_else(PoisonError::into_inner);
        *stop_by
    }

    fn follow_orders(&mut self) {
        let next = self.orders.next_sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sink) = next {
            self.sink = sink;
            self.rewind_to_line();
        }
        if self.orders.reopen.swap(false, Ordering::Relaxed) || self.sink.is_moved_away() {
            match self.sink.reopen() {
                Ok(()) => self.rewind_to_line(),
                Err(error) => self.complain(&error),
            }
        }
    }

    /// A line that was begun in one file is written whole to the next.
    fn rewind_to_line(&mut self) {
        self.written = memchr::memrchr(b'\n', &self.pending[..self.written]).map_or(0, |at| at + 1);
    }

    /// Reads and writes until the rings are empty. `false` when an error, the deadline or the end of the turn
    /// came first.
    fn write_all_waiting(&mut self, stop_by: Option<Instant>) -> bool {
        for _ in 0..WRITES_PER_TURN {
            if !self.write_pending() || stop_by.is_some_and(|deadline| Instant::now() >= deadline) {
                return false;
            }
            for reader in &mut self.readers {
                let room = PENDING_BYTES_MAX.saturating_sub(self.pending.len());
                if room > 0 {
                    reader.read_into(&mut self.pending, room);
                }
            }
            // The next turn begins with another worker, or a busy one would starve those after it.
            if self.readers.len() > 1 {
                self.readers.rotate_left(1);
            }
            if self.pending.is_empty() {
                return true;
            }
        }
        false
    }

    fn write_pending(&mut self) -> bool {
        while self.written < self.pending.len() {
            match self.sink.write(&self.pending[self.written..]) {
                Ok(0) => return self.failed(&io::Error::from(io::ErrorKind::WriteZero)),
                Ok(length) => self.count(length),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return self.failed(&error),
            }
        }
        self.pending.clear();
        self.written = 0;
        true
    }

    fn count(&mut self, length: usize) {
        let done = &self.pending[self.written..self.written + length];
        self.metrics.lines_written.add(memchr::memchr_iter(b'\n', done).count() as u64);
        self.metrics.bytes_written.add(length as u64);
        self.written += length;
    }

    fn failed(&mut self, error: &io::Error) -> bool {
        self.complain(error);
        false
    }

    fn complain(&mut self, error: &io::Error) {
        self.metrics.write_errors.add(1);
        if self.complained.is_none_or(|last| last.elapsed() >= COMPLAINT_INTERVAL) {
            self.complained = Some(Instant::now());
            let lost: u64 = self.readers.iter().map(LineReader::lost).sum();
            let target = &self.sink.target;
            // Nobody is left to tell when stderr fails too.
            let _ = writeln!(
                io::stderr(),
                "access log: cannot write to {target}: {error}; {lost} lines lost so far"
            );
        }
    }
}

#[cfg(test)]
#[path = "log_writer/tests.rs"]
mod tests;
