//! A child process that cannot outlive its test.
//!
//! Owns the child, the lines of its standard output and its standard error (a file in its own directory). Dropping
//! it kills and reaps the child; if the test is failing, what the child said is shown.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::PATIENCE;

/// A running child.
pub struct Process {
    child: Child,
    directory: tempfile::TempDir,
    lines: Arc<Lines>,
}

#[derive(Default)]
struct Lines {
    read: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Process {
    /// Starts `command` with its outputs captured. Its temporary files belong into `directory`.
    pub fn start(mut command: Command, directory: tempfile::TempDir) -> Self {
        let errors = File::create(directory.path().join("stderr")).expect("the directory is ours");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        die_with_parent(&mut command);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let lines = Arc::new(Lines::default());
        let output = child.stdout.take().expect("stdout is piped");
        let reader = Arc::clone(&lines);
        std::thread::spawn(move || reader.fill(BufReader::new(output)));
        Self { child, directory, lines }
    }

    /// Waits for the first line of standard output that begins with `prefix`.
    #[track_caller]
    pub fn line(&self, prefix: &str) -> String {
        match self.lines.find(prefix, Instant::now() + PATIENCE) {
            Some(line) => line,
            None => panic!("no line '{prefix}...' on stdout; got {:#?}\n{}", self.stdout(), self.stderr()),
        }
    }

    /// Every line of standard output so far.
    pub fn stdout(&self) -> Vec<String> {
        self.lines.read.lock().unwrap().0.clone()
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default()
    }

    /// The directory that lives as long as the process.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        // SAFETY: kill takes two integers; the pid is our child's, not yet reaped, so it is no one else's.
        let result = unsafe { libc::kill(self.child.id() as libc::pid_t, signal) };
        assert_eq!(result, 0, "signal {signal} was not delivered");
    }

    /// Waits at most `bound` for the end.
    pub fn exit_within(&mut self, bound: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + bound;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() > deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// True until the process has ended.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_none()
    }

    /// Resident memory in bytes.
    pub fn resident_bytes(&self) -> u64 {
        self.status_field("VmRSS:") * 1024
    }

    /// CPUs that each thread may run on, by thread name.
    pub fn affinities(&self) -> Vec<(String, String)> {
        let tasks = std::fs::read_dir(self.proc("task")).expect("the process runs");
        tasks
            .filter_map(|task| {
                let task = task.ok()?.path();
                let name = std::fs::read_to_string(task.join("comm")).ok()?.trim().to_owned();
                let status = std::fs::read_to_string(task.join("status")).ok()?;
                let cpus = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
                Some((name, cpus.trim().to_owned()))
            })
            .collect()
    }

    /// The number of the thread with this name.
    #[track_caller]
    pub fn thread(&self, name: &str) -> libc::pid_t {
        let tasks = std::fs::read_dir(self.proc("task")).expect("the process runs").filter_map(Result::ok);
        let mut named = tasks.filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|comm| comm.trim() == name)
        });
        let task = named.next().unwrap_or_else(|| panic!("no thread {name}"));
        task.file_name().to_str().and_then(|tid| tid.parse().ok()).expect("a number")
    }

    /// Open file descriptors, what each is.
    pub fn descriptors(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.proc("fd")).expect("the process runs");
        entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect()
    }

    /// Waits until no more than `count` descriptors are open; shows which are left.
    #[track_caller]
    pub fn descriptors_fall_to(&self, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.descriptors().len() > count {
            assert!(Instant::now() < deadline, "more than {count} descriptors: {:#?}", self.descriptors());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn status_field(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).expect("the process runs");
        let value = status.lines().find_map(|line| line.strip_prefix(name)).expect("the kernel tells it");
        value.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    }

    fn proc(&self, entry: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{entry}", self.child.id()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if the child has been reaped already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- stdout\n{}\n--- stderr\n{}", self.stdout().join("\n"), self.stderr());
        }
    }
}

impl Lines {
    fn fill(&self, output: impl BufRead) {
        for line in output.lines().map_while(Result::ok) {
            self.read.lock().unwrap().0.push(line);
            self.changed.notify_all();
        }
        self.read.lock().unwrap().1 = true;
        self.changed.notify_all();
    }

    fn find(&self, prefix: &str, deadline: Instant) -> Option<String> {
        let mut read = self.read.lock().unwrap();
        loop {
            if let Some(line) = read.0.iter().find(|line| line.starts_with(prefix)) {
                return Some(line.clone());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if read.1 || left.is_zero() {
                return None;
            }
            read = self.changed.wait_timeout(read, left).unwrap().0;
        }
    }
}

/// A test that is killed takes its children along.
fn die_with_parent(command: &mut Command) {
    // SAFETY: prctl is async-signal-safe and touches only the child between fork and exec.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
}
