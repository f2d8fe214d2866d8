//! Files to a [`Config`]: reading, includes, shape. What it means is `check`'s.
//!
//! A document keeps its texts and its tree, so that whoever finds a fault later can say where it is written.
//! Where the shape is wrong, what is left of it makes a draft, so that faults of meaning are found in the same pass.

mod files;
mod include;
mod looked;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::de::IntoDeserializer;

use super::config::Config;
use crate::config::diagnostic::{Diagnostics, Report};
use crate::config::secret::Environment;
use crate::config::shape;
use crate::config::source::{Mark, Sources};
use crate::config::tree::{Node, Value};
use crate::config::units::UnitError;
use include::Loader;
pub use looked::Looked;

/// A configuration as it is written.
#[derive(Debug, Clone)]
pub struct Document {
    sources: Sources,
    tree: Node,
    draft: Option<Config>,
    refused: Vec<String>,
    is_whole: bool,
    folder: PathBuf,
    looked: Looked,
}

impl Document {
    /// Reads a file and what it includes, or all files of a folder whose names end in `.yaml` or `.yml`. A relative `path` is
    /// looked for in the environment's base.
    pub fn read(path: &Path, environment: &Environment) -> (Self, Diagnostics) {
        let name = path.display().to_string();
        let path = environment.base.join(path);
        let mut loader = Loader::default();
        if path.is_dir() {
            let root = loader.folder(&path, &name);
            return Self::finish(loader, root, path);
        }
        let root = loader.root(&path, name);
        Self::finish(loader, root, path.parent().unwrap_or(Path::new("/")).to_owned())
    }

    /// Reads a text under a name. It can include nothing, because it is in no folder.
    pub fn from_text(name: impl Into<String>, text: impl Into<String>) -> (Self, Diagnostics) {
        Self::from_files(vec![(name.into(), text.into())])
    }

    /// Puts several texts together, each under its name, as if they were the files of a folder.
    pub fn from_files(files: Vec<(String, String)>) -> (Self, Diagnostics) {
        let mut loader = Loader::default();
        let root = loader.texts(files);
        Self::finish(loader, root, PathBuf::new())
    }

    fn finish(loader: Loader, root: Option<Node>, folder: PathBuf) -> (Self, Diagnostics) {
        let Loader { sources, mut diagnostics, looked, .. } = loader;
        let is_read = !diagnostics.has_errors();
        let tree = root.unwrap_or_else(|| Node::new(Mark::default(), Value::Null));
        let mut document =
            Self { sources, tree, draft: None, refused: Vec::new(), is_whole: false, folder, looked };
        if document.tree.value == Value::Null {
            if is_read {
                let mut report = document.report();
                let why = UnitError::new("the file is empty").hint("write at least `listeners` and `routes`");
                report.error("empty-file", document.tree.mark, "", "", why);
                diagnostics.extend(report.diagnostics);
            }
            return (document, diagnostics);
        }
        let mut report = Report::new(&document.sources);
        let refused = shape::check(&document.tree, &schema(), &mut report);
        let draft = document.deserialise(&refused, &mut report);
        diagnostics.extend(report.diagnostics);
        diagnostics.sort();
        document.draft = draft;
        document.refused = refused;
        document.is_whole = !diagnostics.has_errors();
        (document, diagnostics)
    }

    fn deserialise(&self, refused: &[String], report: &mut Report<'_>) -> Option<Config> {
        let json = if refused.is_empty() {
            self.tree.to_json()
        } else {
            let mut rest = self.tree.clone();
            for path in refused {
                rest.prune(path);
            }
            rest.to_json()
        };
        match serde_path_to_error::deserialize(json.into_deserializer()) {
            Ok(config) => Some(config),
            Err(error) if refused.is_empty() => {
                let path = error.path().to_string();
                let mark = self.tree.mark_at(&path);
                let text = self.tree.nearest(&path).shown();
                report.error("bad-value", mark, &path, text, UnitError::new(error.inner().to_string()));
                None
            }
            // What is left is too little for a draft; what is wrong has been said.
            Err(_) => None,
        }
    }

    /// The configuration, if its shape is right throughout. Its meaning is still to be checked.
    pub fn config(&self) -> Option<&Config> {
        self.draft.as_ref().filter(|_| self.is_whole)
    }

    /// What is left of a configuration whose shape is wrong in places. For finding further faults, never to run.
    pub fn draft(&self) -> Option<&Config> {
        self.draft.as_ref()
    }

    /// The merged tree of all files.
    pub fn tree(&self) -> &Node {
        &self.tree
    }

    /// What was looked at on disk.
    pub fn looked(&self) -> &Looked {
        &self.looked
    }

    /// The texts of all files.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// An empty report about these texts.
    pub fn report(&self) -> Report<'_> {
        Report::new(&self.sources)
    }

    /// Whether the shape is right throughout.
    pub fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether something at, above or below `path` has been refused already.
    pub fn has_refused(&self, path: &str) -> bool {
        let above = |upper: &str, lower: &str| {
            lower.strip_prefix(upper).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.refused.iter().any(|refused| above(refused, path) || above(path, refused))
    }

    /// Says in which folder its files are, where it was not read from there.
    pub fn place(&mut self, folder: &Path) {
        self.folder = folder.to_owned();
    }

    /// The same environment with this document's folder as its base: relative files of secrets are beside it.
    pub fn environment(&self, environment: &Environment) -> Environment {
        Environment { base: environment.base.join(&self.folder), ..environment.clone() }
    }
}

/// The JSON Schema of a whole configuration.
pub fn schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Config);
    schema.insert("title".to_owned(), "Ringgate configuration".into());
    let mut schema = schema.to_value();
    describe_tags(&mut schema);
    schema
}

/// Says at the only key of an alternative (`{exact: ...}`) what is said of the alternative: editors show that of keys.
fn describe_tags(schema: &mut serde_json::Value) {
    use serde_json::Value as Json;
    match schema {
        Json::Array(items) => items.iter_mut().for_each(describe_tags),
        Json::Object(object) => {
            let about = object.get("description").cloned();
            if let (Some(about), Some(Json::Object(properties))) = (about, object.get_mut("properties"))
                && properties.len() == 1
            {
                for property in properties.values_mut().filter_map(Json::as_object_mut) {
                    property.entry("description").or_insert_with(|| about.clone());
                }
            }
            object.values_mut().for_each(describe_tags);
        }
        _ => {}
    }
}
