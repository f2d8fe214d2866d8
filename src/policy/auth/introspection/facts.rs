//! What an introspection answer says of a token (RFC 7662 2.2), judged by what is configured.
//!
//! Pure: the answer and the time come in, a principal or nobody comes out. `active` alone is not taken for granted: issuer,
//! audience and times are held against the configuration as those of a signed token are.

use serde_json::{Map, Value};

use crate::policy::principal::{Method, Principal};

/// What an answer has to say besides `active`, and where its facts are.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// The only `iss`, if it is looked at.
    pub issuer: Option<String>,
    /// One of these has to be in `aud`, if there are any.
    pub audiences: Vec<String>,
    /// How far clocks may be apart, in seconds.
    pub leeway_s: u64,
    /// Paths of claims.
    pub tenant_claim: Option<String>,
    /// See above.
    pub plan_claim: Option<String>,
    /// See above.
    pub roles_claim: Option<String>,
}

/// Why an answer is nobody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The token is not good (any more), or is none.
    Inactive,
    /// It is not for us, or of another issuer.
    Elsewhere,
    /// The answer is not as RFC 7662 has it. That is the server's fault.
    Malformed,
}

/// Who the token is for.
///
/// # Errors
/// Why it is for nobody.
pub fn judge(authenticator: &str, rules: &Rules, answer: Value, now_s: u64) -> Result<Principal, Refused> {
    let Value::Object(claims) = answer else { return Err(Refused::Malformed) };
    match claims.get("active") {
        Some(Value::Bool(true)) => {}
        Some(Value::Bool(false)) => return Err(Refused::Inactive),
        _ => return Err(Refused::Malformed),
    }
    let expires_s = seconds(&claims, "exp")?;
    let is_over = expires_s.is_some_and(|expires_s| now_s >= expires_s.saturating_add(rules.leeway_s));
    let begins_s = seconds(&claims, "nbf")?.unwrap_or(0);
    if is_over || begins_s > now_s.saturating_add(rules.leeway_s) {
        return Err(Refused::Inactive);
    }
    let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if rules.issuer.as_deref().is_some_and(|issuer| text("iss") != Some(issuer)) {
        return Err(Refused::Elsewhere);
    }
    if !rules.audiences.is_empty() && !is_for(claims.get("aud"), &rules.audiences) {
        return Err(Refused::Elsewhere);
    }
    // A token of an application that acts for itself has no other name than the application's.
    let subject = text("sub").or(text("username")).or(text("client_id")).ok_or(Refused::Malformed)?;
    let mut principal = Principal::new(authenticator, Method::Opaque, subject);
    principal.scopes = text("scope").unwrap_or_default().split_ascii_whitespace().map(Into::into).collect();
    principal.token_id = text("jti").map(Into::into);
    principal.session = text("sid").map(Into::into);
    principal.issued_s = seconds(&claims, "iat")?;
    principal.expires_s = expires_s;
    principal.claims = claims;
    principal.claims.remove("active");
    principal.tenant = single(&principal, rules.tenant_claim.as_deref());
    principal.plan = single(&principal, rules.plan_claim.as_deref());
    principal.roles = several(&principal, rules.roles_claim.as_deref());
    Ok(principal)
}

/// Seconds since 1970 as JSON may write them; what is before 1970 is over.
fn seconds(claims: &Map<String, Value>, name: &str) -> Result<Option<u64>, Refused> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let float = || number.as_f64().map(|float| float.max(0.0) as u64);
            number.as_u64().or_else(float).map(Some).ok_or(Refused::Malformed)
        }
        Some(_) => Err(Refused::Malformed),
    }
}

/// RFC 7519 4.1.3: one, or a list.
fn is_for(audience: Option<&Value>, ours: &[String]) -> bool {
    let is_ours = |one: &Value| one.as_str().is_some_and(|one| ours.iter().any(|own| own == one));
    match audience {
        Some(Value::Array(all)) => all.iter().any(is_ours),
        Some(one) => is_ours(one),
        None => false,
    }
}

