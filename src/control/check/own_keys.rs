//! The gateway's own keys: how often there is a new one.

use std::time::Duration;

use super::Check;
use crate::config::units::UnitError;

/// A key is announced for ten minutes before it signs, and published for an hour after: more often would only make the
/// published set long.
const ROTATE_MIN: Duration = Duration::from_secs(3_600);

pub(super) fn check(check: &mut Check<'_>) {
    let rotate = check.config.own_keys.rotate;
    if rotate.duration() < ROTATE_MIN {
        let why = UnitError::new(format!("keys cannot be replaced every {rotate}")).hint("write 1h or more");
        check.error("bad-own-keys", "own_keys.rotate", why);
    }
}
