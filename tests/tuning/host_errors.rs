//! `tuning/host` where something is in the way: refused writes, missing settings, wrong files, wrong usage.

use std::process::Command;

use super::host::machine;
use super::tree::Tree;
use super::{read, repository};

#[test]
fn what_the_machine_forbids_is_told_line_by_line_and_the_rest_is_done() {
    let tree = machine();
    std::fs::remove_file(tree.path("proc/sys/fs/nr_open")).unwrap();
    std::fs::remove_file(tree.path("proc/sys/net/core/netdev_max_backlog")).unwrap();
    // A setting that nobody may write, root neither.
    tree.link("proc/sys/fs/nr_open", "/proc/sys/kernel/ngroups_max");
    tree.run("host", &["apply"]).says(
        1,
        &[
            "refused  net.core.netdev_max_backlog, wanted at least 16384: this kernel does not have it",
            "refused  fs.nr_open: 65536 stays, wanted 1048576: ",
            "changed  net.core.somaxconn: 4096 -> 65535",
            "7 as wanted, 6 changed, 2 refused",
        ],
    );
    let boot = tree.value("etc/sysctl.d/90-ringgate.conf");
    assert!(!boot.contains("nr_open") && !boot.contains("netdev_max_backlog"), "{boot}");
    tree.run("host", &["verify"]).says(1, &["1 different, 1 refused"]);
    tree.run("host", &["undo"]).ends_with(0);
    tree.setting_is("net.core.somaxconn", "4096");
}

#[test]
fn nothing_is_changed_where_former_values_cannot_be_kept() {
    let tree = machine();
    tree.write("var/lib", "not a folder");
    let before = tree.everything();
    tree.run("host", &["apply"]).says(1, &["cannot remember former values", "nothing was changed"]);
    assert_eq!(tree.everything(), before);
}

#[test]
fn a_setting_without_its_notes_is_refused_before_anything_is_touched() {
    let tree = machine();
    let before = tree.everything();
    for (text, complaint) in [
        ("net.core.somaxconn = 1", "has no rule that is known here"),
        ("# rule: about\n# without: x\nnet.core.somaxconn = 1", "has no rule that is known here: 'about'"),
        ("# rule: equals\nnet.core.somaxconn = 1", "does not say what it costs"),
        ("# rule: equals\n# without: x\nnet.core.somaxconn = $(id)", "not numbers"),
        ("# rule: equals\n# without: x\n../../etc/passwd = 1", "not the name of a setting"),
        ("net.core.somaxconn", "neither a note nor a setting"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sysctl.conf");
        std::fs::write(&file, text).unwrap();
        tree.run("host", &["--file", file.to_str().unwrap(), "apply"]).says(2, &[complaint]);
    }
    assert_eq!(tree.everything(), before);
}

#[test]
fn wrong_usage_ends_with_two_and_help_shows_examples() {
    let tree = Tree::new();
    for arguments in [&[][..], &["frob"], &["apply", "undo"], &["--file", "/nowhere", "verify"]] {
        tree.run("host", arguments).says(2, &["error: ", "--help"]);
        tree.run("nic", arguments).says(2, &["error: "]);
    }
    for script in ["host", "nic"] {
        let said = tree.run(script, &["--help"]).ends_with(0);
        assert!(said.contains("Examples:") && said.contains("Ends with 0"), "{said}");
    }
}

#[test]
fn verify_of_this_very_machine_answers_for_every_setting() {
    let output = Command::new(repository("tuning/host")).arg("verify").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(matches!(output.status.code(), Some(0 | 1)), "{said}");
    for (key, ..) in super::settings::settings(&read("tuning/sysctl.conf")) {
        assert!(said.lines().any(|line| line.contains(&key)), "{key} is not in:\n{said}");
    }
}
