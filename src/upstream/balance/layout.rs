//! How one worker chooses where not all endpoints are alike: tiers, zones, some that are out, grow, or are not this
//! worker's.
//!
//! Made anew when any of that changes, which is rare; choosing draws a group by its share and asks the group's balancer.
//! Knows endpoints by index. A pure function of numbers but for the cursors, so that `explain` and metrics tell the same.

use std::cell::Cell;

use super::round_robin::stride;
use super::slow_start::weakened;
use super::subset::Subset;
use super::tiers::{self, Capacity, WHOLE};
use super::{BalancePlan, Balancer, Pick};
use crate::shared::Frozen;

/// What decides about endpoints besides themselves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// Where the own zone is preferred.
    pub zones: Option<ZoneRules>,
    /// Health is not believed where less than this of a tier is in use, in millionths.
    pub panic_below: u32,
    /// Where not all endpoints are used by every worker.
    pub subset: Option<Subset>,
}

/// How the own zone is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ZoneRules {
    /// What of a tier's requests stays in it, in millionths.
    pub keep: u32,
    /// With fewer endpoints in use, zones make no difference.
    pub endpoints_min: usize,
}

/// An endpoint as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seat {
    /// Its share relative to others.
    pub weight: u32,
    /// Lower ones come first.
    pub tier: u8,
    /// True where it is in the own zone.
    pub is_own_zone: bool,
    /// Whether it is used.
    pub standing: Standing,
    /// Part of its weight that it has, in millionths.
    pub strength: u32,
}

/// Whether an endpoint is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    Used,
    /// It is not, unless too few are.
    Out,
    /// It is not in any case: its breaker is open.
    Barred,
}

/// Endpoints that are chosen from together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Their tier.
    pub tier: u8,
    /// Whether they are those of the own zone; None where that makes no difference.
    pub is_own_zone: Option<bool>,
    /// Of all requests, in millionths. Those without any are used where no other can be.
    pub share: u32,
    /// True where those that are out are used too.
    pub panics: bool,
    /// By index.
    pub members: Vec<u16>,
}

/// Which endpoints are chosen from, and how often: the first tier first, the own zone before others.
pub fn parts(seats: &[Seat], rules: &Rules) -> Vec<Part> {
    let mut numbers: Vec<u8> = seats.iter().map(|seat| seat.tier).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let capacities: Vec<Capacity> =
        numbers.iter().map(|tier| capacity(seats, |seat| seat.tier == *tier)).collect();
    let shares = tiers::shares(&capacities, rules.panic_below);
    let mut parts = Vec::new();
    for (tier, given) in numbers.into_iter().zip(shares) {
        let is_member = |seat: &Seat| {
            seat.tier == tier
                && (seat.standing == Standing::Used || given.panics && seat.standing == Standing::Out)
        };
        let whole = part(seats, given.share, is_member);
        let whole = Part { tier, panics: given.panics, ..whole };
        if whole.members.is_empty() {
            continue;
        }
        match rules.zones.filter(|_| !given.panics).and_then(|zones| divided(seats, &whole, zones)) {
            Some(both) => parts.extend(both),
            None => parts.push(whole),
        }
    }
    parts
}

/// A tier's endpoints of the own zone, and the others; None where there is one of the two alone.
fn divided(seats: &[Seat], whole: &Part, zones: ZoneRules) -> Option<[Part; 2]> {
    let of_tier = |seat: &Seat| seat.tier == whole.tier;
    let own = capacity(seats, |seat| of_tier(seat) && seat.is_own_zone);
    let others = capacity(seats, |seat| of_tier(seat) && !seat.is_own_zone);
    if whole.members.len() < zones.endpoints_min || own.used == 0 || others.used == 0 {
        return None;
    }
    let kept = u64::from(tiers::own_zone_share(own, others.used, zones.keep));
    let share = (u64::from(whole.share) * kept / u64::from(WHOLE)) as u32;
    let half = |is_own_zone: bool, share: u32| Part {
        is_own_zone: Some(is_own_zone),
        tier: whole.tier,
        ..part(seats, share, |seat| {
            of_tier(seat) && seat.is_own_zone == is_own_zone && seat.standing == Standing::Used
        })
    };
    Some([half(true, share), half(false, whole.share - share)])
}

