//! Metrics of TLS with clients: handshakes, why they fail, certificates and their end.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::family::Family;
use crate::net::tls::fault::HandshakeFault;

const VERSIONS: [&str; 2] = ["1.2", "1.3"];

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let workers = || sources.registry.workers().map(|worker| &worker.tls);
    let (_, inventory) = sources.certificates.load();
    if inventory.certificates.is_empty() {
        return Ok(());
    }
    let mut family = Family::counter(encoder, "ringgate_tls_handshakes", "Handshakes with clients.")?;
    for (slot, version) in VERSIONS.iter().enumerate() {
        for (is_resumed, resumed) in ["false", "true"].iter().enumerate() {
            let count = workers().map(|tls| tls.handshakes[slot][is_resumed].get()).sum();
            family.count([("version", version), ("resumed", resumed)], count)?;
        }
    }
    let mut family =
        Family::counter(encoder, "ringgate_tls_handshake_failures", "Handshakes with clients that failed.")?;
    for &fault in HandshakeFault::ALL {
        let count = workers().map(|tls| tls.failures[fault as usize].get()).sum();
        family.count([("reason", fault.code())], count)?;
    }
    Family::gauge(encoder, "ringgate_tls_handshakes_active", "Handshakes with clients under way.")?
        .level([], workers().map(|tls| tls.under_way.get()).sum())?;
    let mut family = Family::gauge(
        encoder,
        "ringgate_certificate_not_after_timestamp_seconds",
        "When a certificate expires, since 1970.",
    )?;
    for it in &inventory.certificates {
        let labels = [("listener", &*it.listener), ("index", &*it.index), ("name", &*it.name)];
        family.level(labels, it.not_after)?;
    }
    let mut family =
        Family::counter(encoder, "ringgate_certificate_reloads", "Times that changed files were read.")?;
    family.count([("outcome", "taken")], inventory.reloads)?;
    family.count([("outcome", "refused")], inventory.reload_failures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::TLS_FAULT_SLOTS;

    #[test]
    fn every_reason_has_a_slot() {
        assert!(HandshakeFault::ALL.len() <= TLS_FAULT_SLOTS);
    }
}
