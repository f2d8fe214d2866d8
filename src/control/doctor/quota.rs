//! Shares of CPU and memory that a cgroup allows, versions 1 and 2.
//!
//! Owns finding the groups that hold the process; the tightest of them counts. In a container whose own group is all
//! that can be seen, it looks at the root of what is mounted.

use super::case::Case;
use super::finding::Finding;
use super::host::Host;

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(cpu(case));
    out.push(memory(case));
}

/// A limit and the folder it was found in.
struct Tightest<T> {
    value: T,
    folder: String,
}

fn cpu(case: &Case) -> Finding {
    let id = "cpu-quota";
    let Some(folders) = folders(case.host, "cpu") else {
        return Finding::unreadable(id, "the cgroup of the process");
    };
    let quotas = folders
        .into_iter()
        .filter_map(|folder| quota(case.host, &folder).map(|value| Tightest { value, folder }));
    let Some(tightest) = quotas.min_by(|a, b| a.value.total_cmp(&b.value)) else {
        return Finding::ok(id, "none: workers may use their CPUs whole");
    };
    let (cpus, workers) = (tightest.value, case.worker_count());
    let throttled = throttled(case.host, &tightest.folder);
    let found = format!("{cpus:.2} CPUs for {workers} workers{throttled}");
    if cpus >= workers as f64 {
        return Finding::ok(id, found);
    }
    let whole = (cpus.floor() as usize).max(1);
    Finding::warning(id, found)
        .costs("under load a worker is stopped for the rest of each period, mostly 100 ms: that is the p99")
        .fix(format!("{whole} worker{} (workers.cpus), or a quota of {workers} CPUs: CPUQuota={}% in the unit, --cpus={workers} of the container", if whole == 1 { "" } else { "s" }, workers * 100))
}

fn quota(host: &Host, folder: &str) -> Option<f64> {
    if let Some(text) = host.text(&format!("{folder}/cpu.max")) {
        let (quota, period) = text.split_once(' ')?;
        return Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?);
    }
    // -1, which is no number of microseconds, stands for none.
    let quota = host.number(&format!("{folder}/cpu.cfs_quota_us"))?;
    Some(quota as f64 / host.number(&format!("{folder}/cpu.cfs_period_us"))? as f64)
}

fn throttled(host: &Host, folder: &str) -> String {
    let stat = host.text(&format!("{folder}/cpu.stat")).unwrap_or_default();
    match stat.lines().find_map(|line| line.strip_prefix("nr_throttled ")) {
        None | Some("0") => String::new(),
        Some(times) => format!(", throttled {times} times so far"),
    }
}

fn memory(case: &Case) -> Finding {
    let id = "memory-limit";
    let Some(folders) = folders(case.host, "memory") else {
        return Finding::unreadable(id, "the cgroup of the process");
    };
    let limits = folders.into_iter().filter_map(|folder| {
        let read = |file: &str| case.host.number(&format!("{folder}/{file}"));
        read("memory.max").or_else(|| read("memory.limit_in_bytes")).filter(|&bytes| bytes < NO_LIMIT)
    });
    let Some(bytes) = limits.min() else { return Finding::ok(id, "none") };
    let needed = BASE_BYTES + case.connections() * IDLE_BYTES + case.worker_count() * FREE_BYTES;
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let found = format!("{} MiB; every client admitted, idle, takes about {} MiB", mib(bytes), mib(needed));
    if bytes >= needed {
        return Finding::ok(id, found);
    }
    Finding::warning(id, found)
        .costs("the kernel ends the gateway when its clients become too many")
        .fix(format!("MemoryMax={}M in the unit, or a lower limits.connections", mib(needed * 5 / 4)))
}

/// The process itself.
const BASE_BYTES: u64 = 16 << 20;
/// An idle connection, with the kernel's part that is charged to the group.
const IDLE_BYTES: u64 = 6 << 10;
/// Free buffers that a worker keeps.
const FREE_BYTES: u64 = 32 << 20;
/// Version 1 writes "none" as a number just below 2^63.
const NO_LIMIT: u64 = 1 << 60;

/// Folders of the groups that hold the process, its own first. None if the kernel does not tell which they are.
fn folders(host: &Host, controller: &str) -> Option<Vec<String>> {
    let groups = host.of_self("cgroup").text()?;
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let mounts: &[String] = &if controllers.is_empty() {
            ["/sys/fs/cgroup".to_owned(), "/sys/fs/cgroup/unified".to_owned()]
        } else if controllers.split(',').any(|name| name == controller) {
            [format!("/sys/fs/cgroup/{controllers}"), format!("/sys/fs/cgroup/{controller}")]
        } else {
            continue;
        };
        for mount in mounts.iter().filter(|mount| host.has(mount)) {
            let mut path = path.trim_end_matches('/');
            loop {
                found.push(format!("{mount}{path}"));
                let Some((parent, _)) = path.rsplit_once('/') else { break };
                path = parent;
            }
        }
    }
    Some(found)
}
