//! EndpointSlices (discovery.k8s.io/v1), as far as addresses come of them, and the events of a watch.
//!
//! Knows the rules of readiness and ports; asks nobody.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::control::http_client::HttpError;
use crate::upstream::config::registries::PortConfig;

/// A page of a list.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) metadata: ListMetadata,
    #[serde(default)]
    pub(super) items: Vec<Slice>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ListMetadata {
    #[serde(rename = "resourceVersion")]
    pub(super) version: String,
    /// Where the next page begins.
    #[serde(default, rename = "continue")]
    pub(super) onwards: Option<String>,
}

/// An event of a watch.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

/// What an event means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Slices have changed, at this version.
    Slices(String),
    /// They have not, up to this version.
    Bookmark(String),
    /// The version asked for has been forgotten.
    Gone,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Slice {
    metadata: Metadata,
    #[serde(default)]
    address_type: String,
    #[serde(default)]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(default)]
    ports: Option<Vec<Port>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "resourceVersion")]
    version: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Endpoint {
    addresses: Vec<String>,
    #[serde(default)]
    conditions: Conditions,
    #[serde(default)]
    zone: Option<String>,
}

/// An address, a port and, where it is known, a zone.
pub(super) type Pod = (String, u16, Option<String>);

/// Unknown where they are absent.
#[derive(Debug, Clone, Default, Deserialize)]
struct Conditions {
    ready: Option<bool>,
    serving: Option<bool>,
    terminating: Option<bool>,
}

impl Conditions {
    /// Unknown is to be taken as ready.
    fn is_ready(&self) -> bool {
        self.ready.unwrap_or(true)
    }

