//! Discovery: what each kind of source needs, and what would never do anything.

use super::{Check, limits, registries, values};
use crate::config::units::UnitError;
use crate::upstream::config::ClusterConfig;
use crate::upstream::config::discover::{DiscoverConfig, DnsConfig, FileConfig, RecordsConfig};

pub(super) fn check(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let Some(discover) = &cluster.discover else {
        if check.document.tree().nearest(at).get("membership").is_some() {
            let why = UnitError::new("the endpoints of this cluster are written, and do not change");
            check.warning("unused-membership", &format!("{at}.membership"), why.hint("remove it"));
        }
        return;
    };
    let at = format!("{at}.discover");
    match discover {
        DiscoverConfig::Dns(dns) => by_dns(check, &format!("{at}.dns"), dns),
        DiscoverConfig::File(file) => by_file(check, &format!("{at}.file"), file),
        registry => registries::check(check, &at, registry),
    }
}

fn by_dns(check: &mut Check<'_>, at: &str, dns: &DnsConfig) {
    check.value("bad-name", &format!("{at}.name"), values::dns_name(&dns.name));
    let is_srv = dns.records == RecordsConfig::Srv;
    let port = format!("{at}.port");
    match dns.port {
        None if !is_srv => {
            let why = UnitError::new("records of addresses do not tell the port").hint("write `port: 8080`");
            check.error("no-port", at, why);
        }
        Some(_) if is_srv => {
            check.error(
                "bad-port",
                &port,
                UnitError::new("records of `srv` tell the port").hint("remove it"),
            );
        }
        Some(0) => check.error("bad-port", &port, UnitError::new("a port is a number from 1 to 65535")),
        _ => {}
    }
    for (name, span) in [("min_refresh", dns.min_refresh), ("timeout", dns.timeout)] {
        check.value("zero-timeout", &format!("{at}.{name}"), limits::some_time(span));
    }
    if dns.min_refresh > dns.max_refresh {
        let why =
            UnitError::new(format!("{} is less than min_refresh, {}", dns.max_refresh, dns.min_refresh));
        check.error("out-of-range", &format!("{at}.max_refresh"), why.hint("make it at least min_refresh"));
    }
    for (index, resolver) in dns.resolvers.iter().enumerate() {
        if resolver.get().port() == 0 {
            let why =
                UnitError::new("no name server listens on port 0").hint("name servers listen on port 53");
            check.error("bad-port", &format!("{at}.resolvers[{index}]"), why);
        }
    }
}

fn by_file(check: &mut Check<'_>, at: &str, file: &FileConfig) {
    check.value("zero-timeout", &format!("{at}.look_every"), limits::some_time(file.look_every));
    if file.path.as_os_str().is_empty() {
        let why = UnitError::new("there is no file without a name").hint("write `path: endpoints.yaml`");
        check.error("no-file", &format!("{at}.path"), why);
    }
}
