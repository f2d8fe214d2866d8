//! Waiting for another thread's wake: readability of an eventfd, on either driver.
//!
//! Owns a descriptor of its own for it. One poll operation is in flight while nothing happens, which costs nothing;
//! the event loop's own way across threads would cost every wait of the loop.

use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream as StdStream;

use monoio::net::UnixStream;

/// Waits for an eventfd.
pub struct Wake(UnixStream);

impl Wake {
    /// Waits for this eventfd. Whoever is woken reads it.
    pub fn new(event: BorrowedFd<'_>) -> io::Result<Self> {
        // monoio waits for sockets only; of this one nothing but its readability is ever asked.
        let disguised = StdStream::from(event.try_clone_to_owned()?);
        Ok(Self(UnixStream::from_std(disguised)?))
    }

    /// Waits until the eventfd has been written to.
    pub async fn woken(&self) -> io::Result<()> {
        self.0.readable(false).await
    }
}
