//! Metrics of authentication: what each authenticator found.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;

use super::Sources;
use super::collector::total;
use super::family::Family;
use crate::policy::auth::jwt::reason::Reason;
use crate::shared::Counter;
use crate::telemetry::metrics::AuthMetrics;

type Outcome = (&'static str, fn(&AuthMetrics) -> &Counter);

const OUTCOMES: [Outcome; 4] = [
    ("known", |auth| &auth.known),
    ("absent", |auth| &auth.absent),
    ("invalid", |auth| &auth.invalid),
    ("unavailable", |auth| &auth.unavailable),
];

pub(super) fn encode(sources: &Sources, encoder: &mut DescriptorEncoder) -> fmt::Result {
    let (revoked, wrong) = sources.revocations.figures();
    Family::gauge(encoder, "ringgate_revocations", "Credentials that are revoked, by name.")?
        .level([], revoked as i64)?;
    Family::gauge(
        encoder,
        "ringgate_revocation_sources_wrong",
        "Lists of revocations that cannot be had or read; their last content holds.",
    )?
    .level([], wrong as i64)?;
    let all = sources.registry.authenticators();
    if all.is_empty() {
        return Ok(());
    }
    let mut family =
        Family::counter(encoder, "ringgate_authentications", "What authenticators found in requests.")?;
    for (name, shards) in &all {
        for (outcome, counter) in OUTCOMES {
            family.count([("authenticator", name.as_str()), ("outcome", outcome)], total(shards, counter))?;
        }
    }
    let mut family =
        Family::counter(encoder, "ringgate_token_refusals", "Why tokens were not accepted, by reason.")?;
    for (name, shards) in &all {
        for (number, reason) in Reason::ALL.iter().enumerate() {
            let refusals = shards.iter().map(|auth| auth.reasons[number].get()).sum::<u64>();
            if refusals > 0 {
                family.count([("authenticator", name.as_str()), ("reason", reason.label())], refusals)?;
            }
        }
    }
    let mut family = Family::counter(
        encoder,
        "ringgate_authentications_remembered",
        "Of the known, those whose credentials were remembered.",
    )?;
    for (name, shards) in &all {
        family.count([("authenticator", name.as_str())], total(shards, |auth| &auth.remembered))?;
    }
    Ok(())
}
