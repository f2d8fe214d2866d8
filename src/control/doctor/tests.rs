//! One machine that is well, and what an examination says when one thing about it is not.
//!
//! The machine is a tree of files; the kernel's answers are given. A check that reads elsewhere would find the real
//! machine and fail here.

use std::fs;
use std::path::Path;

use super::case::Listener;
use super::{Finding, Host, Needs, Probes, Report, Severity, examine};
use crate::control::config::DriverConfig;
use crate::rt::driver::RingOptions::{CoopTaskrun, DeferTaskrun, Plain};

/// A machine with four cores, one interface with a queue for each, and nothing wrong.
const WELL: &[(&str, &str)] = &[
    ("proc/sys/kernel/osrelease", "6.8.0-45-generic\n"),
    ("proc/sys/kernel/io_uring_disabled", "0"),
    ("proc/sys/kernel/numa_balancing", "0"),
    ("proc/sys/fs/file-nr", "1000\t0\t9223372036854775807\n"),
    ("proc/sys/fs/file-max", "9223372036854775807"),
    ("proc/sys/fs/nr_open", "1048576"),
    ("proc/sys/net/core/somaxconn", "65535"),
    ("proc/sys/net/core/netdev_max_backlog", "16384"),
    ("proc/sys/net/ipv4/tcp_syncookies", "1"),
    ("proc/sys/net/ipv4/ip_local_port_range", "10240\t65535\n"),
    ("proc/sys/net/ipv4/ip_unprivileged_port_start", "1024"),
    ("proc/sys/net/ipv4/tcp_tw_reuse", "1"),
    ("proc/sys/net/ipv4/tcp_max_tw_buckets", "262144"),
    ("proc/sys/net/ipv4/tcp_fin_timeout", "30"),
    ("proc/sys/net/ipv4/tcp_slow_start_after_idle", "0"),
    ("proc/sys/net/ipv4/tcp_mtu_probing", "1"),
    ("proc/sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456"),
    ("proc/sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304"),
    ("proc/self/status", "Cpus_allowed_list:\t0-3\nCapEff:\t0000000000000000\nSeccomp:\t0\n"),
    ("proc/self/limits", "Max open files            1024                 1048576              files\n"),
    ("proc/self/cgroup", "0::/system.slice/ringgate.service\n"),
    ("proc/1/cgroup", "0::/init.scope\n"),
    ("proc/1/comm", "systemd\n"),
    ("proc/stat", "cpu  100 0 100 800 0 0 0 1 0 0\n"),
    ("proc/swaps", "Filename Type Size Used Priority\n"),
    ("proc/net/tcp", "  sl  local_address rem_address\n"),
    ("proc/net/netstat", "TcpExt: SyncookiesSent ListenOverflows\nTcpExt: 0 0\n"),
    ("proc/net/softnet_stat", "00000001 00000000 00000000\n"),
    (
        "proc/interrupts",
        "  CPU0\n 40: 1 PCI-MSIX eth0-TxRx-0\n 41: 1 PCI-MSIX eth0-TxRx-1\n 42: 1 PCI eth0-config\n",
    ),
    ("proc/irq/40/effective_affinity_list", "0-1"),
    ("proc/irq/41/effective_affinity_list", "2-3"),
    ("proc/irq/42/effective_affinity_list", "0"),
    ("sys/class/net/eth0/device/msi_irqs/40", ""),
    ("sys/class/net/eth0/device/msi_irqs/41", ""),
    ("sys/class/net/eth0/device/msi_irqs/42", ""),
    ("sys/class/net/eth0/device/numa_node", "0"),
    ("sys/class/net/eth0/queues/rx-0/rps_cpus", "00000000"),
    ("sys/class/net/lo/mtu", "65536"),
    ("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc"),
    ("sys/devices/system/clocksource/clocksource0/available_clocksource", "tsc hpet acpi_pm"),
    ("sys/devices/system/cpu/online", "0-3"),
    ("sys/devices/system/cpu/isolated", "\n"),
    ("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0"),
    ("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1"),
    ("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "2"),
    ("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "3"),
    ("sys/devices/system/node/node0/cpulist", "0-3"),
    ("sys/fs/cgroup/system.slice/ringgate.service/cpu.max", "max 100000"),
    ("sys/fs/cgroup/system.slice/ringgate.service/memory.max", "max"),
    ("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never"),
    ("sys/kernel/mm/transparent_hugepage/defrag", "always defer [madvise] never"),
];

struct Machine {
    folder: tempfile::TempDir,
    needs: Needs,
    probes: Probes,
}

impl Machine {
    fn well() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut needs = Needs::of(None);
        let listener = |name: &str, addr: &str, backlog| Listener {
            name: name.to_owned(),
            addr: addr.parse().unwrap(),
            backlog,
        };
        needs.listeners = vec![listener("public", "0.0.0.0:8080", Some(4096))];
        let probes = Probes {
            rings: vec![(DeferTaskrun, Ok(())), (CoopTaskrun, Ok(())), (Plain, Ok(()))],
            binds: vec![Ok(())],
            is_clock_synchronised: Some(true),
        };
        let machine = Self { folder, needs, probes };
        WELL.iter().fold(machine, |machine, (path, text)| machine.with(path, text))
    }

    fn with(self, path: &str, text: &str) -> Self {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn without(self, path: &str) -> Self {
        fs::remove_file(self.folder.path().join(path)).unwrap();
        self
    }

    fn refused(mut self, number: i32) -> Self {
        self.probes.rings = [DeferTaskrun, CoopTaskrun, Plain].map(|options| (options, Err(number))).to_vec();
        self
    }

    fn listening_on(mut self, addr: &str) -> Self {
        self.needs.listeners[0].addr = addr.parse().unwrap();
        self
    }

    fn examined(&self) -> Report {
        examine(&Host::at(self.folder.path()), &self.needs, &self.probes)
    }

    #[track_caller]
    fn says(&self, id: &str, severity: Severity, words: &[&str]) -> Finding {
        let report = self.examined();
        let finding = report.findings.iter().find(|finding| finding.id == id);
        let finding = finding.unwrap_or_else(|| panic!("nothing about {id}: {}", report.text(true)));
        let said = format!("{} {:?} {:?}", finding.found, finding.costs, finding.fix);
        assert_eq!(finding.severity, severity, "{said}");
        for word in words {
            assert!(said.contains(word), "nothing of {word}: {said}");
        }
        finding.clone()
    }
}

#[test]
fn a_machine_that_is_well_has_nothing_to_be_told() {
    let report = Machine::well().examined();
    assert_eq!(report.summary.exit_code, 0, "{}", report.text(false));
    assert_eq!(report.summary.ok, report.findings.len(), "{}", report.text(false));
    assert!(report.findings.len() > 30, "{}", report.text(true));
}

#[test]
fn everything_worse_than_ok_says_what_it_costs_and_how_to_mend_it() {
    let broken = Machine::well()
        .refused(libc::EPERM)
        .with("proc/sys/kernel/osrelease", "4.19.0")
        .with("proc/self/limits", "Max open files  512  512 files\n")
        .with("proc/swaps", "Filename\n/swapfile file 1 0 -2\n")
        .with("sys/fs/cgroup/system.slice/cpu.max", "50000 100000")
        .with("proc/sys/net/core/somaxconn", "128");
    let report = broken.examined();
    assert!(report.findings.iter().filter(|finding| finding.severity > Severity::Ok).count() >= 6);
    for finding in
        report.findings.iter().filter(|finding| finding.severity > Severity::Ok && finding.readable)
    {
        assert!(finding.costs.is_some() && finding.fix.is_some(), "{finding:?}");
    }
    let mut named: Vec<_> = report.findings.iter().map(|finding| (&finding.id, &finding.subject)).collect();
    named.sort();
    named.dedup();
    assert_eq!(named.len(), report.findings.len(), "id and subject name a finding");
}

#[test]
fn a_machine_that_shows_nothing_is_not_called_well() {
    let empty =
        Machine { folder: tempfile::tempdir().unwrap(), needs: Needs::of(None), probes: Probes::default() };
    let report = empty.examined();
    assert!(report.summary.unreadable > 20, "{}", report.text(true));
    assert_eq!((report.summary.critical, report.summary.warning), (0, 0), "{}", report.text(false));
}

#[test]
fn names_what_blocks_io_uring() {
    let seccomp = "Cpus_allowed_list:\t0-3\nCapEff:\t0000000000000000\nSeccomp:\t2\n";
    let well = Machine::well;
    well().refused(libc::EPERM).with("proc/sys/kernel/io_uring_disabled", "2").says(
        "io-uring",
        Severity::Warning,
        &["io_uring_disabled is 2", "epoll", "sysctl -w kernel.io_uring_disabled=0"],
    );
    well().refused(libc::EPERM).with("proc/sys/kernel/io_uring_disabled", "1").says(
        "io-uring",
        Severity::Warning,
        &["io_uring_group"],
    );
    well().refused(libc::EPERM).with("proc/self/status", seccomp).with(".dockerenv", "").says(
        "io-uring",
        Severity::Warning,
        &["seccomp", "container runtime", "tuning/seccomp.json"],
    );
    well().refused(libc::ENOMEM).says("io-uring", Severity::Warning, &["LimitMEMLOCK"]);
    well().refused(libc::ENOSYS).says("io-uring", Severity::Warning, &["no io_uring", "CONFIG_IO_URING"]);
    well().refused(libc::EPERM).says("io-uring", Severity::Warning, &["SELinux"]);
    let mut asked_for = well().refused(libc::ENOSYS);
    asked_for.needs.driver = DriverConfig::IoUring;
    asked_for.says("io-uring", Severity::Critical, &["does not start"]);
}

#[test]
fn the_file_that_the_text_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["tuning/host", "tuning/nic", "tuning/seccomp.json"] {
        assert!(root.join(file).exists(), "{file}");
    }
}

#[test]
fn counts_descriptors_against_what_is_configured() {
    let with =
        |limits: &str| Machine::well().with("proc/self/limits", &format!("Max open files  {limits} files\n"));
    with("1024 524288").says("open-files", Severity::Ok, &[]);
    with("1024 100000").says("open-files", Severity::Info, &["LimitNOFILE=266731"]);
    with("1024 4096").says("open-files", Severity::Warning, &["room for 756 clients"]);
    with("512 512").says("open-files", Severity::Critical, &[]);
}

#[test]
fn a_quota_above_in_the_tree_counts() {
    let quota = Machine::well().with("sys/fs/cgroup/system.slice/cpu.max", "150000 100000");
    quota.says("cpu-quota", Severity::Warning, &["1.50 CPUs for 4 workers", "CPUQuota=400%"]);
    let old = Machine::well()
        .with("proc/self/cgroup", "4:cpu,cpuacct:/app\n3:memory:/app\n")
        .with("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_quota_us", "200000")
        .with("sys/fs/cgroup/cpu,cpuacct/app/cpu.cfs_period_us", "100000")
        .with("sys/fs/cgroup/cpu,cpuacct/app/cpu.stat", "nr_periods 9\nnr_throttled 7\n")
        .with("sys/fs/cgroup/memory/app/memory.limit_in_bytes", "67108864");
    old.says("cpu-quota", Severity::Warning, &["2.00 CPUs for 4 workers, throttled 7 times"]);
    old.says("memory-limit", Severity::Warning, &["64 MiB"]);
}

#[test]
fn workers_on_cpus_they_may_not_use_do_not_start() {
    let mut machine = Machine::well();
    machine.needs.cpus = vec![2, 3, 4];
    machine.says("worker-cpus", Severity::Critical, &["CPU 4", "may use 0-3"]);
}

#[test]
fn cores_are_looked_at_one_by_one() {
    let folder = "sys/devices/system/cpu";
    Machine::well()
        .with(&format!("{folder}/cpu0/topology/thread_siblings_list"), "0,2")
        .with(&format!("{folder}/cpu2/topology/thread_siblings_list"), "0,2")
        .says("smt-siblings", Severity::Info, &["0,2", "workers.cpus: [0, 1, 3]"]);
    Machine::well().with(&format!("{folder}/isolated"), "2-3").says(
        "isolated-cpus",
        Severity::Warning,
        &["workers.cpus: [2, 3]"],
    );
    let slow = (0..4).fold(Machine::well(), |machine, cpu| {
        machine.with(&format!("{folder}/cpu{cpu}/cpufreq/scaling_governor"), "powersave")
    });
    slow.says("cpu-governor", Severity::Warning, &["powersave"]);
    Machine::well()
        .with("sys/devices/system/node/node0/cpulist", "0-1")
        .with("sys/devices/system/node/node1/cpulist", "2-3")
        .says("numa", Severity::Warning, &["node0, node1"]);
    Machine::well().with("proc/stat", "cpu 100 0 100 800 0 0 0 50\n").says(
        "cpu-steal",
        Severity::Warning,
        &["20.0 %"],
    );
}

#[test]
fn interrupts_on_some_workers_alone_are_told() {
    let one = Machine::well()
        .with("proc/irq/40/effective_affinity_list", "1")
        .with("proc/irq/41/effective_affinity_list", "1");
    one.says(
        "irq-placement",
        Severity::Warning,
        &["CPU 1 by 2 interrupts", "1 of 4", "nic --cpus 0-3 apply eth0"],
    );
    one.with("sys/class/net/eth0/queues/rx-0/rps_cpus", "f").says("irq-placement", Severity::Ok, &["RPS"]);
    let mut apart = Machine::well().with("proc/irq/41/effective_affinity_list", "1");
    apart.needs.cpus = vec![2, 3];
    apart.says("irq-placement", Severity::Ok, &["0-1"]);
    Machine::well().with("proc/77/comm", "irqbalance\n").says("irqbalance", Severity::Info, &["0-3"]);
}

#[test]
fn clock_memory_and_tracking_have_their_say() {
    Machine::well().with("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet").says(
        "clock-source",
        Severity::Warning,
        &["hpet", "echo tsc"],
    );
    Machine::well()
        .with("sys/kernel/mm/transparent_hugepage/enabled", "[always] madvise never")
        .with("sys/kernel/mm/transparent_hugepage/defrag", "[always] defer")
        .says("transparent-huge-pages", Severity::Warning, &["always"]);
    Machine::well()
        .with("proc/sys/net/netfilter/nf_conntrack_max", "65536")
        .with("proc/sys/net/netfilter/nf_conntrack_count", "65000")
        .says("conntrack", Severity::Critical, &["65000 of 65536"]);
}

#[test]
fn a_setting_that_cannot_be_read_is_told_and_does_not_alarm() {
    let finding = Machine::well().without("proc/sys/net/ipv4/tcp_tw_reuse").says(
        "sysctl-net-ipv4-tcp-tw-reuse",
        Severity::Info,
        &["does not have", "wanted 1"],
    );
    assert!(!finding.readable);
    Machine::well().without("proc/sys/kernel/io_uring_disabled").says(
        "sysctl-kernel-io-uring-disabled",
        Severity::Ok,
        &["as good as 0"],
    );
    Machine::well().with("proc/sys/kernel/numa_balancing", "1").says(
        "sysctl-kernel-numa-balancing",
        Severity::Info,
        &["one"],
    );
}

#[test]
fn a_held_port_is_told_with_its_holder() {
    let held = |comm: &str| {
        let line = "0: 00000000:1F90 00000000:0000 0A 0:0 0:0 0 0 0 4711 1\n";
        let machine = Machine::well().with("proc/net/tcp", line).with("proc/312/comm", comm);
        let fds = machine.folder.path().join("proc/312/fd");
        fs::create_dir_all(&fds).unwrap();
        std::os::unix::fs::symlink("socket:[4711]", fds.join("5")).unwrap();
        machine
    };
    held("nginx\n").says("port", Severity::Critical, &["in use by nginx (pid 312)"]);
    held("ringgate\n").says("port", Severity::Ok, &["running gateway (pid 312)"]);
    held("systemd\n").says("port", Severity::Ok, &["socket activation"]);
}

#[test]
fn a_listener_needs_a_port_it_may_have() {
    Machine::well().listening_on("0.0.0.0:443").says(
        "port",
        Severity::Critical,
        &["privileged", "AmbientCapabilities="],
    );
    Machine::well()
        .listening_on("0.0.0.0:443")
        .with("proc/self/status", "Cpus_allowed_list:\t0-3\nCapEff:\t0000000000000400\n")
        .says("port", Severity::Ok, &[]);
    let mut elsewhere = Machine::well().listening_on("192.0.2.1:8080");
    elsewhere.probes.binds = vec![Err(libc::EADDRNOTAVAIL)];
    elsewhere.says("port", Severity::Critical, &["no interface here has 192.0.2.1"]);
    Machine::well().listening_on("0.0.0.0:20000").says(
        "ephemeral-port",
        Severity::Info,
        &["10240-65535", "reserved"],
    );
    let reserved = Machine::well()
        .listening_on("0.0.0.0:20000")
        .with("proc/sys/net/ipv4/ip_local_reserved_ports", "8080,19000-21000");
    assert!(reserved.examined().findings.iter().all(|finding| finding.id != "ephemeral-port"));
    Machine::well().with("proc/sys/net/core/somaxconn", "128").says(
        "backlog",
        Severity::Warning,
        &["cuts it to 128"],
    );
}
