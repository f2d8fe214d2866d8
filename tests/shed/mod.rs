//! What happens where there is not room for all: limits of clusters, waiting, shedding, and what is told of it.

mod limits;
mod overload;
mod told;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::harness::FaultOrigin;

/// A service that works on so many requests at once, each for so long; others wait inside it.
struct Service {
    origin: FaultOrigin,
    /// Most requests that it has had at once, worked on or not.
    had_most: Arc<AtomicUsize>,
}

impl Service {
    fn start(at_once: usize, work: Duration) -> Self {
        let (has, had_most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
        let told = had_most.clone();
        let (free, freed) = (Mutex::new(at_once), Condvar::new());
        let origin = FaultOrigin::start(move |dialogue| {
            while dialogue.request().is_some() {
                told.fetch_max(has.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                let mut guard = freed.wait_while(free.lock().unwrap(), |free| *free == 0).unwrap();
                *guard -= 1;
                drop(guard);
                std::thread::sleep(work);
                *free.lock().unwrap() += 1;
                freed.notify_one();
                has.fetch_sub(1, Ordering::SeqCst);
                if !dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") {
                    return;
                }
            }
        });
        Self { origin, had_most }
    }

    fn had_most(&self) -> usize {
        self.had_most.load(Ordering::SeqCst)
    }
}
