//! Layouts as a worker sees them, and their laws: exact shares, even workers, nobody who is out.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::config::units::Share;
use crate::upstream::balance::hash_key;
use crate::upstream::config::spread::{BoundedConfig, MaglevConfig};
use crate::upstream::config::{BalanceConfig, HashKeyConfig};

const HALF: u32 = WHOLE / 2;

fn seat(tier: u8) -> Seat {
    Seat { weight: 1, tier, is_own_zone: false, standing: Standing::Used, strength: WHOLE }
}

fn rules() -> Rules {
    Rules { panic_below: HALF, ..Rules::default() }
}

fn compiled(config: &BalanceConfig, seats: &[Seat], tier: Option<u8>) -> Frozen<BalancePlan> {
    let names: Vec<String> = (0..seats.len()).map(|at| format!("10.0.0.{at}:80")).collect();
    let named = names.iter().zip(seats).filter(|(_, seat)| tier.is_none_or(|tier| tier == seat.tier));
    let named: Vec<(&str, u32)> = named.map(|(name, seat)| (&**name, seat.weight)).collect();
    Frozen::new(BalancePlan::compile(config, &named).unwrap())
}

fn layout(config: &BalanceConfig, seats: &[Seat], rules: &Rules, worker: (usize, usize)) -> Option<Layout> {
    let balance = compiled(config, seats, None);
    let mut tables = Vec::new();
    if balance.hash_key().is_some() {
        for tier in 0..16 {
            tables.push((tier, compiled(config, seats, Some(tier))));
        }
    }
    let seed = 7 + worker.0 as u64;
    Layout::of(&Ground { seats, rules, balance: &balance, tables: &tables, worker, seed }, None)
}

fn pick(hash: Option<u64>) -> Pick<'static> {
    Pick { hash, in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded: &|_| false }
}

fn counts(layout: &Layout, picks: usize, seats: usize) -> Vec<usize> {
    let mut counts = vec![0; seats];
    (0..picks).for_each(|_| counts[layout.pick(&pick(None)).unwrap()] += 1);
    counts
}

#[test]
fn where_all_are_alike_there_is_no_layout() {
    let round = BalanceConfig::RoundRobin;
    assert!(layout(&round, &[seat(0), seat(0)], &rules(), (0, 2)).is_none());
    assert!(layout(&round, &[], &rules(), (0, 2)).is_none());
    let subset = Rules { subset: Some(Subset { workers: 2, endpoints: 1 }), ..rules() };
    assert!(layout(&round, &[seat(0); 8], &subset, (0, 2)).is_none(), "two workers use all");
    assert!(layout(&round, &[seat(0); 8], &subset, (0, 4)).is_some());
    assert!(layout(&round, &[seat(0), seat(1)], &rules(), (0, 1)).is_some());
}

#[test]
fn the_first_tier_is_used_and_the_second_takes_what_it_cannot() {
    let mut seats = [seat(0), seat(0), seat(0), seat(0), seat(3), seat(3)];
    let all = layout(&BalanceConfig::RoundRobin, &seats, &rules(), (0, 1)).unwrap();
    assert_eq!(counts(&all, 400, 6), [100, 100, 100, 100, 0, 0]);
    seats[0].standing = Standing::Out;
    seats[1].standing = Standing::Barred;
    let half = layout(&BalanceConfig::RoundRobin, &seats, &rules(), (0, 1)).unwrap();
    let counted = counts(&half, 1000, 6);
    // Half of the tier takes 1.4 times half of the requests.
    assert_eq!((counted[0], counted[1]), (0, 0));
    assert!(counted[2].abs_diff(350) <= 3 && counted[4].abs_diff(150) <= 3, "{counted:?}");
}

#[test]
fn where_too_few_are_left_those_that_are_out_are_used_but_no_open_breaker() {
    let mut seats = [seat(0); 5];
    seats[..3].iter_mut().for_each(|seat| seat.standing = Standing::Out);
    seats[3].standing = Standing::Barred;
    let panics = layout(&BalanceConfig::RoundRobin, &seats, &rules(), (0, 1)).unwrap();
    assert_eq!(counts(&panics, 400, 5), [100, 100, 100, 0, 100]);
    let never = Rules { panic_below: 0, ..rules() };
    let calm = layout(&BalanceConfig::RoundRobin, &seats, &never, (0, 1)).unwrap();
    assert_eq!(counts(&calm, 400, 5), [0, 0, 0, 0, 400]);
    seats[4].standing = Standing::Out;
    let nobody = layout(&BalanceConfig::RoundRobin, &seats, &never, (0, 1)).unwrap();
    assert!(nobody.is_empty() && nobody.pick(&pick(None)).is_none());
}

