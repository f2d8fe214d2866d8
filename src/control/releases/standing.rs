//! How one route's release stands: who has which share, why, and what comes next.
//!
//! A plain function of what it is told: orders, figures, the time. It publishes nothing and writes nothing; whoever asks
//! does so where [`Event`]s say that something has changed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::order::{By, Event, ReleaseOrder};
use super::ramp::{Found, Pairs, Watch};
use super::view::{RampView, ReleaseView, ShareView};
use crate::control::desk::Refusal;
use crate::control::rollout::sample::Sample;
use crate::proxy::release::config::{RampConfig, SplitConfig, thousandths};
use crate::proxy::release::shares::{Shares, WHOLE, percent};

/// How a release stands.
#[derive(Debug)]
pub struct Standing {
    split: SplitConfig,
    shares: Shares,
    phase: Phase,
    /// The step of the ramp, from 0.
    step: usize,
    reason: String,
    author: String,
    changed_unix_ms: u64,
    watch: Option<Watch>,
    waits_for: &'static str,
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Shares are as written.
    Steady,
    /// A variant's share is raised step by step.
    Ramping,
    /// The same, but it stays at its step until it is resumed.
    Paused,
    /// One variant has everything.
    Promoted,
    /// A variant has nothing any more.
    Aborted,
    /// Shares are as somebody has set them.
    ByHand,
}

impl Phase {
    /// All of them, with their names in metrics.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Steady, "steady"),
        (Self::Ramping, "ramping"),
        (Self::Paused, "paused"),
        (Self::Promoted, "promoted"),
        (Self::Aborted, "aborted"),
        (Self::ByHand, "by_hand"),
    ];
}

/// What is written down of a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The form it is written in; with another one this is void.
    pub form: String,
    /// Thousandths by variant.
    pub shares: BTreeMap<String, u32>,
    /// What goes on.
    pub phase: Phase,
    /// The step of the ramp, from 0.
    pub step: usize,
    /// Why.
    pub reason: String,
    /// Who has changed it.
    pub author: String,
    /// When, in milliseconds since 1970.
    pub changed_unix_ms: u64,
}

impl Standing {
    /// As it is written. `None` where that cannot be meant, which a checked configuration does not have.
    pub fn begin(split: &SplitConfig, unix_ms: u64) -> Option<Self> {
        Some(Self {
            shares: split.first_shares()?,
            phase: first_phase(split),
            split: split.clone(),
            step: 0,
            reason: String::new(),
            author: String::new(),
            changed_unix_ms: unix_ms,
            watch: None,
            waits_for: "",
        })
    }

    /// As it was written down. `None` where that was about another form.
    pub fn restore(split: &SplitConfig, kept: &Kept) -> Option<Self> {
        let parts: Option<Vec<u32>> =
            split.variants.keys().map(|name| kept.shares.get(name).copied()).collect();
        let steps = split.ramp.as_ref().map_or(0, |ramp| ramp.steps.len());
        let is_ramp = matches!(kept.phase, Phase::Ramping | Phase::Paused);
        if kept.form != split.form() || (is_ramp && kept.step >= steps) {
            return None;
        }
        Some(Self {
            shares: Shares::exactly(&parts?)?,
            phase: kept.phase,
            step: kept.step,
            reason: kept.reason.clone(),
            author: kept.author.clone(),
            changed_unix_ms: kept.changed_unix_ms,
            ..Self::begin(split, kept.changed_unix_ms)?
        })
    }

    /// It is written otherwise, but in the same form: steps are held and judged by what is written now.
    pub fn rewritten(&mut self, split: &SplitConfig) {
        if self.split != *split {
            self.split = split.clone();
            self.watch = None;
        }
    }

    /// It was not to be: back to what was written down before.
    pub fn take_back(&mut self, kept: &Kept) {
        if let Some(before) = Self::restore(&self.split, kept) {
            *self = before;
        }
    }

    /// What is to be written down.
    pub fn kept(&self) -> Kept {
        let names = self.split.variants.keys().cloned();
        Kept {
            form: self.split.form(),
            shares: names.zip(self.shares.parts().iter().copied()).collect(),
            phase: self.phase,
            step: self.step,
            reason: self.reason.clone(),
            author: self.author.clone(),
            changed_unix_ms: self.changed_unix_ms,
        }
    }

    /// The shares as they are now.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// What goes on.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Names of the variants, with the clusters behind them.
    pub fn variants(&self) -> impl Iterator<Item = (&str, &str)> {
        self.split.variants.iter().map(|(name, variant)| (name.as_str(), variant.cluster.as_str()))
    }

