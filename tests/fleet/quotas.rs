//! Quotas: on one host across restarts, on several across everything, and read by the operator.

use std::time::Duration;

use super::redis::Redis;
use crate::harness::{Gateway, Process, Response, Wire, eventually};

/// A gateway whose state is in a folder of the test's, so that it survives it.
struct Kept {
    process: Process,
    public: String,
    admin: String,
}

fn yaml(fleet: &str) -> String {
    format!(
        "listeners: [{{name: public, address: \"127.0.0.1:0\"}}]\nadmin: {{address: \"127.0.0.1:0\"}}\n{fleet}\n\
         quotas:\n  day: {{amount: 5, period: day, key: [\"header:X-Customer\"]}}\n  \
         month: {{amount: 1000, period: month, key: []}}\n\
         routes: [{{name: all, respond: {{status: 200, body: x}}, policies: {{quota: {{quotas: [day, month]}}}}}}]\n"
    )
}

fn at_redis(redis: &Redis) -> String {
    yaml(&format!(
        "fleet: {{redis: {{address: \"{}\", timeout: 200ms}}, sync: 50ms, hosts: 2}}",
        redis.address()
    ))
}

impl Kept {
    fn start(yaml: &str, state: &std::path::Path) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, yaml).expect("the directory is ours");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_ringgate"));
        command.arg("run").arg(&file).arg("--state").arg(state);
        if let Ok(driver) = std::env::var("RINGGATE_TEST_DRIVER") {
            command.args(["--driver", &driver]);
        }
        let process = Process::start(command, directory);
        process.line("ready");
        let address = |prefix: &str| {
            let line = process.line(prefix);
            line.rsplit("//").next().expect("a URL").trim_end_matches('/').to_owned()
        };
        let (public, admin) = (address("listening "), address("admin "));
        Self { process, public, admin }
    }

    fn get(&self, customer: &str) -> Response {
        let address = self.public.parse().expect("an address");
        Wire::connect(address).ask(format!("GET / HTTP/1.1\r\nHost: t\r\nX-Customer: {customer}\r\n\r\n"))
    }

    fn admin(&self, path: &str) -> serde_json::Value {
        let address = self.admin.parse().expect("an address");
        let response = Wire::connect(address)
            .ask(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"));
        serde_json::from_str(&response.text()).expect("JSON")
    }

    fn used(&self, path: &str) -> u64 {
        self.admin(path)["usage"][0]["used"].as_u64().unwrap_or(0)
    }
}

fn statuses(gateway: &Kept, customer: &str, count: usize) -> Vec<u16> {
    (0..count).map(|_| gateway.get(customer).status).collect()
}

#[test]
fn a_quota_is_exact_and_says_how_much_is_left_and_until_when() {
    let state = tempfile::tempdir().expect("a folder");
    let gateway = Kept::start(&yaml(""), state.path());
    let first = gateway.get("acme").has_status(200);
    let field = |response: &Response, name: &str| response.field(name).map(str::to_owned).unwrap_or_default();
    assert!(field(&first, "ratelimit-policy").contains("\"day\";q=5;w=86400"), "{first:?}");
    assert!(field(&first, "ratelimit").contains("\"day\";r=4;t="), "{first:?}");
    assert_eq!(statuses(&gateway, "acme", 6), [200, 200, 200, 200, 429, 429]);
    assert_eq!(statuses(&gateway, "other", 1), [200]);
    let refused = gateway.get("acme").has_problem(429, "quota_exceeded");
    let wait: u64 = field(&refused, "retry-after").parse().expect("seconds");
    assert!((1..=86_400).contains(&wait), "{wait}");
}

