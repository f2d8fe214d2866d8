//! Endpoints that are found: by a real DNS server whose zone changes, and in files that are replaced.

mod dns;
mod files;
mod generations;
mod operator;
mod zone;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::harness::{FaultOrigin, Gateway, Setup, Wire};

/// Origins on 127.0.0.2, 127.0.0.3 and so on, all on one port, as records of addresses have them. Each answers with the
/// last byte of its address.
fn fleet(count: u8) -> (Vec<FaultOrigin>, u16) {
    let addresses = |port| (2..count + 2).map(move |last| SocketAddr::from(([127, 0, 0, last], port)));
    let port = (0..50)
        .map(|_| crate::harness::free_address().port())
        .find(|port| addresses(*port).all(|address| TcpListener::bind(address).is_ok()))
        .expect("a port that is free on all of them");
    let origin = |address: SocketAddr| {
        let last = address.ip().to_string().rsplit('.').next().unwrap_or_default().to_owned();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{last}", last.len());
        FaultOrigin::start_at(address, move |dialogue| {
            while dialogue.request().is_some() {
                dialogue.send(&answer);
            }
        })
    };
    (addresses(port).map(origin).collect(), port)
}

/// A cluster whose endpoints are found so. Tests are on the loopback, where no name should lead.
fn discovering(form: &str) -> Setup {
    Setup::default().cluster(&format!("discover: {form}")).cluster("allow_addresses: [127.0.0.0/8]")
}

/// Clients that ask without a pause, on connections that are kept and on new ones.
struct Traffic {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<(usize, Vec<String>)>>,
}

impl Traffic {
    fn start(gateway: &Gateway) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ask = |number: usize| {
            let (is_over, address) = (Arc::clone(&is_over), gateway.public());
            std::thread::spawn(move || {
                let (mut count, mut failed) = (0, Vec::new());
                let mut wire = Wire::connect(address);
                while !is_over.load(Ordering::SeqCst) {
                    if number % 2 == 1 {
                        wire = Wire::connect(address);
                    }
                    let answer = wire.get("/");
                    count += 1;
                    if answer.status != 200 {
                        failed.push(format!("{} {}", answer.status, answer.text()));
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
                (count, failed)
            })
        };
        let threads = (0..4).map(ask).collect();
        Self { is_over, threads }
    }

    /// Ends it; none has failed. How many there were.
    #[track_caller]
    fn loses_nothing(self) -> usize {
        self.is_over.store(true, Ordering::SeqCst);
        let ended = self.threads.into_iter().map(|thread| thread.join().expect("a client does not panic"));
        let (counts, failed): (Vec<usize>, Vec<Vec<String>>) = ended.unzip();
        assert!(failed.concat().is_empty(), "{:?}", failed.concat());
        counts.iter().sum()
    }
}

/// Which origins answer 30 requests, by the last byte of their addresses.
#[track_caller]
fn used(gateway: &Gateway) -> Vec<u8> {
    let mut wire = gateway.wire();
    let mut answers: Vec<u8> =
        (0..30).map(|_| wire.get("/").has_status(200).text().parse().expect("a number")).collect();
    answers.sort_unstable();
    answers.dedup();
    answers
}

/// Waits until these origins answer, and no others.
#[track_caller]
fn uses(gateway: &Gateway, expected: &[u8]) {
    let deadline = Instant::now() + crate::harness::PATIENCE;
    loop {
        let now = used(gateway);
        if now == expected {
            return;
        }
        let said = || gateway.stderr();
        assert!(Instant::now() < deadline, "{now:?} are used, not {expected:?}:\n{}", said());
        std::thread::sleep(Duration::from_millis(20));
    }
}
