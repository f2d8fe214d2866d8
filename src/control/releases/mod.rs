//! Releases behind routes: shares that move without a new configuration.
//!
//! Owns how each split stands, publishes its shares to the workers, writes it down where there is a folder for it, and
//! looks at ramps once a second. A reload in the same form changes nothing; in another form a release begins anew. Decides
//! nothing by itself: that is [`standing`]'s.

pub mod order;
mod ramp;
pub mod standing;
#[cfg(test)]
mod standing_tests;
#[cfg(test)]
mod tests;
pub mod view;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::control::audit::{Audit, Entry};
use crate::control::config::Config;
use crate::control::desk::{Change, Refusal};
use crate::control::history::file::{read_bounded, write_whole};
use crate::control::rollout::sample::Sample;
use crate::proxy::release::config::SplitConfig;
use crate::proxy::release::shares::Shares;
use crate::proxy::snapshot::Snapshot;
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::level::Level;
use crate::shared::{Frozen, Published};
use crate::telemetry::Registry;
use crate::telemetry::shadow::ShadowMetrics;
use order::{By, Event, ReleaseOrder};
use ramp::Pairs;
use standing::{Kept, Phase, Standing};
use view::ReleaseView;

/// Its file in the gateway's own folder.
const FILE: &str = "releases";
/// Largest such file: 10,000 routes are some megabytes.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Between two looks at ramps.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// All releases. A clone is a handle to the same.
#[derive(Debug, Clone, Default)]
pub struct ReleaseDesk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    releases: BTreeMap<String, Release>,
    /// What was written down of those that are not in force, or not in this form.
    kept: BTreeMap<String, Kept>,
    folder: Option<PathBuf>,
}

#[derive(Debug)]
struct Release {
    standing: Standing,
    live: Published<Shares>,
}

/// What metrics tell of a release.
#[derive(Debug)]
pub struct Figures {
    /// The route.
    pub route: String,
    /// What goes on.
    pub phase: Phase,
    /// Thousandths of each variant.
    pub shares: Vec<(String, u32)>,
}

