//! Admits or refuses clients by address.
//!
//! Looks at the client's address, which behind trusted proxies is not the peer's. `deny` wins over `allow`;
//! with an `allow` list everything else is refused. Lists are compiled to sorted ranges: a lookup is a binary
//! search, whatever their length. Those in files are kept current by control, without a new configuration.

use std::net::IpAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::units::AddressRange;
use crate::policy::address_set::AddressList;
use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::live::Live;
use crate::policy::reply::{Code, Reply};
use crate::policy::scope::Scope;
use crate::policy::{Policy, Verdict};
use crate::rt::clock;
use crate::shared::{Frozen, Published};

pub use crate::policy::address_set::AddressSet;

/// Which client addresses are admitted.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpFilterConfig {
    /// Only these are admitted. Default: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<AddressRange>,
    /// These are refused, also when `allow` has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<AddressRange>,
    /// Files with more to admit: a range or an address a line, `#` before comments. Read again when they change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow_files: Vec<PathBuf>,
    /// Files with more to refuse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny_files: Vec<PathBuf>,
}

/// Compiled lists.
pub struct IpFilterPlan {
    /// True if only what is on one of the lists is admitted.
    admits_only: bool,
    allow: AddressSet,
    deny: AddressSet,
    allow_files: Vec<Published<AddressList>>,
    deny_files: Vec<Published<AddressList>>,
}

/// The running policy.
pub struct IpFilter {
    plan: Frozen<IpFilterPlan>,
    allow_files: Vec<Live<AddressList>>,
    deny_files: Vec<Live<AddressList>>,
}

impl Policy for IpFilter {
    type Config = IpFilterConfig;
    type Plan = IpFilterPlan;

    fn compile(config: &IpFilterConfig, scope: &mut Scope<'_>) -> IpFilterPlan {
        if *config == IpFilterConfig::default() {
            scope.problem(
                "",
                "the filter has neither `allow` nor `deny`",
                "write at least one address range",
            );
        }
        IpFilterPlan {
            admits_only: !config.allow.is_empty() || !config.allow_files.is_empty(),
            allow: AddressSet::new(&config.allow),
            deny: AddressSet::new(&config.deny),
            allow_files: lists("allow_files", &config.allow_files, scope),
            deny_files: lists("deny_files", &config.deny_files, scope),
        }
    }

    fn start(plan: Frozen<IpFilterPlan>, _previous: Option<&Self>, _ground: &Ground<'_>) -> Self {
        let live = |lists: &[Published<AddressList>]| lists.iter().cloned().map(Live::new).collect();
        Self { allow_files: live(&plan.allow_files), deny_files: live(&plan.deny_files), plan }
    }

    async fn on_request(&self, exchange: &mut Exchange) -> Verdict {
        let (client, plan) = (exchange.client.0, &*self.plan);
        let is_admitted =
            !plan.admits_only || plan.allow.contains(client) || is_listed(&self.allow_files, client);
        if is_admitted && !plan.deny.contains(client) && !is_listed(&self.deny_files, client) {
            return Verdict::Continue;
        }
        Verdict::Reply(Reply::new(Code::AddressDenied))
    }
}

fn is_listed(lists: &[Live<AddressList>], client: IpAddr) -> bool {
    lists.iter().any(|list| {
        list.refresh();
        list.get().set.contains(client)
    })
}

/// The lists of these files. A new one has to be there and in order; one that is in use already may have fallen into
/// disorder since.
fn lists(key: &str, files: &[PathBuf], scope: &mut Scope<'_>) -> Vec<Published<AddressList>> {
    let mut all = Vec::with_capacity(files.len());
    for (at, file) in files.iter().enumerate() {
        let Some(base) = scope.around.base else { continue };
        let path = base.join(file);
        let mut fault = None;
        let first = || {
            AddressList::read(&path, clock::wall_seconds()).unwrap_or_else(|why| {
                fault = Some(why);
                AddressList::default()
            })
        };
        let inputs = &mut scope.inputs;
        all.push(inputs.now.address_lists.take(&path, &inputs.previous.address_lists, first));
        if let Some(fault) = fault {
            let reason = format!("`{}` cannot be taken: {fault}", file.display());
            scope.problem(
                format!("{key}[{at}]"),
                reason,
                "a range or an address a line, `#` before comments",
            );
        }
    }
    all
}
