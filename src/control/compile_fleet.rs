//! From the written form of `fleet` to what is not written in it: the password of the server, the key of the hash.

use super::compile::Compiler;
use crate::config::secret::Secret;
use crate::policy::rate::fleet::FleetPlan;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::rate::quota::QuotaConfig;

impl Compiler<'_> {
    /// What it takes to share limits with other hosts.
    pub(super) fn fleet(&mut self) -> FleetPlan {
        let fleet = &self.config.fleet;
        let password = fleet.redis.as_ref().and_then(|redis| redis.password.as_deref());
        let password = self.named("fleet.redis.password", password);
        let secret = self.named("fleet.key", fleet.key.as_deref());
        FleetPlan::new(&fleet.namespace, secret.as_ref(), password)
    }

    /// Quotas by name, for the operator.
    pub(super) fn quotas(&mut self) -> Vec<LimitPlan> {
        let config = self.config;
        let compile = |(name, quota): (&String, &QuotaConfig)| {
            self.in_scope("bad-quota", &format!("quotas.{name}"), None, |scope| quota.compile(name, scope))
        };
        config.quotas.iter().map(compile).collect()
    }

    fn named(&mut self, place: &str, name: Option<&str>) -> Option<Secret> {
        let name = name?;
        let secret = self.secrets.get(name).cloned();
        if secret.is_none() {
            self.error("unknown-secret", place.to_owned(), format!("there is no secret `{name}`"), "");
        }
        secret
    }
}
