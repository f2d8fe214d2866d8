//! Quotas: each by its own rules.

use super::Check;
use crate::config::units::UnitError;
use crate::policy::scope::{Problem, Scope, placeholder};

pub(super) fn check(check: &mut Check<'_>) {
    for (name, quota) in &check.config.quotas {
        let at = format!("quotas.{name}");
        let mut scope = Scope::new(&placeholder);
        quota.compile(name, &mut scope);
        for Problem { path, reason, hint } in scope.problems {
            check.error("bad-quota", &format!("{at}.{path}"), UnitError { reason, hint });
        }
    }
}
