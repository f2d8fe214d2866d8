//! Bounded commands to one worker.
//!
//! Owns the queue and an eventfd. Looking for commands is one load; the lock is taken only when there are some.
//! A sender wakes the worker when the queue was empty; the wake may come after the worker has taken the command, so
//! whoever is woken drains, whatever [`Mailbox::is_waiting`] says. The worker waits for **readability** of
//! [`Mailbox::raw_fd`] (the descriptor is non-blocking, a plain read would only say EAGAIN) and then drains.
//! It never blocks a sender: a full mailbox gives the command back, and so does one that its worker has closed,
//! so that nothing can be left behind in it.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A bounded queue to one worker. A clone is a handle to the same queue.
#[derive(Debug)]
pub struct Mailbox<T: Send>(Arc<Inner<T>>);

#[derive(Debug)]
struct Inner<T> {
    waiting: AtomicBool,
    queue: Mutex<Queue<T>>,
    capacity: usize,
    event: OwnedFd,
}

#[derive(Debug)]
struct Queue<T> {
    commands: VecDeque<T>,
    is_closed: bool,
}

impl<T: Send> Mailbox<T> {
    /// An empty mailbox for at most `capacity` commands.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(capacity: usize) -> io::Result<Self> {
        Ok(Self(Arc::new(Inner {
            waiting: AtomicBool::new(false),
            queue: Mutex::new(Queue { commands: VecDeque::new(), is_closed: false }),
            capacity,
            event: event_fd()?,
        })))
    }

    /// Queues `command` and wakes the worker.
    ///
    /// # Errors
    /// Gives the command back when the mailbox is full or closed.
    pub fn send(&self, command: T) -> Result<(), T> {
        self.offer(command, self.0.capacity)
    }

    /// The same for what is less urgent: not if `most` commands wait already, so that there is room for others.
    ///
    /// # Errors
    /// Gives the command back.
    pub fn offer(&self, command: T, most: usize) -> Result<(), T> {
        let mut queue = self.lock();
        if queue.is_closed || queue.commands.len() >= most.min(self.0.capacity) {
            return Err(command);
        }
        queue.commands.push_back(command);
        // Written under the lock: whoever drains afterwards sees flag and command together.
        let must_wake = !self.0.waiting.swap(true, Ordering::Release);
        drop(queue);
        if must_wake {
            self.wake();
        }
        Ok(())
    }

    /// Whether commands are waiting: one load, no lock.
    #[inline]
    pub fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Takes everything that is waiting, oldest first, and silences the eventfd. For the worker alone.
    pub fn drain(&self) -> VecDeque<T> {
        self.silence();
        let mut queue = self.lock();
        self.0.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut queue.commands)
    }

    /// Takes what is waiting, and lets nothing in any more. For the worker alone, when it is about to end.
    pub fn close(&self) -> VecDeque<T> {
        self.lock().is_closed = true;
        self.drain()
    }

    /// The eventfd, readable while commands wait. Valid as long as this mailbox.
    pub fn event(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }

    /// The same as a bare number.
    pub fn raw_fd(&self) -> RawFd {
        self.0.event.as_raw_fd()
    }

    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: the descriptor is open as long as `self`, and the buffer holds the eight bytes an eventfd takes.
        // Its only failure is EAGAIN at 2^64 - 2 unread wakes, when it is readable anyway.
        let _ = unsafe { libc::write(self.raw_fd(), one.as_ptr().cast(), one.len()) };
    }

    fn silence(&self) {
        let mut count = [0u8; 8];
        // SAFETY: the descriptor is open as long as `self`, and the buffer has room for the eight bytes an eventfd
        // gives. EAGAIN means that it was silent already.
        let _ = unsafe { libc::read(self.raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}

impl<T: Send> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: takes no pointers; the result is checked before it is used as a descriptor.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given us this descriptor and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_readable(mailbox: &Mailbox<u32>) -> bool {
        let mut poll = libc::pollfd { fd: mailbox.raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one valid pollfd, and a timeout of zero.
        unsafe { libc::poll(&mut poll, 1, 0) == 1 }
    }

    #[test]
    fn what_is_less_urgent_leaves_room() {
        let mailbox = Mailbox::new(4).unwrap();
        assert_eq!((mailbox.offer(1, 2), mailbox.offer(2, 2), mailbox.offer(3, 2)), (Ok(()), Ok(()), Err(3)));
        assert_eq!((mailbox.send(4), mailbox.send(5), mailbox.send(6)), (Ok(()), Ok(()), Err(6)));
        assert_eq!(mailbox.drain(), [1, 2, 4, 5]);
        assert_eq!(mailbox.offer(7, 2), Ok(()));
    }

    #[test]
    fn commands_arrive_in_order_and_wake_once_drained_silence() {
        let mailbox = Mailbox::new(8).unwrap();
        assert!(!mailbox.is_waiting() && !is_readable(&mailbox));
        mailbox.send(1).unwrap();
        mailbox.send(2).unwrap();
        assert!(mailbox.is_waiting() && is_readable(&mailbox));
        assert_eq!(mailbox.drain(), [1, 2]);
        assert!(!mailbox.is_waiting() && !is_readable(&mailbox));
        mailbox.send(3).unwrap();
        assert!(is_readable(&mailbox), "an emptied mailbox wakes again");
    }

    #[test]
    fn a_wake_that_comes_late_is_silenced_by_draining_once_more() {
        let mailbox = Mailbox::new(8).unwrap();
        mailbox.send(1).unwrap();
        assert_eq!(mailbox.drain(), [1]);
        // A sender that was held up between the queue and the eventfd.
        mailbox.wake();
        assert!(!mailbox.is_waiting() && is_readable(&mailbox));
        assert!(mailbox.drain().is_empty() && !is_readable(&mailbox));
    }

    #[test]
    fn a_full_mailbox_gives_the_command_back() {
        let mailbox = Mailbox::new(1).unwrap();
        mailbox.send(1).unwrap();
        assert_eq!(mailbox.send(2), Err(2));
        assert_eq!(mailbox.drain(), [1]);
        assert_eq!(mailbox.send(3), Ok(()));
    }

    #[test]
    fn a_closed_mailbox_holds_nothing_and_gives_everything_back() {
        let mailbox = Mailbox::new(8).unwrap();
        mailbox.send(1).unwrap();
        assert_eq!(mailbox.close(), [1]);
        assert_eq!(mailbox.send(2), Err(2));
        assert!(!mailbox.is_waiting() && !is_readable(&mailbox));
    }

    #[test]
    fn no_command_is_lost_between_two_threads() {
        let mailbox = Mailbox::new(4).unwrap();
        let sender = mailbox.clone();
        let control = std::thread::spawn(move || {
            for command in 0..2000u32 {
                let mut command = command;
                while let Err(back) = sender.send(command) {
                    command = back;
                    std::thread::yield_now();
                }
            }
        });
        let mut expected = 0;
        while expected < 2000 {
            let mut poll = libc::pollfd { fd: mailbox.raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one valid pollfd. A lost wake shows as a timeout.
            assert_eq!(unsafe { libc::poll(&mut poll, 1, 5000) }, 1, "woken within five seconds");
            for command in mailbox.drain() {
                assert_eq!(command, expected);
                expected += 1;
            }
        }
        control.join().unwrap();
    }
}
