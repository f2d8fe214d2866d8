//! What of a configuration is about telling services who is asking: whose word counts, and the keys that it is signed with.

use super::compile::Compiler;
use super::config::Config;
use crate::policy::identity::IdentityConfig;
use crate::policy::identity::own_keys::OwnKeys;
use crate::policy::inputs::InputDesk;
use crate::policy::switch::Switch;
use crate::proxy::shadow::copy::MARK;
use crate::shared::Published;

/// RFC 9440: only who has verified a certificate may say so.
const CLIENT_CERTIFICATE_FIELDS: [&str; 2] = ["client-cert", "client-cert-chain"];

/// Fields that only the gateway may set, lower case: those that are listed, and those under which any route tells its
/// service who is asking.
pub(super) fn identity_fields(config: &Config) -> Vec<Box<[u8]>> {
    let policies = config.routes.iter().map(|route| &route.policies).chain([&config.defaults.policies]);
    let told = policies.filter_map(|all| all.identity.as_ref().and_then(Switch::settings));
    let told = told.flat_map(IdentityConfig::names);
    let listed = config.identity_headers.iter().map(String::as_str);
    // A service must not take a client's request for a copy.
    let mark = config.routes.iter().any(|route| route.shadow.is_some()).then_some(MARK);
    let mut names: Vec<Box<[u8]>> = listed
        .chain(CLIENT_CERTIFICATE_FIELDS)
        .chain(mark)
        .chain(told)
        .map(|name| name.to_ascii_lowercase().into_bytes().into())
        .collect();
    // Each is compared with each field of a request, and many routes say the same.
    names.sort_unstable();
    names.dedup();
    names
}

impl Compiler<'_> {
    /// The gateway's own keys, where a route publishes them.
    pub(super) fn own_keys(&mut self) -> Option<Published<OwnKeys>> {
        let config = self.config;
        config.routes.iter().any(|route| route.jwks.is_some()).then(|| {
            let InputDesk { now, previous } = &mut self.inputs;
            now.own_keys.take(&config.own_keys, &previous.own_keys, OwnKeys::default)
        })
    }
}