#[test]
fn who_was_tried_is_left_out_and_the_next_tier_helps() {
    let seats = [seat(0), seat(1)];
    let layout = layout(&BalanceConfig::RoundRobin, &seats, &rules(), (0, 1)).unwrap();
    let second = Pick { is_excluded: &|index| index == 0, ..pick(None) };
    assert_eq!((layout.pick(&pick(None)), layout.pick(&second)), (Some(0), Some(1)));
    assert_eq!(layout.pick(&Pick { is_excluded: &|_| true, ..pick(None) }), None);
}

#[test]
fn the_own_zone_is_preferred_as_far_as_it_goes() {
    let mut seats = [seat(0); 8];
    seats[..4].iter_mut().for_each(|seat| seat.is_own_zone = true);
    let zones = Some(ZoneRules { keep: WHOLE, endpoints_min: 2 });
    let rules = Rules { zones, ..rules() };
    let near = layout(&BalanceConfig::RoundRobin, &seats, &rules, (0, 1)).unwrap();
    assert_eq!(counts(&near, 400, 8), [100, 100, 100, 100, 0, 0, 0, 0]);
    seats[0].standing = Standing::Out;
    seats[1].standing = Standing::Out;
    let both = layout(&BalanceConfig::RoundRobin, &seats, &rules, (0, 1)).unwrap();
    let far: usize = counts(&both, 1000, 8)[4..].iter().sum();
    assert!(far.abs_diff(300) <= 3, "{far}");
    let few = Rules { zones: Some(ZoneRules { keep: WHOLE, endpoints_min: 7 }), ..rules };
    let all = layout(&BalanceConfig::RoundRobin, &seats, &few, (0, 1)).unwrap();
    assert_eq!(counts(&all, 600, 8), [0, 0, 100, 100, 100, 100, 100, 100]);
}

#[test]
fn who_has_just_come_has_a_part_of_its_share() {
    let mut seats = [seat(0); 4];
    seats[3].strength = WHOLE / 10;
    for config in [BalanceConfig::RoundRobin, BalanceConfig::Random, BalanceConfig::LeastRequest] {
        let layout = layout(&config, &seats, &rules(), (0, 1)).unwrap();
        let counted = counts(&layout, 3100, 4)[3];
        assert!(counted.abs_diff(100) < 40, "{config:?}: {counted}");
    }
}

#[test]
fn a_round_goes_on_where_it_was_when_somebody_goes_out() {
    let mut first = [seat(0); 4];
    first[0].standing = Standing::Out;
    let mut second = first;
    second[3].strength = HALF;
    let (config, rules) = (BalanceConfig::RoundRobin, rules());
    let balance = compiled(&config, &first, None);
    let ground =
        |seats| Ground { seats, rules: &rules, balance: &balance, tables: &[], worker: (0, 1), seed: 1 };
    let before = Layout::of(&ground(&first), None).unwrap();
    assert_eq!(before.pick(&pick(None)), Some(1));
    let after = Layout::of(&ground(&second), Some(&before)).unwrap();
    assert_ne!(after.pick(&pick(None)), Some(1));
}

fn maglev(bounded_load: Option<u32>) -> BalanceConfig {
    let key = HashKeyConfig::Address;
    BalanceConfig::Maglev(match bounded_load {
        None => MaglevConfig::Key(key),
        Some(percent) => MaglevConfig::Bounded(BoundedConfig { key, bounded_load: Share::percent(percent) }),
    })
}

