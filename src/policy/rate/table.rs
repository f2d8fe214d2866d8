//! Keys and what is kept for each, in bounded memory: sets of sixteen places.
//!
//! A key's set is chosen by a keyed hash, so nobody outside can aim at a set. Sets are made when first used, never grow
//! and never move: no pause, however many keys. A full set gives up a place that owes nothing, or else the coldest
//! one; if none is cold, the newcomer has no place, and its owner says what then. No text of a key is kept.

use super::key::Key;

/// Places in a set.
const WAYS: usize = 16;

/// Sets have room for a third more keys than asked for, so that few are full before all are.
const ROOM: (usize, usize) = (4, 3);

/// What has a place in a table.
pub trait Resident: Copy + Default {
    /// Whose it is.
    fn key(&self) -> Key;
}

/// What a place is worth when another key wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Worth {
    /// Nothing: it could be made again as it is.
    Nothing,
    /// It can be given up, the lower the rather.
    Cold(u64),
    /// It must stay.
    Hot,
}

/// What nobody outside knows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Salt(pub [u64; 2]);

/// Where a key's place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Place(u32);

/// What became of a wish for a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<T> {
    /// It had one.
    Old(Place),
    /// It has a new one; whoever was there is gone.
    New(Place, Option<T>),
    /// All of its set must stay.
    Full,
}

struct Set<T> {
    /// Some bits of each key, 0 for an empty place: one cache line tells where to look.
    tags: [u16; WAYS],
    places: [T; WAYS],
}

/// Keys and what is kept for them.
pub struct Table<T> {
    sets: Vec<Option<Box<Set<T>>>>,
    salt: Salt,
    len: usize,
    /// Where sweeping goes on.
    hand: usize,
}

impl<T: Resident> Table<T> {
    /// With room for so many keys.
    pub fn new(keys: usize, salt: Salt) -> Self {
        let mut sets = Vec::new();
        sets.resize_with(sets_for(keys), || None);
        Self { sets, salt, len: 0, hand: 0 }
    }

    /// An empty one with room for so many keys.
    #[must_use]
    pub fn remade(&self, keys: usize) -> Self {
        Self::new(keys, self.salt)
    }

    /// Whether it has the room that [`Table::new`] makes for so many.
    pub fn is_for(&self, keys: usize) -> bool {
        self.sets.len() == sets_for(keys)
    }

    /// Bytes of memory for each key when all places for `keys` are used.
    pub fn bytes_per_key() -> usize {
        (size_of::<Set<T>>() + size_of::<usize>()) * ROOM.0 / (WAYS * ROOM.1)
    }

    /// Keys that have a place.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The place of a key.
    #[inline]
    pub fn find(&self, key: Key) -> Option<Place> {
        let at = self.set_of(key);
        let set = self.sets[at].as_ref()?;
        let tag = tag(key);
        let way = (0..WAYS).find(|&way| set.tags[way] == tag && set.places[way].key() == key)?;
        Some(place(at, way))
    }

    /// The place of a key, a new one with `fresh` if it has none and one can be had.
    pub fn find_or_make(&mut self, key: Key, fresh: T, worth: impl FnMut(&mut T) -> Worth) -> Found<T> {
        if let Some(place) = self.find(key) {
            return Found::Old(place);
        }
        let at = self.set_of(key);
        let set = self.sets[at]
            .get_or_insert_with(|| Box::new(Set { tags: [0; WAYS], places: [T::default(); WAYS] }));
        let Some((way, was)) = free_way(set, worth) else { return Found::Full };
        set.tags[way] = tag(key);
        set.places[way] = fresh;
        self.len += usize::from(was.is_none());
        Found::New(place(at, way), was)
    }

    /// What is there.
    #[inline]
    pub fn get(&self, place: Place) -> Option<&T> {
        self.sets[place.set()].as_ref().map(|set| &set.places[place.way()])
    }

    /// What is there, to change.
    #[inline]
    pub fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.sets[place.set()].as_mut().map(|set| &mut set.places[place.way()])
    }

    /// Everything there is, to change.
    pub fn each(&mut self, mut with: impl FnMut(&mut T)) {
        for set in self.sets.iter_mut().flatten() {
            let Set { tags, places } = &mut **set;
            places.iter_mut().zip(tags).filter(|(_, tag)| **tag != 0).for_each(|(one, _)| with(one));
        }
    }

    /// Looks at so many more sets, and gives up places that are worth nothing.
    pub fn sweep(&mut self, sets: usize, mut worth: impl FnMut(&mut T) -> Worth, mut gone: impl FnMut(T)) {
        for _ in 0..sets.min(self.sets.len()) {
            self.hand = (self.hand + 1) % self.sets.len();
            let Some(set) = &mut self.sets[self.hand] else { continue };
            for way in 0..WAYS {
                if set.tags[way] != 0 && worth(&mut set.places[way]) == Worth::Nothing {
                    set.tags[way] = 0;
                    self.len -= 1;
                    gone(std::mem::take(&mut set.places[way]));
                }
            }
        }
    }

    fn set_of(&self, key: Key) -> usize {
        // The low half: the high one chooses the owner. Multiplied by a number that nobody knows, any two keys meet no
        // more often than by chance (Dietzfelbinger and others, 1997).
        let Salt([add, times]) = self.salt;
        let mixed = (key.0 as u64).wrapping_add(add).wrapping_mul(times | 1);
        ((u128::from(mixed) * self.sets.len() as u128) >> 64) as usize
    }
}

