//! `ringgate run`: the gateway, until a signal ends it.
//!
//! Prints where it listens before it says `ready`, so that people and scripts can read it. The first SIGTERM or
//! SIGINT drains, the second ends at once.

use std::io::{IsTerminal, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::config::secret::Environment;
use crate::control::check::load_and_compile_fetched;
use crate::control::config::{Config, DriverConfig, ListenerConfig};
use crate::control::desk::{Change, Order};
use crate::control::gateway::Gateway;
use crate::control::history::folder_from;
use crate::control::sources::Source;
use crate::control::start::{Beginning, NoBeginning, begin};
use crate::control::systemd::notify::Notifier;
use crate::control::systemd::{Handed, Said, VARIABLES, watchdog};
use crate::rt::memory::raise_open_files;

/// Run the gateway with a configuration.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate run config/quickstart.yaml             with a sample origin, nothing else needed
  ringgate run gateway.yaml --driver epoll        where io_uring is not wanted
  ringgate run gateway.yaml --state /var/lib/ringgate   remembers generations, and starts from the last good one
  ringgate run conf.d                             all .yaml and .yml files of a folder
  ringgate run etcd://127.0.0.1:2379/gateway/     a store that several gateways follow

The source is followed: what changes in it is checked, and brought into force if it is right. One elsewhere is shown
what stands in RINGGATE_SOURCE_TOKEN, _CA, _CERT and _KEY, as `ringgate check --help` tells.

SIGTERM and Ctrl-C stop accepting, finish what is in flight and exit 0; a second one exits at once.
SIGHUP reads the configuration again and brings it into force, and opens the access log's file again.

Under systemd: Type=notify, WatchdogSec= and sockets passed by a .socket unit are understood. A passed socket goes to the
listener that has its FileDescriptorName= as name, else to the one with its address.")]
pub struct Run {
    /// File, folder, or URL with http(s), consul or etcd.
    source: String,
    /// Event loop, instead of the configuration's `workers.driver`.
    #[arg(long, value_enum)]
    driver: Option<DriverArg>,
    /// Folder for the history of configurations, this gateway's own [default: $RINGGATE_STATE, else systemd's
    /// StateDirectory=, else none is kept]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum DriverArg {
    Auto,
    IoUring,
    Epoll,
}

impl Run {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        // First of all: what was passed has fixed numbers, and the environment is changed by one thread alone.
        let handed = handed().map_err(anyhow::Error::msg)?;
        let environment = super::environment();
        let source = super::source(&self.source, &environment)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let Some(Beginning { loaded, snapshot, chronicle, is_last_good }) =
            self.begin(&source, &environment, &runtime)?
        else {
            return Ok(ExitCode::FAILURE);
        };
        let open_files = raise_open_files();
        let wanted = self.driver(&loaded.config);
        let Handed { sockets, notifier, watchdog } = handed;
        let code = runtime.block_on(async {
            // Before anything is said to be ready: whoever reads that may send one.
            let signals = Signals::listen()?;
            let _origin = start_origin(&loaded.config).await?;
            let gateway =
                Gateway::start_with(chronicle, (&loaded, snapshot), source, &environment, wanted, sockets)
                    .await?;
            gateway.shown.rollouts.started_from_last_good.set(i64::from(is_last_good));
            print_banner(&gateway, &loaded.config, open_files)?;
            notifier.ready(&status(&gateway));
            until_told(gateway, signals, &notifier, watchdog).await
        });
        if let Err(error) = &code {
            notifier.status(&format!("{error:#}"));
        }
        // Worker threads may still hold operations in flight; the process ends as a whole.
        finish(code)
    }

    /// What to start with. What an operator should know is printed; there is nothing if it cannot be.
    fn begin(
        &self,
        source: &Source,
        environment: &Environment,
        runtime: &tokio::runtime::Runtime,
    ) -> anyhow::Result<Option<Beginning>> {
        let read = |number| match runtime.block_on(source.read(environment)) {
            Ok(fetched) => load_and_compile_fetched(&fetched, environment, number),
            Err(error) => Err(error.diagnostics(source.describe())),
        };
        let state = self.state(environment);
        match begin(source.describe(), read, environment, state.as_deref()) {
            Ok((beginning, remarks)) => {
                remarks.iter().for_each(|remark| eprintln!("{remark}"));
                super::check::remark(&beginning.loaded);
                Ok(Some(beginning))
            }
            Err(NoBeginning::Configuration(diagnostics)) => {
                super::check::print(&diagnostics);
                Ok(None)
            }
            Err(NoBeginning::History(error)) => Err(error.into()),
        }
    }

    /// The folder for what outlives the process.
    fn state(&self, environment: &Environment) -> Option<PathBuf> {
        let variable = |name: &str| environment.variables.get(name).filter(|value| !value.is_empty());
        let by_service = || folder_from(variable("STATE_DIRECTORY").map(String::as_str));
        let own = self.state.clone().or_else(|| variable("RINGGATE_STATE").map(PathBuf::from));
        own.map(|folder| environment.base.join(folder)).or_else(by_service)
    }

    fn driver(&self, config: &Config) -> DriverConfig {
        match self.driver {
            None => config.workers.driver,
            Some(DriverArg::Auto) => DriverConfig::Auto,
            Some(DriverArg::IoUring) => DriverConfig::IoUring,
            Some(DriverArg::Epoll) => DriverConfig::Epoll,
        }
    }
}

