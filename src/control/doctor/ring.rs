//! io_uring: whether it is to be had, with which options, and what is in the way.
//!
//! Owns the list of culprits: the switch, a seccomp filter, locked memory, the kernel itself. Each has a mend of its
//! own, so the first that fits is named.

use super::case::Case;
use super::finding::{Finding, Severity};
use super::kernel;
use super::limits::limit;
use crate::control::config::DriverConfig;
use crate::rt::driver::RingOptions;

const ID: &str = "io-uring";
/// capabilities(7).
const CAP_SYS_ADMIN: u32 = 21;
/// Rings of kernels before this count against RLIMIT_MEMLOCK.
const UNCOUNTED: (u32, u32) = (5, 12);
/// Bytes of one worker's ring: 1,024 submissions of 64 bytes, 2,048 completions of 16, and its pages.
const RING_BYTES: u64 = 128 * 1024;

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(match best(case) {
        Some(best) => admitted(case, best),
        None => not_admitted(case),
    });
    out.extend(locked_memory(case));
}

fn best(case: &Case) -> Option<RingOptions> {
    case.probes.rings.iter().find(|(_, answer)| answer.is_ok()).map(|(options, _)| *options)
}

fn admitted(case: &Case, best: RingOptions) -> Finding {
    let name = |options| match options {
        RingOptions::DeferTaskrun => "single issuer with deferred task running",
        RingOptions::CoopTaskrun => "cooperative task running",
        RingOptions::Plain => "plain ring",
    };
    let probed: Vec<String> = case
        .probes
        .rings
        .iter()
        .map(|(options, answer)| format!("{} {}", name(*options), if answer.is_ok() { "yes" } else { "no" }))
        .collect();
    let found = format!("can be set up; probed: {}", probed.join(", "));
    match best {
        RingOptions::DeferTaskrun => Finding::ok(ID, found),
        RingOptions::CoopTaskrun | RingOptions::Plain => Finding::info(ID, found)
            .costs("little CPU; completions are not delivered at the worker's own time")
            .fix("run Linux 6.1 or newer"),
    }
}

fn not_admitted(case: &Case) -> Finding {
    let Some((why, fix)) = blocker(case) else {
        return Finding::unreadable(ID, "no ring was tried, and no file tells of anything in its way");
    };
    let (severity, costs) = match case.needs.driver {
        DriverConfig::IoUring => {
            (Severity::Critical, "the gateway does not start (workers.driver: io_uring)")
        }
        DriverConfig::Auto => (Severity::Warning, "the gateway runs on epoll, at a higher cost per request"),
        DriverConfig::Epoll => (Severity::Info, "nothing: the configuration asks for epoll"),
    };
    Finding::new(ID, severity, why).costs(costs).fix(fix)
}

/// What keeps a ring from being set up, and what mends it.
fn blocker(case: &Case) -> Option<(String, String)> {
    let refusal = case.probes.rings.last().and_then(|(_, answer)| answer.err());
    let on_host = if is_container(case) { " on the host, outside of this container" } else { "" };
    let switch = case.host.number("/proc/sys/kernel/io_uring_disabled").unwrap_or(0);
    let may_anyway = case.host.has_capability(CAP_SYS_ADMIN).unwrap_or(false);
    if switch == 2 {
        let why = "kernel.io_uring_disabled is 2: no process may set up a ring";
        return Some((why.to_owned(), format!("sudo sysctl -w kernel.io_uring_disabled=0{on_host}")));
    }
    if switch == 1 && !may_anyway && refusal != Some(libc::ENOSYS) {
        let why =
            "kernel.io_uring_disabled is 1: only CAP_SYS_ADMIN and kernel.io_uring_group may set up a ring";
        let fix = format!("sudo sysctl -w kernel.io_uring_group=GID{on_host}, GID being the gateway's group");
        return Some((why.to_owned(), fix));
    }
    let refusal = refusal?;
    let is_filtered = case.host.status("Seccomp").as_deref() == Some("2");
    if refusal == libc::ENOMEM {
        let why = "refused with ENOMEM: not enough locked memory for a ring";
        return Some((
            why.to_owned(),
            "LimitMEMLOCK=infinity in the unit, or `ulimit -l unlimited`".to_owned(),
        ));
    }
    if is_filtered && matches!(refusal, libc::EPERM | libc::EACCES | libc::ENOSYS) {
        let runtime = if is_container(case) {
            "the container runtime's default profile does that"
        } else {
            "the service manager or a sandbox set it"
        };
        let why = format!("a seccomp filter is on this process, and io_uring_setup is refused: {runtime}");
        let fix = "docker run --security-opt seccomp=tuning/seccomp.json ...; in a unit, SystemCallFilter=io_uring_setup io_uring_enter io_uring_register";
        return Some((why, fix.to_owned()));
    }
    Some(match refusal {
        libc::ENOSYS => {
            ("this kernel has no io_uring".to_owned(), "run a kernel built with CONFIG_IO_URING=y".to_owned())
        }
        libc::EPERM | libc::EACCES => (
            "refused, though neither kernel.io_uring_disabled nor a seccomp filter says so: SELinux or the sandbox".to_owned(),
            "sudo ausearch -m AVC -c ringgate   (allow class io_uring for the gateway's domain)".to_owned(),
        ),
        other => (
            format!("refused: {}", std::io::Error::from_raw_os_error(other)),
            "workers.driver: epoll, until the kernel admits it".to_owned(),
        ),
    })
}

/// Whether this looks like a container from within.
pub(super) fn is_container(case: &Case) -> bool {
    let cgroup = case.host.text("/proc/1/cgroup").unwrap_or_default();
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| case.host.has(path))
        || ["docker", "kubepods", "containerd", "lxc", "libpod"].iter().any(|word| cgroup.contains(word))
}

/// Kernels that charge rings to the limit of locked memory need more of it than 64 KiB.
fn locked_memory(case: &Case) -> Option<Finding> {
    let id = "memory-lock";
    if case.needs.driver == DriverConfig::Epoll {
        return None;
    }
    if kernel::running(case)? >= UNCOUNTED {
        return Some(Finding::ok(id, "this kernel does not count rings as locked memory"));
    }
    let Some((_, hard)) = limit(case, "Max locked memory") else {
        return Some(Finding::unreadable(id, "the limits of the process"));
    };
    let needed = case.worker_count() * RING_BYTES;
    Some(if hard >= needed {
        Finding::ok(id, format!("{hard} bytes may be locked, the rings take {needed}"))
    } else {
        Finding::warning(
            id,
            format!("{hard} bytes may be locked, the rings of {} workers take {needed}", case.worker_count()),
        )
        .costs("workers without a ring: the gateway falls back to epoll or does not start")
        .fix("LimitMEMLOCK=infinity in the unit; in a shell `ulimit -l unlimited`")
    })
}
