//! The workers' cores: may they be used, are they whole, how fast are they.
//!
//! Owns pinning against what the process may use, hyper-threads, isolation, the governor and memory nodes. Quotas
//! are in `quota`, interrupts in `interrupts`.

use std::collections::BTreeMap;

use super::case::Case;
use super::finding::Finding;
use super::host::{cpu_list, in_ranges};

const CPU: &str = "/sys/devices/system/cpu";

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    out.push(pinning(case));
    if case.workers.is_empty() {
        return;
    }
    out.push(siblings(case));
    out.push(isolation(case));
    out.push(governor(case));
    out.push(nodes(case));
    out.push(steal(case));
}

fn pinning(case: &Case) -> Finding {
    let id = "worker-cpus";
    if case.allowed.is_empty() {
        return Finding::unreadable(id, "which CPUs this process may use");
    }
    let (allowed, workers) = (in_ranges(&case.allowed), in_ranges(&case.workers));
    let strangers: Vec<u16> =
        case.workers.iter().copied().filter(|cpu| !case.allowed.contains(cpu)).collect();
    if !strangers.is_empty() {
        return Finding::critical(
            id,
            format!("workers.cpus has CPU {}, the process may use {allowed}", in_ranges(&strangers)),
        )
        .costs("the gateway does not start")
        .fix(format!(
            "workers.cpus: [{}], or more CPUs for the unit (AllowedCPUs=) or container (--cpuset-cpus)",
            case.allowed.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
        ));
    }
    let online = cpu_list(&case.host.text(&format!("{CPU}/online")).unwrap_or_default());
    let found = format!("workers on CPU {workers}; the process may use {allowed}");
    if online.len() > case.allowed.len() {
        return Finding::info(id, format!("{found} of {}", in_ranges(&online)))
            .costs(
                "nothing, if it is meant; the other CPUs are kept from it by a cpuset, taskset or container",
            )
            .fix("AllowedCPUs= in the unit, --cpuset-cpus of the container");
    }
    Finding::ok(id, found)
}

/// Two workers on one core share it.
fn siblings(case: &Case) -> Finding {
    let id = "smt-siblings";
    let mut cores: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for &cpu in &case.workers {
        let Some(threads) = case.host.text(&format!("{CPU}/cpu{cpu}/topology/thread_siblings_list")) else {
            return Finding::unreadable(id, format!("which core CPU {cpu} belongs to"));
        };
        cores.entry(threads).or_default().push(cpu);
    }
    let shared: Vec<String> =
        cores.values().filter(|cpus| cpus.len() > 1).map(|cpus| in_ranges(cpus)).collect();
    if shared.is_empty() {
        return Finding::ok(id, "every worker has a core of its own");
    }
    let first: Vec<String> = cores.values().filter_map(|cpus| cpus.first()).map(u16::to_string).collect();
    Finding::info(id, format!("workers share cores as hyper-threads: CPU {}", shared.join("; ")))
        .costs("a second worker on a core adds a fifth to a third, not its double, and both answer later under load")
        .fix(format!("for even latency, one worker per core: workers.cpus: [{}]", first.join(", ")))
}

fn isolation(case: &Case) -> Finding {
    let id = "isolated-cpus";
    let Some(text) = case.host.text(&format!("{CPU}/isolated")) else {
        return Finding::unreadable(id, "which CPUs are isolated");
    };
    let isolated = cpu_list(&text);
    let (without, with): (Vec<u16>, Vec<u16>) = isolated.iter().partition(|cpu| !case.workers.contains(cpu));
    if isolated.is_empty() {
        return Finding::ok(id, "none: workers share their CPUs with what else the scheduler puts there");
    }
    if without.is_empty() && with.len() == case.workers.len() {
        return Finding::ok(
            id,
            format!("the workers have the isolated CPUs {} to themselves", in_ranges(&isolated)),
        );
    }
    let list: Vec<String> = isolated.iter().map(u16::to_string).collect();
    Finding::warning(
        id,
        format!("isolated are {}, workers are on {}", in_ranges(&isolated), in_ranges(&case.workers)),
    )
    .costs("CPUs that were set apart stand idle, while workers share theirs")
    .fix(format!(
        "workers.cpus: [{}]   (and CPUAffinity= of the unit, since isolated CPUs are not inherited)",
        list.join(", ")
    ))
}

