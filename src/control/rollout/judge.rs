//! Whether workers with a new configuration fare worse than those without it.
//!
//! For each route and for all of them together it asks whether there are more 5xx, more 4xx, more refusals, and more
//! exchanges slower than the slowest twentieth was; and for each of the gateway's own answers whether there are more of it.
//! To fire, a comparison needs evidence ([`super::evidence`]) against the other workers and against what the same workers
//! did before, so that a client that always gets 404 on its own connection is no news; and a difference that matters,
//! also without the two looks that were worst, so that a burst is none either. One step of a rollout, one judge.

use std::collections::BTreeMap;
use std::time::Duration;

use super::breach::{Breach, Kind, Scope};
use super::evidence::{Count, share_at_most};
use super::sample::{Sample, Side};
use super::track::{Comparison, Evidences, Track};
use crate::control::config::changes::RolloutConfig;

/// A burst shorter than this decides nothing: evidence does not grow faster than that it takes so long. Less where a step
/// is held for a shorter time, and then a third of that.
const BURST: Duration = Duration::from_secs(2);
/// Requests come in clumps: many of one client, many of one moment. So many count as one where what is behind the past
/// is guessed at, as survey statistics do with samples in clusters (Kish's design effect).
const CLUMP: f64 = 4.0;
/// How sure the bound on what was before has to be where there are other workers, in nats: they carry the promise about
/// false alarms, and the past only keeps what is no news from counting.
const PAST_NATS: f64 = 4.0;
/// Part of the evidence needed from which a step is watched for longer.
const DOUBT: f64 = 0.3;
/// Comparisons of all requests together: 5xx, 4xx, refusals, two of times.
const OVERALL_TESTS: f64 = 5.0;

/// Compares for one step.
#[derive(Debug)]
pub struct Judge {
    settings: RolloutConfig,
    /// What the new side's workers did before.
    past_new: Side,
    /// What the old side's workers did before; the same as the new side's where there is no old side.
    past_old: Side,
    /// Whether all workers run it, so that there is only the past to compare with.
    is_alone: bool,
    /// Probability of a false alarm for this step.
    false_alarms: f64,
    routes: f64,
    codes: BTreeMap<usize, Track>,
    scopes: BTreeMap<Option<String>, Evidences>,
    /// As of the last look, since the step began.
    new: Side,
    old: Side,
    at: Duration,
    doubt: f64,
}

impl Judge {
    /// For a step that begins now, where a configuration has so many routes. `steps` is how many are judged in all.
    pub fn new(
        settings: &RolloutConfig,
        routes: usize,
        steps: usize,
        past_new: Side,
        past_old: Option<Side>,
    ) -> Self {
        Self {
            is_alone: past_old.is_none(),
            past_old: past_old.unwrap_or_else(|| past_new.clone()),
            past_new,
            false_alarms: settings.false_alarms.fraction().max(1e-6) / steps.max(1) as f64,
            settings: settings.clone(),
            routes: routes.max(1) as f64,
            codes: BTreeMap::new(),
            scopes: BTreeMap::new(),
            new: Side::default(),
            old: Side::default(),
            at: Duration::ZERO,
            doubt: 0.0,
        }
    }

    /// Looks at what both sides did since the step began, which was `at` ago. Gives what is worse, most telling first.
    pub fn look(&mut self, at: Duration, new: Side, old: Side) -> Vec<Breach> {
        let patience = BURST.min(self.settings.hold.duration() / 3).as_secs_f64().max(0.1);
        let passed = (at.saturating_sub(self.at).as_secs_f64() / patience).clamp(0.0, 1.0);
        let (before_new, before_old) =
            (std::mem::replace(&mut self.new, new), std::mem::replace(&mut self.old, old));
        let (came_new, came_old) = (self.new.since(&before_new), self.old.since(&before_old));
        self.at = at;
        self.doubt = 0.0;
        let mut breaches = self.routes(&came_new, &came_old, &before_old, passed);
        breaches.extend(self.codes(&came_new, &came_old, &before_old, passed));
        let nats = self.needed(OVERALL_TESTS, 0.25);
        let samples = (&came_new.overall, &came_old.overall, &before_old.overall);
        let overall = self.scope(None, samples, nats, passed);
        // Where it is said which route it is, that it shows in the whole is no news.
        let is_said = |kind| breaches.iter().any(|breach: &Breach| breach.kind == kind);
        let more: Vec<Breach> = overall.into_iter().filter(|breach| !is_said(breach.kind)).collect();
        breaches.extend(more);
        breaches
    }

    /// Requests of either side since the step began.
    pub fn requests(&self) -> (u64, u64) {
        (self.new.overall.requests, self.old.overall.requests)
    }

    /// Whether there were enough of them, on both sides, to see a difference.
    pub fn has_enough(&self) -> bool {
        let enough = u64::from(self.settings.requests);
        let reference =
            if self.is_alone { self.past_new.overall.requests } else { self.old.overall.requests };
        self.new.overall.requests >= enough && reference >= enough
    }

