//! This machine: pinning, open files, what a CPU was not idle for, and how it is described in a report.

use std::fs;
use std::io;
use std::time::{Duration, SystemTime};

use anyhow::Context;

/// The gateway's CPU.
pub const GATEWAY_CPU: usize = 0;
/// The CPU of the load generator and the origin.
pub const LOAD_CPU: usize = 1;
/// Where two workers run. With two CPUs in all, the second shares its own with the load generator.
pub static WORKER_CPUS: [usize; 2] = [GATEWAY_CPU, LOAD_CPU];
/// 10,000 connections on both sides of a gateway, and some.
const OPEN_FILES: u64 = 65_536;

/// How a CPU has spent its time since the machine was started.
#[derive(Debug, Clone, Copy, Default)]
pub struct CpuTime {
    /// Nothing to do.
    pub idle: Duration,
    /// Taken by the hypervisor.
    pub stolen: Duration,
}

/// Pins the calling thread to `cpus`. Safe between fork and exec.
pub fn pin(cpus: &[usize]) -> io::Result<()> {
    // SAFETY: an all-zero set is a valid empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &cpu in cpus {
        // SAFETY: CPU_SET checks its index against the set's size.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the set is valid and as large as stated.
    let outcome = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) };
    if outcome < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Number of CPUs of this machine, whatever this process is pinned to.
pub fn cpus() -> usize {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    info.lines().filter(|line| line.starts_with("processor")).count()
}

/// Raises the limit on open files as far as it goes, for this process and those it starts.
pub fn raise_open_files() -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes within the struct.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    let wanted = libc::rlimit { rlim_cur: OPEN_FILES, rlim_max: limit.rlim_max.max(OPEN_FILES) };
    // SAFETY: the struct is valid; raising the hard limit may be refused.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) } == 0 {
        return OPEN_FILES;
    }
    let wanted = libc::rlimit { rlim_cur: limit.rlim_max.min(OPEN_FILES), ..limit };
    // SAFETY: as above; a soft limit up to the hard one is always granted.
    unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &wanted) };
    wanted.rlim_cur
}

/// What `cpus` have done so far, together.
pub fn cpu_times(cpus: &[usize]) -> anyhow::Result<CpuTime> {
    cpus.iter().try_fold(CpuTime::default(), |sum, &cpu| {
        let time = cpu_time(cpu)?;
        Ok(CpuTime { idle: sum.idle + time.idle, stolen: sum.stolen + time.stolen })
    })
}

/// What `cpu` has done so far, to the hundredth of a second.
pub fn cpu_time(cpu: usize) -> anyhow::Result<CpuTime> {
    let stat = fs::read_to_string("/proc/stat")?;
    let prefix = format!("cpu{cpu} ");
    let line =
        stat.lines().find_map(|line| line.strip_prefix(&prefix)).context("no such CPU in /proc/stat")?;
    let ticks: Vec<u64> = line.split_whitespace().map_while(|tick| tick.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal, in hundredths of a second: proc(5).
    let duration = |at: usize| Duration::from_millis(10 * ticks.get(at).copied().unwrap_or(0));
    Ok(CpuTime { idle: duration(3) + duration(4), stolen: duration(7) })
}

/// Time on a CPU of this very thread so far.
pub fn own_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes within the struct; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Processor, kernel and date, for the head of a report.
pub fn describe() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let virtual_machine = if info.contains("hypervisor") { ", virtual" } else { "" };
    format!(
        "{}, {} CPUs{virtual_machine}, Linux {}, {}",
        model.map_or("unknown processor", |(_, model)| model),
        cpus(),
        kernel.trim(),
        httpdate::fmt_http_date(SystemTime::now()),
    )
}
