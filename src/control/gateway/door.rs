//! The operator's listener of a gateway that starts: the part of [`super`] that knows who may ask it and what it shows.
//!
//! Reads tokens and opens the audit log before any worker runs, so that what is missing stops the start; listens when
//! all workers serve.

use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::{Gateway, StartError};
use crate::config::secret::Environment;
use crate::control::admin::tls::opened;
use crate::control::admin::{Access, AdminState, AdminViews, Differ, Gate, View, WorkerDescription, serve};
use crate::control::audit::Audit;
use crate::control::config::{AdminConfig, Config};
use crate::control::desk::Refusal;
use crate::control::diff;
use crate::control::export::address_lists::AddressLists;
use crate::control::export::credentials::Credentials;
use crate::control::export::fleet::FleetShown;
use crate::control::export::key_sets::KeySetMetrics;
use crate::control::export::releases::ReleasesShown;
use crate::control::export::spread::SpreadMetrics;
use crate::control::export::verdicts::Verdicts;
use crate::control::export::{Exporter, SlotNames, Sources};
use crate::control::history::peek;
use crate::control::recorder::Recorder;
use crate::http::method::Method;
use crate::policy::reply::fault_names;
use crate::rt::clock;
use crate::shared::{Frozen, Published};
use crate::telemetry::metrics::METHOD_SLOTS;

/// What the operator's listener starts with.
pub(super) struct Door {
    admin: Option<AdminConfig>,
    access: Access,
    /// Where changes are written down, those that nobody has asked this listener for too.
    pub(super) audit: Audit,
    base: PathBuf,
    started: Instant,
}

impl Door {
    /// Reads what it needs. `base` is what the configuration may see of the process, `state` the gateway's own folder.
    pub(super) fn prepare(
        config: &Config,
        base: &Environment,
        state: Option<&Path>,
    ) -> Result<Self, StartError> {
        let admin = config.admin.clone();
        let access = admin.as_ref().map_or_else(|| Ok(Access::default()), |admin| Access::read(admin, base));
        let written = admin.as_ref().and_then(|admin| admin.audit.as_deref());
        let audit = Audit::begin(written, &base.base, state);
        Ok(Self {
            access: access.map_err(StartError::Missing)?,
            audit: audit.map_err(StartError::Missing)?,
            admin,
            base: base.base.clone(),
            started: Instant::now(),
        })
    }
}

impl Gateway {
    /// Starts the operator's listener, if there is to be one.
    pub(super) fn open_door(&mut self, door: Door, passed: Option<TcpListener>) -> Result<(), StartError> {
        // Ramps go on whether somebody may look at them or not.
        tokio::spawn(self.shown.releases.clone().run(self.registry.clone(), door.audit.clone()));
        let Door { admin: Some(admin), access, audit, base, started } = door else { return Ok(()) };
        let bind_error = |error: io::Error| StartError::Bind {
            name: "admin".to_owned(),
            addr: admin.address.get(),
            reason: error.to_string(),
        };
        let listener =
            passed.map_or_else(|| TcpListener::bind(admin.address.get()), Ok).map_err(bind_error)?;
        let addr = listener.local_addr()?;
        self.admin = Some(addr);
        let tls = opened(&admin, &base, access.is_open(), addr).map_err(StartError::Missing)?;
        let mut exporter = self.exporter();
        exporter.add(Box::new(FleetShown(self.shown.fleet.clone())));
        exporter.add(Box::new(Verdicts(self.shown.health.clone())));
        exporter.add(Box::new(ReleasesShown {
            desk: self.shown.releases.clone(),
            registry: self.registry.clone(),
        }));
        exporter.add(Box::new(Credentials {
            keys: self.shown.keepers.keys.clone(),
            introspection: self.means.introspection.clone(),
        }));
        let workers = self.cpus.iter().map(|&cpu| self.describe_worker(cpu, started)).collect();
        let state = AdminState {
            gate: Gate::new(access, &mut exporter),
            registry: self.registry.clone(),
            exporter,
            readiness: self.readiness.clone(),
            config: self.shown.config.clone(),
            generation: self.shown.label.clone(),
            workers: Published::new(Frozen::new(workers)),
            desk: self.desk.clone(),
            audit,
            views: self.views(),
            recorder: self.recorder(),
            revocations: self.shown.revocations.clone(),
            fleet: self.shown.fleet.clone(),
            health: self.shown.health.clone(),
            releases: self.shown.releases.clone(),
            keys: self.shown.keepers.keys.clone(),
        };
        let (close, closed) = tokio::sync::oneshot::channel();
        let task = serve(listener, tls, Arc::new(state), async {
            // The sender is dropped with the gateway; either way it is time to close.
            let _ = closed.await;
        });
        self.admin_task = Some((tokio::spawn(task), close));
        Ok(())
    }

