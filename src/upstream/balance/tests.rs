//! The balancers as a caller sees them. Distribution laws are in `tests/property/maglev.rs`.

use super::*;
use crate::upstream::config::spread::MaglevConfig;

const KINDS: [fn() -> BalanceConfig; 4] = [
    || BalanceConfig::RoundRobin,
    || BalanceConfig::Random,
    || BalanceConfig::LeastRequest,
    || BalanceConfig::Maglev(MaglevConfig::Key(HashKeyConfig::Address)),
];

fn plan(config: &BalanceConfig, weights: &[u32]) -> BalancePlan {
    let names: Vec<_> = (0..weights.len()).map(|index| format!("10.0.0.{index}:80")).collect();
    let endpoints: Vec<_> = names.iter().map(String::as_str).zip(weights.iter().copied()).collect();
    BalancePlan::compile(config, &endpoints).unwrap()
}

fn balancer(config: &BalanceConfig, weights: &[u32]) -> Balancer {
    Balancer::start(Frozen::new(plan(config, weights)), 0, 1, 7)
}

fn counts(balancer: &Balancer, picks: usize, is_excluded: &dyn Fn(usize) -> bool) -> Vec<usize> {
    let mut counts = vec![0; balancer.plan().len()];
    for _ in 0..picks {
        counts[balancer
            .pick(&Pick { hash: None, in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded })
            .unwrap()] += 1;
    }
    counts
}

#[test]
fn every_kind_skips_excluded_endpoints_and_gives_up_when_all_are() {
    for kind in KINDS {
        let balancer = balancer(&kind(), &[1, 5, 1000]);
        let counted = counts(&balancer, 1000, &|index| index != 0);
        assert_eq!(counted, [1000, 0, 0], "{:?}", kind());
        let pick = Pick { hash: Some(3), in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded: &|_| true };
        assert_eq!(balancer.pick(&pick), None, "{:?}", kind());
    }
}

#[test]
fn refuses_too_many_and_weights_of_zero() {
    let compile =
        |endpoints: &[(&str, u32)]| BalancePlan::compile(&BalanceConfig::RoundRobin, endpoints).err();
    assert_eq!(compile(&[("a", 0)]), Some(BalanceError::ZeroWeight));
    assert_eq!(compile(&vec![("a", 1); ENDPOINTS_MAX + 1]), Some(BalanceError::TooManyEndpoints));
}

#[test]
fn nothing_is_chosen_of_nothing_and_a_set_may_become_empty_and_fill_again() {
    for kind in KINDS {
        let pick = Pick { hash: Some(3), in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded: &|_| false };
        let full = balancer(&kind(), &[1, 2, 3]);
        assert!(full.pick(&pick).is_some());
        let empty = Balancer::resume(Frozen::new(plan(&kind(), &[])), &full);
        assert_eq!(empty.pick(&pick), None, "{:?}", kind());
        assert!(Balancer::resume(Frozen::new(plan(&kind(), &[5])), &empty).pick(&pick).is_some());
    }
}

#[test]
fn a_round_goes_on_where_it_was_when_its_endpoints_change() {
    let before = balancer(&BalanceConfig::RoundRobin, &[1, 1, 1, 1]);
    let take = |from: &Balancer| {
        from.pick(&Pick { hash: None, in_flight: &|_| 0, answer_nanos: &|_| 0.0, is_excluded: &|_| false })
    };
    assert_eq!((take(&before), take(&before)), (Some(0), Some(1)));
    let same = Balancer::resume(Frozen::new(plan(&BalanceConfig::RoundRobin, &[1, 1, 1, 1])), &before);
    assert_eq!(take(&same), Some(2));
    let twice = Balancer::resume(Frozen::new(plan(&BalanceConfig::RoundRobin, &[1; 8])), &before);
    assert_eq!(take(&twice), Some(4));
}

#[test]
fn random_shares_by_weight_also_among_those_that_remain() {
    let balancer = balancer(&BalanceConfig::Random, &[1, 3, 6, 90]);
    let all = counts(&balancer, 20_000, &|_| false);
    assert!(all[3] > 17_500 && all[0] < 400, "{all:?}");
    let remaining = counts(&balancer, 20_000, &|index| index == 3);
    assert!((5_500..6_500).contains(&remaining[1]), "{remaining:?}");
    assert!((11_500..12_500).contains(&remaining[2]), "{remaining:?}");
}

#[test]
fn least_request_takes_the_idler_of_two() {
    let balancer = balancer(&BalanceConfig::LeastRequest, &[1, 1]);
    let in_flight = [5, 4];
    for _ in 0..100 {
        let pick = Pick {
            hash: None,
            in_flight: &|index| in_flight[index],
            answer_nanos: &|_| 0.0,
            is_excluded: &|_| false,
        };
        assert_eq!(balancer.pick(&pick), Some(1));
    }
}

#[test]
fn least_request_compares_load_by_weight() {
    let balancer = balancer(&BalanceConfig::LeastRequest, &[10, 1]);
    let in_flight = [5, 1];
    for _ in 0..100 {
        let pick = Pick {
            hash: None,
            in_flight: &|index| in_flight[index],
            answer_nanos: &|_| 0.0,
            is_excluded: &|_| false,
        };
        assert_eq!(balancer.pick(&pick), Some(0));
    }
}

#[test]
fn maglev_gives_a_key_one_endpoint_on_every_worker() {
    let config = BalanceConfig::Maglev(MaglevConfig::Key(HashKeyConfig::Header("x".to_owned())));
    let plan = Frozen::new(plan(&config, &[1, 2, 3, 4]));
    let pick = Pick {
        hash: Some(hash_key(b"customer-17")),
        in_flight: &|_| 0,
        answer_nanos: &|_| 0.0,
        is_excluded: &|_| false,
    };
    let chosen = Balancer::start(plan.clone(), 0, 4, 1).pick(&pick);
    for worker in 1..4 {
        assert_eq!(Balancer::start(plan.clone(), worker, 4, worker as u64).pick(&pick), chosen);
    }
    assert_eq!(plan.hash_key(), Some(&HashKeyConfig::Header("x".to_owned())));
}

#[test]
fn the_hash_of_a_key_never_changes() {
    // Computed once, with an FNV-1a and a SplitMix64 finaliser written apart from this code in Python.
    assert_eq!(hash_key(b""), 0xf52a15e9a9b5e89b);
    assert_eq!(hash_key(b"customer-17"), 0x5996dcbc2083d0a8);
    assert_eq!(hash_address("::ffff:10.0.0.1".parse().unwrap()), hash_address("10.0.0.1".parse().unwrap()));
}
