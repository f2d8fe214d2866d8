//! `tuning/nic` on a machine made of files: a network interface with two queues and an ethtool that counts.

use super::tree::Tree;

const QUEUES: &str = "sys/class/net/eth9/queues";

/// Four CPUs on two memory nodes, an interface on the first.
fn machine(queues: usize) -> Tree {
    let tree = Tree::new();
    tree.write("sys/devices/system/cpu/online", "0-3");
    tree.write("sys/devices/system/node/node0/cpulist", "0-1");
    tree.write("sys/devices/pci/numa_node", "0");
    tree.write("proc/sys/net/core/rps_sock_flow_entries", "0");
    let mut interrupts = " CPU0 CPU1\n 40: 0 0 PCI-MSIX 0-edge eth9-config\n".to_owned();
    tree.write("sys/devices/pci/msi_irqs/40", "msix");
    for queue in 0..queues {
        let irq = 41 + queue;
        tree.write(&format!("sys/devices/pci/msi_irqs/{irq}"), "msix");
        tree.write(&format!("proc/irq/{irq}/smp_affinity_list"), "0-3");
        interrupts.push_str(&format!(" {irq}: 7 0 PCI-MSIX 1-edge eth9-TxRx-{queue}\n"));
        tree.write(&format!("{QUEUES}/rx-{queue}/rps_cpus"), "0");
        tree.write(&format!("{QUEUES}/rx-{queue}/rps_flow_cnt"), "0");
        tree.write(&format!("{QUEUES}/tx-{queue}/xps_cpus"), "f");
    }
    tree.write("proc/interrupts", &interrupts);
    tree.link("sys/class/net/eth9/device", "../../../devices/pci");
    tree.write("sys/class/net/lo/mtu", "65536");
    tree.write("channels", &queues.to_string());
    tree.program("ethtool", ETHTOOL);
    tree
}

/// Sixteen queues at most; remembers what it was told beside itself.
const ETHTOOL: &str = r#"#!/bin/sh
now=$(dirname "$0")/channels
case $1 in
-l) printf 'Pre-set maximums:\nCombined:\t16\nCurrent hardware settings:\nCombined:\t%s\n' "$(cat "$now")" ;;
-L) echo "$4" >"$now" ;;
-g) printf 'Pre-set maximums:\nRX:\t4096\nCurrent hardware settings:\nRX:\t512\nTX:\t256\n' ;;
-c) printf 'Adaptive RX: on  TX: off\nrx-usecs:\t8\n' ;;
esac"#;

#[test]
fn one_queue_per_core_gets_one_interrupt_and_no_packet_steering() {
    let tree = machine(2);
    tree.run("nic", &["--cpus", "0-1", "apply", "eth9"]).says(
        0,
        &[
            "ok       combined queues = 2 (of 16)",
            "changed  interrupt 41 (eth9-TxRx-0): 0-3 -> 0",
            "changed  interrupt 42 (eth9-TxRx-1): 0-3 -> 1",
            "ok       RPS of rx-0 = 0",
            "changed  XPS of tx-1: f -> 2",
        ],
    );
    assert_eq!(tree.value("proc/irq/42/smp_affinity_list"), "1");
    assert_eq!(tree.value("proc/sys/net/core/rps_sock_flow_entries"), "0");
}

#[test]
fn fewer_queues_than_cores_share_the_cores_out_by_rps_and_rfs() {
    let tree = machine(2);
    // The interface has no more to give.
    tree.program("ethtool", &ETHTOOL.replace("16", "2"));
    tree.run("nic", &["apply", "eth9"]).ends_with(0);
    assert_eq!(tree.value(&format!("{QUEUES}/rx-0/rps_cpus")), "5");
    assert_eq!(tree.value(&format!("{QUEUES}/rx-1/rps_cpus")), "a");
    assert_eq!(tree.value(&format!("{QUEUES}/rx-1/rps_flow_cnt")), "16384");
    assert_eq!(tree.value("proc/sys/net/core/rps_sock_flow_entries"), "32768");
    assert_eq!(tree.value(&format!("{QUEUES}/tx-0/xps_cpus")), "5");
}

