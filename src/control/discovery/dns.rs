//! Endpoints from DNS: a name asked for again and again, when its records expire.
//!
//! An answer that says there is nothing is an answer; a name server that does not answer, or says that it cannot, is a
//! failure. Answers are not cached here beyond their time, which the written bounds may shorten or stretch.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::SRV;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::{Resolver, TokioResolver};

use super::feed::{Backoff, Found, Sink, jittered};
use crate::upstream::config::discover::{DnsConfig, RecordsConfig};

/// Questions that one round may take, as times of one of them: an SRV name leads to others.
const ROUND_TIMEOUTS: u32 = 10;

/// Asks for ever.
pub async fn run(config: DnsConfig, sink: Sink) {
    let mut backoff = Backoff::new();
    loop {
        let pause = match round(&config).await {
            Ok((found, valid_until)) => {
                sink.found(found);
                backoff.reset();
                let left = valid_until.saturating_duration_since(Instant::now());
                let (min, max) = (config.min_refresh.duration(), config.max_refresh.duration());
                jittered(left.max(min).min(max))
            }
            Err(reason) => {
                sink.failed(reason);
                backoff.grow()
            }
        };
        tokio::time::sleep(pause).await;
    }
}

/// What there is, and until when that is true: by the first name server that answers.
async fn round(config: &DnsConfig) -> Result<(Vec<Found>, Instant), String> {
    if config.resolvers.is_empty() {
        return ask_one(config, None).await;
    }
    let mut told = String::new();
    for server in &config.resolvers {
        match ask_one(config, Some(server.get())).await {
            Ok(answer) => return Ok(answer),
            Err(reason) => told = reason,
        }
    }
    Err(told)
}

async fn ask_one(config: &DnsConfig, server: Option<SocketAddr>) -> Result<(Vec<Found>, Instant), String> {
    let by = server.map_or_else(String::new, |server| format!(" by {server}"));
    let told = |error: NetError| format!("`{}` could not be resolved{by}: {error}", config.name);
    // Anew each time: the host's own configuration may have changed, and no state of a failure is left over.
    let resolver = resolver(config, server).map_err(told)?;
    let asked = tokio::time::timeout(config.timeout.duration() * ROUND_TIMEOUTS, ask(&resolver, config));
    asked.await.unwrap_or(Err(NetError::Timeout)).map_err(told)
}

fn resolver(config: &DnsConfig, server: Option<SocketAddr>) -> Result<TokioResolver, NetError> {
    let mut builder = match server {
        None => Resolver::builder_tokio()?,
        Some(server) => {
            // Its own order of servers would share one deadline among all of them.
            let servers = ResolverConfig::from_parts(None, Vec::new(), vec![name_server(server)]);
            Resolver::builder_with_config(servers, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.cache_size = 0;
    options.timeout = config.timeout.duration();
    options.attempts = 1;
    options.preserve_intermediates = false;
    if server.is_some() {
        options.use_hosts_file = ResolveHosts::Never;
    }
    builder.build()
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.to_vec())
}

async fn ask(resolver: &TokioResolver, config: &DnsConfig) -> Result<(Vec<Found>, Instant), NetError> {
    let (mut found, mut until) = (Vec::new(), Instant::now() + config.max_refresh.duration());
    let port = config.port.unwrap_or(0);
    for family in families(config.records) {
        let addresses = lookup(resolver, &config.name, *family, &mut until, config).await?;
        found.extend(addresses.iter().flat_map(|lookup| lookup.answers()).filter_map(|record| {
            let address = SocketAddr::new(address(&record.data)?, port);
            Some(Found::plain(address, address.to_string()))
        }));
    }
    if config.records == RecordsConfig::Srv {
        services(resolver, config, &mut found, &mut until).await?;
    }
    Ok((found, until))
}

fn families(records: RecordsConfig) -> &'static [RecordType] {
    match records {
        RecordsConfig::A => &[RecordType::A],
        RecordsConfig::Aaaa => &[RecordType::AAAA],
        RecordsConfig::Both => &[RecordType::A, RecordType::AAAA],
        RecordsConfig::Srv => &[],
    }
}

/// Records of one kind; None where there are none. `until` becomes earlier where they expire earlier.
async fn lookup(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
    until: &mut Instant,
    config: &DnsConfig,
) -> Result<Option<Lookup>, NetError> {
    match resolver.lookup(name, kind).await {
        Ok(lookup) => {
            *until = (*until).min(lookup.valid_until());
            Ok(Some(lookup))
        }
        Err(error) if error.is_no_records_found() => {
            // It may come any time.
            *until = (*until).min(Instant::now() + config.min_refresh.duration());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The hosts of a service. Those of higher numbers of priority are for when those of lower ones cannot be reached: tiers.
async fn services(
    resolver: &TokioResolver,
    config: &DnsConfig,
    found: &mut Vec<Found>,
    until: &mut Instant,
) -> Result<(), NetError> {
    let Some(services) = lookup(resolver, &config.name, RecordType::SRV, until, config).await? else {
        return Ok(());
    };
    let records = services.answers().iter().filter_map(|record| match &record.data {
        RData::SRV(service) => Some(service),
        _ => None,
    });
    // RFC 2782: a target of "." means that there is decidedly no service.
    let records: Vec<&SRV> = records.filter(|service| !service.target.is_root()).collect();
    let priorities: BTreeSet<u16> = records.iter().map(|service| service.priority).collect();
    for service in records {
        let before = priorities.range(..service.priority).count();
        let host = service.target.to_lowercase().to_utf8();
        let host = host.trim_end_matches('.');
        for address in addresses(resolver, config, &services, &service.target, until).await? {
            let label = format!("{host}:{}", service.port);
            found.push(Found {
                weight: u32::from(service.weight),
                tier: u8::try_from(before).unwrap_or(u8::MAX),
                ..Found::plain(SocketAddr::new(address, service.port), label)
            });
        }
    }
    Ok(())
}

/// The addresses of a host: those that came along, or asked for; IPv6 only where there are no others.
async fn addresses(
    resolver: &TokioResolver,
    config: &DnsConfig,
    services: &Lookup,
    host: &Name,
    until: &mut Instant,
) -> Result<Vec<IpAddr>, NetError> {
    let along = services.additionals().iter().filter(|record| record.name == *host);
    let along: Vec<IpAddr> =
        along.filter_map(|record| address(&record.data)).filter(IpAddr::is_ipv4).collect();
    if !along.is_empty() {
        let ttls = services.additionals().iter().map(|record| record.ttl);
        let ttl = Duration::from_secs(u64::from(ttls.min().unwrap_or(0)));
        *until = (*until).min(Instant::now() + ttl);
        return Ok(along);
    }
    for family in [RecordType::A, RecordType::AAAA] {
        if let Some(lookup) = lookup(resolver, &host.to_utf8(), family, until, config).await? {
            return Ok(lookup.answers().iter().filter_map(|record| address(&record.data)).collect());
        }
    }
    Ok(Vec::new())
}

fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(address) => Some(address.0.into()),
        RData::AAAA(address) => Some(address.0.into()),
        _ => None,
    }
}
