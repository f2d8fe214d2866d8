//! `tuning/host` on a machine made of files: apply, verify and undo.

use super::tree::Tree;

const BOOT_FILE: &str = "etc/sysctl.d/90-ringgate.conf";

/// A machine as it comes, but for a few settings that are better than wanted.
pub fn machine() -> Tree {
    let tree = Tree::new();
    for (key, value) in [
        ("net.core.somaxconn", "4096"),
        ("net.ipv4.tcp_syncookies", "1"),
        ("net.core.netdev_max_backlog", "1000"),
        ("net.ipv4.ip_local_port_range", "1024\t60999"),
        ("net.ipv4.tcp_tw_reuse", "2"),
        ("net.ipv4.tcp_max_tw_buckets", "524288"),
        ("net.ipv4.tcp_fin_timeout", "15"),
        ("net.ipv4.tcp_slow_start_after_idle", "1"),
        ("net.ipv4.tcp_mtu_probing", "2"),
        ("net.ipv4.tcp_rmem", "4096\t131072\t33554432"),
        ("net.ipv4.tcp_wmem", "8192\t4096\t65536"),
        ("fs.file-max", "9223372036854775807"),
        ("fs.nr_open", "65536"),
        ("kernel.io_uring_disabled", "2"),
    ] {
        tree.setting(key, value);
    }
    tree
}

#[test]
fn verify_names_every_difference_with_its_cost_and_changes_nothing() {
    let tree = machine();
    let before = tree.everything();
    tree.run("host", &["verify"]).says(
        1,
        &[
            "differs  net.core.somaxconn = 4096, wanted at least 65535",
            "without: a raised backlog stays",
            "differs  net.ipv4.ip_local_port_range = 1024 60999, wanted all of 10240 65535",
            "differs  kernel.io_uring_disabled = 2, wanted at most 0",
            "ok       net.ipv4.tcp_fin_timeout = 15",
            "ok       fs.file-max = 9223372036854775807",
            "ok       kernel.numa_balancing: this kernel does not have it, which is as good as 0",
            "7 as wanted, 8 different, 0 refused",
        ],
    );
    assert_eq!(tree.everything(), before);
}

#[test]
fn apply_sets_what_falls_short_and_prints_before_and_after() {
    let tree = machine();
    tree.run("host", &["apply"]).says(
        0,
        &[
            "changed  net.core.somaxconn: 4096 -> 65535",
            "changed  net.ipv4.ip_local_port_range: 1024 60999 -> 1024 65535",
            "changed  kernel.io_uring_disabled: 2 -> 0",
            "7 as wanted, 8 changed, 0 refused",
        ],
    );
    tree.setting_is("net.core.somaxconn", "65535");
    tree.setting_is("net.ipv4.tcp_tw_reuse", "1");
    tree.run("host", &["verify"]).says(0, &["15 as wanted, 0 different, 0 refused"]);
}

#[test]
fn apply_never_lowers_what_is_better() {
    let tree = machine();
    tree.run("host", &["apply"]).ends_with(0);
    tree.setting_is("net.ipv4.tcp_max_tw_buckets", "524288");
    tree.setting_is("net.ipv4.tcp_fin_timeout", "15");
    tree.setting_is("net.ipv4.tcp_mtu_probing", "2");
    tree.setting_is("net.ipv4.tcp_rmem", "4096\t131072\t33554432");
    // Two of three fall short: the third stays as it was.
    tree.setting_is("net.ipv4.tcp_wmem", "8192 16384 4194304");
    let boot = tree.value(BOOT_FILE);
    assert!(boot.contains("net.ipv4.tcp_wmem = 8192 16384 4194304"), "{boot}");
    assert!(boot.contains("net.ipv4.ip_local_port_range = 1024 65535"), "{boot}");
    assert!(!boot.contains("tcp_rmem") && !boot.contains("tcp_fin_timeout"), "{boot}");
}

#[test]
fn a_second_apply_changes_nothing() {
    let tree = machine();
    tree.run("host", &["apply"]).ends_with(0);
    let once = tree.everything();
    tree.run("host", &["apply"]).says(0, &["15 as wanted, 0 changed, 0 refused"]);
    assert_eq!(tree.everything(), once);
}

#[test]
fn undo_restores_exactly_what_was_there() {
    let tree = machine();
    let before = tree.everything();
    tree.run("host", &["apply"]).ends_with(0);
    tree.run("host", &["undo"])
        .says(0, &["restored", "somaxconn: 65535 -> 4096", "90-ringgate.conf: removed"]);
    assert_eq!(tree.everything(), before);
    tree.run("host", &["undo"]).says(0, &["nothing to undo"]);
    assert_eq!(tree.everything(), before);
}

#[test]
fn the_first_former_value_is_the_one_that_comes_back() {
    let tree = machine();
    tree.run("host", &["apply"]).ends_with(0);
    tree.setting("net.core.somaxconn", "128");
    tree.run("host", &["verify"]).says(1, &["differs  net.core.somaxconn = 128"]);
    tree.run("host", &["apply"]).says(0, &["changed  net.core.somaxconn: 128 -> 65535"]);
    tree.run("host", &["undo"]).ends_with(0);
    tree.setting_is("net.core.somaxconn", "4096");
}

#[test]
fn a_dry_run_says_what_it_would_do_and_does_not() {
    let tree = machine();
    let before = tree.everything();
    tree.run("host", &["--dry-run", "apply"]).says(0, &["would    net.core.somaxconn: 4096 -> 65535"]);
    assert_eq!(tree.everything(), before);
    tree.run("host", &["apply"]).ends_with(0);
    let applied = tree.everything();
    tree.run("host", &["--dry-run", "undo"]).says(0, &["somaxconn: 65535 -> 4096", "would    remove"]);
    assert_eq!(tree.everything(), applied);
}

#[test]
fn a_boot_file_of_another_hand_comes_back() {
    let tree = machine();
    tree.write(BOOT_FILE, "vm.swappiness = 10");
    let before = tree.everything();
    tree.run("host", &["apply"]).ends_with(0);
    assert!(!tree.value(BOOT_FILE).contains("swappiness"));
    tree.run("host", &["undo"]).ends_with(0);
    assert_eq!(tree.everything(), before);
}

#[test]
fn a_boot_file_that_went_missing_is_a_difference() {
    let tree = machine();
    tree.run("host", &["apply"]).ends_with(0);
    std::fs::remove_file(tree.path(BOOT_FILE)).unwrap();
    tree.run("host", &["verify"]).says(1, &["what was applied ends with the next boot"]);
    tree.run("host", &["apply"]).ends_with(0);
    tree.run("host", &["verify"]).ends_with(0);
}