fn part(seats: &[Seat], share: u32, is_member: impl Fn(&Seat) -> bool) -> Part {
    let members = seats.iter().zip(0_u16..).filter(|(seat, _)| is_member(seat)).map(|(_, index)| index);
    Part { tier: 0, is_own_zone: None, share, panics: false, members: members.collect() }
}

fn capacity(seats: &[Seat], is_counted: impl Fn(&Seat) -> bool) -> Capacity {
    let weight = |is_counted: &dyn Fn(&Seat) -> bool| {
        seats.iter().filter(|seat| is_counted(seat)).map(|seat| u64::from(seat.weight)).sum()
    };
    Capacity {
        used: weight(&|seat| is_counted(seat) && seat.standing == Standing::Used),
        usable: weight(&|seat| is_counted(seat) && seat.standing != Standing::Barred),
        all: weight(&is_counted),
    }
}

/// How one worker chooses where not all endpoints are alike.
#[derive(Debug)]
pub struct Layout {
    groups: Vec<Group>,
    /// Where between the groups the next choice is.
    cursor: Cell<usize>,
}

/// Endpoints that are chosen from together, by one worker.
#[derive(Debug)]
struct Group {
    tier: u8,
    is_own_zone: Option<bool>,
    /// The shares of this and all groups before it, in millionths.
    until: u32,
    /// By index: what position the balancer gives is one of these.
    members: Vec<u16>,
    /// By position: those that the balancer knows but are not used. Empty where all are.
    unused: Vec<bool>,
    balancer: Balancer,
    /// All that may be used, where the members are this worker's alone. Used where none of those can be.
    all: Option<Box<Group>>,
}

/// What a layout is made of.
pub struct Ground<'a> {
    /// The endpoints as they are now.
    pub seats: &'a [Seat],
    /// What decides about them.
    pub rules: &'a Rules,
    /// How one of all is chosen.
    pub balance: &'a Frozen<BalancePlan>,
    /// How one of each tier is, where that takes a table. A table is made for all endpoints of a tier.
    pub tables: &'a [(u8, Frozen<BalancePlan>)],
    /// Which worker, and of how many.
    pub worker: (usize, usize),
    /// For random choices; differs between workers.
    pub seed: u64,
}

impl Layout {
    /// A layout, going on where `before` is; None where all endpoints are alike, and a balancer of all does as well.
    pub fn of(ground: &Ground<'_>, before: Option<&Self>) -> Option<Self> {
        let parts = parts(ground.seats, &ground.rules.for_kind(ground.balance));
        if ground.is_plain(&parts) {
            return None;
        }
        let mut until = 0;
        let mut groups = Vec::with_capacity(parts.len());
        for part in parts {
            until += part.share;
            let former = before.and_then(|before| before.group(part.tier, part.is_own_zone));
            groups.extend(ground.group(part, until, former));
        }
        let (worker, workers) = ground.worker;
        let begin = worker * super::round_robin::STRIDES / workers.max(1);
        let cursor = Cell::new(before.map_or(begin, |before| before.cursor.get()));
        Some(Self { groups, cursor })
    }

    fn group(&self, tier: u8, is_own_zone: Option<bool>) -> Option<&Group> {
        self.groups.iter().find(|group| (group.tier, group.is_own_zone) == (tier, is_own_zone))
    }

    /// The endpoint of the next attempt; None where every one is excluded or out.
    pub fn pick(&self, pick: &Pick<'_>) -> Option<usize> {
        let point = match pick.hash {
            // A key has its place among the groups too. Other bits than those that the table takes.
            Some(hash) => (super::random::mixed(hash ^ GROUP_SALT) >> 32) as u32,
            None if self.groups.len() > 1 => stride(&self.cursor),
            None => 0,
        };
        let point = ((u64::from(point) * u64::from(WHOLE)) >> 32) as u32;
        let drawn = self.groups.iter().position(|group| point < group.until)?;
        let others = (0..self.groups.len()).filter(|at| *at != drawn);
        std::iter::once(drawn).chain(others).find_map(|at| self.groups[at].pick(pick))
    }

    /// True if there is nothing to choose from, whatever is excluded.
    pub fn is_empty(&self) -> bool {
        self.groups.last().is_none_or(|group| group.until == 0)
    }
}

