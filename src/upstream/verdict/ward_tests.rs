//! Tests of [`super`]: how the machines of a cluster play together.

use super::super::checks::ComplaintKind;
use super::super::fuse::Cause;
use super::*;
use crate::upstream::config::health::{HealthConfig, OutliersConfig};

fn plan() -> WardPlan {
    WardPlan {
        health: Some(HealthConfig::default()),
        outliers: Some(OutliersConfig::default()),
        breaker: Some(BreakerConfig::default()),
        endpoint_breaker: Some(BreakerConfig { calls: 10, ..BreakerConfig::default() }),
        ramp_ms: 30_000,
    }
}

fn ward(plan: WardPlan) -> Ward {
    let mut ward = Ward::new(plan, 0);
    ward.keep(&["a".into(), "b".into(), "c".into(), "d".into()], 0);
    ward.take_change();
    ward
}

fn came(label: &str, successes: u64, failures: u64) -> (Box<str>, Came) {
    (label.into(), Came { tally: Tally { successes, failures, ..Tally::default() }, in_row: 0 })
}

fn ill(ward: &mut Ward, label: &str) -> Option<Event> {
    ward.checked(label, 0, Err(ComplaintKind::Status.because("status 500")))
}

#[test]
fn nothing_is_told_of_a_cluster_that_is_well() {
    let mut ward = ward(plan());
    assert!(ward.look(10, &[came("a", 100, 1), came("b", 100, 0)]).is_empty());
    assert!(ward.checked("a", 20, Ok(())).is_none());
    assert!(!ward.take_change() && !ward.is_waiting());
    assert!(ward.verdicts(20).endpoints.is_empty());
}

#[test]
fn who_fails_its_checks_is_out_and_grows_when_it_is_back() {
    let mut ward = ward(plan());
    let event = ill(&mut ward, "a").unwrap();
    assert!(matches!(event.what, What::Unhealthy(_)));
    assert!(ward.take_change());
    assert_eq!(ward.verdicts(10).endpoints["a"].out, Some(Out::Unhealthy));
    assert!(ward.checked("a", 1_000, Ok(())).is_none());
    let event = ward.checked("a", 2_000, Ok(())).unwrap();
    assert_eq!(event.what, What::Healthy);
    let verdict = ward.verdicts(2_000).endpoints["a"].clone();
    assert_eq!((verdict.out, verdict.back_since_ms), (None, Some(2_000)));
    ward.take_change();
    ward.look(31_999, &[]);
    assert!(!ward.take_change() && ward.is_waiting());
    ward.look(32_000, &[]);
    assert!(ward.take_change() && !ward.is_waiting());
    assert!(ward.verdicts(32_000).endpoints.is_empty());
}

#[test]
fn an_outlier_that_is_ill_too_is_out_until_neither_is_left() {
    let mut ward = ward(plan());
    let events = ward.look(10, &[came("a", 0, 5)]);
    assert!(matches!(events[0].what, What::Ejected(_)));
    assert_eq!(ward.verdicts(10).endpoints["a"].out, Some(Out::Ejected));
    ill(&mut ward, "a");
    assert_eq!(ward.verdicts(10).endpoints["a"].out, Some(Out::Unhealthy));
    assert_eq!(ward.look(10_010, &[])[0].what, What::Returned);
    assert_eq!(ward.verdicts(10_010).endpoints["a"].out, Some(Out::Unhealthy));
    ward.checked("a", 11_000, Ok(()));
    ward.checked("a", 12_000, Ok(()));
    assert_eq!(ward.verdicts(12_000).endpoints["a"].out, None);
}

#[test]
fn a_cluster_breaker_adds_up_what_endpoints_tell() {
    let mut ward = ward(WardPlan { outliers: None, endpoint_breaker: None, ..plan() });
    let events = ward.look(10, &[came("a", 2, 4), came("b", 2, 4), came("c", 3, 5)]);
    assert_eq!(events.len(), 1);
    assert!(matches!(
        events[0].what,
        What::Breaker(Standing::Open { .. }, Cause::Failures { failures: 13, calls: 20 })
    ));
    assert!(!ward.verdicts(10).cluster.is_closed());
}

#[test]
fn every_try_is_told_to_workers_and_one_word_of_it_to_people() {
    let mut ward = ward(WardPlan { breaker: None, outliers: None, ..plan() });
    assert_eq!(ward.look(10, &[came("a", 0, 10)]).len(), 1);
    assert!(ward.take_change() && ward.is_waiting());
    assert_eq!(ward.look(5_010, &[]).len(), 1);
    for at in 0..3 {
        let now = 5_010 + at;
        assert!(ward.take_change());
        let super::super::Breaker::HalfOpen(slot) = ward.verdicts(now).endpoints["a"].breaker.clone() else {
            panic!("{ward:?}")
        };
        slot.try_take().unwrap().settle(true);
        assert_eq!(ward.look(now, &[]).len(), usize::from(at == 2));
    }
    let verdict = ward.verdicts(5_020).endpoints["a"].clone();
    assert!(verdict.breaker.is_closed() && verdict.back_since_ms.is_some());
}

#[test]
fn what_two_plans_have_in_common_goes_on() {
    let mut ward = ward(plan());
    ward.look(10, &[came("a", 0, 10)]);
    ill(&mut ward, "b");
    assert!(ward.hold(None, Held::Open, 20).is_some());
    ward.set(WardPlan { outliers: None, ramp_ms: 0, ..plan() }, 30);
    let verdicts = ward.verdicts(30);
    assert_eq!(verdicts.endpoints["a"].out, None, "nobody looks for outliers now");
    assert!(!verdicts.endpoints["a"].breaker.is_closed() && !verdicts.cluster.is_closed());
    assert_eq!(verdicts.endpoints["b"].out, Some(Out::Unhealthy));
    ward.set(WardPlan::default(), 40);
    let verdicts = ward.verdicts(40);
    assert!(verdicts.endpoints.is_empty() && verdicts.cluster.is_closed());
    assert!(ward.hold(None, Held::Open, 50).is_none(), "there is no breaker");
}

#[test]
fn who_joins_later_begins_small_and_who_leaves_is_forgotten() {
    let mut ward = ward(plan());
    ward.look(10, &[came("a", 0, 10)]);
    ward.take_change();
    ward.keep(&["b".into(), "e".into()], 20);
    assert!(ward.take_change());
    let verdicts = ward.verdicts(20);
    assert!(!verdicts.endpoints.contains_key("a"));
    assert_eq!(verdicts.endpoints["e"].back_since_ms, Some(20));
    ward.keep(&["a".into(), "b".into(), "e".into()], 30);
    assert!(ward.verdicts(30).endpoints["a"].breaker.is_closed());
}
