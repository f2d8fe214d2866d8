//! Under a service manager: sockets it passes, readiness it is told, signs of life it waits for.
//!
//! The tests are the service manager. They pass descriptors from 3 on and read what comes to NOTIFY_SOCKET, as
//! sd_listen_fds(3) and sd_notify(3) have it.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::harness::{FaultOrigin, PATIENCE, Process, Setup, Wire, eventually};

/// How the service is started.
#[derive(Default)]
struct Unit<'a> {
    sockets: &'a [&'a TcpListener],
    names: &'a str,
    listen_pid: Option<&'a str>,
    manager: Option<&'a Manager>,
    watchdog: Option<Duration>,
}

impl Unit<'_> {
    fn start(&self, yaml: &str) -> Process {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, yaml).expect("the directory is ours");
        // Nobody but the process itself knows its number in time.
        let pid = self.listen_pid.unwrap_or("$$");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("LISTEN_PID={pid} exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_ringgate")]);
        command.arg("run").arg(&file);
        if let Ok(driver) = std::env::var("RINGGATE_TEST_DRIVER") {
            command.args(["--driver", &driver]);
        }
        command.env("LISTEN_FDS", self.sockets.len().to_string()).env("LISTEN_FDNAMES", self.names);
        if let Some(manager) = self.manager {
            command.env("NOTIFY_SOCKET", &manager.path);
        }
        if let Some(limit) = self.watchdog {
            command.env("WATCHDOG_USEC", limit.as_micros().to_string());
        }
        pass(&mut command, self.sockets.iter().map(|socket| socket.as_raw_fd()).collect());
        Process::start(command, directory)
    }
}

/// Gives the child these descriptors, from 3 on.
fn pass(command: &mut Command, fds: Vec<RawFd>) {
    // SAFETY: fcntl and dup2 are async-signal-safe and touch only the child's descriptors, between fork and exec.
    unsafe {
        command.pre_exec(move || {
            // Out of the way first, so that none is overwritten before it is copied.
            for (at, &fd) in (0..).zip(&fds) {
                let high = libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 100);
                if high < 0 || libc::dup2(high, 3 + at) < 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
}

/// Where the service tells how it is.
struct Manager {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).expect("a path of ours");
        Self { _folder: folder, path, socket }
    }

    fn heard(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).expect("not zero");
        let mut datagram = [0; 4096];
        let length = self.socket.recv(&mut datagram).ok()?;
        Some(String::from_utf8_lossy(&datagram[..length]).into_owned())
    }

    #[track_caller]
    fn hears(&self, line: &str) -> String {
        let by = Instant::now() + PATIENCE;
        while Instant::now() < by {
            match self.heard(PATIENCE) {
                Some(said) if said.lines().any(|had| had.starts_with(line)) => return said,
                _ => {}
            }
        }
        panic!("never heard {line}");
    }

    fn forget(&self) {
        while self.heard(Duration::from_millis(1)).is_some() {}
    }
}

fn socket(reuse_port: bool) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.set_reuse_port(reuse_port).expect("an option");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("loopback can be bound");
    socket.listen(512).expect("bound");
    socket.into()
}

/// The configuration of the tests with its listener at `addr`.
fn yaml(origin: &FaultOrigin, addr: SocketAddr) -> String {
    Setup::before(origin.address()).yaml().replacen("127.0.0.1:0", &addr.to_string(), 1)
}

#[track_caller]
fn asks(stream: TcpStream) {
    let mut wire = Wire::over(stream);
    wire.get("/").has_status(200);
}

fn metrics(process: &Process) -> String {
    let line = process.line("admin http://");
    let admin: SocketAddr = line.trim_start_matches("admin http://").parse().expect("an address");
    Wire::connect(admin).ask("GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").text()
}

fn accepted_by_workers(process: &Process) -> Vec<u64> {
    let page = metrics(process);
    let lines = page.lines().filter(|line| line.starts_with("ringgate_connections_accepted_total{"));
    lines.map(|line| line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number")).collect()
}

#[track_caller]
fn serves_what_was_passed(reuse_port: bool, how: &str) {
    let origin = FaultOrigin::ok();
    let listener = socket(reuse_port);
    let addr = listener.local_addr().expect("bound");
    let early = TcpStream::connect(addr).expect("the backlog takes it before the gateway is there");
    let mut process = Unit { sockets: &[&listener], ..Unit::default() }.start(&yaml(&origin, addr));
    process.line("ready");
    process.line(&format!("listening public http://{addr}"));
    assert!(
        process.stderr().contains(how) || accepted_by_workers(&process).len() < 2,
        "{}",
        process.stderr()
    );
    asks(early);
    let clients: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(addr).expect("it listens")).collect();
    clients.into_iter().for_each(asks);
    let accepted = accepted_by_workers(&process);
    assert_eq!(accepted.iter().sum::<u64>(), 65, "each once: {accepted:?}");
    assert!(accepted.iter().all(|&count| count > 0), "a worker got nobody: {accepted:?}");
    process.signal(libc::SIGTERM);
    assert_eq!(process.exit_within(PATIENCE).expect("it drains").code(), Some(0));
    // The socket is the service manager's: clients go on queueing, and the next gateway finds them.
    let between = TcpStream::connect(addr).expect("somebody still holds the socket");
    let next = Unit { sockets: &[&listener], ..Unit::default() }.start(&yaml(&origin, addr));
    next.line("ready");
    asks(between);
}