    /// Whether there is any traffic, or was before.
    pub fn has_traffic(&self) -> bool {
        let sides = [&self.new, &self.old, &self.past_new, &self.past_old];
        sides.iter().any(|side| side.overall.requests > 0)
    }

    /// Whether something looks worse and the evidence is on its way.
    pub fn is_in_doubt(&self) -> bool {
        self.doubt > DOUBT
    }

    /// Whether all workers run it, so that it is compared with what was before.
    pub fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Evidence that one of so many comparisons needs, which together may use up this part of the false alarms.
    fn needed(&self, tests: f64, part: f64) -> f64 {
        // Alone, half of it goes for what may have been behind the past.
        let halves = if self.is_alone { 2.0 } else { 1.0 };
        (halves * tests / (self.false_alarms * part)).ln()
    }

    fn routes(&mut self, new: &Side, old: &Side, before_old: &Side, passed: f64) -> Vec<Breach> {
        let nats = self.needed(OVERALL_TESTS * self.routes, 0.5);
        let nothing = Sample::default();
        let mut breaches = Vec::new();
        for (name, sample) in &new.routes {
            let old = old.routes.get(name).unwrap_or(&nothing);
            let before = before_old.routes.get(name).unwrap_or(&nothing);
            breaches.extend(self.scope(Some(name), (sample, old, before), nats, passed));
        }
        breaches.sort_by(|a, b| b.nats.total_cmp(&a.nats));
        breaches
    }

    /// One route, or all requests: what came on the new side, on the old one, and on that before.
    fn scope(
        &mut self,
        route: Option<&str>,
        came: (&Sample, &Sample, &Sample),
        nats: f64,
        passed: f64,
    ) -> Vec<Breach> {
        let (came_new, came_old, before_old) = came;
        let key = route.map(str::to_owned);
        let mut evidences = self.scopes.get(&key).cloned().unwrap_or_default();
        let empty = Sample::default();
        let of = |side: &Side| match route {
            None => side.overall.clone(),
            Some(route) => side.routes.get(route).unwrap_or(&empty).clone(),
        };
        let pasts = (of(&self.past_new), of(&self.past_old));
        let now = (of(&self.new), of(&self.old));
        let scope = route.map_or(Scope::All, |route| Scope::Route(route.to_owned()));
        let mut known = pasts.0.clone();
        known.add(before_old);
        if !self.is_alone {
            known.add(&pasts.1);
        }
        let mut breaches = Vec::new();
        for (kind, track) in Kind::SHARES.into_iter().zip(&mut evidences.shares) {
            let comparison = Comparison {
                new: kind.of(came_new),
                old: kind.of(came_old),
                known: kind.of(&known),
                past: kind.of(&pasts.0),
                past_old: kind.of(&pasts.1),
                before_old: kind.of(before_old),
            };
            let far = self.gather(track, &comparison, nats, passed);
            let (new, old) =
                (kind.of(&now.0), if self.is_alone { kind.of(&pasts.0) } else { kind.of(&now.1) });
            if far > DOUBT && self.share_matters(kind, new, old) {
                self.doubt = self.doubt.max(far);
                let rest = track.trimmed(new);
                if far >= 1.0 && self.suffices(rest) && self.share_matters(kind, rest, old) {
                    breaches.push(Breach {
                        scope: scope.clone(),
                        kind,
                        new,
                        old,
                        nats: track.nats(),
                        p95: None,
                    });
                }
            }
        }
        breaches.extend(self.times(
            scope,
            &mut evidences,
            (came_new, came_old, before_old, &known),
            (&now, &pasts),
            (nats, passed),
        ));
        self.scopes.insert(key, evidences);
        breaches
    }

    /// Whether exchanges take longer.
    fn times(
        &mut self,
        scope: Scope,
        evidences: &mut Evidences,
        (came_new, came_old, before_old, known): (&Sample, &Sample, &Sample, &Sample),
        (now, pasts): (&(Sample, Sample), &(Sample, Sample)),
        (nats, passed): (f64, f64),
    ) -> Option<Breach> {
        if evidences.times.is_none() && known.durations.count() >= 2 * u64::from(self.settings.requests) {
            // What takes longer than the slowest twentieth did, by the bounds on either side of it.
            let (bucket, _) = known.p95()?;
            evidences.times = Some([Some(bucket), bucket.checked_sub(1)].map(|at| (at, Track::default())));
        }
        let mut most: Option<(f64, Breach)> = None;
        for (bucket, track) in evidences.times.iter_mut().flatten() {
            let Some(bucket) = *bucket else { continue };
            let comparison = Comparison {
                new: came_new.beyond(bucket),
                old: came_old.beyond(bucket),
                known: known.beyond(bucket),
                past: pasts.0.beyond(bucket),
                past_old: pasts.1.beyond(bucket),
                before_old: before_old.beyond(bucket),
            };
            let far = self.gather(track, &comparison, nats, passed);
            let reference = if self.is_alone { &pasts.0 } else { &now.1 };
            let (Some((_, new)), Some((_, old))) = (now.0.p95(), reference.p95()) else { continue };
            if far > 0.5
                && self.time_matters(new, old, pasts)
                && now.0.durations.count() >= u64::from(self.settings.requests)
            {
                self.doubt = self.doubt.max(far);
                let (new_count, old_count) = (now.0.beyond(bucket), reference.beyond(bucket));
                let breach = Breach {
                    scope: scope.clone(),
                    kind: Kind::Slow,
                    new: new_count,
                    old: old_count,
                    nats: track.nats(),
                    p95: Some((new, old)),
                };
                if most.as_ref().is_none_or(|(most, _)| far > *most) {
                    most = Some((far, breach));
                }
            }
        }
        most.filter(|(far, _)| *far >= 1.0).map(|(_, breach)| breach)
    }

