//! Policies, each through the whole gateway. One file per policy, named as it is; `tidy` holds that.

mod authenticate;
mod authorize;
mod concurrency_limit;
mod cors;
mod early_rate_limit;
mod external_authorization;
mod headers;
mod identity;
mod ip_filter;
mod priority;
mod quota;
mod rate_limit;
mod request_limits;

use crate::harness::{FaultOrigin, Gateway, Issuer, Setup};

/// A gateway whose only route has these policies.
fn guarded(policies: &str) -> (FaultOrigin, Gateway) {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).route(&format!("policies: {{{policies}}}")).start();
    (origin, gateway)
}

/// A gateway that knows the holders of tokens, its origin, and whoever issues those.
struct Known {
    gateway: Gateway,
    origin: FaultOrigin,
    issuer: Issuer,
}

impl Known {
    /// With these policies besides `authenticate`, and these lines at the top level.
    #[track_caller]
    fn start(policies: &str, top: &str) -> Self {
        let origin = FaultOrigin::echo();
        let route = format!("policies: {{authenticate: {{any_of: [tokens]}}, {policies}}}");
        Self::started(Setup::before(origin.address()).top(top).route(&route), origin)
    }

    #[track_caller]
    fn started(setup: Setup, origin: FaultOrigin) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let issuer = Issuer::new(directory.path());
        let authenticators = issuer.authenticator(", claims: {tenant: tenant, plan: plan}");
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, setup.top(&authenticators).yaml()).expect("the directory is ours");
        let state = ("RINGGATE_STATE".to_owned(), directory.path().join("state").display().to_string());
        Self { gateway: Gateway::start_file(&file, directory, &[state]), origin, issuer }
    }

    /// A GET with a token that has these claims.
    #[track_caller]
    fn get(&self, target: &str, claims: &[&str], fields: &str) -> crate::harness::Response {
        let token = self.issuer.token("ann", claims);
        self.gateway.get_with(target, &format!("Authorization: Bearer {token}\r\n{fields}"))
    }
}