impl ReleaseDesk {
    /// Begins with the splits of the first generation, as they were left where that is kept in `folder`.
    ///
    /// # Errors
    /// When the file is there and cannot be read: what was stopped would get its share again.
    pub fn begin(&self, folder: Option<&Path>, config: &Config, snapshot: &Snapshot) -> Result<(), String> {
        if let Some(folder) = folder {
            let file = folder.join(FILE);
            let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
            let kept = match read_bounded(&file, FILE_BYTES_MAX) {
                Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| told(&error))?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
                Err(error) => return Err(told(&error)),
            };
            let mut state = self.lock();
            (state.kept, state.folder) = (kept, Some(folder.to_owned()));
        }
        self.attach(config, snapshot);
        Ok(())
    }

    /// Follows the splits of a generation from now on, and no others. Those written in the same form go on.
    pub fn attach(&self, config: &Config, snapshot: &Snapshot) {
        let mut state = self.lock();
        let mut former = std::mem::take(&mut state.releases);
        let mut next = BTreeMap::new();
        for route in &config.routes {
            let plan = snapshot.routes_by_name.get(&*route.name);
            let plan = plan.and_then(|at| snapshot.routes[*at as usize].action.split());
            let (Some(split), Some(plan)) = (&route.split, plan) else { continue };
            let is_same = former.get(&route.name).is_some_and(|it| it.standing.kept().form == *plan.form);
            let standing = match former.remove(&route.name) {
                Some(mut release) if is_same => {
                    release.standing.rewritten(split);
                    Some(release.standing)
                }
                other => {
                    if let Some(other) = other {
                        say_at(
                            Level::Info,
                            format_args!("release: route `{}` is written otherwise", route.name),
                        );
                        // A rollback may bring it back.
                        let before = other.standing.kept();
                        let kept = state.kept.insert(route.name.clone(), before);
                        restored(&route.name, split, kept.as_ref())
                    } else {
                        restored(&route.name, split, state.kept.get(&route.name))
                    }
                }
            };
            let Some(standing) = standing else { continue };
            let release = Release { standing, live: plan.live.clone() };
            release.publish();
            next.insert(route.name.clone(), release);
        }
        let gone: Vec<(String, Kept)> =
            former.into_iter().map(|(name, release)| (name, release.standing.kept())).collect();
        state.kept.extend(gone);
        state.releases = next;
    }

    /// Carries out an order. Gives a sentence about what has become of it.
    ///
    /// # Errors
    /// Where it does not fit, or cannot be written down. Nothing has changed then.
    pub fn order(&self, route: &str, order: &ReleaseOrder, change: &Change) -> Result<String, Refusal> {
        let mut state = self.lock();
        let release = state.releases.get_mut(route).ok_or_else(|| no_such(route))?;
        let before = release.standing.kept();
        let by = By { author: change.author.clone(), note: change.note.clone(), unix_ms: clock::wall_ms() };
        let event = release.standing.order(order, &by)?;
        if let Err(error) = state.write() {
            if let Some(release) = state.releases.get_mut(route) {
                release.standing.take_back(&before);
            }
            let reason = format!("it cannot be written down ({error}); nothing has changed");
            return Err(Refusal { code: "cannot_keep", reason });
        }
        state.publish(route);
        drop(state);
        say(route, &event);
        Ok(format!("route `{route}`: {}", event.text))
    }

    /// Looks at all ramps. `now` is the time since any moment. Gives what has changed, by route.
    pub fn look(&self, now: Duration, samples: &Samples) -> Vec<(String, Event)> {
        let mut state = self.lock();
        let mut events = Vec::new();
        for (route, release) in &mut state.releases {
            let of_route: Vec<Sample> =
                release.standing.variants().map(|(name, _)| samples.of(route, name)).collect();
            if let Some(event) =
                release.standing.look(now, (&of_route, samples.pairs(route)), clock::wall_ms())
            {
                release.publish();
                events.push((route.clone(), event));
            }
        }
        if !events.is_empty()
            && let Err(error) = state.write()
        {
            say_at(Level::Error, format_args!("release: cannot be written down: {error}"));
        }
        drop(state);
        events.iter().for_each(|(route, event)| say(route, event));
        events
    }

    /// What is told of all of them, or of one.
    pub fn view(&self, registry: &Registry, route: Option<&str>) -> Vec<ReleaseView> {
        let samples = Samples::take(registry);
        let state = self.lock();
        let wanted = state.releases.iter().filter(|(name, _)| route.is_none_or(|route| route == *name));
        let view = |(name, release): (&String, &Release)| {
            let mut view = release.standing.view(name);
            for variant in &mut view.variants {
                let sample = samples.of(name, &variant.variant);
                (variant.requests, variant.errors) = (sample.requests, sample.server_errors);
            }
            view
        };
        wanted.map(view).collect()
    }

    /// For metrics.
    pub fn figures(&self) -> Vec<Figures> {
        let state = self.lock();
        let figures = |(name, release): (&String, &Release)| {
            let (standing, parts) = (&release.standing, release.standing.shares().parts());
            let shares = standing.variants().zip(parts).map(|((name, _), part)| (name.to_owned(), *part));
            Figures { route: name.clone(), phase: standing.phase(), shares: shares.collect() }
        };
        state.releases.iter().map(figures).collect()
    }

    /// Looks at ramps for as long as the process lives. What they do by themselves is written to the audit log.
    pub async fn run(self, registry: Frozen<Registry>, audit: Audit) {
        let began = Instant::now();
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            if self.lock().releases.is_empty() {
                continue;
            }
            for (route, event) in self.look(began.elapsed(), &Samples::take(&registry)) {
                let entry = Entry {
                    author: "gateway".to_owned(),
                    role: "gateway".to_owned(),
                    address: String::new(),
                    action: "release".to_owned(),
                    parameters: json!({ "route": route }),
                    outcome: event.text,
                };
                if let Err(error) = audit.write(&entry) {
                    say_at(
                        Level::Error,
                        format_args!("audit log: cannot write: {error}; release of {route}"),
                    );
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// As it was left, or as it is written.
fn restored(route: &str, split: &SplitConfig, kept: Option<&Kept>) -> Option<Standing> {
    if let Some(standing) = kept.and_then(|kept| Standing::restore(split, kept)) {
        return Some(standing);
    }
    let standing = Standing::begin(split, clock::wall_ms())?;
    if let Some(ramp) = &split.ramp {
        let share = ramp.steps.first().map(|step| step.share).unwrap_or_default();
        let variant = &ramp.variant;
        say_at(
            Level::Info,
            format_args!("release: route `{route}`: variant `{variant}` begins with {share}"),
        );
    }
    Some(standing)
}

fn no_such(route: &str) -> Refusal {
    let reason =
        format!("route `{route}` is not there, or has no `split`; `ringgate release list` shows which have");
    Refusal { code: "no_such_release", reason }
}

fn say(route: &str, event: &Event) {
    let level = if event.is_stop { Level::Warn } else { Level::Info };
    say_at(level, format_args!("release: route `{route}`: {}", event.text));
}

impl Release {
    fn publish(&self) {
        if *self.live.load().1 != *self.standing.shares() {
            self.live.publish(Frozen::new(self.standing.shares().clone()));
        }
    }
}

impl State {
    fn publish(&self, route: &str) {
        if let Some(release) = self.releases.get(route) {
            release.publish();
        }
    }

    fn write(&self) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let current = self.releases.iter().map(|(name, release)| (name.clone(), release.standing.kept()));
        let mut all = self.kept.clone();
        all.extend(current);
        let text = serde_json::to_vec_pretty(&all).map_err(io::Error::other)?;
        write_whole(folder, FILE, &[&text])
    }
}

/// What variants have done since the process began.
#[derive(Debug, Default)]
pub struct Samples {
    variants: BTreeMap<(String, String), Sample>,
    copies: BTreeMap<String, Pairs>,
}

impl Samples {
    /// As it is now, of all workers.
    pub fn take(registry: &Registry) -> Self {
        let variants = registry.variants().into_iter().map(|(name, shards)| {
            let mut sum = Sample::default();
            for metrics in shards.iter() {
                sum.add(&Sample {
                    requests: metrics.requests.get(),
                    server_errors: metrics.server_errors.get(),
                    client_errors: metrics.client_errors.get(),
                    refusals: 0,
                    durations: metrics.head.snapshot(),
                });
            }
            (name, sum)
        });
        let copies = registry.shadows().into_iter().map(|(route, shards)| {
            let sum = |counter: fn(&ShadowMetrics) -> u64| shards.iter().map(counter).sum::<u64>();
            let mismatched = sum(|copies| copies.mismatched.get());
            (route, Pairs { compared: sum(|copies| copies.matched.get()) + mismatched, mismatched })
        });
        Self { variants: variants.collect(), copies: copies.collect() }
    }

    /// Copies of a route's requests.
    fn pairs(&self, route: &str) -> Pairs {
        self.copies.get(route).copied().unwrap_or_default()
    }

    /// Of one variant.
    fn of(&self, route: &str, variant: &str) -> Sample {
        self.variants.get(&(route.to_owned(), variant.to_owned())).cloned().unwrap_or_default()
    }
}
