//! Limits on how often: each by its own rules, and whether any route uses it.

use super::Check;
use crate::config::units::UnitError;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::scope::{Problem, Scope, placeholder};

pub(super) fn check(check: &mut Check<'_>) {
    for (name, limit) in &check.config.rate_limits {
        let at = format!("rate_limits.{name}");
        let mut scope = Scope::new(&placeholder);
        LimitPlan::compile(name, limit, &mut scope);
        for Problem { path, reason, hint } in scope.problems {
            check.error("bad-rate-limit", &format!("{at}.{path}"), UnitError { reason, hint });
        }
    }
}
