//! Ways to tell who is asking: each by its own rules.

use super::Check;
use crate::config::units::UnitError;

pub(super) fn check(check: &mut Check<'_>) {
    for (name, authenticator) in &check.config.authenticators {
        let at = format!("authenticators.{name}");
        authenticator.check(name, &mut |path, reason, hint| {
            check.error("bad-authenticator", &format!("{at}.{path}"), UnitError { reason, hint });
        });
    }
}
