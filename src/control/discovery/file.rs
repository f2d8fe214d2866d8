//! Endpoints from a file that something else writes: read again when it has changed.
//!
//! Looks at what the path leads to now and then, so it does not matter whether it is written in place, renamed into place
//! or a link that is switched. A change is read once it has stayed the same for one look; what cannot be read or
//! understood changes nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::feed::{Found, Sink};
use crate::config::diagnostic::Report;
use crate::config::parse::parse;
use crate::config::source::Sources;
use crate::control::stamp::stamp;
use crate::upstream::config::EndpointConfig;
use crate::upstream::config::discover::FileConfig;

/// Largest file that is read: a list of more endpoints than are used.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Looks for ever.
pub async fn run(config: FileConfig, base: PathBuf, sink: Sink) {
    let path = base.join(&config.path);
    let (mut seen, mut read) = (None, None);
    loop {
        let now = stamp(&path).map_err(|error| format!("cannot be read: {error}"));
        let current = now.as_ref().ok().copied();
        let is_first = read.is_none() && seen.is_none();
        match now {
            Err(reason) => {
                sink.failed(reason);
                read = None;
            }
            Ok(now) if read == Some(now) => sink.still(),
            Ok(now) if seen == Some(now) || is_first => match look(&path) {
                Ok(found) => {
                    sink.found(found);
                    read = Some(now);
                }
                // Again at each look: it is said once, and counted as long as it lasts.
                Err(reason) => sink.failed(reason),
            },
            Ok(_) => {}
        }
        seen = current;
        tokio::time::sleep(config.look_every.duration()).await;
    }
}

fn look(path: &Path) -> Result<Vec<Found>, String> {
    let len = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?.len();
    if len > FILE_BYTES_MAX {
        return Err(format!("is larger than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    listed(&path.display().to_string(), &text)
}

/// What a text lists.
fn listed(name: &str, text: &str) -> Result<Vec<Found>, String> {
    let mut sources = Sources::default();
    let Some(file) = sources.add(name, text.to_owned()) else { return Err("is too large".to_owned()) };
    let mut report = Report::new(&sources);
    let tree = parse(file, &mut report);
    let faults = &report.diagnostics;
    let Some(tree) = tree.filter(|_| !faults.has_errors()) else {
        let first = faults.iter().next().map_or_else(String::new, |first| format!(": {}", first.reason));
        return Err(format!("is not YAML{first}"));
    };
    let listed: Vec<EndpointConfig> = serde_json::from_value(tree.to_json())
        .map_err(|_| "is not a list of endpoints, each `address:port` or with a weight".to_owned())?;
    listed.iter().map(found).collect()
}

fn found(endpoint: &EndpointConfig) -> Result<Found, String> {
    let text = endpoint.address();
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => {
            let zone = endpoint.zone().map(str::to_owned);
            let (weight, tier) = (endpoint.weight(), endpoint.tier());
            Ok(Found { address, label: text.to_owned(), weight, tier, zone })
        }
        _ => Err(format!("`{text}` is not an address with a port")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Vec<(String, u32)>, String> {
        Ok(listed("t", text)?.into_iter().map(|it| (it.label, it.weight)).collect())
    }

    #[test]
    fn takes_yaml_and_json_with_and_without_weights() {
        let expected = Ok(vec![("10.0.0.1:80".to_owned(), 1), ("[2001:db8::1]:81".to_owned(), 3)]);
        let yaml = "- 10.0.0.1:80\n- {address: '[2001:db8::1]:81', weight: 3}\n";
        let json = r#"["10.0.0.1:80", {"address": "[2001:db8::1]:81", "weight": 3}]"#;
        assert_eq!((labels(yaml), labels(json)), (expected.clone(), expected));
        assert_eq!(labels("[]"), Ok(Vec::new()));
    }

    #[test]
    fn takes_tiers_and_zones() {
        let found = listed("t", "- {address: '10.0.0.1:80', tier: 1, zone: eu-1a}\n- 10.0.0.2:80\n").unwrap();
        assert_eq!((found[0].tier, found[0].zone.as_deref()), (1, Some("eu-1a")));
        assert_eq!((found[1].tier, found[1].zone.as_deref()), (0, None));
    }

    #[test]
    fn what_is_no_list_of_addresses_is_a_failure() {
        for (text, why) in [
            ("", "list"),
            ("a: 1", "list"),
            ("- [", "YAML"),
            ("- orders.internal:80", "address"),
            ("- 10.0.0.1:0", "address"),
            ("- unix:/run/x", "address"),
            ("- {address: '10.0.0.1:80', weight: 0}", "list"),
        ] {
            let told = labels(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }
}