#[test]
fn a_key_stays_where_it_is_unless_its_tier_gives_up_requests() {
    let mut seats = [seat(0); 8];
    seats[4..].iter_mut().for_each(|seat| seat.tier = 1);
    let place = |seats: &[Seat], worker| -> Vec<usize> {
        let layout = layout(&maglev(None), seats, &rules(), (worker, 2)).unwrap();
        (0..2000_u64).map(|key| layout.pick(&pick(Some(hash_key(&key.to_le_bytes())))).unwrap()).collect()
    };
    let before = place(&seats, 0);
    assert_eq!(before, place(&seats, 1));
    assert!(before.iter().all(|at| *at < 4));
    seats[0].standing = Standing::Out;
    seats[1].standing = Standing::Out;
    let after = place(&seats, 0);
    let moved = before.iter().zip(&after).filter(|(was, is)| **was > 1 && was != is).count();
    let spilled = after.iter().filter(|at| **at > 3).count();
    assert!((500..700).contains(&spilled), "{spilled} of 2000, 30 %");
    // Of those at the other two, as many as go to the second tier.
    assert!(moved < 400, "{moved} of 1000");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_chosen_who_is_out(
        states in vec((0u8..3, 0u8..3, any::<bool>(), 1u32..5), 1..24), kind in 0usize..5, worker in 0usize..4,
        zones in any::<bool>(), subset in any::<bool>(), tried in any::<prop::sample::Index>(),
    ) {
        let standings = [Standing::Used, Standing::Out, Standing::Barred];
        let seats: Vec<Seat> = states.iter().map(|(tier, standing, is_own_zone, weight)| Seat {
            weight: *weight, is_own_zone: *is_own_zone, standing: standings[usize::from(*standing)], ..seat(*tier)
        }).collect();
        let kinds = [
            BalanceConfig::RoundRobin, BalanceConfig::Random, BalanceConfig::LeastRequest, BalanceConfig::PeakEwma,
            maglev(Some(25)),
        ];
        let rules = Rules {
            zones: zones.then_some(ZoneRules { keep: HALF, endpoints_min: 2 }),
            subset: subset.then_some(Subset { workers: 1, endpoints: 2 }),
            panic_below: 0,
        };
        let Some(layout) = layout(&kinds[kind], &seats, &rules, (worker, 4)) else {
            prop_assert!(seats.iter().all(|seat| seat.standing == Standing::Used));
            return Ok(());
        };
        let is_used = |at: usize| seats[at].standing == Standing::Used;
        let tried = tried.index(seats.len());
        for turn in 0..60_u64 {
            let hash = (kind == 4).then(|| hash_key(&turn.to_le_bytes()));
            let is_excluded = |at: usize| at == tried && turn % 2 == 1;
            let asked = Pick { is_excluded: &is_excluded, ..pick(hash) };
            match layout.pick(&asked) {
                Some(at) => prop_assert!(is_used(at) && !is_excluded(at)),
                // Whoever can be used is found, whatever part of them is this worker's.
                None => prop_assert!((0..seats.len()).all(|at| !is_used(at) || is_excluded(at))),
            }
        }
    }

    #[test]
    fn tiers_get_their_shares_exactly(tiers in vec((1usize..6, 0usize..6), 1..5), worker in 0usize..8) {
        let mut seats = Vec::new();
        for ((used, out), tier) in tiers.iter().zip(0_u8..) {
            seats.extend((0..*used).map(|_| seat(tier)));
            seats.extend((0..*out).map(|_| Seat { standing: Standing::Out, ..seat(tier) }));
        }
        let Some(layout) = layout(&BalanceConfig::RoundRobin, &seats, &rules(), (worker, 8)) else { return Ok(()) };
        let counted = counts(&layout, 1000, seats.len());
        for part in parts(&seats, &rules()) {
            let got: usize = part.members.iter().map(|at| counted[usize::from(*at)]).sum();
            let wanted = part.share as usize / 1000;
            prop_assert!(got.abs_diff(wanted) <= 4, "{got} of 1000 instead of {wanted}");
        }
    }

    #[test]
    fn workers_with_subsets_together_are_even(
        weights in vec(1u32..6, 3..20), workers in 2usize..24, out in any::<prop::sample::Index>(),
    ) {
        let mut seats: Vec<Seat> = weights.iter().map(|weight| Seat { weight: *weight, ..seat(0) }).collect();
        let out = out.index(seats.len());
        seats[out].standing = Standing::Out;
        let rules = Rules { subset: Some(Subset { workers: 1, endpoints: 1 }), panic_below: 0, zones: None };
        let mut total = vec![0; seats.len()];
        let each = 2000;
        for worker in 0..workers {
            let layout = layout(&BalanceConfig::RoundRobin, &seats, &rules, (worker, workers)).unwrap();
            counts(&layout, each, seats.len()).iter().zip(&mut total).for_each(|(count, total)| *total += count);
        }
        let sum: u32 = seats.iter().filter(|seat| seat.standing == Standing::Used).map(|seat| seat.weight).sum();
        prop_assert_eq!(total[out], 0);
        for (at, seat) in seats.iter().enumerate().filter(|(at, _)| *at != out) {
            let fair = workers as f64 * f64::from(each as u32) * f64::from(seat.weight) / f64::from(sum);
            prop_assert!((total[at] as f64 - fair).abs() < 0.02 * fair + 8.0 * workers as f64, "{} not {fair}", total[at]);
        }
    }

    #[test]
    fn a_bounded_load_is_a_bound(
        count in 2usize..12, percent in 5u32..100, keys in vec(0u64..6, 1..200), ends in vec(any::<bool>(), 200),
    ) {
        // A few keys that everybody asks for.
        let seats = vec![seat(0); count];
        let balance = compiled(&maglev(Some(percent)), &seats, None);
        let balancer = Balancer::start(balance, 0, 1, 1);
        let mut in_flight = vec![0_u32; count];
        for (key, ends) in keys.iter().zip(ends) {
            let now = in_flight.clone();
            let hash = Some(hash_key(&key.to_le_bytes()));
            let asked = Pick { in_flight: &|at| now[at], ..pick(hash) };
            let chosen = balancer.pick(&asked).unwrap();
            in_flight[chosen] += 1;
            let total: u32 = in_flight.iter().sum();
            let most = (f64::from(total) * (1.0 + f64::from(percent) / 100.0) / count as f64).ceil();
            prop_assert!(f64::from(in_flight[chosen]) <= most + 1e-9, "{in_flight:?}, at most {most}");
            if ends {
                in_flight[chosen] -= 1;
            }
        }
    }
}