#[test]
fn workers_share_a_passed_socket_and_lose_nobody_in_its_backlog() {
    serves_what_was_passed(false, "one socket for all workers");
}

#[test]
fn a_passed_socket_with_reuse_port_gets_company_and_loses_nobody() {
    serves_what_was_passed(true, "the others have their own beside it");
}

#[test]
fn a_socket_finds_its_listener_by_name() {
    let origin = FaultOrigin::ok();
    let (public, admin) = (socket(false), socket(false));
    let unit = Unit { sockets: &[&admin, &public], names: "admin:public", ..Unit::default() };
    let process = unit.start(&Setup::before(origin.address()).yaml());
    process.line("ready");
    process.line(&format!("listening public http://{}", public.local_addr().unwrap()));
    process.line(&format!("admin http://{}", admin.local_addr().unwrap()));
    asks(TcpStream::connect(public.local_addr().unwrap()).unwrap());
    assert!(metrics(&process).contains("ringgate_build_info"));
}

#[test]
fn a_socket_that_nobody_wants_stops_the_start() {
    let stray = socket(false);
    let unit = Unit { sockets: &[&stray], names: "web", ..Unit::default() };
    let mut process = unit.start(&Setup::before("127.0.0.1:9").yaml());
    assert_eq!(process.exit_within(PATIENCE).expect("it ends").code(), Some(1));
    let said = process.stderr();
    for word in ["web", &stray.local_addr().unwrap().to_string(), "FileDescriptorName="] {
        assert!(said.contains(word), "nothing of {word}: {said}");
    }
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let origin = FaultOrigin::ok();
    let stray = socket(false);
    let unit = Unit { sockets: &[&stray], listen_pid: Some("1"), ..Unit::default() };
    unit.start(&Setup::before(origin.address()).yaml()).line("ready");
}

#[test]
fn tells_when_it_is_ready_that_it_lives_and_that_it_stops() {
    let origin = FaultOrigin::ok();
    let manager = Manager::new();
    let unit =
        Unit { manager: Some(&manager), watchdog: Some(Duration::from_millis(600)), ..Unit::default() };
    let mut process = unit.start(&Setup::before(origin.address()).yaml());
    let ready = manager.heard(PATIENCE).expect("the first word");
    assert!(ready.starts_with("READY=1\nSTATUS=serving"), "{ready}");
    process.line("ready");
    for _ in 0..3 {
        let begun = Instant::now();
        manager.hears("WATCHDOG=1");
        assert!(begun.elapsed() < Duration::from_millis(600), "too late: {:?}", begun.elapsed());
    }
    process.signal(libc::SIGTERM);
    assert!(manager.hears("STOPPING=1").contains("EXTEND_TIMEOUT_USEC="));
    assert_eq!(process.exit_within(PATIENCE).expect("it drains").code(), Some(0));
}

#[test]
fn tells_why_it_does_not_start() {
    let manager = Manager::new();
    let taken = socket(false);
    let config = yaml(&FaultOrigin::ok(), taken.local_addr().unwrap());
    let _process = Unit { manager: Some(&manager), ..Unit::default() }.start(&config);
    assert!(manager.hears("STATUS=").contains("cannot listen"));
}

#[test]
fn a_worker_that_is_stuck_withholds_the_sign_of_life() {
    let origin = FaultOrigin::ok();
    let manager = Manager::new();
    let unit =
        Unit { manager: Some(&manager), watchdog: Some(Duration::from_millis(600)), ..Unit::default() };
    let process = unit.start(&Setup::before(origin.address()).yaml());
    process.line("ready");
    manager.hears("WATCHDOG=1");
    let Some(stopped) = StoppedThread::of(&process, "ringgate-w0") else {
        eprintln!("this machine does not let a test stop a thread of its child; not tested");
        return;
    };
    manager.forget();
    let status = manager.hears("STATUS=stuck");
    assert!(status.contains("worker 0"), "{status}");
    let heard = manager.heard(Duration::from_millis(900));
    assert_eq!(heard, None, "longer than the limit without a sign");
    drop(stopped);
    manager.hears("WATCHDOG=1");
    eventually("the word of it is on stderr", || process.stderr().contains("stuck for"));
}

/// One thread of a child, stopped by ptrace(2) while the others run.
struct StoppedThread(libc::pid_t);

impl StoppedThread {
    fn of(process: &Process, name: &str) -> Option<Self> {
        let tid = process.thread(name);
        // SAFETY: with these requests ptrace takes no pointers; the thread is our child's.
        let seized = unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0, 0) };
        if seized < 0 {
            return None;
        }
        // SAFETY: as above; waitpid is given no place for a status.
        unsafe {
            assert_eq!(libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0, 0), 0);
            assert_eq!(libc::waitpid(tid, std::ptr::null_mut(), libc::__WALL), tid);
        }
        Some(Self(tid))
    }
}

impl Drop for StoppedThread {
    fn drop(&mut self) {
        // SAFETY: takes no pointers. It fails only if the thread has ended.
        unsafe { libc::ptrace(libc::PTRACE_DETACH, self.0, 0, 0) };
    }
}
