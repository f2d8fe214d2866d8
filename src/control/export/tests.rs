//! What a scraper gets, whole, and whether Prometheus itself reads it (where promtool is installed).

use std::io::Write;
use std::process::{Command, Stdio};

use super::*;

fn exporter(registry: &Frozen<Registry>) -> Exporter {
    let mut methods = [""; METHOD_SLOTS];
    methods[..3].copy_from_slice(&["GET", "HEAD", "POST"]);
    Exporter::new(Sources {
        registry: registry.clone(),
        names: SlotNames { methods, errors: vec!["route_not_found", "upstream_reset"] },
        version: "1.2.3",
        started_unix_seconds: 1_700_000_000,
        generation: Published::new(Frozen::new(GenerationLabel { number: 4, hash: "abc".to_owned() })),
        log: Some(Frozen::new(LogMetrics::default())),
        certificates: Published::new(Frozen::new(crate::control::tls::Inventory::default())),
        feeds: None,
        revocations: crate::control::revocations::RevocationDesk::default(),
        reloads: Frozen::new(ReloadFigures::default()),
        rollouts: Frozen::new(crate::control::rollout::figures::RolloutFigures::default()),
        source: None,
    })
}

fn busy() -> Frozen<Registry> {
    let registry = Frozen::new(Registry::new(2));
    for index in 0..2 {
        let worker = registry.worker(index);
        worker.connections_accepted.add(5);
        worker.connections_active.add(2);
        worker.bytes_downstream_read.add(100);
        worker.count_error(1);
        worker.cpu_nanos.add(1_500_000_000);
        let route = registry.route("or\"d\\ers\n", index);
        route.count_request(0, 200);
        route.duration.record(300_000);
        route.duration.record(90_000_000_000);
        route.response_bytes.add(42);
        registry.route("never called", index);
        let endpoint = registry.endpoint("orders", "10.0.0.1:80", index);
        endpoint.attempts.add(3);
        endpoint.idle.add(1);
        registry.policy("orders", "jwt", index).refused.add(1);
    }
    registry
}

#[track_caller]
fn assert_has(text: &str, line: &str) {
    assert!(text.lines().any(|candidate| candidate == line), "no line {line:?} in\n{text}");
}

#[test]
fn sums_the_workers_and_labels_what_it_sums() {
    let text = exporter(&busy()).render(Format::OpenMetrics);
    for line in [
        r#"ringgate_requests_total{route="or\"d\\ers\n",method="GET",status_class="2xx"} 2"#,
        r#"ringgate_request_duration_seconds_bucket{le="0.00025",route="or\"d\\ers\n"} 0"#,
        r#"ringgate_request_duration_seconds_bucket{le="0.0005",route="or\"d\\ers\n"} 2"#,
        r#"ringgate_request_duration_seconds_bucket{le="60.0",route="or\"d\\ers\n"} 2"#,
        r#"ringgate_request_duration_seconds_bucket{le="+Inf",route="or\"d\\ers\n"} 4"#,
        r#"ringgate_request_duration_seconds_count{route="or\"d\\ers\n"} 4"#,
        r#"ringgate_request_duration_seconds_sum{route="or\"d\\ers\n"} 180.0006"#,
        r#"ringgate_response_bytes_total{route="or\"d\\ers\n"} 84"#,
        r#"ringgate_connections_accepted_total{worker="1"} 5"#,
        r#"ringgate_connections_active{worker="0"} 2"#,
        r#"ringgate_downstream_bytes_total{direction="read"} 200"#,
        r#"ringgate_upstream_bytes_total{direction="written"} 0"#,
        r#"ringgate_errors_total{code="route_not_found"} 0"#,
        r#"ringgate_errors_total{code="upstream_reset"} 2"#,
        r#"ringgate_endpoint_attempts_total{cluster="orders",endpoint="10.0.0.1:80"} 6"#,
        r#"ringgate_pool_connections{cluster="orders",endpoint="10.0.0.1:80",state="idle"} 2"#,
        r#"ringgate_policy_decisions_total{route="orders",policy="jwt",verdict="refused"} 2"#,
        r#"ringgate_worker_cpu_seconds_total{worker="0"} 1.5"#,
        r#"ringgate_build_info{version="1.2.3"} 1"#,
        r#"ringgate_generation{hash="abc"} 4"#,
        "ringgate_start_time_seconds 1700000000",
        "ringgate_log_lines_lost_total 0",
    ] {
        assert_has(&text, line);
    }
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_grows_with_the_configuration_is_silent_until_used() {
    let text = exporter(&busy()).render(Format::OpenMetrics);
    assert!(!text.contains("never called"));
    assert!(!text.contains("POST"));
    assert!(!text.contains("ringgate_upstream_duration_seconds_count"));
    assert!(!text.contains("verdict=\"continued\""));
}

#[test]
fn the_older_format_names_counters_in_their_comments() {
    let text = exporter(&busy()).render(Format::Prometheus);
    assert_has(&text, "# TYPE ringgate_requests_total counter");
    assert_has(&text, "# TYPE ringgate_build_info gauge");
    assert_has(&text, "# TYPE ringgate_request_duration_seconds histogram");
    assert!(!text.contains("# EOF"));
}

/// `None` where promtool is not installed.
fn promtool(arguments: &[&str], input: &str) -> Option<(bool, String)> {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    child.stdin.take()?.write_all(input.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

#[test]
fn prometheus_reads_the_older_format_and_finds_no_fault() {
    let text = exporter(&busy()).render(Format::Prometheus);
    if let Some((accepted, complaints)) = promtool(&["check", "metrics"], &text) {
        assert!(accepted && complaints.is_empty(), "{complaints}");
    }
}

#[test]
fn prometheus_reads_open_metrics() {
    // promtool reads this format only to fill a database, and for that every sample needs a time.
    let text = exporter(&busy()).render(Format::OpenMetrics);
    let timed: String = text
        .lines()
        .map(|line| if line.starts_with('#') { format!("{line}\n") } else { format!("{line} 1700000000\n") })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let (input, database) = (folder.path().join("metrics.txt"), folder.path().join("database"));
    std::fs::write(&input, timed).unwrap();
    let paths = [input.to_str().unwrap(), database.to_str().unwrap()];
    let arguments = ["tsdb", "create-blocks-from", "openmetrics", paths[0], paths[1]];
    if let Some((accepted, complaints)) = promtool(&arguments, "") {
        assert!(accepted, "{complaints}");
    }
}
