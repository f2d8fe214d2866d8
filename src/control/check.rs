//! What a configuration means: names resolve, values are in range, nothing contradicts.
//!
//! Every fault in one pass, each where it is written. `check` reads no files, no secrets and no clock; whether a
//! name can be resolved or a secret be read, `load_and_compile` sees when it makes the snapshot. What the shape
//! check has refused is not reported a second time by what follows from it.

mod addresses;
mod admin;
mod advice;
mod afterwards;
mod authenticators;
mod care;
mod changes;
mod clusters;
mod discover;
mod doors;
#[cfg(test)]
mod entry_tests;
mod fleet;
mod health;
mod http2;
mod limits;
mod names;
mod own_keys;
mod quotas;
mod rate_limits;
mod registries;
mod routes;
mod same;
mod secrets;
mod shadows;
mod shedding;
mod splits;
mod spread;
mod switches;
#[cfg(test)]
mod tests;
mod tls;
mod values;

use std::path::Path;

use super::compile::compile;
use super::config::Config;
use super::document::Document;
use super::sources::Fetched;
use crate::config::diagnostic::{Diagnostics, Report, Severity};
use crate::config::secret::Environment;
use crate::config::source::Mark;
use crate::config::units::UnitError;
use crate::proxy::snapshot::Snapshot;
use crate::rt::clock;

/// A configuration that may be compiled.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// As it is written.
    pub document: Document,
    /// Warnings alone.
    pub warnings: Diagnostics,
}

pub use afterwards::{needs_restart, unlistenable, unroutable, unwanted};

/// Reads a file with what it includes, and checks shape and meaning.
pub fn load(path: &Path, environment: &Environment) -> Result<Loaded, Diagnostics> {
    whole(Document::read(path, environment))
}

/// The same for a text, under a name.
pub fn load_text(name: &str, text: &str) -> Result<Loaded, Diagnostics> {
    whole(Document::from_text(name, text))
}

/// The same for what a source gave.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn load_fetched(fetched: &Fetched, environment: &Environment) -> Result<Loaded, Diagnostics> {
    whole(fetched.document(environment))
}

/// Reads, checks and compiles a file: the one way to a snapshot. The secrets it names are read and the names of its
/// endpoints resolved, so this may take as long as the resolver does.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn load_and_compile(
    path: &Path,
    environment: &Environment,
    generation: u64,
) -> Result<(Loaded, Snapshot), Diagnostics> {
    compile_loaded(load(path, environment)?, environment, generation, None)
}

/// The same for a text, under a name.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn load_and_compile_text(
    name: &str,
    text: &str,
    environment: &Environment,
    generation: u64,
) -> Result<(Loaded, Snapshot), Diagnostics> {
    compile_loaded(load_text(name, text)?, environment, generation, None)
}

/// The same for what a source gave. May block for as long as files and names of endpoints take.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn load_and_compile_fetched(
    fetched: &Fetched,
    environment: &Environment,
    generation: u64,
) -> Result<(Loaded, Snapshot), Diagnostics> {
    compile_loaded(load_fetched(fetched, environment)?, environment, generation, None)
}

/// Compiles what was read, to go on from `previous`.
///
/// # Errors
/// Everything that is wrong, warnings included.
pub fn compile_loaded(
    loaded: Loaded,
    environment: &Environment,
    generation: u64,
    previous: Option<&Snapshot>,
) -> Result<(Loaded, Snapshot), Diagnostics> {
    let environment = loaded.document.environment(environment);
    let errors = match compile(&loaded.config, &environment, generation, previous) {
        Ok(snapshot) => return Ok((remarked(loaded, &environment), snapshot)),
        Err(errors) => errors,
    };
    let Loaded { config, document, warnings } = loaded;
    let mut check = Check { config: &config, document: &document, report: document.report() };
    for error in errors {
        check.error(error.code, &error.path, UnitError { reason: error.reason, hint: error.hint });
    }
    let mut diagnostics = check.report.diagnostics;
    diagnostics.extend(warnings);
    diagnostics.sort();
    Err(diagnostics)
}