    /// On its way out, and answering still.
    fn is_finishing(&self) -> bool {
        self.terminating == Some(true) && self.serving.unwrap_or(true)
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Port {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    port: Option<u16>,
    #[serde(default)]
    protocol: Option<String>,
}

/// The slices of a service, by their names.
#[derive(Debug, Default)]
pub(super) struct Slices(BTreeMap<String, Slice>);

impl Slices {
    pub(super) fn extend(&mut self, items: Vec<Slice>) {
        self.0.extend(items.into_iter().map(|slice| (slice.metadata.name.clone(), slice)));
    }

    /// Takes an event over. An error is one that the server reports, but for the one of a version forgotten.
    pub(super) fn take(&mut self, event: Event) -> Result<Change, HttpError> {
        if event.kind == "ERROR" {
            return refused(&event.object);
        }
        let slice: Slice = serde_json::from_value(event.object)
            .map_err(|error| HttpError::new(format!("the event is not as expected: {error}")))?;
        let version = slice.metadata.version.clone();
        match event.kind.as_str() {
            "ADDED" | "MODIFIED" => {
                self.0.insert(slice.metadata.name.clone(), slice);
                Ok(Change::Slices(version))
            }
            "DELETED" => {
                self.0.remove(&slice.metadata.name);
                Ok(Change::Slices(version))
            }
            // Bookmarks, and whatever the API will have besides.
            _ => Ok(Change::Bookmark(version)),
        }
    }

    /// Hosts and ports that are to be used: those that are ready; if there are none, those that are on their way out and
    /// answer still, as kube-proxy does. An error where the port is not clear.
    pub(super) fn endpoints(&self, wanted: Option<&PortConfig>) -> Result<BTreeSet<Pod>, String> {
        // A pod with addresses of both families is in slices of both.
        let has = |family: &str| self.0.values().any(|slice| slice.address_type == family);
        let family = if has("IPv4") { "IPv4" } else { "IPv6" };
        let (mut ready, mut finishing) = (BTreeSet::new(), BTreeSet::new());
        for slice in self.0.values().filter(|slice| slice.address_type == family) {
            let endpoints = slice.endpoints.as_deref().unwrap_or_default();
            if endpoints.is_empty() {
                continue;
            }
            let port = slice.port(wanted)?;
            for endpoint in endpoints {
                // Further addresses are the same endpoint's.
                let Some(address) = endpoint.addresses.first() else { continue };
                if endpoint.conditions.is_ready() {
                    ready.insert((address.clone(), port, endpoint.zone.clone()));
                } else if endpoint.conditions.is_finishing() {
                    finishing.insert((address.clone(), port, endpoint.zone.clone()));
                }
            }
        }
        Ok(if ready.is_empty() { finishing } else { ready })
    }
}

impl Slice {
    fn port(&self, wanted: Option<&PortConfig>) -> Result<u16, String> {
        let is_tcp = |port: &&Port| port.protocol.as_deref().unwrap_or("TCP") == "TCP";
        let ports: Vec<&Port> = self.ports.iter().flatten().filter(is_tcp).collect();
        let number = match wanted {
            None if ports.len() == 1 => ports[0].port,
            None if ports.is_empty() => None,
            None => {
                let names: Vec<&str> =
                    ports.iter().map(|port| port.name.as_deref().unwrap_or("unnamed")).collect();
                return Err(format!("it has several ports ({}): write `port:`", names.join(", ")));
            }
            Some(PortConfig::Name(name)) => {
                ports.iter().find(|port| port.name.as_deref() == Some(name)).and_then(|port| port.port)
            }
            Some(PortConfig::Number(number)) => {
                ports.iter().find(|port| port.port == Some(*number)).map(|_| *number)
            }
        };
        number.ok_or_else(|| match wanted {
            Some(wanted) => format!("it has no port `{wanted}`"),
            None => "it has no port".to_owned(),
        })
    }
}

/// A status instead of a slice.
fn refused(status: &Value) -> Result<Change, HttpError> {
    if status.get("code").and_then(Value::as_u64) == Some(410) {
        return Ok(Change::Gone);
    }
    let message = status.get("message").and_then(Value::as_str).unwrap_or("no reason given");
    Err(HttpError::new(format!("the watch was ended: {message}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(name: &str, family: &str, endpoints: Value, ports: Value) -> Value {
        json!({ "metadata": { "name": name, "resourceVersion": "7" }, "addressType": family,
            "endpoints": endpoints, "ports": ports })
    }

    fn slices(items: Vec<Value>) -> Slices {
        let mut slices = Slices::default();
        slices.extend(items.into_iter().map(|it| serde_json::from_value(it).unwrap()).collect());
        slices
    }

    fn addresses(found: Result<BTreeSet<Pod>, String>) -> Vec<String> {
        found.unwrap().into_iter().map(|(host, port, _)| format!("{host}:{port}")).collect()
    }

    #[test]
    fn ready_pods_are_used_and_finishing_ones_only_where_there_are_no_others() {
        let port = json!([{ "name": "http", "port": 8080, "protocol": "TCP" }]);
        let finishing = json!({ "addresses": ["10.0.0.9"],
            "conditions": { "ready": false, "serving": true, "terminating": true } });
        let starting = json!({ "addresses": ["10.0.0.8"],
            "conditions": { "ready": false, "serving": false, "terminating": false } });
        let first = slice("a", "IPv4", json!([finishing, starting]), port.clone());
        assert_eq!(addresses(slices(vec![first.clone()]).endpoints(None)), ["10.0.0.9:8080"]);
        let second = slice(
            "b",
            "IPv4",
            json!([{ "addresses": ["10.0.0.1", "10.0.0.2"] }, { "addresses": ["10.0.0.3"],
                "conditions": { "ready": true } }]),
            port.clone(),
        );
        let sixth = slice("c", "IPv6", json!([{ "addresses": ["2001:db8::1"] }]), port.clone());
        let both = slices(vec![first, second, sixth.clone()]);
        assert_eq!(addresses(both.endpoints(None)), ["10.0.0.1:8080", "10.0.0.3:8080"]);
        assert_eq!(addresses(slices(vec![sixth]).endpoints(None)), ["2001:db8::1:8080"]);
    }

    #[test]
    fn a_port_is_the_only_one_or_the_one_that_is_written() {
        let ports = json!([{ "name": "http", "port": 8080 }, { "name": "admin", "port": 9090 },
            { "name": "dns", "port": 53, "protocol": "UDP" }]);
        let slices = slices(vec![slice("a", "IPv4", json!([{ "addresses": ["10.0.0.1"] }]), ports)]);
        let at = |port: PortConfig| slices.endpoints(Some(&port));
        assert_eq!(addresses(at(PortConfig::Name("admin".to_owned()))), ["10.0.0.1:9090"]);
        assert_eq!(addresses(at(PortConfig::Number(8080))), ["10.0.0.1:8080"]);
        assert_eq!(slices.endpoints(None).unwrap_err(), "it has several ports (http, admin): write `port:`");
        assert_eq!(at(PortConfig::Name("dns".to_owned())).unwrap_err(), "it has no port `dns`");
        assert_eq!(at(PortConfig::Number(1)).unwrap_err(), "it has no port `1`");
    }

    #[test]
    fn events_change_slices_and_a_version_forgotten_is_gone() {
        let port = json!([{ "name": "", "port": 80 }]);
        let mut slices = slices(vec![]);
        let mut take = |kind: &str, object: Value| {
            let event = serde_json::from_value(json!({ "type": kind, "object": object })).unwrap();
            let change = slices.take(event);
            (change, addresses(slices.endpoints(None)))
        };
        let one = slice("a", "IPv4", json!([{ "addresses": ["10.0.0.1"] }]), port.clone());
        let two = slice("a", "IPv4", json!([{ "addresses": ["10.0.0.2"] }]), port.clone());
        let none = slice("a", "IPv4", Value::Null, Value::Null);
        let changed = || Ok(Change::Slices("7".to_owned()));
        assert_eq!(take("ADDED", one), (changed(), vec!["10.0.0.1:80".to_owned()]));
        assert_eq!(take("MODIFIED", two.clone()), (changed(), vec!["10.0.0.2:80".to_owned()]));
        let bookmark = json!({ "kind": "EndpointSlice", "metadata": { "resourceVersion": "9" } });
        assert_eq!(take("BOOKMARK", bookmark).0, Ok(Change::Bookmark("9".to_owned())));
        assert_eq!(take("MODIFIED", none), (changed(), vec![]));
        assert_eq!(take("DELETED", two), (changed(), vec![]));
        let gone = json!({ "kind": "Status", "code": 410, "reason": "Expired", "message": "too old" });
        assert_eq!(take("ERROR", gone).0, Ok(Change::Gone));
        let broken = json!({ "kind": "Status", "code": 500, "message": "etcd leader changed" });
        assert_eq!(take("ERROR", broken).0.unwrap_err().reason, "the watch was ended: etcd leader changed");
    }
}
