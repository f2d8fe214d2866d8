//! What an idle keep-alive connection costs.

use crate::harness::{FaultOrigin, Setup, Wire, eventually, large};

/// Bound per connection, in bytes of resident memory; the README states what is measured.
const BYTES_PER_CONNECTION_MAX: u64 = 8 * 1024;

#[test]
fn idle_connections_are_cheap() {
    let count: u64 = if large() { 10_000 } else { 2_000 };
    raise_descriptor_limit();
    let origin = FaultOrigin::ok();
    let gateway = Setup::before(origin.address()).start();
    // Pools and tables that the first requests make are not the connections'; and a connection gives its buffer
    // back only once it has been idle for a while.
    let parked = |wires: usize| {
        eventually("idle connections are parked", || {
            gateway.metric("ringgate_connections_parked") >= wires as f64
        });
    };
    let warm: Vec<Wire> = (0..200).map(|_| used(&gateway)).collect();
    parked(warm.len());
    let before = gateway.resident_bytes();
    let wires: Vec<Wire> = (0..count).map(|_| used(&gateway)).collect();
    parked(warm.len() + wires.len());
    let each = gateway.resident_bytes().saturating_sub(before) / count;
    println!("{count} idle connections, {each} bytes of resident memory each");
    assert!(each < BYTES_PER_CONNECTION_MAX, "{each} bytes each");
    drop((warm, wires));
}

/// A connection that has served one request.
fn used(gateway: &crate::harness::Gateway) -> Wire {
    let mut wire = gateway.wire();
    wire.get("/").has_status(200);
    wire
}

/// The usual 1024 is too few for the clients of this test.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a pointer to a live rlimit of this frame.
    let result = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &limit)
    };
    assert_eq!(result, 0);
}
