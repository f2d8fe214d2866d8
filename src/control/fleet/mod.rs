//! Limits and quotas across hosts: what workers have spent goes to the server that all hosts count with, and what all have
//! used comes back. Where there is no server it is counted here, for restarts and for the operator.
//!
//! One task, and batches on their way; no request waits for any of it. A server that is away is said once, shown in
//! metrics, and changes nothing about readiness: hosts go on with their shares.

mod figures;
pub mod kept;
pub mod link;
mod run;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::control::config::fleet::FleetConfig;
use crate::control::generation::Generation;
use crate::policy::rate::fleet::{AccountId, FleetPlan, LimitId};
use crate::policy::rate::key::Key;
use crate::policy::rate::plan::LimitPlan;
use crate::policy::rate::quota::PREFIX;
use crate::rt::clock;
use crate::rt::say::say_at;
use crate::shared::Frozen;
use crate::shared::level::Level;

pub use figures::{FleetFigures, FleetView};
pub use run::run;

use kept::{Kept, hex};
use link::{Hidden, Way};

/// Its file in the gateway's own folder.
const FILE: &str = "quotas";

/// How it stands with the other hosts, and what is kept of quotas. A clone is a handle to the same.
#[derive(Clone)]
pub struct FleetDesk(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    way: watch::Sender<Option<Way>>,
    figures: Frozen<FleetFigures>,
    /// This host's name among the others, new each time it starts.
    host: String,
}

#[derive(Default)]
struct State {
    names: HashMap<LimitId, Box<str>>,
    /// Quotas by name, of all generations.
    quotas: HashMap<Box<str>, LimitPlan>,
    kept: Kept,
    file: Option<PathBuf>,
    wrong: Option<String>,
}

impl fmt::Debug for FleetDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords and keys of hashes are within.
        f.debug_tuple("FleetDesk").field(&self.0.host).finish()
    }
}

impl Default for FleetDesk {
    fn default() -> Self {
        let mut name = [0; 8];
        // Without random numbers the process number has to do: two hosts of one name would count as one.
        if aws_lc_rs::rand::fill(&mut name).is_err() {
            name = (u64::from(std::process::id()) << 32 ^ clock::wall_ms()).to_be_bytes();
        }
        Self(Arc::new(Inner {
            state: Mutex::default(),
            way: watch::channel(None).0,
            figures: Frozen::new(FleetFigures::default()),
            host: format!("{:016x}", u64::from_be_bytes(name)),
        }))
    }
}

impl FleetDesk {
    /// With what is kept in `folder`. A file that cannot be read is put aside, and what it counted is lost to this host.
    pub fn open(folder: Option<&Path>) -> Self {
        let desk = Self::default();
        let Some(file) = folder.map(|folder| folder.join(FILE)) else { return desk };
        let text = match std::fs::read_to_string(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(|error| error.to_string()),
        };
        match text.and_then(|text| Kept::parse(&text)) {
            Ok(kept) => desk.lock().kept = kept,
            Err(reason) => {
                let aside = file.with_extension("unreadable");
                let _ = std::fs::rename(&file, &aside);
                let (file, aside) = (file.display(), aside.display());
                say_at(Level::Error, format_args!("quotas: {file}: {reason}; it is put aside as {aside}"));
            }
        }
        desk.lock().file = Some(file);
        desk
    }

    /// Counts from now on with the server of this configuration, or alone, and knows its limits by their names. `plan` is
    /// what is not written in it, `base` where its files are.
    pub fn attach(&self, config: &FleetConfig, plan: &FleetPlan, base: &Path, names: &[String]) {
        // Names are only ever added: an old generation may still report.
        self.lock().names.extend(names.iter().map(|name| (LimitId::of(name), name.as_str().into())));
        let way = config.redis.clone().map(|redis| Way {
            redis,
            password: plan.password.clone().map(Hidden),
            namespace: config.namespace.as_str().into(),
            base: base.into(),
            sync_ms: config.sync.duration().as_millis() as u64,
            hosts: u32::from(config.hosts),
        });
        self.0.way.send_if_modified(|now| {
            let is_new = *now != way;
            *now = way;
            is_new
        });
    }

    /// The same for a generation.
    pub fn follow(&self, generation: &Generation) {
        let Generation { config, snapshot, base, .. } = generation;
        let quotas = snapshot.quotas.iter();
        self.lock().quotas.extend(quotas.map(|plan| (plan.name.clone(), plan.clone())));
        let limits = config.rate_limits.keys().map(|name| format!("limit:{name}"));
        let names: Vec<String> =
            limits.chain(config.quotas.keys().map(|name| format!("{PREFIX}{name}"))).collect();
        self.attach(&config.fleet, &snapshot.fleet, base, &names);
    }

