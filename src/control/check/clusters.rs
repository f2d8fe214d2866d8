//! Clusters: endpoints, pools, timeouts, and whether anything goes there.

use std::collections::BTreeSet;

use super::{Check, care, discover, health, http2, limits, spread, values};
use crate::config::tree::{Node, Value};
use crate::config::units::UnitError;
use crate::control::config::RouteConfig;
use crate::upstream::config::spread::MaglevConfig;
use crate::upstream::config::{BalanceConfig, ClusterConfig, HashKeyConfig};

pub(super) fn check(check: &mut Check<'_>) {
    for (name, cluster) in &check.config.clusters {
        let at = format!("clusters.{name}");
        endpoints(check, &at, cluster);
        discover::check(check, &at, cluster);
        balance(check, &at, &cluster.balance);
        spread::check(check, &at, cluster);
        timeouts(check, &at, cluster);
        pool(check, &at, cluster);
        health::check(check, &at, cluster);
        http2::check(check, &at, cluster);
        if let Some(host) = &cluster.host {
            check.value("bad-host", &format!("{at}.host"), values::authority(host));
        }
    }
}

fn endpoints(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    if cluster.endpoints.is_empty() && cluster.discover.is_none() {
        let why = UnitError::new("this cluster has no endpoints");
        check.error("no-endpoints", at, why.hint("write `endpoints: ['host:port']`, or `discover:`"));
    }
    let mut seen = BTreeSet::new();
    for (index, endpoint) in cluster.endpoints.iter().enumerate() {
        let item = format!("{at}.endpoints[{index}]");
        let is_weighted = check.document.tree().nearest(&item).get("address").is_some();
        let path = if is_weighted { format!("{item}.address") } else { item };
        check.value("bad-endpoint", &path, values::endpoint(endpoint.address()));
        if !seen.insert(endpoint.address()) {
            let why = UnitError::new(format!("`{}` is listed twice", endpoint.address()));
            check.error("duplicate-endpoint", &path, why.hint("remove one, or write `weight: 2`"));
        }
    }
}

fn balance(check: &mut Check<'_>, at: &str, balance: &BalanceConfig) {
    let BalanceConfig::Maglev(maglev) = balance else { return };
    let at = match maglev {
        MaglevConfig::Key(_) => format!("{at}.balance.maglev"),
        MaglevConfig::Bounded(_) => format!("{at}.balance.maglev.key"),
    };
    match maglev.key() {
        HashKeyConfig::Header(name) => {
            check.value("bad-field", &format!("{at}.header"), values::field_name(name))
        }
        HashKeyConfig::Cookie(name) => {
            check.value("bad-field", &format!("{at}.cookie"), values::field_name(name))
        }
        HashKeyConfig::Address => {}
    }
}

fn timeouts(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let timeouts = &cluster.timeouts;
    care::deadline_header(
        check,
        &format!("{at}.timeouts.deadline_header"),
        timeouts.deadline_header.as_ref(),
    );
    let spans = [
        ("connect", Some(timeouts.connect)),
        ("head", Some(timeouts.head)),
        ("idle", Some(timeouts.idle)),
        ("total", timeouts.total),
    ];
    for (name, span) in spans {
        if let Some(span) = span {
            check.value("zero-timeout", &format!("{at}.timeouts.{name}"), limits::some_time(span));
        }
    }
}

fn pool(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let pool = &cluster.pool;
    check.value("out-of-range", &format!("{at}.pool.idle"), limits::at_least_one(pool.idle));
    check.value("zero-timeout", &format!("{at}.pool.idle_timeout"), limits::some_time(pool.idle_timeout));
    check.value("out-of-range", &format!("{at}.pool.head_bytes"), limits::head_bytes(pool.head_bytes));
    if let Some(connections) = pool.connections {
        check.value("out-of-range", &format!("{at}.pool.connections"), limits::at_least_one(connections));
    }
}

/// A cluster is used by a route, or by a policy that names it.
pub(super) fn unused(check: &mut Check<'_>) {
    // A route whose cluster is misspelt makes the right one look unused.
    if check.has_errors() {
        return;
    }
    let config = check.config;
    let mut used: BTreeSet<&str> = config.routes.iter().flat_map(RouteConfig::cluster_names).collect();
    used.extend(config.routes.iter().filter_map(|route| route.fallback.as_ref()?.cluster.as_deref()));
    for tcp in config.listeners.iter().filter_map(|listener| listener.tcp.as_ref()) {
        used.extend(tcp.cluster.as_deref());
        used.extend(tcp.sni.iter().map(|entry| &*entry.cluster));
    }
    used.extend(config.routes.iter().filter_map(|route| Some(&*route.shadow.as_ref()?.cluster)));
    let tree = check.document.tree();
    let routes = tree.get("routes").map(Node::items).unwrap_or_default();
    for policies in routes.iter().chain(tree.get("defaults")).filter_map(|node| node.get("policies")) {
        texts(policies, &mut used);
    }
    for name in config.clusters.keys().filter(|name| !used.contains(name.as_str())) {
        let why = UnitError::new(format!("no route uses cluster `{name}`"))
            .hint("remove it, or write `cluster:` in a route");
        check.warning("unused-cluster", &format!("clusters.{name}"), why);
    }
}

fn texts<'n>(node: &'n Node, found: &mut BTreeSet<&'n str>) {
    match &node.value {
        Value::Text(text) => {
            found.insert(text);
        }
        Value::Sequence(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Mapping(entries) => {
            for (key, value) in entries {
                found.insert(&key.text);
                texts(value, found);
            }
        }
        _ => {}
    }
}
