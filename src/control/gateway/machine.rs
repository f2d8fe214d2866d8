//! What of the machine a gateway takes: event loop, CPUs, descriptors.

use super::StartError;
use crate::control::config::{Config, DriverConfig};
use crate::rt::affinity::allowed_cpus;
use crate::rt::driver::{self, Driver};
use crate::rt::memory::raise_open_files;

/// Descriptors for listeners, rings, logs and the admin listener.
const DESCRIPTORS_RESERVED: u64 = 64;

pub(super) fn choose_driver(wanted: DriverConfig) -> Result<(Driver, Option<String>), StartError> {
    if wanted == DriverConfig::Epoll {
        return Ok((Driver::Epoll, None));
    }
    match driver::probe() {
        Ok(options) => Ok((Driver::IoUring(options), None)),
        Err(error) => {
            let reason = driver::explain_refusal(&error);
            match wanted {
                DriverConfig::IoUring => Err(StartError::NoRing(reason)),
                _ => Ok((Driver::Epoll, Some(reason))),
            }
        }
    }
}

pub(super) fn choose_cpus(config: &Config) -> Result<Vec<u16>, StartError> {
    let allowed = allowed_cpus();
    if config.workers.cpus.is_empty() {
        return Ok(if allowed.is_empty() { vec![0] } else { allowed });
    }
    match config.workers.cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        None => Ok(config.workers.cpus.clone()),
        Some(cpu) => Err(StartError::Missing(format!(
            "workers.cpus: CPU {cpu} is not among those this process may use ({allowed:?})"
        ))),
    }
}

/// Three of four descriptors are for clients, in equal parts; the rest is for upstream connections and files.
pub(super) fn connections_per_worker(workers: usize) -> u32 {
    let descriptors = raise_open_files().saturating_sub(DESCRIPTORS_RESERVED);
    u32::try_from(descriptors / 4 * 3 / workers.max(1) as u64).unwrap_or(u32::MAX).max(1)
}
