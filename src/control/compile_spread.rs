//! What decides between the endpoints of a cluster, from its written form.
//!
//! The gateway's own zone is read here, once for each configuration.

use super::compile::Compiler;
use crate::config::secret::Environment;
use crate::config::units::UnitError;
use crate::control::config::locality::ZoneConfig;
use crate::upstream::balance::layout::{Rules, ZoneRules};
use crate::upstream::balance::slow_start::SlowStart;
use crate::upstream::balance::subset::Subset;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::spread::{SlowStartConfig, SubsetConfig, ZonesConfig};
use crate::upstream::spread::Spread;

impl Compiler<'_> {
    /// Reads the gateway's own zone.
    pub(super) fn read_zone(&mut self, environment: &Environment) {
        let read = self.config.locality.zone.as_ref().map(|zone| zone.read(environment));
        match read {
            Some(Ok(zone)) => self.zone = Some(zone),
            Some(Err(error)) => {
                self.error("no-zone", "locality.zone".to_owned(), error.reason, "write the zone's name");
            }
            None => {}
        }
    }

    pub(super) fn spread(&self, config: &ClusterConfig) -> Spread {
        Spread {
            rules: rules(config),
            own_zone: config.zones.as_ref().and(self.zone.clone()),
            slow_start: config.slow_start.as_ref().map(slow_start),
        }
    }
}

impl ZoneConfig {
    /// The name.
    fn read(&self, environment: &Environment) -> Result<Box<str>, UnitError> {
        match self {
            Self::Name(name) => Ok(name.as_str().into()),
            Self::From(source) => Ok(source.read(environment)?.expose().trim().into()),
        }
    }
}

/// A day; `check` admits less.
const WINDOW_MS_MAX: u64 = 86_400_000;

fn rules(config: &ClusterConfig) -> Rules {
    let zones = |zones: &ZonesConfig| ZoneRules {
        keep: zones.keep.millionths(),
        endpoints_min: zones.endpoints as usize,
    };
    let subset = |&SubsetConfig { workers, endpoints }: &SubsetConfig| Subset { workers, endpoints };
    Rules {
        zones: config.zones.as_ref().map(zones),
        panic_below: config.panic_below.millionths(),
        subset: config.subset.as_ref().map(subset),
    }
}

fn slow_start(config: &SlowStartConfig) -> SlowStart {
    let window_ms = u64::try_from(config.window.duration().as_millis()).unwrap_or(u64::MAX);
    SlowStart { window_ms: window_ms.clamp(1, WINDOW_MS_MAX), from: config.from.millionths() }
}
