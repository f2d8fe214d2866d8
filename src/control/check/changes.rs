//! How configurations change: steps that grow, bounds that leave something to judge.

use super::Check;

pub(super) fn check(check: &mut Check<'_>) {
    for (path, why) in check.config.changes.problems() {
        check.error("out-of-range", &format!("changes.{path}"), why);
    }
}