/// An empty way, one worth nothing, or else the coldest, with who was there.
fn free_way<T: Resident>(
    set: &mut Set<T>,
    mut worth: impl FnMut(&mut T) -> Worth,
) -> Option<(usize, Option<T>)> {
    if let Some(way) = set.tags.iter().position(|&tag| tag == 0) {
        return Some((way, None));
    }
    let mut coldest = None;
    for way in 0..WAYS {
        match worth(&mut set.places[way]) {
            Worth::Nothing => return Some((way, Some(set.places[way]))),
            Worth::Cold(heat) if coldest.is_none_or(|(least, _)| heat < least) => {
                coldest = Some((heat, way));
            }
            Worth::Cold(_) | Worth::Hot => {}
        }
    }
    coldest.map(|(_, way)| (way, Some(set.places[way])))
}

fn sets_for(keys: usize) -> usize {
    (keys * ROOM.0).div_ceil(ROOM.1 * WAYS).max(1)
}

/// Bits that the choice of the set does not depend on much; never 0.
fn tag(key: Key) -> u16 {
    key.0 as u16 | 1
}

fn place(set: usize, way: usize) -> Place {
    Place((set * WAYS + way) as u32)
}

impl Place {
    fn set(self) -> usize {
        self.0 as usize / WAYS
    }

    fn way(self) -> usize {
        self.0 as usize % WAYS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: Salt = Salt([3, 0x9e37_79b9_7f4a_7c15]);

    #[derive(Clone, Copy, Default, Debug, PartialEq)]
    struct One {
        key: Key,
        heat: u64,
    }

    impl Resident for One {
        fn key(&self) -> Key {
            self.key
        }
    }

    fn worth(one: &mut One) -> Worth {
        match one.heat {
            0 => Worth::Nothing,
            heat if heat < 100 => Worth::Cold(heat),
            _ => Worth::Hot,
        }
    }

    fn key(number: u64) -> Key {
        let spread = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835) | 1;
        Key(spread.rotate_left(61))
    }

    fn put(table: &mut Table<One>, number: u64, heat: u64) -> Found<One> {
        table.find_or_make(key(number), One { key: key(number), heat }, worth)
    }

    #[test]
    fn a_key_keeps_its_place() {
        let mut table = Table::new(1_000, SALT);
        for number in 0..1_000 {
            assert!(matches!(put(&mut table, number, 200), Found::New(_, None) | Found::Full));
        }
        assert!(table.len() > 950, "{} of 1000 keys found room", table.len());
        for number in 0..1_000 {
            let Some(place) = table.find(key(number)) else { continue };
            assert_eq!(table.get(place), Some(&One { key: key(number), heat: 200 }));
        }
    }

    #[test]
    fn what_is_hot_stays_however_many_come() {
        let mut table = Table::new(64, SALT);
        let hot: Vec<u64> =
            (0..20).filter(|&number| matches!(put(&mut table, number, 500), Found::New(..))).collect();
        for number in 1_000..100_000 {
            put(&mut table, number, 1);
        }
        assert!(hot.iter().all(|&number| table.find(key(number)).is_some()));
        assert!(table.len() <= 96, "bounded: {}", table.len());
    }

    #[test]
    fn the_coldest_leaves_first_and_what_is_worth_nothing_before() {
        let mut table = Table::new(1, SALT);
        for number in 0..16 {
            put(&mut table, number, 10 + number);
        }
        let Found::New(_, Some(gone)) = put(&mut table, 100, 50) else { panic!("a place") };
        assert_eq!(gone.heat, 10);
        table.each(|one| one.heat = if one.heat == 20 { 0 } else { one.heat });
        let Found::New(_, Some(gone)) = put(&mut table, 101, 50) else { panic!("a place") };
        assert_eq!(gone.heat, 0);
    }

    #[test]
    fn a_newcomer_among_hot_ones_has_no_place() {
        let mut table = Table::new(1, SALT);
        for number in 0..16 {
            put(&mut table, number, 100);
        }
        assert_eq!(put(&mut table, 100, 1), Found::Full);
    }

    #[test]
    fn sweeping_frees_what_is_worth_nothing() {
        let mut table = Table::new(100, SALT);
        for number in 0..50 {
            put(&mut table, number, number % 2);
        }
        let mut gone = 0;
        table.sweep(1_000, worth, |_| gone += 1);
        assert_eq!((gone, table.len()), (25, 25));
    }
}
