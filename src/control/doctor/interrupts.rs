//! Where packets arrive: the interfaces' interrupts, steering, and what the kernel had to drop.
//!
//! Owns the judgement whether some workers carry the interrupts of all. Placing them is the work of `tuning/nic`.

use std::collections::BTreeSet;

use super::case::Case;
use super::finding::Finding;
use super::host::{cpu_list, cpu_mask, in_ranges};

const NET: &str = "/sys/class/net";
/// Interrupts about the link and commands, not about packets.
const NOT_PACKETS: [&str; 10] =
    ["config", "async", "control", "cmd", "pages", "mbx", "misc", "mgmnt", "event", "adminq"];

pub(super) fn examine(case: &Case, out: &mut Vec<Finding>) {
    let names = case.host.names(NET).into_iter();
    let interfaces: Vec<String> =
        names.filter(|name| case.host.has(&format!("{NET}/{name}/device"))).collect();
    if interfaces.is_empty() {
        out.push(Finding::info("irq-placement", "no interface with hardware is seen from here"));
    }
    for interface in &interfaces {
        out.push(placement(case, interface).about(interface));
    }
    out.push(irqbalance(case));
    out.push(dropped(case));
}

fn placement(case: &Case, interface: &str) -> Finding {
    let id = "irq-placement";
    let irqs = match packet_irqs(case, interface) {
        Ok(irqs) => irqs,
        Err(why) => return Finding::unreadable(id, why),
    };
    let steered = steered(case, interface);
    let mut takes: BTreeSet<u16> = steered.iter().copied().collect();
    if takes.is_empty() {
        for irq in &irqs {
            let folder = format!("/proc/irq/{irq}");
            let list = ["effective_affinity_list", "smp_affinity_list"]
                .iter()
                .find_map(|file| case.host.text(&format!("{folder}/{file}")).filter(|text| !text.is_empty()));
            let Some(list) = list else {
                return Finding::unreadable(id, format!("where interrupt {irq} goes"));
            };
            takes.extend(cpu_list(&list));
        }
    }
    let takes: Vec<u16> = takes.into_iter().collect();
    let by =
        if steered.is_empty() { format!("{} interrupts", irqs.len()) } else { "steering (RPS)".to_owned() };
    let found = format!(
        "{interface}: packets arrive on CPU {} by {by}; workers on {}",
        in_ranges(&takes),
        in_ranges(&case.workers)
    );
    let busy = case.workers.iter().filter(|cpu| takes.contains(cpu)).count();
    if busy == case.workers.len() || busy == 0 {
        return Finding::ok(id, found);
    }
    Finding::warning(id, found)
        .costs(format!(
            "{busy} of {} workers do the interrupts of all: they answer later, and are full first",
            case.workers.len()
        ))
        .fix(format!("sudo tuning/nic --cpus {} apply {interface}", in_ranges(&case.workers)))
}

/// Numbers of the interrupts that are about packets.
fn packet_irqs(case: &Case, interface: &str) -> Result<Vec<String>, String> {
    // A device of a virtual bus has its interrupts at the PCI device above it. The link is resolved first: `..` of
    // the link itself would be the folder of interfaces.
    let device = case.host.resolved(&format!("{NET}/{interface}/device"));
    let device = device.ok_or_else(|| format!("the device of {interface}"))?;
    let above = device.rsplit_once('/').map_or("", |(above, _)| above);
    let folders = [format!("{device}/msi_irqs"), format!("{above}/msi_irqs")];
    let irqs = folders.iter().map(|folder| case.host.names(folder)).find(|irqs| !irqs.is_empty());
    let irqs = irqs.ok_or_else(|| format!("{interface} shows no interrupts"))?;
    let table = case.host.text("/proc/interrupts").ok_or("/proc/interrupts")?;
    let is_packets = |irq: &String| {
        let prefix = format!("{irq}:");
        let line = table.lines().find(|line| line.trim_start().starts_with(&prefix))?;
        let name = line.split_whitespace().last()?.to_lowercase();
        (!NOT_PACKETS.iter().any(|word| name.contains(word))).then_some(())
    };
    let irqs: Vec<String> = irqs.into_iter().filter(|irq| is_packets(irq).is_some()).collect();
    if irqs.is_empty() { Err(format!("{interface} shows no interrupts for packets")) } else { Ok(irqs) }
}

/// CPUs that take packets over from the interrupt's.
fn steered(case: &Case, interface: &str) -> Vec<u16> {
    let queues = case.host.names(&format!("{NET}/{interface}/queues")).into_iter();
    let mut cpus: Vec<u16> = queues
        .filter(|queue| queue.starts_with("rx-"))
        .filter_map(|queue| case.host.text(&format!("{NET}/{interface}/queues/{queue}/rps_cpus")))
        .flat_map(|mask| cpu_mask(&mask))
        .collect();
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

fn irqbalance(case: &Case) -> Finding {
    let id = "irqbalance";
    let pids = case.host.names("/proc").into_iter().filter(|name| name.parse::<u32>().is_ok());
    let mut names = pids.filter_map(|pid| case.host.text(&format!("/proc/{pid}/comm")));
    if !names.any(|name| name == "irqbalance") {
        return Finding::ok(id, "not running (or not seen from here)");
    }
    Finding::info(id, "irqbalance is running")
        .costs("it moves interrupts while traffic runs, away from where they were placed")
        .fix(format!(
            "IRQBALANCE_BANNED_CPULIST={} for irqbalance, or sudo systemctl disable --now irqbalance",
            in_ranges(&case.workers)
        ))
}

/// Packets that a CPU could not take in time, since boot.
fn dropped(case: &Case) -> Finding {
    let id = "packets-dropped";
    let Some(text) = case.host.text("/proc/net/softnet_stat") else {
        return Finding::unreadable(id, "/proc/net/softnet_stat");
    };
    let column = |line: &str| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok();
    let dropped: u64 = text.lines().filter_map(column).sum();
    if dropped == 0 {
        return Finding::ok(id, "none for want of backlog since boot");
    }
    Finding::info(id, format!("{dropped} dropped for want of backlog since boot"))
        .costs("each is sent again by its peer, 0.2 s later or more")
        .fix("sudo tuning/host apply   (net.core.netdev_max_backlog), and spread the interrupts")
}
