//! A gateway as a process group of its own: start, CPU time, memory, and an end that leaves nothing behind.
//!
//! Pinned to its CPUs before it runs its first instruction. Dropping a group ends every process in it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::machine;

/// How long a gateway may take to end by itself.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// Last bytes of a gateway's output that are shown when it fails.
const LOG_TAIL_BYTES: usize = 600;

/// The processes of one gateway.
pub struct Group {
    child: Child,
    log: PathBuf,
    members: Vec<u32>,
}

impl Group {
    /// Starts `command` on `cpus`, with its output in `log`.
    pub fn start(mut command: Command, cpus: &[usize], log: &Path) -> anyhow::Result<Self> {
        let output = File::create(log)?;
        let cpus = cpus.to_vec();
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        // SAFETY: the closure only makes system calls and allocates nothing.
        unsafe {
            command.pre_exec(move || {
                // The gateway ends with this program, however that ends.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
                machine::pin(&cpus)
            })
        };
        let child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        Ok(Self { members: vec![child.id()], child, log: log.to_owned() })
    }

    /// Fails with what it has said if it has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait()? else { return Ok(()) };
        let said = fs::read(&self.log).unwrap_or_default();
        let tail = String::from_utf8_lossy(&said[said.len().saturating_sub(LOG_TAIL_BYTES)..]);
        bail!("ended with {status}: {}", tail.trim())
    }

    /// Finds its processes. Call once it is ready, and has started those it wants.
    pub fn find_members(&mut self) -> anyhow::Result<()> {
        self.members.clear();
        for entry in fs::read_dir("/proc")? {
            let Ok(pid) = entry?.file_name().to_string_lossy().parse::<u32>() else { continue };
            let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
            // Behind the name, which may hold anything: state, parent, group. proc(5).
            let group = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(2));
            if group == Some(&self.child.id().to_string()) {
                self.members.push(pid);
            }
        }
        Ok(())
    }

    /// Time on a CPU of all its threads so far.
    pub fn cpu_time(&self) -> anyhow::Result<Duration> {
        let mut nanos = 0;
        for pid in &self.members {
            for task in fs::read_dir(format!("/proc/{pid}/task"))? {
                // A thread may end between the two calls.
                let Ok(stat) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
                nanos += stat.split(' ').next().and_then(|nanos| nanos.parse::<u64>().ok()).unwrap_or(0);
            }
        }
        Ok(Duration::from_nanos(nanos))
    }

    /// Resident memory of all its processes.
    pub fn resident_bytes(&self) -> anyhow::Result<u64> {
        let mut kib = 0;
        for pid in &self.members {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            kib += resident
                .and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok())
                .unwrap_or(0);
        }
        Ok(kib * 1024)
    }

    fn signal(&self, signal: libc::c_int) {
        // SAFETY: the group is that of our own child, which has not been waited for with success yet, or is empty.
        unsafe { libc::kill(-(self.child.id() as libc::pid_t), signal) };
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(libc::SIGTERM);
        let end = Instant::now() + END_TIMEOUT;
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.signal(libc::SIGKILL);
        // A child that has been killed can be waited for; one that has been waited for gives its status again.
        let _ = self.child.wait();
    }
}