    /// Looks, about once a second. `done` is what each variant has done so far, in their order, and
    /// what has come of copies of requests.
    pub fn look(&mut self, now: Duration, done: (&[Sample], Pairs), unix_ms: u64) -> Option<Event> {
        if !matches!(self.phase, Phase::Ramping | Phase::Paused) {
            return None;
        }
        let ramp = self.split.ramp.as_ref()?;
        let (variant, step) = (self.split.place(&ramp.variant)?, ramp.steps.get(self.step)?);
        let watch = self.watch.get_or_insert_with(|| Watch::new(ramp, step, variant, now, done));
        let by = By { author: "gateway".to_owned(), note: String::new(), unix_ms };
        match watch.look(now, done) {
            Found::Waits(what) => {
                self.waits_for = what;
                None
            }
            Found::Passed if self.phase == Phase::Paused => {
                self.waits_for = "somebody to resume it";
                None
            }
            Found::Passed => self.advance(variant, &by),
            Found::Worse(reason) => self.stop(variant, &reason, &by),
        }
    }

    /// Carries out an order.
    ///
    /// # Errors
    /// Where it does not fit; nothing has changed then.
    pub fn order(&mut self, order: &ReleaseOrder, by: &By) -> Result<Event, Refusal> {
        match order {
            ReleaseOrder::Promote(name) => {
                let variant = self.meant(name.as_deref())?;
                Ok(self.all_for(variant, Phase::Promoted, by))
            }
            ReleaseOrder::Abort(name) => {
                let variant = self.meant(name.as_deref())?;
                let shares = self.split.raised(variant, 0).ok_or_else(|| {
                    refusal("bad_shares", "no other variant has a weight; set shares instead".to_owned())
                })?;
                let name = self.name(variant).to_owned();
                Ok(self.change(shares, Phase::Aborted, by, format!("variant `{name}` gets nothing")))
            }
            ReleaseOrder::Pause => self.steer(Phase::Ramping, Phase::Paused, by),
            ReleaseOrder::Resume => self.steer(Phase::Paused, Phase::Ramping, by),
            ReleaseOrder::Restart => {
                let shares = self.split.first_shares().unwrap_or_else(|| self.shares.clone());
                self.step = 0;
                let phase = first_phase(&self.split);
                Ok(self.change(shares, phase, by, "begins anew, as written".to_owned()))
            }
            ReleaseOrder::Flip(name) => {
                let variant = self.other(name.as_deref())?;
                Ok(self.all_for(variant, Phase::ByHand, by))
            }
            ReleaseOrder::Set(shares) => self.set(shares, by),
        }
    }

    fn set(&mut self, wanted: &BTreeMap<String, u32>, by: &By) -> Result<Event, Refusal> {
        let mut fixed = vec![None; self.split.variants.len()];
        for (name, part) in wanted {
            fixed[self.place(name)?] = Some(*part);
        }
        let shares = Shares::with(&fixed, &self.split.weights()).ok_or_else(|| {
            let reason = "shares are 100% together; name all variants, or leave out some that have a weight";
            refusal("bad_shares", reason.to_owned())
        })?;
        let told = self.told(&shares);
        Ok(self.change(shares, Phase::ByHand, by, told))
    }

    fn steer(&mut self, from: Phase, to: Phase, by: &By) -> Result<Event, Refusal> {
        if self.phase != from {
            let reason = if self.split.ramp.is_none() {
                "it has no ramp"
            } else {
                "its ramp is not under way, or not paused"
            };
            return Err(refusal("no_ramp", reason.to_owned()));
        }
        let word = if to == Phase::Paused { "stays at its step" } else { "goes on" };
        (self.phase, self.author, self.changed_unix_ms) = (to, by.author.clone(), by.unix_ms);
        Ok(self.event(word.to_owned(), by, false))
    }

    /// On to the next step, or to everything.
    fn advance(&mut self, variant: usize, by: &By) -> Option<Event> {
        let next = self.split.ramp.as_ref().and_then(|ramp| ramp.steps.get(self.step + 1));
        let name = self.name(variant).to_owned();
        let Some(next) = next else {
            return Some(self.all_for(variant, Phase::Promoted, by));
        };
        let share = thousandths(next.share)?;
        let shares = self.split.raised(variant, share)?;
        self.step += 1;
        let text =
            format!("variant `{name}` gets {} (step {} of {})", percent(share), self.step + 1, self.steps());
        Some(self.change(shares, Phase::Ramping, by, text))
    }

    /// It does worse than the others.
    fn stop(&mut self, variant: usize, reason: &str, by: &By) -> Option<Event> {
        let shares = self.split.raised(variant, 0)?;
        let (name, share) = (self.name(variant).to_owned(), percent(self.shares.of(variant)));
        let text = format!("VARIANT `{name}` STOPPED at {share}: {reason}");
        let event = self.change(shares, Phase::Aborted, by, text);
        self.reason = reason.to_owned();
        Some(Event { is_stop: true, ..event })
    }

