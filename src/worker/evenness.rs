//! Which worker a new connection goes to.
//!
//! A plain function over what the workers say of themselves: no clock, no sockets. It moves new connections only;
//! where a connection has begun it stays.

use crate::shared::board::Load;

/// A worker that has not said anything for so long gets nothing from others: it may be stuck. Ten ticks.
const SILENCE_MS_MAX: u32 = 200;
/// Up to here a worker has time for more, whoever is busier: connections alone count. In percent of its CPU.
const BUSY_PERCENT_FREE: u32 = 50;
/// Loads that differ by less than this part are even, so that many connections are not moved for little.
const SLACK: u64 = 8;

/// Who should have a connection that worker `own` has accepted; None if it stays.
///
/// Load is the number of connections that are awake. A worker whose CPU is busy for more than half of the time
/// counts as having up to one average worker's connections more: as much as decides between equals, bounded, so that
/// a crowd of new connections does not all go to whoever looks idle. Between equal loads, all open connections
/// decide: those that sleep now may wake together.
pub fn better_place(own: usize, loads: &[Load], now_ms: u32) -> Option<usize> {
    let mine = loads.get(own)?;
    let awake: u64 = loads.iter().map(|load| u64::from(load.awake)).sum();
    let weight = |load: &Load| {
        let busy = load.busy_percent.min(100).saturating_sub(BUSY_PERCENT_FREE);
        let surcharge = awake * u64::from(busy) / (u64::from(100 - BUSY_PERCENT_FREE) * loads.len() as u64);
        (u64::from(load.awake) + surcharge, u64::from(load.open))
    };
    // Each begins with its neighbour, so that not all choose the first of equals.
    let others = (1..loads.len()).map(|step| (own + step) % loads.len());
    let best =
        others.filter(|&index| takes_more(&loads[index], now_ms)).min_by_key(|&i| weight(&loads[i]))?;
    let (ours, theirs) = (weight(mine), weight(&loads[best]));
    let is_better = is_more(ours.0, theirs.0) || (ours.0 >= theirs.0 && is_more(ours.1, theirs.1));
    (mine.open >= mine.open_max || is_better).then_some(best)
}

/// True if there is anybody but `own` who can take a connection.
pub fn has_room_elsewhere(own: usize, loads: &[Load], now_ms: u32) -> bool {
    loads.iter().enumerate().any(|(index, load)| index != own && takes_more(load, now_ms))
}

fn takes_more(load: &Load, now_ms: u32) -> bool {
    // The writer's clock may be read after ours: then the difference wraps, and is none.
    let silence_ms = now_ms.wrapping_sub(load.beat_ms).cast_signed();
    load.open < load.open_max && silence_ms < SILENCE_MS_MAX.cast_signed()
}

fn is_more(ours: u64, theirs: u64) -> bool {
    ours > theirs + theirs / SLACK
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW_MS: u32 = 5;

    fn load(awake: u32, open: u32, busy_percent: u32) -> Load {
        Load { awake, open, open_max: 1_000, busy_percent, beat_ms: NOW_MS }
    }

    fn place(own: usize, loads: &[Load]) -> Option<usize> {
        better_place(own, loads, NOW_MS)
    }

    #[test]
    fn goes_to_the_least_loaded_and_stays_among_equals() {
        assert_eq!(place(0, &[load(2, 2, 0), load(1, 1, 0), load(0, 0, 0)]), Some(2));
        assert_eq!(place(0, &[load(1, 1, 0), load(1, 1, 0)]), None);
        assert_eq!(place(1, &[load(1, 1, 0), load(0, 0, 0)]), None);
        assert_eq!(place(0, &[load(36, 36, 0), load(32, 32, 0)]), None, "an eighth is even");
        assert_eq!(place(0, &[load(37, 37, 0), load(32, 32, 0)]), Some(1));
    }

    #[test]
    fn sleepers_decide_only_between_equals() {
        assert_eq!(place(0, &[load(1, 9_00, 0), load(2, 2, 0)]), None);
        assert_eq!(place(0, &[load(2, 9_00, 0), load(2, 2, 0)]), Some(1));
        assert_eq!(place(0, &[load(0, 5, 0), load(0, 4, 0)]), Some(1));
    }

    #[test]
    fn a_busy_worker_counts_as_more_but_not_without_bound() {
        assert_eq!(place(0, &[load(4, 4, 100), load(5, 5, 20)]), Some(1));
        assert_eq!(place(0, &[load(4, 4, 45), load(5, 5, 5)]), None, "both have time");
        assert_eq!(place(0, &[load(4, 4, 100), load(13, 13, 0)]), None);
    }

    #[test]
    fn the_full_the_stuck_and_the_leaving_get_nothing() {
        let full = Load { open_max: 3, ..load(3, 3, 0) };
        let leaving = Load { open_max: 0, ..load(0, 0, 0) };
        let stuck = Load { beat_ms: NOW_MS.wrapping_sub(SILENCE_MS_MAX), ..load(0, 0, 0) };
        let ahead = Load { beat_ms: NOW_MS + 3, ..load(0, 0, 0) };
        assert_eq!(place(0, &[load(9, 9, 0), full, leaving, stuck]), None);
        assert_eq!(place(0, &[full, load(9, 9, 0)]), Some(1), "a full worker gives away whatever it gets");
        assert_eq!(place(0, &[load(9, 9, 0), ahead]), Some(1));
        assert!(!has_room_elsewhere(0, &[load(9, 9, 0), full, leaving, stuck], NOW_MS));
        assert!(has_room_elsewhere(0, &[full, load(9, 9, 0)], NOW_MS));
    }

    #[test]
    fn equals_are_chosen_in_turn() {
        let loads = [load(9, 9, 0), load(0, 0, 0), load(9, 9, 0), load(0, 0, 0)];
        assert_eq!((place(0, &loads), place(2, &loads)), (Some(1), Some(3)));
    }

    proptest! {
        #[test]
        fn wherever_connections_arrive_they_end_up_even(
            workers in 1usize..16,
            arrivals in prop::collection::vec(0usize..16, 0..400),
        ) {
            let mut loads = vec![load(0, 0, 0); workers];
            for arrival in &arrivals {
                let own = arrival % workers;
                let place = better_place(own, &loads, NOW_MS).unwrap_or(own);
                loads[place].awake += 1;
                loads[place].open += 1;
            }
            let most = loads.iter().map(|load| load.awake).max().unwrap_or(0);
            let least = loads.iter().map(|load| load.awake).min().unwrap_or(0);
            prop_assert!(u64::from(most) <= u64::from(least) + u64::from(least) / SLACK + 1, "{loads:?}");
        }
    }
}