    /// What goes into the metrics.
    pub fn figures(&self) -> Frozen<FleetFigures> {
        self.0.figures.clone()
    }

    /// For people.
    pub fn view(&self) -> FleetView {
        let (figures, state) = (&self.0.figures, self.lock());
        let way = self.0.way.borrow();
        let heard_ms = figures.heard_ms.get();
        FleetView {
            is_configured: way.is_some(),
            connected: figures.connected.get() == 1,
            address: way.as_ref().map(|way| way.redis.address.clone()),
            wrong: state.wrong.clone(),
            hosts: figures.hosts.get(),
            host: self.0.host.clone(),
            silent_ms: (heard_ms > 0).then(|| clock::coarse_ms().cast_signed() - heard_ms),
            quotas_kept: state.kept.iter().count(),
        }
    }

    /// Whether limits are shared with other hosts.
    pub fn is_shared(&self) -> bool {
        self.0.way.borrow().is_some()
    }

    /// Whether there is, or was, a quota of this name.
    pub fn knows(&self, quota: &str) -> bool {
        self.lock().names.contains_key(&quota_id(quota))
    }

    /// The keys of a quota that have these values, with `,` between them: one for each plan.
    pub fn hashed(&self, quota: &str, values: &str) -> Option<Vec<[u8; 16]>> {
        let state = self.lock();
        let plan = state.quotas.get(quota)?;
        // A quota for everybody has no values.
        let values: Vec<&str> = if values == "-" { Vec::new() } else { values.split(',').collect() };
        Some(plan.keys_of(&values)?.into_iter().map(Key::bytes).collect())
    }

    /// What has been used of quotas: of all limits and keys, or of some. How many entries there are, and the first of them
    /// in order, at most `most`.
    pub fn usage(&self, limit: Option<&str>, keys: Option<&[[u8; 16]]>, most: usize) -> (usize, Vec<Usage>) {
        let state = self.lock();
        let limit = limit.map(quota_id);
        let wanted = |id: &AccountId| {
            limit.is_none_or(|limit| limit == id.limit) && keys.is_none_or(|keys| keys.contains(&id.key))
        };
        let mut all: Vec<Usage> = state
            .kept
            .iter()
            .filter(|(id, _)| wanted(id))
            .map(|(id, count)| Usage {
                quota: state.name(id.limit).trim_start_matches(PREFIX).to_owned(),
                key: hex(&id.key),
                period: id.window,
                used: count.level.ceil() as u64,
                amount: count.size,
                ends_unix_ms: count.ends_unix_ms,
            })
            .collect();
        all.sort_by(|a, b| (&a.quota, b.period, &a.key).cmp(&(&b.quota, a.period, &b.key)));
        let total = all.len();
        all.truncate(most);
        (total, all)
    }

    /// What was used before this process began, of windows that go on, and when those end by the clock that never goes back.
    fn restored(&self) -> Vec<(AccountId, f64, u64)> {
        let (now_unix_ms, now_ms) = (clock::wall_ms(), clock::coarse_ms());
        let state = self.lock();
        let going =
            state.kept.iter().filter(|(_, count)| count.ends_unix_ms > now_unix_ms && count.level > 0.0);
        going.map(|(id, count)| (*id, count.level, now_ms + count.ends_unix_ms - now_unix_ms)).collect()
    }

    /// Writes what is kept, if there is anything new.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> io::Result<()> {
        let (file, text) = {
            let mut state = self.lock();
            let Some(file) = state.file.clone() else { return Ok(()) };
            if !std::mem::take(&mut state.kept.is_changed) {
                return Ok(());
            }
            (file, state.kept.to_text())
        };
        let written = write_whole(&file, &text);
        if written.is_err() {
            self.lock().kept.is_changed = true;
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What a limit is called; its number if nobody knows any more.
    fn name(&self, limit: LimitId) -> String {
        self.names.get(&limit).map_or_else(|| format!("{:016x}", limit.0), |name| name.to_string())
    }
}

fn quota_id(name: &str) -> LimitId {
    LimitId::of(&format!("{PREFIX}{name}"))
}

/// What has been used of a quota in one period.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Usage {
    /// The quota's name.
    pub quota: String,
    /// Whose it is: a hash.
    pub key: String,
    /// Day or month, counted from 1970.
    pub period: u64,
    /// How much has been used, by all hosts.
    pub used: u64,
    /// How much there was, as of the last request.
    pub amount: u64,
    /// When the period ends.
    pub ends_unix_ms: u64,
}

/// Written as a whole or not at all, and not brought to disk each time: a crash of the machine may lose some seconds more
/// than a crash of the process.
fn write_whole(file: &Path, text: &str) -> io::Result<()> {
    let partial = file.with_extension("new");
    std::fs::write(&partial, text)?;
    std::fs::rename(&partial, file)
}
