//! What a listener does besides plain HTTP, compiled: the part of [`super::compile`] that knows PROXY headers and
//! raw TCP.

use super::compile::Compiler;
use super::config::ListenerConfig;
use super::listener_config::{OthersConfig, PerClientConfig, TcpConfig};
use crate::policy::ip_filter::AddressSet;
use crate::proxy::l4::callers::CallerPlan;
use crate::proxy::l4::plan::{DoorPlan, HeaderPlan, TcpPlan};
use crate::proxy::snapshot::Snapshot;
use crate::route::host::HostPattern;
use crate::shared::callers::CallerCaps;

impl Compiler<'_> {
    /// Compiles listener `at`.
    pub(super) fn door(
        &mut self,
        at: usize,
        listener: &ListenerConfig,
        previous: Option<&Snapshot>,
    ) -> DoorPlan {
        let former = previous.and_then(|snapshot| Some(&snapshot.doors[snapshot.listener(&listener.name)?]));
        DoorPlan {
            header: listener.proxy_protocol.as_ref().map(|config| HeaderPlan {
                from: AddressSet::new(&config.from),
                admits_others: config.others == OthersConfig::Plain,
            }),
            callers: listener.per_client.as_ref().map(|config| callers(config, former)),
            http2: listener.http2,
            tcp: listener.tcp.as_ref().map(|config| self.tcp(&format!("listeners[{at}].tcp"), config)),
        }
    }

    fn tcp(&mut self, place: &str, config: &TcpConfig) -> TcpPlan {
        let default = config.cluster.as_ref().and_then(|name| self.index(name, format!("{place}.cluster")));
        let mut patterns = Vec::new();
        for (at, entry) in config.sni.iter().enumerate() {
            let place = format!("{place}.sni[{at}]");
            let Some(cluster) = self.index(&entry.cluster, format!("{place}.cluster")) else { continue };
            for (at, name) in entry.names.iter().enumerate() {
                match HostPattern::parse(name, "") {
                    Ok(pattern) => patterns.push((pattern, cluster)),
                    Err(error) => {
                        self.error("bad-host", format!("{place}.names[{at}]"), error.reason, &error.hint);
                    }
                }
            }
        }
        TcpPlan::new(default, config.idle_timeout.duration(), patterns)
    }
}

/// Clients that have connections have them still: the numbers are those of the generation before, if it had any.
fn callers(config: &PerClientConfig, former: Option<&DoorPlan>) -> CallerPlan {
    let pace = config.new_connections.map(|rate| {
        let period_us = u64::try_from(rate.period().as_micros()).unwrap_or(u64::MAX);
        (period_us.div_ceil(u64::from(rate.count())), rate.count())
    });
    CallerPlan {
        callers: former
            .and_then(|door| door.callers.as_ref())
            .map_or_else(Default::default, |plan| plan.callers.clone()),
        caps: CallerCaps { open: config.connections, pace },
        ipv6_prefix: config.ipv6_prefix.unwrap_or(64),
        exempt: AddressSet::new(&config.exempt),
    }
}
