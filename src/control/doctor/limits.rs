//! How much the process may have: open files, tracked connections.
//!
//! Owns the arithmetic of descriptors: three of four are for clients, as the gateway deals them out.

use super::case::Case;
use super::finding::Finding;
use super::host::Reading;

/// For listeners, rings, logs and the admin listener.
const RESERVED: u64 = 64;
/// Clients per worker with which most gateways are content.
const CONTENT: u64 = 10_000;

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(open_files(case));
    out.push(files_of_host(case));
    out.extend(conntrack(case));
}

/// A soft and a hard limit, unlimited being the largest number.
pub(super) fn limit(case: &Case, name: &str) -> Option<(u64, u64)> {
    let limits = case.host.of_self("limits").text()?;
    let line = limits.lines().find_map(|line| line.strip_prefix(name))?;
    let mut words =
        line.split_whitespace().map(|word| if word == "unlimited" { Ok(u64::MAX) } else { word.parse() });
    Some((words.next()?.ok()?, words.next()?.ok()?))
}

/// Descriptors for every client that the configuration admits, with their part for endpoints.
fn needed(case: &Case) -> u64 {
    (case.connections() * 4).div_ceil(3) + RESERVED
}

fn open_files(case: &Case) -> Finding {
    let id = "open-files";
    let Some((soft, hard)) = limit(case, "Max open files") else {
        return match case.host.of_self("limits") {
            Reading::Refused(why) => Finding::unreadable(id, why),
            _ => Finding::unreadable(id, "the limits of the process"),
        };
    };
    let clients = hard.saturating_sub(RESERVED) / 4 * 3 / case.worker_count();
    let wanted = u64::from(case.needs.connections);
    let found = format!(
        "limit {soft}, may be raised to {hard}; room for {clients} clients per worker, limits.connections is {wanted}"
    );
    if clients >= wanted {
        return Finding::ok(id, found);
    }
    let finding = match hard {
        0..1024 => Finding::critical(id, found),
        _ if clients < CONTENT => Finding::warning(id, found),
        _ => Finding::info(id, found),
    };
    finding
        .costs(format!("from {clients} clients per worker on, new ones wait in the kernel's backlog"))
        .fix(format!("LimitNOFILE={} in the unit; docker run --ulimit nofile={}", needed(case), needed(case)))
}

fn files_of_host(case: &Case) -> Finding {
    let id = "open-files-host";
    let text = match case.host.read("/proc/sys/fs/file-nr") {
        Reading::Text(text) => text,
        Reading::Refused(why) => return Finding::unreadable(id, why),
        Reading::Absent => return Finding::unreadable(id, "/proc/sys/fs/file-nr"),
    };
    let numbers: Vec<u64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [used, _, most] = numbers[..] else {
        return Finding::unreadable(id, format!("file-nr holds `{text}`"));
    };
    let needed = needed(case);
    let found = format!("{used} of {most} in use on the whole host, {needed} for every client admitted");
    if most.saturating_sub(used) >= needed {
        return Finding::ok(id, found);
    }
    Finding::warning(id, found)
        .costs("accept fails for every process of the host before the gateway's own limit is reached")
        .fix(format!("sudo sysctl -w fs.file-max={}", (used + needed).next_power_of_two()))
}

/// A proxied connection is two entries, and a full table drops packets.
fn conntrack(case: &Case) -> Option<Finding> {
    let id = "conntrack";
    let most = match case.host.read("/proc/sys/net/netfilter/nf_conntrack_max") {
        // Connections are not tracked.
        Reading::Absent => return None,
        Reading::Refused(why) => return Some(Finding::unreadable(id, why)),
        Reading::Text(text) => text.parse::<u64>().ok()?,
    };
    let used = case.host.number("/proc/sys/net/netfilter/nf_conntrack_count").unwrap_or(0);
    let needed = 2 * case.connections();
    let found = format!(
        "{used} of {most} entries in use; a proxied connection takes two, the clients admitted {needed}"
    );
    let finding = if most.saturating_sub(used) < most / 10 {
        Finding::critical(id, found)
    } else if most < needed {
        Finding::warning(id, found)
    } else {
        return Some(Finding::ok(id, found));
    };
    Some(
        finding
            .costs("a full table drops packets of new connections (`nf_conntrack: table full` in the kernel's log)")
            .fix(format!(
                "do not track the gateway's ports (`notrack` in the raw table), or sudo sysctl -w \
                 net.netfilter.nf_conntrack_max={}",
                needed.next_power_of_two()
            )),
    )
}