/// With what is to be said of certificates, which only their files tell.
fn remarked(loaded: Loaded, environment: &Environment) -> Loaded {
    let Loaded { config, document, warnings } = loaded;
    let mut check = Check { config: &config, document: &document, report: document.report() };
    for (index, listener) in config.listeners.iter().enumerate() {
        let Some(tls) = &listener.tls else { continue };
        for remark in super::tls::remarks(tls, &environment.base, clock::wall_seconds().cast_signed()) {
            let why = UnitError::new(remark.reason).hint(remark.hint);
            check.warning(remark.code, &format!("listeners[{index}].tls.{}", remark.at), why);
        }
    }
    let mut all = check.report.diagnostics;
    all.extend(warnings);
    all.sort();
    Loaded { config, document, warnings: all }
}

fn whole((document, mut diagnostics): (Document, Diagnostics)) -> Result<Loaded, Diagnostics> {
    if let Some(draft) = document.draft() {
        diagnostics.extend(check(draft, &document));
        diagnostics.sort();
    }
    match document.config().filter(|_| !diagnostics.has_errors()).cloned() {
        Some(config) => Ok(Loaded { config, document, warnings: diagnostics }),
        None => Err(diagnostics),
    }
}

/// Every fault in what a configuration means. `config` is what `document` says, or its draft.
pub fn check(config: &Config, document: &Document) -> Diagnostics {
    let mut check = Check { config, document, report: document.report() };
    limits::check(&mut check);
    changes::check(&mut check);
    addresses::check(&mut check);
    admin::check(&mut check);
    names::check(&mut check);
    doors::check(&mut check);
    tls::check(&mut check);
    clusters::check(&mut check);
    spread::own_zone(&mut check);
    health::routes(&mut check);
    shedding::check(&mut check);
    authenticators::check(&mut check);
    own_keys::check(&mut check);
    fleet::check(&mut check);
    shadows::check(&mut check);
    rate_limits::check(&mut check);
    quotas::check(&mut check);
    let plans = routes::check(&mut check);
    same::check(&mut check, &plans);
    secrets::check(&mut check);
    clusters::unused(&mut check);
    addresses::unused(&mut check);
    switches::check(&mut check);
    let mut diagnostics = check.report.diagnostics;
    diagnostics.sort();
    diagnostics
}

/// A check under way.
struct Check<'a> {
    config: &'a Config,
    document: &'a Document,
    report: Report<'a>,
}

impl Check<'_> {
    fn has_errors(&self) -> bool {
        self.report.diagnostics.has_errors()
    }

    fn error(&mut self, code: &'static str, path: &str, why: UnitError) {
        if !self.document.has_refused(path) {
            let (mark, text) = self.written(path, Severity::Error);
            self.report.error(code, mark, path, &text, why);
        }
    }

    fn warning(&mut self, code: &'static str, path: &str, why: UnitError) {
        // What is left of a wrong configuration says little about what is superfluous in it.
        if self.document.is_whole() {
            let (mark, text) = self.written(path, Severity::Warning);
            self.report.warning(code, mark, path, &text, why);
        }
    }

    /// Where the value at a path is written, and what it says. What nobody will see is not looked for.
    fn written(&self, path: &str, severity: Severity) -> (Mark, String) {
        if !self.report.wants(severity) {
            return (Mark::default(), String::new());
        }
        let tree = self.document.tree();
        let node = tree.nearest(path);
        match node.shown() {
            "" => {
                let (mark, key) = tree.key_at(path);
                (mark, key.to_owned())
            }
            shown => (node.mark, shown.to_owned()),
        }
    }

    /// Adds the error of a value, if it has one.
    fn value(&mut self, code: &'static str, path: &str, result: Result<(), UnitError>) {
        if let Err(why) = result {
            self.error(code, path, why);
        }
    }

    /// Where something else is written, for a hint.
    fn place(&self, path: &str) -> String {
        if !self.report.wants(Severity::Error) {
            return String::new();
        }
        self.document.sources().place(self.document.tree().mark_at(path)).to_string()
    }
}