#[test]
fn the_number_of_queues_follows_the_number_of_cores_and_comes_back() {
    let tree = machine(2);
    tree.run("nic", &["--cpus", "0-3", "apply", "eth9"])
        .says(0, &["changed  combined queues: 2 -> 4 (of 16)"]);
    assert_eq!(tree.value("channels"), "4");
    tree.run("nic", &["undo", "eth9"]).says(0, &["restored combined queues: 2"]);
    assert_eq!(tree.value("channels"), "2");
}

#[test]
fn a_second_apply_changes_nothing_and_undo_restores_exactly() {
    let tree = machine(2);
    let before = tree.everything();
    tree.run("nic", &["--cpus", "0-1", "apply", "eth9"]).ends_with(0);
    let once = tree.everything();
    tree.run("nic", &["--cpus", "0-1", "apply", "eth9"]).says(0, &["0 changed, 0 refused"]);
    assert_eq!(tree.everything(), once);
    tree.run("nic", &["--dry-run", "undo", "eth9"]).ends_with(0);
    assert_eq!(tree.everything(), once);
    tree.run("nic", &["undo", "eth9"]).ends_with(0);
    assert_eq!(tree.everything(), before);
    tree.run("nic", &["undo", "eth9"]).says(0, &["nothing to undo"]);
}

#[test]
fn show_and_a_dry_run_change_nothing() {
    let tree = machine(2);
    let before = tree.everything();
    tree.run("nic", &["--cpus", "1-2", "show", "eth9"]).says(
        0,
        &[
            "receive queues 2, transmit queues 2, combined 2 of 16; cores 2 (1 2)",
            "queue 1: interrupt 42 (eth9-TxRx-1) on CPU 0-3",
            "ring RX: 512",
            "coalescing rx-usecs: 8",
            "memory node 0, with CPU 0-1",
            "CPU 2 is not on the interface's node",
        ],
    );
    tree.run("nic", &["--cpus", "1-2", "--dry-run", "apply", "eth9"]).says(0, &["would    interrupt 41"]);
    assert_eq!(tree.everything(), before);
}

#[test]
fn masks_of_many_cpus_are_written_in_words() {
    let tree = machine(1);
    tree.program("ethtool", &ETHTOOL.replace("16", "1"));
    tree.run("nic", &["--cpus", "31-33", "apply", "eth9"]).ends_with(0);
    assert_eq!(tree.value(&format!("{QUEUES}/rx-0/rps_cpus")), "3,80000000");
    // The kernel pads what it prints: the same set is not a difference.
    tree.write(&format!("{QUEUES}/rx-0/rps_cpus"), "00000003,80000000");
    tree.run("nic", &["--cpus", "31-33", "apply", "eth9"]).says(0, &["0 changed, 0 refused"]);
}

#[test]
fn irqbalance_is_named_with_the_line_that_keeps_it_off() {
    let tree = machine(2);
    tree.write("proc/77/comm", "irqbalance");
    tree.run("nic", &["apply", "eth9"]).says(0, &["irqbalance runs", "--banirq=41 --banirq=42"]);
}

#[test]
fn without_ethtool_the_rest_is_still_done() {
    let tree = machine(2);
    std::fs::remove_file(tree.path("ethtool")).unwrap();
    tree.run("nic", &["--cpus", "0-1", "apply", "eth9"])
        .says(0, &["skipped  number of queues: ethtool is not installed", "changed  interrupt 41"]);
}

#[test]
fn an_interface_without_hardware_is_left_alone() {
    let tree = machine(2);
    let before = tree.everything();
    for command in ["show", "apply", "undo"] {
        tree.run("nic", &[command, "lo"]).says(0, &["skipped: not a hardware interface"]);
    }
    tree.run("nic", &["show", "eth77"]).says(2, &["no interface eth77"]);
    tree.run("nic", &["--cpus", "a-b", "show", "eth9"]).says(2, &["not a list of CPUs"]);
    assert_eq!(tree.everything(), before);
}