#[test]
fn what_was_used_survives_a_restart_and_a_kill() {
    let state = tempfile::tempdir().expect("a folder");
    let mut gateway = Kept::start(&yaml(""), state.path());
    assert_eq!(statuses(&gateway, "acme", 3), [200, 200, 200]);
    gateway.process.signal(libc::SIGTERM);
    assert!(gateway.process.exit_within(Duration::from_secs(10)).is_some());
    let mut gateway = Kept::start(&yaml(""), state.path());
    assert_eq!(statuses(&gateway, "acme", 3), [200, 200, 429], "of five two are left");
    assert_eq!(statuses(&gateway, "late", 1), [200]);
    // What is older than the bound of the page is on disk.
    let file = state.path().join("quotas");
    let lines = || std::fs::read_to_string(&file).map_or(0, |text| text.lines().count());
    eventually("both customers and everybody's month are written", || lines() == 4);
    gateway.process.signal(libc::SIGKILL);
    assert!(gateway.process.exit_within(Duration::from_secs(10)).is_some());
    let gateway = Kept::start(&yaml(""), state.path());
    assert_eq!(statuses(&gateway, "acme", 2), [429, 429]);
    assert_eq!(statuses(&gateway, "late", 5), [200, 200, 200, 200, 429]);
}

#[test]
fn a_file_that_cannot_be_read_is_put_aside() {
    let state = tempfile::tempdir().expect("a folder");
    std::fs::write(state.path().join("quotas"), "nonsense").expect("it can be written");
    let gateway = Kept::start(&yaml(""), state.path());
    assert_eq!(statuses(&gateway, "acme", 1), [200]);
    assert!(state.path().join("quotas.unreadable").exists());
    assert!(gateway.process.stderr().contains("put aside"), "{}", gateway.process.stderr());
}

#[test]
fn the_operator_reads_what_was_used_by_name_and_by_hash() {
    let state = tempfile::tempdir().expect("a folder");
    let gateway = Kept::start(&yaml(""), state.path());
    assert_eq!(statuses(&gateway, "acme", 2), [200, 200]);
    eventually("two are told of", || gateway.used("/quotas/day/acme") == 2);
    let shown = gateway.admin("/quotas/day/acme");
    let key = shown["usage"][0]["key"].as_str().expect("a hash").to_owned();
    assert!(key.len() == 32 && !shown.to_string().contains("acme"), "{shown}");
    assert_eq!(gateway.used(&format!("/quotas/day/{key}")), 2);
    assert_eq!(gateway.admin("/quotas")["total"], 2);
    assert_eq!(gateway.admin("/quotas/month")["usage"][0]["amount"], 1000);
    assert_eq!(gateway.used("/quotas/day/nobody"), 0);
    assert_eq!(gateway.admin("/quotas/none")["code"], "no_such_quota");
    assert_eq!(gateway.admin("/quotas/day/a,b")["code"], "bad_key");
}

#[test]
fn hosts_share_a_quota_and_it_survives_all_of_them_and_the_server() {
    let mut redis = Redis::start();
    let (one, two) = (Gateway::start(&at_redis(&redis)), Gateway::start(&at_redis(&redis)));
    for host in [&one, &two] {
        host.metric_becomes("ringgate_fleet_hosts", 2.0);
    }
    let ask = |host: &Gateway| host.get_with("/", "X-Customer: acme\r\n").status;
    assert_eq!((0..3).map(|_| ask(&one)).collect::<Vec<_>>(), [200, 200, 200]);
    let used = |host: &Gateway| {
        let shown: serde_json::Value =
            serde_json::from_str(&host.admin_get("/quotas/day/acme").text()).expect("JSON");
        shown["usage"][0]["used"].as_u64().unwrap_or(0)
    };
    // The other host hears of it by asking.
    assert_eq!(ask(&two), 200);
    eventually("both know of four", || used(&two) == 4);
    redis.kill();
    redis.begin();
    for host in [&one, &two] {
        host.metric_becomes("ringgate_fleet_connected", 1.0);
    }
    let before = used(&two);
    eventually("the fifth is admitted and no sixth", || ask(&two) == 429);
    eventually("the server has been told again", || used(&two) == before + 1);
    drop((one, two));
    let three = Gateway::start(&at_redis(&redis));
    three.metric_becomes("ringgate_fleet_connected", 1.0);
    // A host that has just started and heard of nothing admits a few, and then knows.
    eventually("it knows", || ask(&three) == 429);
}