fn single(principal: &Principal, path: Option<&str>) -> Option<Box<str>> {
    match principal.claim(path?)? {
        Value::String(text) if !text.is_empty() => Some(text.as_str().into()),
        Value::Number(number) => Some(number.to_string().into()),
        _ => None,
    }
}

fn several(principal: &Principal, path: Option<&str>) -> Vec<Box<str>> {
    match path.and_then(|path| principal.claim(path)) {
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).map(Into::into).collect(),
        Some(Value::String(text)) => text.split_ascii_whitespace().map(Into::into).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_000_000;

    fn rules() -> Rules {
        Rules {
            issuer: Some("https://id.example".to_owned()),
            audiences: vec!["orders".to_owned()],
            leeway_s: 10,
            tenant_claim: Some("org.id".to_owned()),
            plan_claim: Some("plan".to_owned()),
            roles_claim: Some("realm_access.roles".to_owned()),
        }
    }

    fn good() -> Value {
        json!({
            "active": true, "iss": "https://id.example", "aud": ["orders", "billing"], "sub": "ann",
            "scope": "read  write", "exp": NOW + 100, "nbf": NOW - 5, "iat": NOW - 5, "jti": "t1", "sid": "s1",
            "org": {"id": 7}, "plan": "gold", "realm_access": {"roles": ["ops", 3]}, "client_id": "app",
        })
    }

    #[test]
    fn an_active_token_is_somebody() {
        let ann = judge("sso", &rules(), good(), NOW).unwrap();
        assert_eq!((&*ann.subject, &*ann.authenticator, ann.method), ("ann", "sso", Method::Opaque));
        assert_eq!((ann.tenant.as_deref(), ann.plan.as_deref()), (Some("7"), Some("gold")));
        assert_eq!(ann.scopes, ["read".into(), "write".into()] as [Box<str>; 2]);
        assert_eq!(ann.roles, ["ops".into()] as [Box<str>; 1]);
        assert_eq!((ann.token_id.as_deref(), ann.session.as_deref()), (Some("t1"), Some("s1")));
        assert_eq!((ann.issued_s, ann.expires_s), (Some(NOW - 5), Some(NOW + 100)));
        assert!(ann.claims.contains_key("client_id") && !ann.claims.contains_key("active"));
    }

    #[test]
    fn an_application_is_called_by_its_own_name() {
        for (answer, name) in [
            (json!({"active": true, "client_id": "app"}), "app"),
            (json!({"active": true, "client_id": "app", "username": "bob"}), "bob"),
        ] {
            assert_eq!(&*judge("a", &Rules::default(), answer, NOW).unwrap().subject, name);
        }
    }

    #[test]
    fn everything_that_is_configured_has_to_hold() {
        use Refused::{Elsewhere, Inactive, Malformed};
        for (name, value, refused) in [
            ("active", json!(false), Inactive),
            ("active", json!("true"), Malformed),
            ("active", json!(1), Malformed),
            ("exp", json!(NOW - 10), Inactive),
            ("exp", json!(-5), Inactive),
            ("exp", json!("tomorrow"), Malformed),
            ("nbf", json!(NOW + 11), Inactive),
            ("iss", json!("https://evil.example"), Elsewhere),
            ("iss", json!(null), Elsewhere),
            ("aud", json!("billing"), Elsewhere),
            ("aud", json!(["billing", 3]), Elsewhere),
            ("aud", json!(null), Elsewhere),
        ] {
            let mut answer = good();
            answer[name] = value.clone();
            assert_eq!(judge("a", &rules(), answer, NOW), Err(refused), "{name}: {value}");
        }
        for answer in [json!([]), json!("active"), json!({}), json!({"active": true}), json!(null)] {
            assert_eq!(judge("a", &Rules::default(), answer.clone(), NOW), Err(Malformed), "{answer}");
        }
    }

    #[test]
    fn clocks_may_be_apart_by_the_leeway() {
        let mut answer = good();
        answer["exp"] = json!(NOW - 9);
        answer["nbf"] = json!(NOW + 10);
        answer["aud"] = json!("orders");
        assert!(judge("a", &rules(), answer, NOW).is_ok());
    }
}
