//! What may refuse, answer or alter an exchange.
//!
//! One row in [`table`] adds a policy: its source file (which holds its written form), its page and its test.
//! The row's place is its place in the order of running; responses run back up.

pub mod address_set;
pub mod auth;
pub mod authenticate;
pub mod authorize;
pub mod chain;
pub mod concurrency_limit;
pub mod cors;
pub mod early_rate_limit;
pub mod exchange;
pub mod external_authorization;
pub mod ground;
pub mod headers;
pub mod identity;
pub mod identity_text;
pub mod inputs;
pub mod ip_filter;
pub mod live;
pub mod post;
pub mod principal;
pub mod priority;
pub mod profile;
pub mod question;
pub mod quota;
pub mod rate;
pub mod rate_limit;
pub mod reply;
pub mod request_limits;
pub mod revocation;
pub mod scope;
pub mod switch;
pub mod table;
pub mod template;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::reply::Reply;
use crate::policy::scope::Scope;
use crate::shared::frozen::Frozen;

pub use crate::policy::table::PoliciesConfig;

/// What a policy decided about a request.
#[derive(Debug)]
pub enum Verdict {
    /// Go on to the next policy, and in the end upstream.
    Continue,
    /// This is the answer, and it is a refusal.
    Reply(Reply),
    /// This status is the answer, without a body; fields come on the way back. No refusal.
    Answer(u16),
}

/// One kind of policy.
pub trait Policy: Sized + 'static {
    /// As it stands in the configuration.
    type Config: DeserializeOwned + JsonSchema;
    /// As it was compiled, the same for all workers.
    type Plan: Send + Sync + 'static;

    /// Compiles. Pure, on the control thread: secrets come through `scope`, problems go to it.
    fn compile(config: &Self::Config, scope: &mut Scope<'_>) -> Self::Plan;

    /// Starts on a worker. `previous` is the same policy of the generation before, to keep its state.
    fn start(plan: Frozen<Self::Plan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self;

    /// Looks at a request before anything goes upstream.
    fn on_request(&self, exchange: &mut Exchange) -> impl Future<Output = Verdict>;

    /// Looks at the answer, from upstream or from the gateway itself, before it goes to the client.
    fn on_response(&self, exchange: &mut Exchange) -> impl Future<Output = ()> {
        let _ = exchange;
        std::future::ready(())
    }
}
