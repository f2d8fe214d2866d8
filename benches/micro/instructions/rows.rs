//! What is counted: kinds of exchange, and playing them before a gateway that is counted.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use ringgate::control::config::DriverConfig;
use ringgate::rt::driver;

use crate::callgrind::Counted;
use crate::profile::Profile;
use crate::stage::shape::Shape;
use crate::stage::traffic::{Traffic, origin};
use crate::stage::{Log, Stage, careful_configuration, configuration};

/// On epoll a read is tried before it is waited for, and costs more if it came too early. So it always does.
const EPOLL_PAUSE: Duration = Duration::from_millis(1);

/// One kind of exchange.
pub struct Row {
    /// As it stands in the table and the baseline.
    pub name: &'static str,
    shape: fn(&'static str) -> Shape,
    connections: usize,
    log: Log,
    is_careful: bool,
    driver: DriverConfig,
}

const ROWS: [Row; 9] = [
    Row::new("get-128", |name| Shape::download(name, 128)),
    Row { log: Log::On, ..Row::new("get-128-logged", |name| Shape::download(name, 128)) },
    Row { is_careful: true, ..Row::new("careful-get-128", |name| Shape::download(name, 128)) },
    Row { connections: 16, ..Row::new("get-128-of-16", |name| Shape::download(name, 128)) },
    Row::new("get-16k", |name| Shape::download(name, 16 * 1024)),
    Row::new("post-1k", |name| Shape::upload(name, 1024)),
    Row::new("post-64k", |name| Shape::upload(name, 64 * 1024)),
    Row::new("chunked-16", |name| Shape::chunked(name, 16)),
    Row { driver: DriverConfig::Epoll, ..Row::new("epoll-get-128", |name| Shape::download(name, 128)) },
];

/// Where there is no io_uring, a row that wants it would count something else than its baseline.
pub fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Row>> {
    let has_ring = driver::probe().is_ok();
    let is_chosen = |row: &&Row| {
        let is_named = names.is_empty() || names.iter().any(|name| name == row.name);
        is_named && (has_ring || row.driver == DriverConfig::Epoll)
    };
    let rows: Vec<_> = ROWS.iter().filter(is_chosen).collect();
    ensure!(
        !rows.is_empty(),
        "no such row; there are {:?}",
        ROWS.iter().map(|row| row.name).collect::<Vec<_>>()
    );
    Ok(rows)
}

impl Row {
    const fn new(name: &'static str, shape: fn(&'static str) -> Shape) -> Self {
        Self { name, shape, connections: 1, log: Log::Off, is_careful: false, driver: DriverConfig::IoUring }
    }

    /// Is this row's gateway, until the process is ended.
    pub fn serve(&self, address: SocketAddr, endpoint: SocketAddr) -> ! {
        let configuration = if self.is_careful { careful_configuration } else { configuration };
        let _stage = Stage::play(&configuration(address, endpoint, self.log), self.driver);
        loop {
            std::thread::park();
        }
    }

    /// Counts so many exchanges, after a tenth as many to warm up.
    pub fn count(&self, exchanges: usize) -> anyhow::Result<Profile> {
        let dir = tempfile::tempdir()?;
        let shape = (self.shape)(self.name);
        let (listener, endpoint) = origin();
        let gateway = Counted::start(self.name, endpoint, dir.path())?;
        let mut traffic = Traffic::connect(gateway.address, listener, self.connections);
        if self.driver == DriverConfig::Epoll {
            traffic.pause = EPOLL_PAUSE;
        }
        let rounds = exchanges / self.connections;
        (0..rounds / 10).for_each(|_| traffic.exchange(&shape));
        gateway.zero(dir.path())?;
        (0..rounds).for_each(|_| traffic.exchange(&shape));
        gateway.dump(dir.path())?;
        Profile::of_worker(dir.path())
    }
}
