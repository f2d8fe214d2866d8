//! Registries that endpoints are found in: names are not empty, addresses are those of an API.

use super::Check;
use crate::config::units::UnitError;
use crate::control::http_client::Url;
use crate::upstream::config::discover::DiscoverConfig;

/// Checks what is written at `path`.
pub(super) fn check(check: &mut Check<'_>, path: &str, discover: &DiscoverConfig) {
    match discover {
        DiscoverConfig::Consul(consul) => {
            let at = format!("{path}.consul");
            named(check, &format!("{at}.service"), &consul.service);
            address(check, &format!("{at}.address"), &consul.address);
        }
        DiscoverConfig::Etcd(etcd) => {
            let at = format!("{path}.etcd");
            if etcd.prefix.is_empty() {
                let why = UnitError::new("every key of etcd would be an endpoint");
                check.error("bad-prefix", &format!("{at}.prefix"), why.hint("write `/services/orders/`"));
            }
            for (index, one) in etcd.addresses.iter().enumerate() {
                address(check, &format!("{at}.addresses[{index}]"), one);
            }
        }
        DiscoverConfig::Kubernetes(kubernetes) => {
            let at = format!("{path}.kubernetes");
            named(check, &format!("{at}.service"), &kubernetes.service);
            if let Some(server) = &kubernetes.api_server {
                address(check, &format!("{at}.api_server"), server);
            }
        }
        DiscoverConfig::Dns(_) | DiscoverConfig::File(_) => {}
    }
}

fn named(check: &mut Check<'_>, path: &str, name: &str) {
    if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || "/,=?&".contains(letter)) {
        let why = UnitError::new(format!("`{name}` is not the name of a service"));
        check.error("bad-name", path, why.hint("write it as the registry has it"));
    }
}

fn address(check: &mut Check<'_>, path: &str, address: &str) {
    let fault = match Url::parse(address) {
        Err(_) => "is not a URL",
        Ok(url) if !matches!(url.scheme(), "http" | "https") => "is neither http nor https",
        Ok(url) if !url.username().is_empty() || url.password().is_some() => "has credentials in it",
        Ok(url) if url.query().is_some() || url.fragment().is_some() => "has a query",
        Ok(_) => return,
    };
    // Credentials are not to be shown, not even wrong ones.
    let shown = address.rsplit_once('@').map_or(address, |(_, host)| host);
    let why =
        UnitError::new(format!("`{shown}` {fault}")).hint("write `http://host:port` or `https://host:port`");
    check.error("bad-address", path, why);
}