    /// The gateway's own answers, each code by itself.
    fn codes(&mut self, new: &Side, old: &Side, before_old: &Side, passed: f64) -> Vec<Breach> {
        let nats = self.needed(crate::telemetry::metrics::ERROR_SLOTS as f64, 0.25);
        let mut breaches = Vec::new();
        for slot in 0..self.new.codes.len() {
            let of = |side: &Side| code(side, slot);
            let known = of(&self.past_new).plus(of(before_old));
            let known = if self.is_alone { known } else { known.plus(of(&self.past_old)) };
            let comparison = Comparison {
                new: of(new),
                old: of(old),
                known,
                past: of(&self.past_new),
                past_old: of(&self.past_old),
                before_old: of(before_old),
            };
            let mut track = self.codes.get(&slot).copied().unwrap_or_default();
            let far = self.gather(&mut track, &comparison, nats, passed);
            self.codes.insert(slot, track);
            let kind = Kind::of_code(slot);
            let (new, old) = (of(&self.new), of(if self.is_alone { &self.past_new } else { &self.old }));
            if far > DOUBT && self.share_matters(kind, new, old) {
                self.doubt = self.doubt.max(far);
                let rest = track.trimmed(new);
                if far >= 1.0 && self.suffices(rest) && self.share_matters(kind, rest, old) {
                    let scope = Scope::Code(slot);
                    breaches.push(Breach { scope, kind, new, old, nats: track.nats(), p95: None });
                }
            }
        }
        breaches.sort_by(|a, b| b.nats.total_cmp(&a.nats));
        breaches
    }

    /// Takes in a look; gives how far the evidence is, 1 where it suffices.
    fn gather(&self, track: &mut Track, comparison: &Comparison, nats: f64, passed: f64) -> f64 {
        let Comparison { new, old, known, past, past_old, before_old } = *comparison;
        track.note(new);
        let has_past = past.cases >= f64::from(self.settings.requests);
        if has_past {
            let at_most = *track.at_most.get_or_insert_with(|| {
                let clumped = Count { cases: past.cases / CLUMP, hits: past.hits / CLUMP };
                share_at_most(clumped, if self.is_alone { nats } else { PAST_NATS })
            });
            // What was worse for all and is not any more, such as an origin that was away, excuses nothing now.
            let better = if self.is_alone { 0.0 } else { (past_old.share() - before_old.share()).max(0.0) };
            track.before.look_alone(new, (at_most - better).max(known.guess()), nats * passed);
        }
        let before = if has_past { track.before.nats() } else { 0.0 };
        if self.is_alone {
            return before / nats;
        }
        track.others.look(new, old, known, nats * passed);
        if has_past { track.others.nats().min(before) / nats } else { track.others.nats() / nats }
    }

    /// Whether a share is larger by so much that it matters.
    fn share_matters(&self, kind: Kind, new: Count, old: Count) -> bool {
        let bound = match kind {
            Kind::ServerErrors | Kind::Slow => self.settings.errors,
            Kind::ClientErrors | Kind::Refusals => self.settings.rejections,
        };
        new.share() - old.share() > bound.fraction()
    }

    /// Whether there are enough cases to speak of a share, where the worst looks have been left out.
    fn suffices(&self, new: Count) -> bool {
        2.0 * new.cases >= f64::from(self.settings.requests)
    }

    /// Whether a time is longer by so much that it matters, and was not so before.
    fn time_matters(&self, new: f64, old: f64, pasts: &(Sample, Sample)) -> bool {
        let enough = u64::from(self.settings.requests);
        let was_known = !self.is_alone && pasts.0.requests >= enough && pasts.1.requests >= enough;
        let was = match (pasts.0.p95(), pasts.1.p95()) {
            (Some((_, new)), Some((_, old))) if was_known && old > 0.0 => (new / old).max(1.0),
            _ => 1.0,
        };
        new > old * was * self.settings.latency
            && new > old * was + 1e3 * self.settings.latency_min.duration().as_secs_f64()
    }
}

fn code(side: &Side, slot: usize) -> Count {
    Count::new(side.codes.get(slot).copied().unwrap_or(0), side.overall.requests)
}
