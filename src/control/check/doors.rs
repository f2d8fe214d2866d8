//! What listeners do besides plain HTTP: PROXY headers, raw TCP, names of TLS clients.

use std::collections::BTreeMap;

use super::{Check, limits, names};
use crate::config::units::UnitError;
use crate::control::config::ListenerConfig;
use crate::control::listener_config::{ProxyProtocolConfig, TcpConfig};
use crate::route::host::HostPattern;
use crate::upstream::config::{BalanceConfig, HashKeyConfig};

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    let clusters = names::written_clusters(check);
    for (index, listener) in config.listeners.iter().enumerate() {
        let at = format!("listeners[{index}]");
        if let Some(proxy) = &listener.proxy_protocol {
            proxy_protocol(check, &format!("{at}.proxy_protocol"), proxy);
        }
        if let Some(one) = &listener.tcp {
            tcp(check, &format!("{at}.tcp"), listener, one, &clusters);
        }
    }
    routes(check);
    proxied_clusters(check);
}

fn proxy_protocol(check: &mut Check<'_>, at: &str, config: &ProxyProtocolConfig) {
    for (index, range) in config.from.iter().enumerate() {
        if range.net().prefix_len() == 0 {
            let why = UnitError::new(format!("{range} is everybody: any client may say who it is"))
                .hint("write the addresses of the load balancers");
            check.warning("trusts-everybody", &format!("{at}.from[{index}]"), why);
        }
    }
}

fn tcp(check: &mut Check<'_>, at: &str, listener: &ListenerConfig, config: &TcpConfig, clusters: &[String]) {
    if config.cluster.is_none() && config.sni.is_empty() {
        let why = UnitError::new(format!("listener `{}` goes nowhere", listener.name));
        check.error("no-destination", at, why.hint("add `cluster`, or `sni` with names and clusters"));
    }
    if listener.tls.is_some() && !config.sni.is_empty() {
        let why = UnitError::new(format!(
            "listener `{}` ends TLS, so there is no name to go by behind it",
            listener.name
        ));
        check.error(
            "names-behind-tls",
            &format!("{at}.sni"),
            why.hint("remove `tls` to pass TLS on by name, or write `cluster` here"),
        );
    }
    check.value("zero-timeout", &format!("{at}.idle_timeout"), limits::some_time(config.idle_timeout));
    let mut used = vec![(format!("{at}.cluster"), config.cluster.as_deref())];
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    for (index, entry) in config.sni.iter().enumerate() {
        let at = format!("{at}.sni[{index}]");
        used.push((format!("{at}.cluster"), Some(&entry.cluster)));
        for (index, name) in entry.names.iter().enumerate() {
            server_name(check, format!("{at}.names[{index}]"), name, &mut first);
        }
    }
    let known: Vec<&str> = clusters.iter().map(String::as_str).collect();
    for (path, name) in used {
        let Some(name) = name else { continue };
        if !known.contains(&name) {
            check.error("unknown-cluster", &path, names::unknown("cluster", name, &known));
        }
        balance(check, &path, name);
    }
}

fn server_name(check: &mut Check<'_>, path: String, name: &str, first: &mut BTreeMap<String, String>) {
    match HostPattern::parse(name, "") {
        Ok(HostPattern::Exact(exact)) if exact.starts_with('[') => {
            let why = UnitError::new(format!("`{name}` is an address, and TLS clients ask for names"));
            check.error(
                "bad-host",
                &path,
                why.hint("write a name, or use `cluster` for all that ask for none"),
            );
        }
        Ok(pattern) => match first.get(&pattern.to_string()) {
            Some(earlier) => {
                let other = check.place(earlier);
                let why = UnitError::new(format!("`{name}` is listed twice"));
                check.error("same-match", &path, why.hint(format!("remove one; the other is at {other}")));
            }
            None => {
                first.insert(pattern.to_string(), path);
            }
        },
        Err(error) => {
            check.error("bad-host", &path, UnitError { reason: error.reason, hint: Some(error.hint) });
        }
    }
}

/// There is no field and no cookie in raw TCP.
fn balance(check: &mut Check<'_>, path: &str, name: &str) {
    let cluster = check.config.clusters.get(name);
    let Some(BalanceConfig::Maglev(maglev)) = cluster.map(|cluster| &cluster.balance) else { return };
    if matches!(maglev.key(), HashKeyConfig::Header(_) | HashKeyConfig::Cookie(_)) {
        let why = UnitError::new(format!(
            "cluster `{name}` chooses by a field or cookie, which raw TCP has not: the client's address decides"
        ));
        check.warning("no-effect", path, why.hint("write `balance: {maglev: address}` there"));
    }
}

