//! Addresses that this process listens on: none twice, and the sample origin's known to a cluster.

use std::net::{IpAddr, SocketAddr};

use super::Check;
use crate::config::units::{SocketAddress, UnitError};

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    let listeners = config.listeners.iter().enumerate();
    let mut all: Vec<(String, SocketAddr)> = listeners
        .map(|(at, listener)| (format!("listeners[{at}].address"), listener.address.get()))
        .collect();
    all.extend(config.admin.iter().map(|admin| ("admin.address".to_owned(), admin.address.get())));
    let sample = config.sample_origin.iter();
    all.extend(sample.map(|sample| ("sample_origin.address".to_owned(), sample.address.get())));
    for (index, (path, addr)) in all.iter().enumerate() {
        let Some((first, other)) = all[..index].iter().find(|(_, other)| overlap(*addr, *other)) else {
            continue;
        };
        let why = match first.split_once(['.', '[']).map_or(&**first, |(key, _)| key) {
            "admin" => format!("the admin listener has {other} already"),
            _ => format!("a listener has {other} already"),
        };
        let place = check.place(first);
        let hint = format!("use another port; the other is at {place}");
        check.error("duplicate-address", path, UnitError::new(why).hint(hint));
    }
}

/// Whether only one of two sockets can have its address. Port 0 is a different free port each time.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    // `[::]` takes IPv4 too, 0.0.0.0 does not take IPv6.
    let covers = |wide: IpAddr, narrow: IpAddr| match wide {
        IpAddr::V4(wide) => wide.is_unspecified() && narrow.is_ipv4(),
        IpAddr::V6(wide) => wide.is_unspecified(),
    };
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && one.port() != 0 && (a == b || covers(a, b) || covers(b, a))
}

/// A sample origin is there to be an endpoint.
pub(super) fn unused(check: &mut Check<'_>) {
    // A cluster that is wrong makes the origin look unused.
    let Some(sample) = check.config.sample_origin.as_ref().filter(|_| !check.has_errors()) else { return };
    let addr = sample.address.get();
    let is_it = |written: &str| {
        let endpoint = written.parse::<SocketAddress>().map(SocketAddress::get);
        endpoint.is_ok_and(|endpoint| overlap(endpoint, addr))
    };
    let mut endpoints = check.config.clusters.values().flat_map(|cluster| &cluster.endpoints);
    if endpoints.any(|endpoint| is_it(endpoint.address())) {
        return;
    }
    let hint = if addr.port() == 0 {
        "port 0 is any free port, which no cluster can name: choose one".to_owned()
    } else {
        format!("write `endpoints: [{addr}]` in a cluster")
    };
    let why = UnitError::new(format!("no cluster has the sample origin {addr} as an endpoint"));
    check.warning("unused-sample-origin", "sample_origin.address", why.hint(hint));
}