/// What a service manager hands over. Its variables go, so that nobody further down takes them for theirs.
fn handed() -> Result<Handed, String> {
    let said = Said::read(|name| std::env::var(name).ok(), std::process::id())?;
    for name in VARIABLES {
        // SAFETY: no other thread has been started yet that could read the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
    said.take()
}

/// For `systemctl status`.
fn status(gateway: &Gateway) -> String {
    let (workers, driver) = (gateway.cpus.len(), gateway.driver.describe());
    format!("serving: {workers} workers on {driver}, generation {}", gateway.shown.label.load().1.number)
}

fn finish(code: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    let failed = match &code {
        Ok(code) => *code != ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            true
        }
    };
    let _ = std::io::stdout().flush();
    std::process::exit(i32::from(failed))
}

/// The sample origin inside this process, if the configuration asks for one.
async fn start_origin(config: &Config) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    let Some(sample) = &config.sample_origin else { return Ok(None) };
    let addr: SocketAddr = sample.address.get();
    let listener =
        TcpListener::bind(addr).with_context(|| format!("sample_origin: cannot listen on {addr}"))?;
    println!("sample origin http://{}", listener.local_addr()?);
    Ok(Some(tokio::spawn(async {
        if let Err(error) = super::origin::serve(listener, std::future::pending()).await {
            eprintln!("sample origin: {error:#}");
        }
    })))
}

fn print_banner(gateway: &Gateway, config: &Config, open_files: u64) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "ringgate {}", env!("CARGO_PKG_VERSION"))?;
    if let Some(reason) = &gateway.ring_refusal {
        eprintln!("warning: no io_uring: {reason}; running on epoll");
    }
    for remark in &gateway.remarks {
        eprintln!("{remark}");
    }
    let cpus: Vec<String> = gateway.cpus.iter().map(u16::to_string).collect();
    writeln!(out, "workers {} on CPU {}", cpus.len(), cpus.join(", "))?;
    writeln!(out, "driver {}", gateway.driver.describe())?;
    let (_, snapshot) = gateway.shown.snapshot.load();
    writeln!(out, "generation {} hash {}", snapshot.generation, snapshot.hash)?;
    writeln!(out, "open files {open_files}")?;
    for ((name, addr), door) in gateway.listeners.iter().zip(&snapshot.doors) {
        let scheme = if door.tcp.is_some() { "tcp" } else { scheme(config, name) };
        writeln!(out, "listening {name} {scheme}://{addr}")?;
    }
    if let Some(addr) = gateway.admin {
        writeln!(out, "admin http://{addr}")?;
    }
    if let (true, Some((_, addr))) = (config.sample_origin.is_some(), gateway.listeners.first()) {
        let scheme = gateway.listeners.first().map_or("http", |(name, _)| scheme(config, name));
        writeln!(out, "try:")?;
        writeln!(out, "  curl -i {scheme}://{addr}/hello")?;
        writeln!(out, "  curl -i '{scheme}://{addr}/hello?status=503&delay=250ms'")?;
        if let Some(admin) = gateway.admin {
            writeln!(out, "  curl -s http://{admin}/metrics")?;
        }
    }
    let stop = if std::io::stdin().is_terminal() { "; Ctrl-C stops it" } else { "" };
    writeln!(out, "ready{stop}")?;
    out.flush()?;
    Ok(())
}

fn scheme(config: &Config, name: &str) -> &'static str {
    let speaks_tls = |listener: &ListenerConfig| listener.name == name && listener.tls.is_some();
    if config.listeners.iter().any(speaks_tls) { "https" } else { "http" }
}

async fn until_told(
    mut gateway: Gateway,
    mut signals: Signals,
    notifier: &Notifier,
    limit: Option<Duration>,
) -> anyhow::Result<ExitCode> {
    let registry = gateway.registry.clone();
    let signs = async {
        match limit {
            Some(limit) if notifier.is_heard() => watchdog::watch(notifier, limit, &registry).await,
            _ => std::future::pending().await,
        }
    };
    tokio::pin!(signs);
    loop {
        tokio::select! {
            ordered = gateway.until_ordered_to_end() => {
                ordered?;
                break;
            }
            () = &mut signs => {}
            told = signals.next() => match told {
                Told::Reload => reload(&gateway),
                Told::Stop => break,
            },
        }
    }
    eprintln!("stopping: finishing what is in flight; a second signal ends it now");
    // From here on the service manager waits for the end, and no more for signs of life.
    notifier.stopping("finishing what is in flight", gateway.stop_bound());
    let second = async { while !matches!(signals.next().await, Told::Stop) {} };
    tokio::select! {
        in_time = gateway.stop() => {
            if !in_time {
                eprintln!("stopped: time was up, exchanges in flight were cut");
            }
            Ok(ExitCode::SUCCESS)
        }
        () = second => {
            eprintln!("stopped at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Opens the access log anew and reads the configuration again, while everything goes on.
fn reload(gateway: &Gateway) {
    gateway.reopen_log();
    let desk = gateway.desk.clone();
    let change = Change { author: "signal".to_owned(), ..Change::default() };
    tokio::spawn(async move {
        if let Err(refusal) = desk.ask(|answer| Order::Reload(change, answer)).await {
            eprintln!("configuration: {refusal}");
        }
    });
}

enum Told {
    Stop,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
        }
    }
}