/// Routes are about requests, and a TCP listener has none.
fn routes(check: &mut Check<'_>) {
    let config = check.config;
    let is_tcp =
        |name: &str| config.listeners.iter().any(|listener| listener.name == name && listener.tcp.is_some());
    for (index, route) in config.routes.iter().enumerate() {
        for (at, name) in route.listeners.iter().enumerate().filter(|(_, name)| is_tcp(name)) {
            let why = UnitError::new(format!("listener `{name}` carries raw TCP and has no requests"))
                .hint("remove it here, or `tcp` there");
            check.error("tcp-listener", &format!("routes[{index}].listeners[{at}]"), why);
        }
    }
    let has_http = config.listeners.iter().any(|listener| listener.tcp.is_none());
    if !has_http && !config.routes.is_empty() && !config.listeners.is_empty() {
        let why = UnitError::new("every listener carries raw TCP, so no route ever sees a request")
            .hint("remove the routes, or add a listener without `tcp`");
        check.warning("no-effect", "routes", why);
    }
}

/// A connection that has told of one client is not used for another.
fn proxied_clusters(check: &mut Check<'_>) {
    let config = check.config;
    for (name, cluster) in &config.clusters {
        let has_requests = config.routes.iter().any(|route| route.cluster_names().any(|one| one == name));
        if cluster.proxy_protocol.is_some() && has_requests {
            let why = UnitError::new(
                "every request opens a connection of its own, which costs several times as much",
            )
            .hint("services that read X-Forwarded-For or Forwarded do not need it");
            check.warning("connection-per-request", &format!("clusters.{name}.proxy_protocol"), why);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::check::tests::{expect, found, with};

    fn listener(lines: &str) -> String {
        let routes = "routes: [{name: all, cluster: api, listeners: [web]}]";
        with(&format!(
            "listeners:\n  - name: db\n    address: 127.0.0.1:1\n    {}\n  - {{name: web, address: '127.0.0.1:2'}}\n{routes}",
            lines.replace('\n', "\n    ")
        ))
    }

    #[test]
    fn right_ones_have_no_faults() {
        for lines in [
            "tcp: {cluster: api}",
            "tcp: {sni: [{names: [a.example, '*.example'], cluster: api}]}",
            "tcp: {cluster: api, sni: [{names: [a.example], cluster: api}], idle_timeout: 1h}",
            "proxy_protocol: {from: [10.0.0.0/8]}\ntcp: {cluster: api}",
            "proxy_protocol: {from: [10.0.0.0/8, '::1'], others: plain}",
        ] {
            let text = listener(lines);
            assert!(found(&text).is_empty(), "{text}\n{}", found(&text));
        }
    }

    #[test]
    fn wrong_ones_are_told_where_and_why() {
        for (lines, code, line, words) in [
            ("tcp: {idle_timeout: 5s}", "no-destination", 4, "goes nowhere"),
            ("tcp: {cluster: apo}", "unknown-cluster", 4, "did you mean `api`"),
            ("tcp: {cluster: api, idle_timeout: 0s}", "zero-timeout", 4, "zero"),
            ("tcp:\n  sni:\n    - {names: [a.example], cluster: apo}", "unknown-cluster", 6, "did you mean"),
            ("tcp:\n  sni:\n    - {names: ['a.*'], cluster: api}", "bad-host", 6, "first label"),
            ("tcp:\n  sni:\n    - {names: ['[::1]'], cluster: api}", "bad-host", 6, "is an address"),
            (
                "tcp:\n  sni:\n    - {names: [a.b], cluster: api}\n    - {names: [A.b], cluster: api}",
                "same-match",
                7,
                "t.yaml:6",
            ),
            ("tcp: {cluster: api}\nhttp2: false", "no-effect", 5, "raw TCP"),
            ("proxy_protocol: {from: [0.0.0.0/0]}", "trusts-everybody", 4, "load balancers"),
        ] {
            expect(&listener(lines), code, line, words);
        }
        for lines in [
            "tcp: {sni: [{names: [], cluster: api}]}",
            "proxy_protocol: {from: []}",
            "proxy_protocol: {}",
            "tcp: {cluster: api, sni: [{names: [a.b]}]}",
        ] {
            assert!(found(&listener(lines)).has_errors(), "{lines}");
        }
    }

    #[test]
    fn routes_and_tcp_do_not_mix() {
        let db = "listeners: [{name: db, address: '127.0.0.1:1', tcp: {cluster: api}}]";
        expect(&with(db), "no-effect", 1 + 2, "no route ever sees");
        let named = format!(
            "listeners: [{{name: db, address: '127.0.0.1:1', tcp: {{cluster: api}}}}, {{name: web, address: '127.0.0.1:2'}}]\n{}",
            "routes: [{name: all, cluster: api, listeners: [db]}]"
        );
        expect(&with(&named), "tcp-listener", 2, "no requests");
    }

    #[test]
    fn what_a_cluster_costs_or_cannot_do() {
        let cluster = "clusters: {api: {endpoints: ['127.0.0.1:9'], proxy_protocol: v2}}";
        expect(&with(cluster), "connection-per-request", 1, "X-Forwarded-For");
        let maglev = "clusters: {api: {endpoints: ['127.0.0.1:9'], balance: {maglev: {cookie: a}}}}\nroutes: []\n\
                      listeners: [{name: db, address: '127.0.0.1:1', tcp: {cluster: api}}]";
        expect(&with(maglev), "no-effect", 3, "maglev: address");
    }
}
