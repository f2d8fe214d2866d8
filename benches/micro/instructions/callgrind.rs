//! A gateway in a process of its own under callgrind, and orders to callgrind.
//!
//! It must be another process than the one that plays: valgrind lets one thread run at a time, and does not know that
//! a thread which waits for its ring leaves the others alone. For the same reason the gateway's main thread may need
//! many seconds to say that it is ready, and nobody waits for that: its worker serves all the same.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::stage::traffic::origin;

/// How long valgrind may take to translate a program's start.
const START_BOUND: Duration = Duration::from_secs(30);

/// A gateway whose instructions are counted. Ends with its value.
pub struct Counted {
    process: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Counted {
    /// Starts this program again as the gateway of a row. Dumps go to `dir`.
    pub fn start(row: &str, endpoint: SocketAddr, dir: &Path) -> anyhow::Result<Self> {
        // A port that was free a moment ago.
        let address = origin().1;
        let process = Command::new("valgrind")
            .args(["--tool=callgrind", "--separate-threads=yes", "--quiet", "--vgdb-poll=100"])
            .arg(format!("--vgdb-prefix={}/vgdb", dir.display()))
            .arg(format!("--callgrind-out-file={}/out", dir.display()))
            .arg(std::env::current_exe()?)
            .args(["--rows", row, "--listen", &address.to_string(), "--before", &endpoint.to_string()])
            .spawn()
            .context("running valgrind; is it installed?")?;
        let mut counted = Self { process, address };
        let by = Instant::now() + START_BOUND;
        while !is_served(address) {
            let ended = counted.process.try_wait()?;
            ensure!(ended.is_none() && Instant::now() < by, "the gateway did not start under valgrind");
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(counted)
    }

    /// Forgets what has been counted.
    pub fn zero(&self, dir: &Path) -> anyhow::Result<()> {
        self.order("zero", dir)
    }

    /// Writes a file for each thread.
    pub fn dump(&self, dir: &Path) -> anyhow::Result<()> {
        self.order("dump", dir)
    }

    fn order(&self, order: &str, dir: &Path) -> anyhow::Result<()> {
        let output = Command::new("vgdb")
            .arg(format!("--vgdb-prefix={}/vgdb", dir.display()))
            .args([&format!("--pid={}", self.process.id()), order])
            .stdin(Stdio::null())
            .output()
            .context("running vgdb, which comes with valgrind")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "callgrind did not {order}: {said}");
        Ok(())
    }
}

/// Asks for an answer: a connection alone may be one of the socket to itself, or one that nobody will serve.
fn is_served(address: SocketAddr) -> bool {
    let mut answer = [0; 5];
    let ask = |mut socket: TcpStream| -> io::Result<()> {
        socket.set_read_timeout(Some(START_BOUND))?;
        socket.write_all(b"not HTTP\r\n\r\n")?;
        socket.read_exact(&mut answer)
    };
    TcpStream::connect(address).and_then(ask).is_ok() && &answer == b"HTTP/"
}

impl Drop for Counted {
    fn drop(&mut self) {
        // What is wanted has been dumped; at its own end it would write everything once more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
