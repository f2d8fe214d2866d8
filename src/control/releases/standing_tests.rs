//! Ramps over simulated minutes, orders, and what is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use super::order::{By, ReleaseOrder};
use super::ramp::Pairs;
use super::standing::{Kept, Phase, Standing};
use crate::control::rollout::sample::Sample;
use crate::proxy::release::config::SplitConfig;
use crate::proxy::release::shares::Shares;
use crate::shared::Histogram;
use crate::telemetry::xorshift::Xorshift;

const RAMP: &str = r#"{"variants": {"canary": {"cluster": "v2"}, "stable": {"cluster": "v1"}}, "ramp": {"variant": "canary",
    "steps": [{"share": "5%", "hold": "30s"}, {"share": "25%", "hold": "60s"}, {"share": "50%", "hold": "60s"}]}}"#;

fn split(text: &str) -> SplitConfig {
    serde_json::from_str(text).expect("a split")
}

fn standing(text: &str) -> Standing {
    Standing::begin(&split(text), 1).expect("shares")
}

fn ann() -> By {
    By { author: "ann".to_owned(), note: "because".to_owned(), unix_ms: 2 }
}

/// How a variant does: 5xx in a thousand, and milliseconds to the head.
#[derive(Clone, Copy)]
struct Service {
    errors: u64,
    millis: u64,
}

const SOUND: Service = Service { errors: 5, millis: 20 };

/// Two variants with traffic, a second at a time.
struct Town {
    standing: Standing,
    random: Xorshift,
    done: [(u64, u64, Histogram); 2],
    seconds: u64,
    a_second: u64,
    pairs: Pairs,
}

impl Town {
    fn new(seed: u64, a_second: u64) -> Self {
        Self {
            standing: standing(RAMP),
            random: Xorshift::new(seed),
            done: Default::default(),
            seconds: 0,
            a_second,
            pairs: Pairs::default(),
        }
    }

    fn below(&self, bound: u64) -> u64 {
        (self.random.next() >> 11) % bound
    }

    /// Canary and stable serve for a second, then somebody looks. Gives what is said.
    fn pass(&mut self, services: [Service; 2]) -> Option<String> {
        self.seconds += 1;
        for _ in 0..self.a_second {
            let variant = usize::from(self.below(1000) >= u64::from(self.standing.shares().of(0)));
            let Service { errors, millis } = services[variant];
            let (is_error, spread) = (self.below(1000) < errors, self.below(millis));
            let (requests, failed, head) = &mut self.done[variant];
            *requests += 1;
            *failed += u64::from(is_error);
            head.record((millis + spread) * 1_000_000);
        }
        let samples: Vec<Sample> = self.done.iter().map(sample).collect();
        let event = self.standing.look(
            Duration::from_secs(self.seconds),
            (&samples, self.pairs),
            1_000 * self.seconds,
        );
        event.map(|event| event.text)
    }

    fn pass_minutes(&mut self, minutes: u64, services: [Service; 2]) -> Vec<String> {
        (0..60 * minutes).filter_map(|_| self.pass(services)).collect()
    }
}

fn sample((requests, failed, head): &(u64, u64, Histogram)) -> Sample {
    Sample { requests: *requests, server_errors: *failed, durations: head.snapshot(), ..Sample::default() }
}

#[test]
fn what_does_well_goes_step_by_step_to_everything() {
    let mut town = Town::new(1, 100);
    assert_eq!(town.standing.shares().parts(), [50, 950]);
    let said = town.pass_minutes(5, [SOUND, SOUND]);
    let expected = [
        "variant `canary` gets 25% (step 2 of 3)",
        "variant `canary` gets 50% (step 3 of 3)",
        "variant `canary` gets everything",
    ];
    assert_eq!(said, expected);
    assert_eq!((town.standing.phase(), town.standing.shares().only()), (Phase::Promoted, Some(0)));
}

