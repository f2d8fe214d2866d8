//! Whether an address may have one more connection: the caps of a listener on each of its clients.
//!
//! Asked when a connection is accepted, or, where a load balancer speaks for its clients, when its PROXY header has been read. The numbers
//! are those of the box; they go on over changes of configuration. Proxies that are trusted with many clients on one
//! connection are not counted.

use std::net::IpAddr;

use crate::policy::ip_filter::AddressSet;
use crate::proxy::installed::Installed;
use crate::proxy::l4::plan::Expectation;
use crate::rt::clock;
use crate::shared::callers::{Called, CallerCaps, Callers, OverCap};

/// Caps of a listener on each of its clients.
#[derive(Debug)]
pub struct CallerPlan {
    /// Who has what, on the whole box.
    pub callers: Callers,
    /// What each may have.
    pub caps: CallerCaps,
    /// Bits of an IPv6 address that make a client.
    pub ipv6_prefix: u8,
    /// Who is not counted.
    pub exempt: AddressSet,
}

impl CallerPlan {
    /// The client that an address counts as.
    fn client(&self, address: IpAddr) -> u128 {
        match address.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
            IpAddr::V6(address) => {
                let host_bits = 128 - u32::from(self.ipv6_prefix.clamp(1, 128));
                address.to_bits() >> host_bits << host_bits
            }
        }
    }
}

/// Counts a connection that has just been accepted; those that are to begin with a PROXY header are counted when it is known
/// whose they are.
///
/// # Errors
/// When it is to be closed.
pub fn at_the_door(installed: &Installed, listener: usize, peer: IpAddr) -> Result<Option<Called>, OverCap> {
    let door = &installed.snapshot.doors[listener];
    if door.callers.is_none() {
        return Ok(None);
    }
    let is_spoken_for =
        door.header.as_ref().is_some_and(|header| header.expects_of(peer) != Expectation::Plain);
    if is_spoken_for { Ok(None) } else { count(installed, listener, peer) }
}

/// Counts a connection of this client.
///
/// # Errors
/// When it is to be closed.
pub fn count(installed: &Installed, listener: usize, client: IpAddr) -> Result<Option<Called>, OverCap> {
    let snapshot = &installed.snapshot;
    let Some(plan) = &snapshot.doors[listener].callers else { return Ok(None) };
    if plan.exempt.contains(client) || snapshot.trusted_proxies.contains(client) {
        return Ok(None);
    }
    let called = plan.callers.call(plan.client(client), plan.caps, clock::nanos() / 1_000);
    if let (Err(over), Some(metrics)) = (&called, &installed.doors[listener].callers) {
        match over {
            OverCap::Open => metrics.over_open.add(1),
            OverCap::Pace => metrics.over_pace.add(1),
        }
    }
    called.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_an_ipv4_address_or_an_ipv6_network() {
        let plan = CallerPlan {
            callers: Callers::default(),
            caps: CallerCaps::default(),
            ipv6_prefix: 64,
            exempt: AddressSet::default(),
        };
        let client = |text: &str| plan.client(text.parse().unwrap());
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_eq!(client("192.0.2.1"), client("::ffff:192.0.2.1"));
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
    }
}