fn governor(case: &Case) -> Finding {
    let id = "cpu-governor";
    let governors =
        case.workers.iter().map(|cpu| case.host.text(&format!("{CPU}/cpu{cpu}/cpufreq/scaling_governor")));
    let Some(governors) = governors.collect::<Option<Vec<String>>>() else {
        return Finding::ok(
            id,
            "not in the kernel's hand: the hypervisor or the firmware decides the frequency",
        );
    };
    let mut slow: Vec<&String> = governors.iter().filter(|governor| *governor != "performance").collect();
    slow.sort();
    slow.dedup();
    if slow.is_empty() {
        return Finding::ok(id, "performance");
    }
    let names: Vec<&str> = slow.iter().map(|name| name.as_str()).collect();
    let found = format!("{} on workers' CPUs", names.join(", "));
    // schedutil follows the load within a tick; the others are late or slow by design.
    let finding = if names == ["schedutil"] { Finding::info(id, found) } else { Finding::warning(id, found) };
    finding
        .costs("after a pause requests are served at a low frequency: latency, not throughput, suffers")
        .fix("sudo cpupower frequency-set -g performance")
}

fn nodes(case: &Case) -> Finding {
    let id = "numa";
    let folder = "/sys/devices/system/node";
    let names = case.host.names(folder).into_iter();
    let nodes: Vec<(String, Vec<u16>)> = names
        .filter(|name| name.strip_prefix("node").is_some_and(|number| number.parse::<u16>().is_ok()))
        .map(|name| {
            let cpus = case.host.text(&format!("{folder}/{name}/cpulist")).unwrap_or_default();
            (name, cpu_list(&cpus))
        })
        .collect();
    if nodes.is_empty() {
        return Finding::unreadable(id, "the memory nodes");
    }
    let with_workers = nodes.iter().filter(|(_, cpus)| cpus.iter().any(|cpu| case.workers.contains(cpu)));
    let with_workers: Vec<&str> = with_workers.map(|(name, _)| name.as_str()).collect();
    let foreign = interface_elsewhere(case, &nodes, &with_workers);
    if with_workers.len() <= 1 && foreign.is_none() {
        return Finding::ok(id, format!("all workers on {}", with_workers.first().unwrap_or(&"one node")));
    }
    let found = foreign.unwrap_or_else(|| format!("workers on {}", with_workers.join(", ")));
    Finding::warning(id, found)
        .costs("packets cross between nodes on their way to a worker: some 100 ns for every cache line that misses")
        .fix("workers.cpus: the CPUs of the interface's node; or one gateway per node and interface")
}

/// An interface whose node has no worker, in words.
fn interface_elsewhere(case: &Case, nodes: &[(String, Vec<u16>)], with_workers: &[&str]) -> Option<String> {
    if nodes.len() < 2 {
        return None;
    }
    case.host.names("/sys/class/net").into_iter().find_map(|name| {
        let node = case.host.text(&format!("/sys/class/net/{name}/device/numa_node"))?;
        let node = format!("node{}", node.parse::<u16>().ok()?);
        let is_foreign = !with_workers.contains(&&*node);
        is_foreign.then(|| format!("{name} is on {node}, workers on {}", with_workers.join(", ")))
    })
}

/// Time that the hypervisor gave to others, since boot.
fn steal(case: &Case) -> Finding {
    let id = "cpu-steal";
    let line = case.host.text("/proc/stat").and_then(|text| text.lines().next().map(str::to_owned));
    let Some(line) = line else { return Finding::unreadable(id, "/proc/stat") };
    let ticks: Vec<u64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
    let (Some(&stolen), all) = (ticks.get(7), ticks.iter().take(8).sum::<u64>()) else {
        return Finding::unreadable(id, "stolen time in /proc/stat");
    };
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    let wanted = (all - idle).max(1);
    let percent = stolen as f64 * 100.0 / wanted as f64;
    let found = format!("{percent:.1} % of the time this machine wanted a CPU since boot");
    if percent < 5.0 {
        return Finding::ok(id, found);
    }
    Finding::warning(id, found)
        .costs("the hypervisor runs others on these cores: every request may wait for them")
        .fix("a machine type with dedicated cores")
}
