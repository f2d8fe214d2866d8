//! TLS as it is written: names, times, and what weakens it. Files are looked at when the snapshot is made.

use super::{Check, limits, values};
use crate::config::units::UnitError;

pub(super) fn check(check: &mut Check<'_>) {
    for (index, listener) in check.config.listeners.iter().enumerate() {
        let Some(tls) = &listener.tls else { continue };
        let at = format!("listeners[{index}].tls");
        let timeout = limits::some_time(tls.handshake_timeout);
        check.value("zero-timeout", &format!("{at}.handshake_timeout"), timeout);
        check.value("out-of-range", &format!("{at}.handshakes"), limits::at_least_one(tls.handshakes));
        for (number, certificate) in tls.certificates.iter().enumerate() {
            for (place, name) in certificate.names.iter().enumerate() {
                let path = format!("{at}.certificates[{number}].names[{place}]");
                check.value("bad-host", &path, host(name));
            }
        }
    }
    for (name, cluster) in &check.config.clusters {
        let Some(tls) = &cluster.tls else { continue };
        let at = format!("clusters.{name}.tls");
        if !tls.verify {
            let why = UnitError::new("endpoints need not prove who they are")
                .hint("write `ca:` with the authority that issued their certificates instead");
            check.warning("unverified", &format!("{at}.verify"), why);
            if tls.ca.is_some() {
                let why =
                    UnitError::new("`ca` has no effect with `verify: false`").hint("remove one of them");
                check.warning("no-effect", &format!("{at}.ca"), why);
            }
        }
    }
}

fn host(name: &str) -> Result<(), UnitError> {
    let bare = name.strip_prefix("*.").unwrap_or(name);
    if bare.contains([':', '*']) && bare.parse::<std::net::IpAddr>().is_err() {
        return Err(UnitError::new(format!("`{name}` is not a name"))
            .hint("write a host without a port; `*.` may stand in front, for one level"));
    }
    if bare.contains(':') { Ok(()) } else { values::authority(bare) }
}
