//! Which variant requests get, by what they bring along.

use std::rc::Rc;

use super::*;
use crate::net::addr::PeerAddr;
use crate::policy::principal::{Method, Principal};
use crate::proxy::release::plan::{ByProfile, VariantPlan};
use crate::proxy::release::sticky::salt;
use crate::route::profile::Profiles;
use crate::shared::frozen::Frozen;
use crate::shared::published::Published;

fn plan(weights: &[u32], sticky: Option<StickyPlan>) -> SplitPlan {
    let name = |at: usize| format!("v{at}");
    let variants = (0..weights.len()).map(|at| VariantPlan {
        name: name(at).into(),
        cluster: at,
        rewrite: None,
        host: None,
        salt: salt("shop", &name(at)),
    });
    let shares = Shares::by_weight(weights).expect("weights");
    SplitPlan {
        at: 0,
        variants: variants.collect(),
        live: Published::new(Frozen::new(shares)),
        form: "".into(),
        sticky,
        by_profile: None,
    }
}

fn start(plan: &SplitPlan) -> Splitter {
    Splitter::start(plan, "shop", (0, 1), &Registry::new(1), None)
}

fn exchange(fields: &[(&str, &str)]) -> Exchange {
    let mut exchange = Exchange::new(PeerAddr("192.0.2.1:5".parse().expect("an address")));
    for (name, value) in fields {
        exchange.request.fields.append(name.as_bytes(), value.as_bytes());
    }
    exchange
}

fn count(splitter: &Splitter, plan: &SplitPlan, requests: usize, fields: &[(&str, &str)]) -> usize {
    (0..requests).filter(|_| splitter.choose(plan, &mut exchange(fields)) == 1).count()
}

#[test]
fn new_shares_hold_for_the_next_request() {
    let plan = plan(&[9, 1], None);
    let splitter = start(&plan);
    assert_eq!(count(&splitter, &plan, 1000, &[]), 100);
    plan.live.publish(Frozen::new(Shares::all_for(1, 2)));
    assert_eq!(count(&splitter, &plan, 10, &[]), 10);
    plan.live.publish(Frozen::new(Shares::by_weight(&[1, 1]).expect("weights")));
    assert_eq!(count(&splitter, &plan, 1000, &[]), 500);
}

#[test]
fn a_new_generation_goes_on_where_the_one_before_is() {
    let plan = plan(&[2, 1], None);
    let (registry, mut splitter) = (Registry::new(1), start(&plan));
    let mut canaries = 0;
    for _ in 0..300 {
        canaries += count(&splitter, &plan, 10, &[]);
        splitter = Splitter::start(&plan, "shop", (0, 1), &registry, Some(&splitter));
    }
    assert_eq!(canaries, 999, "333 thousandths of 3000");
}

#[test]
fn a_field_keeps_its_variant_and_who_has_none_is_dealt_out() {
    let plan = plan(&[1, 1], Some(StickyPlan::Header(b"x-user"[..].into())));
    let splitter = start(&plan);
    for user in 0..50 {
        let user = format!("u{user}");
        let stays = count(&splitter, &plan, 20, &[("X-User", &user)]);
        assert!(stays == 0 || stays == 20, "{stays}");
    }
    assert_eq!(count(&splitter, &plan, 1000, &[]), 500);
}

#[test]
fn a_cookie_is_given_once_and_keeps_its_variant() {
    let plan = plan(&[1, 1], Some(StickyPlan::Cookie(b"release"[..].into())));
    let splitter = start(&plan);
    let mut seen = [0, 0];
    for _ in 0..100 {
        let mut first = exchange(&[]);
        let variant = splitter.choose(&plan, &mut first);
        let cookie = String::from_utf8(first.set_cookie.clone()).expect("text");
        let (pair, rest) = cookie.split_once("; ").expect("attributes");
        assert_eq!(rest, "Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
        let mut next = exchange(&[("Cookie", &format!("a=b; {pair}"))]);
        assert_eq!(splitter.choose(&plan, &mut next), variant);
        assert!(next.set_cookie.is_empty(), "it has one already");
        seen[variant] += 1;
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_cookie_over_tls_stays_there() {
    let plan = plan(&[1, 1], Some(StickyPlan::Cookie(b"release"[..].into())));
    let mut secure = exchange(&[("Cookie", "release=")]);
    secure.scheme = "https";
    start(&plan).choose(&plan, &mut secure);
    assert!(secure.set_cookie.ends_with(b"; Secure"));
}

#[test]
fn who_is_asking_and_what_kind_it_is_decide() {
    let mut plan = plan(&[1, 1], Some(StickyPlan::Identity));
    let splitter = start(&plan);
    let mut known = exchange(&[]);
    known.principals.push(Rc::new(Principal::new("a", Method::Jwt, "ann")));
    let hers = splitter.choose(&plan, &mut known);
    assert!((0..20).all(|_| splitter.choose(&plan, &mut known) == hers));
    let written = r#"[{"name": "web", "when": [{"user_agent": "Mozilla"}]}]"#;
    let written: Vec<_> = serde_json::from_str(written).expect("profiles");
    let profiles = Frozen::new(Profiles::compile(&written).expect("they are sound"));
    plan.by_profile = Some(ByProfile { profiles, variants: vec![Some(1 - hers)] });
    assert_eq!(splitter.choose(&plan, &mut known), hers);
    known.request.fields.append(b"User-Agent", b"Mozilla/5.0");
    assert_eq!(splitter.choose(&plan, &mut known), 1 - hers);
}
