//! What a listener does besides plain HTTP, compiled: the part of [`super::compile`] that knows PROXY headers and
//! raw TCP.

use super::compile::Compiler;
use super::config::ListenerConfig;
use super::listener_config::{OthersConfig, TcpConfig};
use crate::policy::ip_filter::AddressSet;
use crate::proxy::l4::plan::{DoorPlan, HeaderPlan, TcpPlan};
use crate::route::host::HostPattern;

impl Compiler<'_> {
    /// Compiles listener `at`.
    pub(super) fn door(&mut self, at: usize, listener: &ListenerConfig) -> DoorPlan {
        DoorPlan {
            header: listener.proxy_protocol.as_ref().map(|config| HeaderPlan {
                from: AddressSet::new(&config.from),
                admits_others: config.others == OthersConfig::Plain,
            }),
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