    fn all_for(&mut self, variant: usize, phase: Phase, by: &By) -> Event {
        let text = format!("variant `{}` gets everything", self.name(variant));
        self.change(Shares::all_for(variant, self.split.variants.len()), phase, by, text)
    }

    fn change(&mut self, shares: Shares, phase: Phase, by: &By, text: String) -> Event {
        (self.shares, self.phase) = (shares, phase);
        (self.author, self.changed_unix_ms) = (by.author.clone(), by.unix_ms);
        self.reason.clone_from(&by.note);
        self.watch = None;
        self.waits_for = "";
        self.event(text, by, false)
    }

    fn event(&self, text: String, by: &By, is_stop: bool) -> Event {
        let note = if by.note.is_empty() { String::new() } else { format!(": {}", by.note) };
        let text = if by.author == "gateway" { text } else { format!("{text}, by {}{note}", by.author) };
        Event { text, is_stop }
    }

    fn steps(&self) -> usize {
        self.split.ramp.as_ref().map_or(0, |ramp: &RampConfig| ramp.steps.len())
    }

    fn name(&self, variant: usize) -> &str {
        self.split.variants.keys().nth(variant).map_or("", String::as_str)
    }

    fn place(&self, name: &str) -> Result<usize, Refusal> {
        self.split.place(name).ok_or_else(|| {
            let names: Vec<&str> = self.split.variants.keys().map(String::as_str).collect();
            refusal(
                "no_such_variant",
                format!("there is no variant `{name}`; there are: {}", names.join(", ")),
            )
        })
    }

    /// The variant that is named, or that of the ramp.
    fn meant(&self, name: Option<&str>) -> Result<usize, Refusal> {
        let of_ramp = self.split.ramp.as_ref().map(|ramp| ramp.variant.as_str());
        let name = name.or(of_ramp).ok_or_else(|| {
            refusal("which_variant", "it has no ramp, so say which variant is meant".to_owned())
        })?;
        self.place(name)
    }

    /// The variant that is named, or the one of two that has not everything.
    fn other(&self, name: Option<&str>) -> Result<usize, Refusal> {
        if let Some(name) = name {
            return self.place(name);
        }
        match (self.shares.only(), self.split.variants.len()) {
            (Some(only), 2) => Ok(1 - only),
            _ => Err(refusal(
                "which_variant",
                "not one of two variants has everything, so say which one is to have it".to_owned(),
            )),
        }
    }

    fn told(&self, shares: &Shares) -> String {
        let names = self.split.variants.keys().zip(shares.parts());
        let told: Vec<String> = names.map(|(name, part)| format!("{name} {}", percent(*part))).collect();
        format!("shares are {}", told.join(", "))
    }

    /// What is told of it.
    pub fn view(&self, route: &str) -> ReleaseView {
        let shares = self.variants().zip(self.shares.parts());
        let shares = shares.map(|((name, cluster), part)| ShareView {
            variant: name.to_owned(),
            cluster: cluster.to_owned(),
            share: f64::from(*part) / f64::from(WHOLE),
            requests: 0,
            errors: 0,
        });
        let is_ramping = matches!(self.phase, Phase::Ramping | Phase::Paused);
        let step = self.split.ramp.as_ref().filter(|_| is_ramping).and_then(|ramp| ramp.steps.get(self.step));
        ReleaseView {
            route: route.to_owned(),
            phase: self.phase,
            variants: shares.collect(),
            ramp: step.map(|step| RampView {
                variant: self.split.ramp.as_ref().map_or_else(String::new, |ramp| ramp.variant.clone()),
                step: self.step + 1,
                steps: self.steps(),
                hold_ms: step.hold.duration().as_millis() as u64,
                watched_ms: self.watch.as_ref().map_or(0, |watch| watch.watched().as_millis() as u64),
                requests: self.watch.as_ref().map_or(0, |watch| watch.requests().0),
                requests_others: self.watch.as_ref().map_or(0, |watch| watch.requests().1),
                waits_for: self.waits_for.to_owned(),
            }),
            reason: self.reason.clone(),
            author: self.author.clone(),
            changed_unix_ms: self.changed_unix_ms,
        }
    }
}

fn first_phase(split: &SplitConfig) -> Phase {
    if split.ramp.is_some() { Phase::Ramping } else { Phase::Steady }
}

fn refusal(code: &'static str, reason: String) -> Refusal {
    Refusal { code, reason }
}
