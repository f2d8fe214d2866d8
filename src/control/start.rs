//! What a gateway starts with: what its source says, or the last known good generation where the source is missing,
//! broken, or says what was taken back.
//!
//! Whatever is started with instead of the source is said loudly. Without a history there is nothing to fall back on.

use std::path::Path;

use super::check::{Loaded, compile_loaded, load_text};
use super::chronicle::{Chronicle, told};
use super::history::{History, HistoryError, KEEP_DEFAULT, Stored};
use crate::config::diagnostic::Diagnostics;
use crate::config::secret::Environment;
use crate::proxy::snapshot::Snapshot;

/// Folder of the history within the folder for what a gateway remembers.
const HISTORY_FOLDER: &str = "history";

/// What a gateway starts with.
pub struct Beginning {
    /// The configuration.
    pub loaded: Loaded,
    /// What it compiles to.
    pub snapshot: Snapshot,
    /// Where generations are written down.
    pub chronicle: Chronicle,
    /// Whether this is not what the source says.
    pub is_last_good: bool,
}

/// Why a gateway does not start.
pub enum NoBeginning {
    /// What is wrong with the configuration. There is nothing to fall back on.
    Configuration(Diagnostics),
    /// The history belongs to another gateway.
    History(HistoryError),
}

/// Has the source `name` read and compiled as the generation whose number `read` is given, with a history in `state` if
/// there is such a folder. With what to start goes what an operator should know, a line each.
///
/// # Errors
/// When the configuration is wrong and no former one is good, or another gateway has the folder.
pub fn begin(
    name: &str,
    read: impl FnOnce(u64) -> Result<(Loaded, Snapshot), Diagnostics>,
    environment: &Environment,
    state: Option<&Path>,
) -> Result<(Beginning, Vec<String>), NoBeginning> {
    let mut remarks = Vec::new();
    let history = match state.map(|state| History::open(&state.join(HISTORY_FOLDER), KEEP_DEFAULT)) {
        None => None,
        Some(Ok((history, _, of_files))) => {
            remarks.extend(of_files.iter().map(|remark| format!("history: {remark}")));
            Some(history)
        }
        Some(Err(error @ HistoryError::InUse { .. })) => return Err(NoBeginning::History(error)),
        Some(Err(error)) => {
            remarks.push(format!("warning: {error}; nothing is kept on disk"));
            None
        }
    };
    let number = history.as_ref().map_or(1, History::next_number);
    let why = match read(number) {
        Ok((loaded, mut snapshot)) => match history.as_ref().and_then(|it| it.is_rejected(&snapshot.hash)) {
            None => {
                snapshot.generation = known_number(history.as_ref(), &snapshot.hash).unwrap_or(number);
                let chronicle = Chronicle::new(history);
                return Ok((Beginning { loaded, snapshot, chronicle, is_last_good: false }, remarks));
            }
            Some(rejection) => Unusable::TakenBack(told(rejection), Box::new((loaded, snapshot))),
        },
        Err(diagnostics) => Unusable::Wrong(diagnostics),
    };
    fall_back(name, environment, history, remarks, why)
}

/// Why the source is not started with.
enum Unusable {
    Wrong(Diagnostics),
    /// It could be started with, if there is nothing else.
    TakenBack(String, Box<(Loaded, Snapshot)>),
}

fn fall_back(
    file: &str,
    environment: &Environment,
    history: Option<History>,
    mut remarks: Vec<String>,
    why: Unusable,
) -> Result<(Beginning, Vec<String>), NoBeginning> {
    let (good, of_files) = history.as_ref().map(History::last_good).unwrap_or_default();
    remarks.extend(of_files.iter().map(|remark| format!("history: {remark}")));
    let former = good.and_then(|stored| match compiled(&stored, environment) {
        Ok(former) => Some(former),
        Err(diagnostics) => {
            remarks
                .push(format!("generation {} was good and is not now:\n{diagnostics}", stored.record.number));
            None
        }
    });
    match (former, why) {
        (Some((loaded, snapshot)), why) => {
            remarks.push(match why {
                Unusable::Wrong(diagnostics) => format!("{diagnostics}warning: {file} cannot be used"),
                Unusable::TakenBack(told, _) => format!("warning: {file} says what was taken back: {told}"),
            });
            remarks.push(format!(
                "warning: STARTING WITH GENERATION {}, the last known good, instead of {file}; change the file, or try it \
                 again with `ringgate reload` or SIGHUP",
                snapshot.generation
            ));
            let chronicle = Chronicle::new(history);
            Ok((Beginning { loaded, snapshot, chronicle, is_last_good: true }, remarks))
        }
        (None, Unusable::Wrong(diagnostics)) => Err(NoBeginning::Configuration(diagnostics)),
        (None, Unusable::TakenBack(told, source)) => {
            remarks.push(format!(
                "warning: {file} says what was taken back ({told}), but nothing else is known to be good"
            ));
            let (loaded, snapshot) = *source;
            let chronicle = Chronicle::new(history);
            Ok((Beginning { loaded, snapshot, chronicle, is_last_good: false }, remarks))
        }
    }
}

/// What is in force already keeps its number, so that a restart makes no generation.
fn known_number(history: Option<&History>, hash: &str) -> Option<u64> {
    let history = history?;
    let number = history.good()?;
    history.record(number).filter(|record| record.hash == hash).map(|record| record.number)
}

fn compiled(stored: &Stored, environment: &Environment) -> Result<(Loaded, Snapshot), Diagnostics> {
    let record = &stored.record;
    let mut loaded = load_text(&format!("generation {}", record.number), &stored.config_text)?;
    loaded.document.place(&record.base);
    let (loaded, mut snapshot) = compile_loaded(loaded, environment, record.number, None)?;
    // Its content is what it was, however a later version writes it.
    snapshot.hash = record.hash.as_str().into();
    Ok((loaded, snapshot))
}
