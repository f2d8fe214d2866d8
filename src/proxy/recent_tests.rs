//! Who stays in the ring, and that it grows no further.

use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;
use crate::shared::names::Names;

fn meta(route: NameId) -> HeadMeta {
    HeadMeta {
        unix_ms: 0,
        generation: 1,
        peer: Ipv4Addr::LOCALHOST.into(),
        is_secure: false,
        listener: NameId::NONE,
        route,
        cluster: NameId::NONE,
        fault: None,
        policy: None,
        text_bytes: 0,
    }
}

fn ring(capacity: usize) -> Heads {
    let mut heads = Heads::default();
    heads.resize(capacity);
    heads
}

impl Heads {
    fn put_text(&mut self, route: NameId, text: &str) {
        self.scratch.clear();
        self.scratch.extend_from_slice(text.as_bytes());
        self.put(HeadMeta { text_bytes: text.len(), ..meta(route) });
    }

    fn texts(&self) -> Vec<String> {
        self.slots.iter().map(|slot| String::from_utf8(slot.text.clone()).unwrap()).collect()
    }

    fn all(&self, metas: usize, text: usize) -> usize {
        let (mut from, mut count) = (Some(0), 0);
        while let Some(place) = from {
            let (mut metas, mut text) = (Vec::with_capacity(metas), Vec::with_capacity(text));
            from = self.copy_from(place, &mut metas, &mut text);
            assert_eq!(metas.iter().map(|meta| meta.text_bytes).sum::<usize>(), text.len());
            count += metas.len();
        }
        count
    }
}

#[test]
fn a_busy_route_makes_room_and_a_rare_one_stays() {
    let names = Names::new(100, "");
    let (busy, rare) = (names.id("busy"), names.id("rare"));
    let mut heads = ring(8);
    heads.put_text(rare, "rare");
    (0..100).for_each(|number| heads.put_text(busy, &number.to_string()));
    let texts = heads.texts();
    assert_eq!(texts.len(), 8);
    assert!(texts.contains(&"rare".to_owned()), "{texts:?}");
    assert!((93..100).all(|number| texts.contains(&number.to_string())), "{texts:?}");
}

#[test]
fn only_so_many_are_kept_in_a_tick() {
    let mut heads = ring(8);
    let kept = |heads: &mut Heads, at, refused| (0..10).filter(|_| heads.wants(at, refused)).count();
    assert_eq!((kept(&mut heads, 1000, false), kept(&mut heads, 1019, false)), (4, 0));
    assert_eq!((kept(&mut heads, 1010, true), kept(&mut heads, 1020, false)), (4, 4));
    assert_eq!(kept(&mut ring(0), 1000, true), 0);
}

#[test]
fn copies_are_made_in_pieces() {
    let mut heads = ring(8);
    (0..8).for_each(|number| heads.put_text(NameId::NONE, &"x".repeat(number * 10)));
    for (metas, text) in [(3, 1000), (100, 75), (100, 0), (1, 1), (8, 1000)] {
        assert_eq!(heads.all(metas, text), 8, "{metas} {text}");
    }
}

#[test]
fn a_change_of_size_keeps_what_fits() {
    let mut heads = ring(8);
    (0..20).for_each(|number| heads.put_text(NameId::NONE, &number.to_string()));
    heads.resize(3);
    assert_eq!(heads.texts().len(), 3);
    heads.resize(5);
    (0..20).for_each(|number| heads.put_text(NameId::NONE, &number.to_string()));
    assert_eq!(heads.texts().len(), 5);
    heads.resize(0);
    assert_eq!((heads.texts().len(), heads.scratch.capacity()), (0, 0));
}

proptest! {
    #[test]
    fn the_ring_is_bounded_and_its_counts_are_right(
        capacity in 1_usize..40,
        routes in prop::collection::vec(0_usize..30, 0..300),
    ) {
        let names = Names::new(100, "");
        let mut heads = ring(capacity);
        for route in &routes {
            heads.put_text(names.id(&format!("r{route}")), &route.to_string());
        }
        prop_assert_eq!(heads.slots.len(), routes.len().min(capacity));
        prop_assert_eq!(heads.slots.capacity(), capacity);
        for (bucket, held) in heads.held.iter().enumerate() {
            let count = heads.buckets.iter().filter(|it| usize::from(**it) == bucket).count();
            prop_assert_eq!(count, usize::from(*held));
        }
        if let Some(last) = routes.last() {
            prop_assert!(heads.texts().contains(&last.to_string()));
        }
    }
}