#[test]
fn what_fails_is_stopped_within_seconds_and_it_is_said_why() {
    for (service, words) in
        [(Service { errors: 300, ..SOUND }, "5xx "), (Service { millis: 200, ..SOUND }, "p95 ")]
    {
        let mut town = Town::new(2, 200);
        let said = town.pass_minutes(1, [service, SOUND]);
        let [text] = &said[..] else { panic!("{said:?}") };
        assert!(text.starts_with("VARIANT `canary` STOPPED at 5%: ") && text.contains(words), "{text}");
        assert_eq!((town.standing.phase(), town.standing.shares().parts()), (Phase::Aborted, &[0, 1000][..]));
        assert!(town.pass_minutes(5, [service, SOUND]).is_empty(), "it stays stopped");
    }
}

#[test]
fn what_is_bad_for_all_is_no_fault_of_the_variant() {
    let bad = Service { errors: 400, millis: 300 };
    let mut town = Town::new(3, 100);
    let said = town.pass_minutes(5, [bad, bad]);
    assert_eq!(said.len(), 3, "{said:?}");
    assert_eq!(town.standing.phase(), Phase::Promoted);
}

#[test]
fn a_step_is_not_left_before_enough_have_come() {
    let mut town = Town::new(4, 0);
    assert!(town.pass_minutes(30, [SOUND, SOUND]).is_empty());
    let view = town.standing.view("shop").ramp.expect("a ramp");
    assert_eq!((view.step, view.steps, view.waits_for.as_str()), (1, 3, "more requests"));
    town.a_second = 10;
    assert!(town.pass_minutes(1, [SOUND, SOUND]).is_empty(), "30 of 50 have come");
    assert_eq!(town.pass_minutes(3, [SOUND, SOUND]).len(), 2);
}

#[test]
fn a_pause_holds_the_step_and_stops_all_the_same() {
    let mut town = Town::new(5, 100);
    town.standing.order(&ReleaseOrder::Pause, &ann()).expect("it ramps");
    assert!(town.standing.order(&ReleaseOrder::Pause, &ann()).is_err());
    assert!(town.pass_minutes(10, [SOUND, SOUND]).is_empty());
    town.standing.order(&ReleaseOrder::Resume, &ann()).expect("it is paused");
    assert!(town.pass([SOUND, SOUND]).is_some(), "it has been watched for long enough");
    town.standing.order(&ReleaseOrder::Pause, &ann()).expect("it ramps");
    assert_eq!(town.pass_minutes(1, [Service { errors: 900, ..SOUND }, SOUND]).len(), 1);
}

#[test]
fn over_thousands_of_minutes_hardly_any_sound_variant_is_stopped_and_every_bad_one_is() {
    let (mut stopped, mut passed_bad) = (0, 0);
    for seed in 0..400 {
        let rough = Service { errors: 20, millis: 15 + seed % 40 };
        let mut town = Town::new(seed, 40);
        stopped +=
            usize::from(town.pass_minutes(5, [rough, rough]).iter().any(|text| text.contains("STOPPED")));
        let worse = Service { errors: 150, ..rough };
        let mut town = Town::new(1_000 + seed, 40);
        passed_bad +=
            usize::from(town.pass_minutes(5, [worse, rough]).iter().any(|text| text.contains("everything")));
    }
    assert!(stopped <= 2, "{stopped} of 400 sound ones were stopped, where one in a thousand may be");
    assert_eq!(passed_bad, 0);
}

#[test]
fn copies_that_are_answered_otherwise_stop_it_where_they_are_looked_at() {
    let strict = RAMP.replace("\"steps\"", "\"gate\": {\"mismatches\": \"1%\"}, \"steps\"");
    let mut town = Town { standing: standing(&strict), ..Town::new(6, 100) };
    assert!(town.pass_minutes(3, [SOUND, SOUND]).is_empty());
    let waits = town.standing.view("shop").ramp.expect("a ramp").waits_for;
    assert_eq!(waits, "more copies to compare");
    town.pairs = Pairs { compared: 60, mismatched: 0 };
    assert!(town.pass([SOUND, SOUND]).expect("the next step").contains("step 2 of 3"));
    assert!(town.pass([SOUND, SOUND]).is_none());
    town.pairs = Pairs { compared: 160, mismatched: 2 };
    let said = town.pass([SOUND, SOUND]).expect("it is stopped");
    assert!(said.ends_with("of the copies of its shadow 2% (2 of 100) were answered otherwise"), "{said}");
}

