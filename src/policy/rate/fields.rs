//! What a response says of limits: RateLimit and RateLimit-Policy of draft-ietf-httpapi-ratelimit-headers-11, the older
//! X-RateLimit fields, and Retry-After.
//!
//! What remains is exact where the key's owner serves the request; elsewhere it is the owner's last word and what is
//! left of what was borrowed.

use smallvec::SmallVec;

use super::admission::Stand;
use super::plan::LimitPlan;
use super::rule::Rule;
use crate::http::field::Fields;

/// Which fields responses have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// RateLimit and RateLimit-Policy.
    pub draft: bool,
    /// X-RateLimit-Limit, -Remaining and -Reset, of the limit of which the least is left.
    pub legacy: bool,
}

/// How the limits of a policy stood when it decided on a request, for its response.
#[derive(Debug, Clone, Default)]
pub struct Stands {
    /// In the order of the policy.
    pub limits: SmallVec<[Stand; 2]>,
    /// When it was decided.
    pub at: u64,
    /// When it is worth trying again, if it was refused.
    pub retry_at: Option<u64>,
}

/// The names as they stand in these fields.
pub struct Names(Box<[Box<[Item]>]>);

/// A limit under one of its rules.
struct Item {
    /// `"name"`
    name: Box<[u8]>,
    /// `"name";q=100;w=60`
    policy: Box<[u8]>,
}

/// Long enough for several limits.
type Text = SmallVec<[u8; 192]>;

impl Names {
    /// Those of these limits.
    pub fn new(plans: &[LimitPlan]) -> Self {
        let items = |plan: &LimitPlan| plan.rules.iter().map(|(_, rule)| item(&plan.name, rule)).collect();
        Self(plans.iter().map(items).collect())
    }

    /// Adds what the response is to say.
    pub fn tell(&self, stands: &Stands, told: Told, fields: &mut Fields) {
        if told.draft && !stands.limits.is_empty() {
            self.tell_draft(stands, fields);
        }
        if told.legacy {
            tell_legacy(stands, fields);
        }
        if let Some(at) = stands.retry_at {
            set(fields, b"retry-after", seconds(stands.at, at).max(1));
        }
    }

    fn tell_draft(&self, stands: &Stands, fields: &mut Fields) {
        let (mut policies, mut limits) = (Text::new(), Text::new());
        for stand in &stands.limits {
            let Some(item) = self.0.get(stand.limit).and_then(|items| items.get(stand.rule)) else {
                continue;
            };
            let separator: &[u8] = if policies.is_empty() { b"" } else { b", " };
            policies.extend_from_slice(separator);
            policies.extend_from_slice(&item.policy);
            limits.extend_from_slice(separator);
            limits.extend_from_slice(&item.name);
            number(&mut limits, b";r=", u64::from(stand.standing.left));
            number(&mut limits, b";t=", seconds(stands.at, stand.standing.full_at));
        }
        // Where both policies of a route have limits, each adds to the list.
        fields.append(b"ratelimit-policy", &policies);
        fields.append(b"ratelimit", &limits);
    }
}

fn tell_legacy(stands: &Stands, fields: &mut Fields) {
    let Some(least) = stands.limits.iter().min_by_key(|stand| stand.standing.left) else { return };
    set(fields, b"x-ratelimit-limit", u64::from(least.standing.size));
    set(fields, b"x-ratelimit-remaining", u64::from(least.standing.left));
    set(fields, b"x-ratelimit-reset", seconds(stands.at, least.standing.full_at));
}

fn item(name: &str, rule: &Rule) -> Item {
    let mut quoted = vec![b'"'];
    for byte in name.bytes() {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        // RFC 9651 3.3.3: visible ASCII and spaces.
        quoted.push(if matches!(byte, 0x20..=0x7e) { byte } else { b'?' });
    }
    quoted.push(b'"');
    let mut policy = Text::from_slice(&quoted);
    number(&mut policy, b";q=", u64::from(rule.size()));
    number(&mut policy, b";w=", span_s(rule));
    Item { name: quoted.into(), policy: policy.into_vec().into() }
}

/// In how many seconds the whole size is there again: of a bucket the time to fill, of others the period.
fn span_s(rule: &Rule) -> u64 {
    let nanos = u128::from(rule.period_ns());
    let nanos =
        if rule.is_bucket() { nanos * u128::from(rule.burst) / u128::from(rule.count) } else { nanos };
    u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX).max(1)
}

fn seconds(from: u64, to: u64) -> u64 {
    to.saturating_sub(from).div_ceil(1_000_000_000)
}

fn set(fields: &mut Fields, name: &[u8], value: u64) {
    fields.set(name, itoa::Buffer::new().format(value).as_bytes());
}

fn number(text: &mut Text, before: &[u8], value: u64) {
    text.extend_from_slice(before);
    text.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::ledger::Standing;
    use super::*;

    fn text(fields: &Fields) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        fields.iter().map(|field| (text(field.name), text(field.value))).collect()
    }

    #[test]
    fn says_what_the_draft_has_and_when_to_come_again() {
        let rule = Rule::token_bucket(100, Duration::from_secs(60), 50);
        let names = Names(Box::new([Box::new([item("per \"user\"", &rule)])]));
        let second = 1_000_000_000;
        let standing = Standing { size: 50, left: 12, full_at: 34 * second - 1 };
        let limits = SmallVec::from_slice(&[Stand { limit: 0, rule: 0, standing }]);
        let stands = Stands { limits, at: 0, retry_at: Some(second + 1) };
        let mut fields = Fields::default();
        names.tell(&stands, Told { draft: true, legacy: true }, &mut fields);
        let expected = [
            ("ratelimit-policy", r#""per \"user\"";q=50;w=30"#),
            ("ratelimit", r#""per \"user\"";r=12;t=34"#),
            ("x-ratelimit-limit", "50"),
            ("x-ratelimit-remaining", "12"),
            ("x-ratelimit-reset", "34"),
            ("retry-after", "2"),
        ];
        assert_eq!(text(&fields), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
