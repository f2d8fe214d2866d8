//! The access log's writer, for the life of the process: begun when a configuration first wants a log, and led elsewhere
//! when one wants it elsewhere.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::config::AccessLogConfig;
use super::log_writer::{LogMetrics, LogTarget, LogWriter};
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, LineReader};

/// The writer. A clone is a handle to the same.
#[derive(Debug, Clone)]
pub struct LogDesk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// Ends of the workers' rings, until somebody reads them.
    readers: Option<Vec<LineReader>>,
    writer: Option<LogWriter>,
    to: String,
    metrics: Frozen<LogMetrics>,
}

impl LogDesk {
    /// A log that is not written yet.
    pub fn new(readers: Vec<LineReader>) -> Self {
        let metrics = Frozen::new(LogMetrics::default());
        Self(Arc::new(Mutex::new(State { readers: Some(readers), writer: None, to: String::new(), metrics })))
    }

    /// Begins.
    ///
    /// # Errors
    /// When what it is to be written to cannot be opened.
    pub fn begin(&self, config: Option<&AccessLogConfig>) -> io::Result<()> {
        let mut state = self.lock();
        let Some(log) = config.filter(|log| log.to != state.to) else { return Ok(()) };
        let target = LogTarget::parse(&log.to);
        match (&state.writer, state.readers.is_some()) {
            (Some(writer), _) => writer.retarget(target)?,
            (None, true) => {
                // Opened here first, so that the readers are not lost to a target that cannot be.
                let readers = state.readers.take().unwrap_or_default();
                state.writer = Some(LogWriter::start(target, readers, state.metrics.clone())?);
            }
            (None, false) => return Ok(()),
        }
        state.to.clone_from(&log.to);
        Ok(())
    }

    /// Goes where a new configuration wants it. What cannot be opened is said, and the log stays where it was.
    pub fn follow(&self, config: Option<&AccessLogConfig>) {
        if let (Err(error), Some(log)) = (self.begin(config), config) {
            say_at(
                Level::Error,
                format_args!("access log: cannot open `{}`: {error}; it is written where it was", log.to),
            );
        }
    }

    /// Opens the file anew, for rotation.
    pub fn reopen(&self) {
        if let Some(writer) = &self.lock().writer {
            writer.request_reopen();
        }
    }

    /// What the writer counts.
    pub fn metrics(&self) -> Frozen<LogMetrics> {
        self.lock().metrics.clone()
    }

    /// Writes what is left, and ends.
    pub fn stop(&self, bound: Duration) {
        let writer = self.lock().writer.take();
        if let Some(writer) = writer {
            writer.stop(bound);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