const SIDES: &str = r#"{"variants": {"blue": {"cluster": "a"}, "green": {"cluster": "b"}}, "blue_green": {"active": "blue"}}"#;

#[test]
fn sides_are_flipped_and_flipped_back() {
    let mut standing = standing(SIDES);
    let mut flip = |name: Option<&str>| {
        let event = standing.order(&ReleaseOrder::Flip(name.map(str::to_owned)), &ann());
        event.map(|event| (event.text, standing.shares().only())).map_err(|refusal| refusal.code)
    };
    assert_eq!(flip(None), Ok(("variant `green` gets everything, by ann: because".to_owned(), Some(1))));
    assert_eq!(flip(None).map(|(_, only)| only), Ok(Some(0)));
    assert_eq!(flip(Some("blue")).map(|(_, only)| only), Ok(Some(0)), "where it is already");
    assert_eq!(flip(Some("red")), Err("no_such_variant"));
}

#[test]
fn orders_that_do_not_fit_change_nothing() {
    let mut standing = standing(
        r#"{"variants": {"a": {"cluster": "a"}, "b": {"cluster": "b"}, "c": {"cluster": "c", "weight": 0}}}"#,
    );
    let set = |shares: &[(&str, u32)]| {
        ReleaseOrder::Set(
            shares.iter().map(|(name, part)| ((*name).to_owned(), *part)).collect::<BTreeMap<_, _>>(),
        )
    };
    for (order, code) in [
        (ReleaseOrder::Pause, "no_ramp"),
        (ReleaseOrder::Promote(None), "which_variant"),
        (ReleaseOrder::Flip(None), "which_variant"),
        (ReleaseOrder::Abort(Some("x".to_owned())), "no_such_variant"),
        (set(&[("a", 600), ("b", 500)]), "bad_shares"),
        (set(&[("a", 600), ("b", 300)]), "bad_shares"),
    ] {
        assert_eq!(
            standing.order(&order, &ann()).map_err(|refusal| refusal.code).unwrap_err(),
            code,
            "{order:?}"
        );
        assert_eq!((standing.phase(), standing.shares().parts()), (Phase::Steady, &[500, 500, 0][..]));
    }
    standing.order(&set(&[("c", 100)]), &ann()).expect("it fits");
    assert_eq!(standing.shares().parts(), [450, 450, 100]);
    standing.order(&ReleaseOrder::Abort(Some("a".to_owned())), &ann()).expect("it fits");
    assert_eq!((standing.phase(), standing.shares().parts()), (Phase::Aborted, &[0, 1000, 0][..]));
    standing.order(&ReleaseOrder::Restart, &ann()).expect("it always fits");
    assert_eq!((standing.phase(), standing.shares().parts()), (Phase::Steady, &[500, 500, 0][..]));
}

#[test]
fn what_is_written_down_holds_as_long_as_the_form_does() {
    let mut town = Town::new(7, 100);
    assert_eq!(town.pass_minutes(1, [SOUND, SOUND]).len(), 1, "the second step");
    let kept = town.standing.kept();
    let text = serde_json::to_string(&kept).expect("JSON");
    let read: Kept = serde_json::from_str(&text).expect("the same");
    let again = Standing::restore(&split(RAMP), &read).expect("the same form");
    assert_eq!((again.phase(), again.shares().parts()), (Phase::Ramping, &[250, 750][..]));
    assert_eq!(again.kept(), kept);
    assert!(Standing::restore(&split(&RAMP.replace("v2", "v3")), &read).is_none(), "another service");
    assert!(Standing::restore(&split(&RAMP.replace("30s", "40s")), &read).is_some(), "held for longer");
    let odd = Kept { step: 3, ..read.clone() };
    assert!(Standing::restore(&split(RAMP), &odd).is_none());
    let odd = Kept { shares: [("canary".to_owned(), 7)].into(), ..read };
    assert!(Standing::restore(&split(RAMP), &odd).is_none());
    assert_eq!(Shares::all_for(0, 2).only(), Some(0));
}
