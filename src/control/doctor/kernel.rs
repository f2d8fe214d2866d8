//! The kernel itself: its version, its clock.
//!
//! Owns which version brings what the gateway can use.

use super::case::Case;
use super::finding::Finding;
use super::host::Reading;

/// Linux 6.1: single issuer with deferred task running. 5.19: cooperative task running. 5.6: all operations used.
const DEFERRED: (u32, u32) = (6, 1);
const COOPERATIVE: (u32, u32) = (5, 19);
const RING: (u32, u32) = (5, 6);

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(version(case));
    out.push(clock_source(case));
    out.push(synchronised(case));
}

/// Major and minor of a release such as `6.1.0-13-amd64`.
pub(super) fn parse(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

pub(super) fn running(case: &Case) -> Option<(u32, u32)> {
    parse(&case.host.text("/proc/sys/kernel/osrelease")?)
}

fn version(case: &Case) -> Finding {
    let id = "kernel-version";
    let Some(release) = case.host.text("/proc/sys/kernel/osrelease") else {
        return Finding::unreadable(id, "/proc/sys/kernel/osrelease");
    };
    let Some(version) = parse(&release) else {
        return Finding::unreadable(id, format!("`{release}` is no version"));
    };
    let newer = "run Linux 6.1 or newer (Debian 12, Ubuntu 24.04, RHEL 10)";
    if version >= DEFERRED {
        Finding::ok(id, format!("Linux {release}: has every ring option the gateway uses (6.1)"))
    } else if version >= COOPERATIVE {
        Finding::info(id, format!("Linux {release}: no single issuer with deferred task running (6.1)"))
            .costs("completions are delivered cooperatively instead; about the same CPU per request")
            .fix(newer)
    } else if version >= RING {
        Finding::warning(id, format!("Linux {release}: io_uring without ring options (5.19, 6.1)"))
            .costs("every completion interrupts its worker; and this kernel's io_uring has had fewer repairs")
            .fix(newer)
    } else {
        Finding::warning(id, format!("Linux {release}: no io_uring that the gateway can use (5.6)"))
            .costs("it runs on epoll, at a higher cost per request")
            .fix(newer)
    }
}

const CLOCK: &str = "/sys/devices/system/clocksource/clocksource0";
/// Read in user space through the vDSO.
const CHEAP: [&str; 6] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter", "riscv_clocksource", "stick"];

fn clock_source(case: &Case) -> Finding {
    let id = "clock-source";
    let current = match case.host.read(&format!("{CLOCK}/current_clocksource")) {
        Reading::Text(current) => current,
        Reading::Absent => return Finding::unreadable(id, "the kernel does not say which clock it reads"),
        Reading::Refused(why) => return Finding::unreadable(id, why),
    };
    if CHEAP.contains(&&*current) {
        return Finding::ok(id, format!("{current}: read without a system call"));
    }
    let available = case.host.text(&format!("{CLOCK}/available_clocksource")).unwrap_or_default();
    let better = available.split_whitespace().find(|name| CHEAP.contains(name));
    Finding::warning(id, format!("{current} (there is: {available})"))
        .costs("each reading of the clock is a system call or a slow register: 0.2 to 2 us, several times a request")
        .fix(match better {
            Some(better) => format!("echo {better} | sudo tee {CLOCK}/current_clocksource"),
            None => "boot with `clocksource=tsc tsc=reliable` if the CPU's counter is invariant".to_owned(),
        })
}

fn synchronised(case: &Case) -> Finding {
    let id = "time-sync";
    match case.probes.is_clock_synchronised {
        None => Finding::unreadable(id, "the kernel was not asked whether its clock is synchronised"),
        Some(true) => Finding::ok(id, "the clock is synchronised"),
        Some(false) => Finding::info(id, "the kernel's clock is not marked as synchronised")
            .costs("times in the access log drift from those of other machines")
            .fix("sudo timedatectl set-ntp true   (in a guest or container: on the host)"),
    }
}