/// So that a key's group and its place in it have nothing to do with each other.
const GROUP_SALT: u64 = 0x9ddf_ea08_eb38_2d69;

impl Rules {
    /// Those that hold where endpoints are chosen so: a table is for all endpoints of a tier, the same on every worker.
    pub fn for_kind(self, plan: &BalancePlan) -> Self {
        if plan.hash_key().is_none() { self } else { Self { zones: None, subset: None, ..self } }
    }
}

impl Ground<'_> {
    fn is_plain(&self, parts: &[Part]) -> bool {
        let (_, workers) = self.worker;
        let is_plain = |seat: &Seat| seat.standing == Standing::Used && seat.strength == WHOLE;
        let subset = self.rules.for_kind(self.balance).subset;
        parts.len() <= 1
            && self.seats.iter().all(is_plain)
            && subset.is_none_or(|subset| subset.is_everything(self.seats.len(), workers))
    }

    fn group(&self, part: Part, until: u32, former: Option<&Group>) -> Option<Group> {
        if let Some((_, table)) = self.tables.iter().find(|(tier, _)| *tier == part.tier) {
            return Some(self.group_of_table(part, until, table, former));
        }
        let strong = |index: &u16| {
            let seat = &self.seats[usize::from(*index)];
            weakened(seat.weight, seat.strength)
        };
        let (worker, workers) = self.worker;
        let weights: Vec<u32> = part.members.iter().map(strong).collect();
        let subset = self.rules.subset.filter(|it| !it.is_everything(weights.len(), workers));
        let whole = |weights, former| self.among(&part, part.members.clone(), weights, until, former);
        let Some(subset) = subset else { return whole(weights, former) };
        let own = subset.of(&weights, worker, workers);
        let members = own.iter().map(|(position, _)| part.members[*position]).collect();
        let weights_own = own.iter().map(|(_, weight)| *weight).collect();
        let all = whole(weights, former.and_then(|it| it.all.as_deref())).map(Box::new);
        Some(Group { all, ..self.among(&part, members, weights_own, until, former)? })
    }

    fn among(
        &self,
        part: &Part,
        members: Vec<u16>,
        weights: Vec<u32>,
        until: u32,
        former: Option<&Group>,
    ) -> Option<Group> {
        let balancer = self.balancer(Frozen::new(self.balance.among(weights)?), former);
        let Part { tier, is_own_zone, .. } = *part;
        Some(Group { tier, is_own_zone, until, members, unused: Vec::new(), balancer, all: None })
    }

    fn group_of_table(
        &self,
        part: Part,
        until: u32,
        table: &Frozen<BalancePlan>,
        former: Option<&Group>,
    ) -> Group {
        let Part { tier, is_own_zone, members: used, .. } = part;
        let all = self.seats.iter().zip(0_u16..).filter(|(seat, _)| seat.tier == tier);
        let members: Vec<u16> = all.map(|(_, index)| index).collect();
        // Both in the order of their indexes.
        let unused = members.iter().map(|index| used.binary_search(index).is_err()).collect();
        let balancer = self.balancer(table.clone(), former);
        Group { tier, is_own_zone, until, members, unused, balancer, all: None }
    }

    fn balancer(&self, plan: Frozen<BalancePlan>, former: Option<&Group>) -> Balancer {
        let (worker, workers) = self.worker;
        match former {
            Some(former) => Balancer::resume(plan, &former.balancer),
            None => Balancer::start(plan, worker, workers, self.seed),
        }
    }
}

impl Group {
    fn pick(&self, pick: &Pick<'_>) -> Option<usize> {
        let index = |at: usize| usize::from(self.members[at]);
        let is_unused = |at: usize| self.unused.get(at).is_some_and(|is_unused| *is_unused);
        let within = Pick {
            hash: pick.hash,
            in_flight: &|at| (pick.in_flight)(index(at)),
            answer_nanos: &|at| (pick.answer_nanos)(index(at)),
            is_excluded: &|at| is_unused(at) || (pick.is_excluded)(index(at)),
        };
        let found = self.balancer.pick(&within).map(index);
        found.or_else(|| self.all.as_ref()?.pick(pick))
    }
}

#[cfg(test)]
#[path = "layout_tests.rs"]
mod tests;
