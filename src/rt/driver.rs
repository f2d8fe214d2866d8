//! The event loop: which ring options this kernel admits, and running a worker on them.
//!
//! Probes once at start, on a thread of its own, because a ring with a single issuer belongs to the thread
//! that made it. Falls back from io_uring to epoll when the kernel, a seccomp profile or
//! `kernel.io_uring_disabled` says no, and tells why.

use std::future::Future;
use std::io;

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder};

/// Entries of a worker's submission queue. 4,000 active connections ran on it without loss.
const ENTRIES: u32 = 1024;

/// How a worker waits for the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driver {
    /// io_uring with these ring options.
    IoUring(RingOptions),
    /// epoll.
    Epoll,
}

/// Ring options, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingOptions {
    /// Single issuer, completions delivered when the worker asks (Linux 6.1).
    DeferTaskrun,
    /// Completions delivered without interrupting the worker (Linux 5.19).
    CoopTaskrun,
    /// Nothing special.
    Plain,
}

impl Driver {
    /// As it stands in the log: `io_uring (single issuer, deferred task running)`.
    pub fn describe(self) -> &'static str {
        match self {
            Self::IoUring(RingOptions::DeferTaskrun) => "io_uring (single issuer, deferred task running)",
            Self::IoUring(RingOptions::CoopTaskrun) => "io_uring (cooperative task running)",
            Self::IoUring(RingOptions::Plain) => "io_uring (no ring options)",
            Self::Epoll => "epoll",
        }
    }
}

impl RingOptions {
    /// All of them, best first.
    const ALL: [Self; 3] = [Self::DeferTaskrun, Self::CoopTaskrun, Self::Plain];

    fn builder(self) -> io_uring::Builder {
        let mut builder = io_uring::IoUring::builder();
        match self {
            Self::DeferTaskrun => builder.setup_single_issuer().setup_defer_taskrun(),
            Self::CoopTaskrun => builder.setup_coop_taskrun(),
            Self::Plain => &mut builder,
        };
        builder
    }
}

/// The best ring options this kernel admits, or why there is no ring.
pub fn probe() -> io::Result<RingOptions> {
    let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
    for options in RingOptions::ALL {
        match options.builder().build(8) {
            Ok(ring) => {
                supports_what_we_use(&ring)?;
                return Ok(options);
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// What this kernel says to each set of ring options, best first. Sets up a ring for each and takes it down.
pub fn probe_each() -> [(RingOptions, io::Result<()>); 3] {
    RingOptions::ALL
        .map(|options| (options, options.builder().build(8).and_then(|ring| supports_what_we_use(&ring))))
}

fn supports_what_we_use(ring: &io_uring::IoUring) -> io::Result<()> {
    use io_uring::opcode::{Accept, AsyncCancel, Close, Connect, PollAdd, Recv, Send};
    let mut probe = io_uring::Probe::new();
    ring.submitter().register_probe(&mut probe)?;
    let codes =
        [Accept::CODE, AsyncCancel::CODE, Close::CODE, Connect::CODE, PollAdd::CODE, Recv::CODE, Send::CODE];
    if codes.iter().all(|&code| probe.is_supported(code)) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::Unsupported, "the ring lacks socket operations"))
}

/// Why io_uring was refused, in the words of an operator.
pub fn explain_refusal(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => {
            "refused by kernel.io_uring_disabled or a seccomp profile (Docker and containerd block it by default)"
                .to_owned()
        }
        Some(libc::ENOSYS) => "this kernel has no io_uring, or a seccomp profile hides it".to_owned(),
        Some(libc::ENOMEM) => "not enough locked memory for a ring; raise LimitMEMLOCK".to_owned(),
        _ => error.to_string(),
    }
}

/// Runs `work` to its end on an event loop of the calling thread.
///
/// The runtime is leaked afterwards: operations may still be in flight, and dropping a ring under them is
/// unsafe ground. A worker ends only when the process is about to.
pub fn run<F: Future>(driver: Driver, work: F) -> io::Result<F::Output> {
    match driver {
        Driver::IoUring(options) => {
            let mut runtime = RuntimeBuilder::<IoUringDriver>::new()
                .uring_builder(options.builder())
                .with_entries(ENTRIES)
                .enable_timer()
                .build()?;
            let output = runtime.block_on(work);
            std::mem::forget(runtime);
            Ok(output)
        }
        Driver::Epoll => {
            let mut runtime =
                RuntimeBuilder::<LegacyDriver>::new().with_entries(ENTRIES).enable_timer().build()?;
            let output = runtime.block_on(work);
            std::mem::forget(runtime);
            Ok(output)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_a_future_on_epoll_and_on_whatever_ring_there_is() {
        assert_eq!(run(Driver::Epoll, async { 7 }).expect("epoll is always there"), 7);
        if let Ok(options) = probe() {
            assert_eq!(run(Driver::IoUring(options), async { 7 }).expect("the probe admitted it"), 7);
        }
    }

    #[test]
    fn tells_who_blocks_the_ring() {
        let refusal = explain_refusal(&io::Error::from_raw_os_error(libc::EPERM));
        assert!(refusal.contains("seccomp"), "{refusal}");
    }
}
