//! How hosts share limits: a place that can be reached, secrets that there are, times that make sense.

use super::Check;
use crate::config::suggest;
use crate::config::units::{Span, UnitError};
use crate::policy::rate::config::AcrossConfig;

pub(super) fn check(check: &mut Check<'_>) {
    let fleet = &check.config.fleet;
    if !(SYNC_MIN..=SYNC_MAX).contains(&fleet.sync) {
        let why = UnitError::new(format!("{} is not from 20ms to 10s", fleet.sync)).hint("write 100ms");
        check.error("out-of-range", "fleet.sync", why);
    }
    if !(1..=HOSTS_MAX).contains(&fleet.hosts) {
        let why = UnitError::new(format!("{} is not from 1 to {HOSTS_MAX}", fleet.hosts))
            .hint("write how many hosts there are");
        check.error("out-of-range", "fleet.hosts", why);
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    if fleet.namespace.is_empty() || !fleet.namespace.bytes().all(is_plain) {
        let why = UnitError::new("a namespace is made of letters, digits and - _ . :").hint("write ringgate");
        check.error("bad-name", "fleet.namespace", why);
    }
    secret(check, "fleet.key", fleet.key.as_deref());
    let Some(redis) = &fleet.redis else { return alone(check) };
    secret(check, "fleet.redis.password", redis.password.as_deref());
    if redis.username.is_some() && redis.password.is_none() {
        let why = UnitError::new("a user without a password cannot log in").hint("write `password: NAME`");
        check.error("bad-secret", "fleet.redis.username", why);
    }
    let port = redis.address.rsplit_once(':').map(|(host, port)| (host.is_empty(), port.parse::<u16>()));
    let is_socket = redis.socket().is_some_and(|path| path.is_absolute());
    if !is_socket && !matches!(port, Some((false, Ok(1..)))) {
        let why = UnitError::new(format!("`{}` is no address of a server", redis.address))
            .hint("write host:port, or unix:/path");
        check.error("bad-address", "fleet.redis.address", why);
    }
    for (path, span) in [("connect_timeout", redis.connect_timeout), ("timeout", redis.timeout)] {
        check.value("zero-timeout", &format!("fleet.redis.{path}"), super::limits::some_time(span));
    }
}

/// Without a server nothing can be shared.
fn alone(check: &mut Check<'_>) {
    let shared = check.config.rate_limits.iter().filter(|(_, limit)| limit.across == AcrossConfig::Fleet);
    for (name, _) in shared {
        let why = UnitError::new("there is no server to count with")
            .hint("write fleet: {redis: {address: host:port}}");
        check.error("no-fleet", &format!("rate_limits.{name}.across"), why);
    }
}

fn secret(check: &mut Check<'_>, path: &str, name: Option<&str>) {
    let Some(name) = name else { return };
    let known: Vec<&str> = check.config.secrets.keys().map(String::as_str).collect();
    if known.contains(&name) {
        return;
    }
    let mut why = UnitError::new(format!("there is no secret `{name}`"));
    let add = || format!("add under secrets: `{name}: {{ env: VARIABLE }}`");
    why.hint = Some(suggest::hint(name, &known, "there are").unwrap_or_else(add));
    check.error("unknown-secret", path, why);
}

const SYNC_MIN: Span = Span::from_millis(20);
const SYNC_MAX: Span = Span::from_secs(10);
const HOSTS_MAX: u16 = 1_000;
