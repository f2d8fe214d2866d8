//! A bounded burst of load: every answer right, nothing left behind. No figure of speed is asserted here.

use super::real;
use crate::harness::tool;

#[test]
fn a_burst_of_wrk_meets_no_error() {
    let (_nginx, gateway) = real();
    gateway.admin_get("/metrics");
    let before = gateway.descriptors().len();
    let url = format!("http://{}/", gateway.public());
    let said = tool("wrk", &["-t1", "-c32", "-d3s", "--timeout", "10s", &url]);
    println!("{said}");
    assert!(!said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    let done: f64 =
        said.lines().find_map(|line| line.trim().split(" requests in").next()?.parse().ok()).unwrap();
    assert!(done > 100.0, "{said}");
    gateway.metric_becomes("ringgate_connections_active", 0.0);
    assert!(gateway.metric("ringgate_requests_total{status_class=\"2xx\"}") >= done);
    let idle = gateway.metric("ringgate_pool_connections{state=\"idle\"}") as usize;
    gateway.descriptors_fall_to(before + idle);
}
