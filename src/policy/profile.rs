//! Of which kind a client is, with all that is known of it by now.

use serde_json::Value;

use crate::policy::exchange::Exchange;
use crate::policy::principal::Principal;
use crate::route::conditions::ValueRule;
use crate::route::profile::Profiles;

/// The place of the client's profile, if it has one. Claims count once somebody has shown who they are.
pub fn of(profiles: &Profiles, exchange: &Exchange) -> Option<usize> {
    let principal = exchange.principal().map(|principal| &**principal);
    profiles.of(&exchange.request.fields, &|path, rule| claim_holds(principal, path, rule))
}

/// Lists hold where one of their values does. Objects have no text.
fn claim_holds(principal: Option<&Principal>, path: &str, rule: &ValueRule) -> bool {
    let Some(value) = principal.and_then(|principal| principal.claim(path)) else {
        return rule.holds(std::iter::empty());
    };
    match value {
        Value::Array(values) if !matches!(rule, ValueRule::Present(_)) => {
            values.iter().any(|value| value_holds(value, rule))
        }
        value => value_holds(value, rule),
    }
}

fn value_holds(value: &Value, rule: &ValueRule) -> bool {
    match value {
        Value::String(text) => rule.admits(text.as_bytes()),
        Value::Bool(yes) => rule.admits(if *yes { b"true" } else { b"false" }),
        Value::Number(number) => rule.admits(number.to_string().as_bytes()),
        _ => matches!(rule, ValueRule::Present(true)),
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::net::addr::PeerAddr;
    use crate::policy::principal::Method;
    use crate::route::profile::ProfileConfig;

    #[test]
    fn claims_tell_a_client_once_it_is_known() {
        let written = r#"[{"name": "partner", "when": [{"claims": {"org.kind": {"exact": "partner"}}}]},
            {"name": "staff", "when": [{"claims": {"groups": {"exact": "staff"}, "level": {"exact": "3"}}}]},
            {"name": "guest", "when": [{"claims": {"sub": {"present": false}}}]}]"#;
        let written: Vec<ProfileConfig> = serde_json::from_str(written).expect("profiles");
        let profiles = Profiles::compile(&written).expect("they are sound");
        let of = |claims: Option<&str>| {
            let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
            if let Some(claims) = claims {
                let mut principal = Principal::new("a", Method::Jwt, "s");
                principal.claims = serde_json::from_str(claims).expect("claims");
                exchange.principals.push(Rc::new(principal));
            }
            super::of(&profiles, &exchange).map(|place| profiles.name(place).to_owned())
        };
        let known = |claims| of(Some(claims)).unwrap_or_default();
        assert_eq!(known(r#"{"org": {"kind": "partner"}}"#), "partner");
        assert_eq!(known(r#"{"groups": ["a", "staff"], "level": 3}"#), "staff");
        assert_eq!(known(r#"{"groups": ["a"], "level": 3, "sub": {}}"#), "");
        assert_eq!(of(None).as_deref(), Some("guest"));
    }
}