    /// What asks the workers what they remember.
    pub(super) fn recorder(&self) -> Recorder {
        Recorder::new(self.mailboxes.clone(), self.registry.clone(), self.shown.snapshot.clone())
    }

    fn exporter(&self) -> Exporter {
        let mut exporter = Exporter::new(Sources {
            registry: self.registry.clone(),
            names: slot_names(),
            version: env!("CARGO_PKG_VERSION"),
            started_unix_seconds: clock::wall_seconds(),
            generation: self.shown.label.clone(),
            log: Some(self.log.metrics()),
            certificates: self.shown.certificates.clone(),
            reloads: self.shown.figures.clone(),
            rollouts: self.shown.rollouts.clone(),
            source: Some(self.source.clone()),
            feeds: Some(self.shown.feeds.clone()),
            revocations: self.shown.revocations.clone(),
        });
        exporter.add(Box::new(AddressLists::of(self.shown.snapshot.clone())));
        exporter.add(Box::new(SpreadMetrics(self.shown.snapshot.clone())));
        exporter.add(Box::new(KeySetMetrics(self.shown.keepers.key_desk())));
        exporter
    }

    fn views(&self) -> AdminViews {
        let feeds = self.shown.feeds.clone();
        AdminViews {
            generations: View::of(self.shown.generations.clone()),
            clusters: View::new(move || serde_json::to_value(feeds.view()).unwrap_or_default()),
            rollout: View::of(self.shown.rollout.clone()),
            source: self.source_view(),
            differ: self.differ(),
        }
    }

    /// The source, and what was wrong with it when it was last read.
    fn source_view(&self) -> View {
        let (source, refused) = (self.source.clone(), self.shown.refused.clone());
        View::new(move || {
            let mut shown = serde_json::to_value(&*source.load().1).unwrap_or_default();
            shown["refused"] = serde_json::to_value(&*refused.load().1).unwrap_or_default();
            shown
        })
    }

    /// What differs between generations that are kept in memory or on disk.
    fn differ(&self) -> Differ {
        let (configs, history) = (self.shown.configs.clone(), self.history.clone());
        let config = move |number: u64| {
            let kept = configs.load().1.iter().find(|(other, _)| *other == number).map(|(_, it)| it.clone());
            let on_disk = || {
                let text = peek(history.as_ref()?, number).ok()?.config_text;
                serde_json::from_str(&text).ok().map(Frozen::new)
            };
            kept.or_else(on_disk).ok_or_else(|| Refusal {
                code: "no_such_generation",
                reason: format!("generation {number} is not kept (any more)"),
            })
        };
        Differ::new(move |from, to| Ok(diff::texts(&diff::diff(&*config(from)?, &*config(to)?))))
    }

    fn describe_worker(&self, cpu: u16, started: Instant) -> WorkerDescription {
        let (name, options) = self.driver.describe().split_once(" (").unwrap_or((self.driver.describe(), ""));
        WorkerDescription {
            cpu: Some(cpu),
            driver: name.to_owned(),
            ring_options: options
                .trim_end_matches(')')
                .split(", ")
                .filter(|option| !option.is_empty())
                .map(str::to_owned)
                .collect(),
            started,
        }
    }
}

fn slot_names() -> SlotNames {
    let mut methods = [""; METHOD_SLOTS];
    for method in Method::ALL {
        methods[method.index()] = method.name();
    }
    SlotNames { methods, errors: fault_names() }
}
