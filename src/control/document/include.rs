//! A root file and the files it includes, or the files of a folder, as one tree.
//!
//! An included file adds listeners, routes, clusters, authenticators and secrets; everything else is said in the root file, so
//! that there is one place to look. Files of a folder are equals: each may say anything, but nothing is said
//! twice. `*` stands for a part of a file's name. No file is read twice.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::{expand, read_text, too_large};
use super::looked::Looked;
use crate::config::diagnostic::{Diagnostic, Diagnostics, Report, Severity};
use crate::config::parse::{self, TEXT_BYTES_MAX};
use crate::config::source::{FILES_MAX, Mark, Sources};
use crate::config::tree::{Key, Node, Value};
use crate::config::units::UnitError;

/// Deepest chain of includes, the root file not counted.
const DEPTH_MAX: usize = 8;

/// Reads files and puts them together.
#[derive(Default)]
pub(super) struct Loader {
    pub(super) sources: Sources,
    pub(super) diagnostics: Diagnostics,
    /// Files read, by their canonical path, with where they were asked for.
    read: BTreeMap<PathBuf, Mark>,
    /// Files being read, outermost first.
    open: Vec<PathBuf>,
    /// Where each cluster and each secret is written.
    names: BTreeMap<(String, String), Mark>,
    /// What was looked at on disk.
    pub(super) looked: Looked,
}

/// What a file that is put beside others may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    /// Listeners, routes, clusters and secrets.
    Included,
    /// Everything that no other says.
    Equal,
}

impl Loader {
    /// The root file with everything it includes.
    pub(super) fn root(&mut self, path: &Path, name: String) -> Option<Node> {
        self.looked.at_file(path);
        let text = match read_text(path) {
            Ok(text) => text,
            Err(why) => {
                self.fileless(&name, why);
                return None;
            }
        };
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        self.read.insert(canonical.clone(), Mark { line: 1, column: 1, ..Mark::default() });
        self.open.push(canonical);
        let shown = PathBuf::from(&name);
        let mut root = self.parse(name, text)?;
        self.remember(&root);
        let folders = Folders {
            real: path.parent().unwrap_or(Path::new("")),
            shown: shown.parent().unwrap_or(Path::new("")),
        };
        let includes = root.get("include").cloned();
        self.includes(includes.as_ref(), folders, &mut root);
        Some(root)
    }

    /// All files of a folder, each an equal of the others.
    pub(super) fn folder(&mut self, path: &Path, name: &str) -> Option<Node> {
        let mut found = Vec::new();
        for pattern in ["*.yaml", "*.yml"] {
            self.looked.at_list(path, pattern);
            match expand(path, pattern) {
                Ok(names) => found.extend(names),
                Err(why) => {
                    self.fileless(name, why);
                    return None;
                }
            }
        }
        found.sort();
        if found.is_empty() {
            let why = UnitError::new("there is no file in it whose name ends in .yaml or .yml");
            self.fileless(name, why);
            return None;
        }
        let mut root = nothing();
        for file in found {
            self.equal(&path.join(&file), Path::new(name).join(&file), &mut root);
        }
        Some(root)
    }

    fn equal(&mut self, path: &Path, shown: PathBuf, root: &mut Node) {
        let name = shown.display().to_string();
        self.looked.at_file(path);
        let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        if self.read.contains_key(&canonical) {
            let why = UnitError::new("is in the folder, and included by another file of it")
                .hint("remove the include, or move the file elsewhere");
            return self.fileless(&name, why);
        }
        let text = match read_text(path) {
            Ok(text) => text,
            Err(why) => return self.fileless(&name, why),
        };
        self.read.insert(canonical.clone(), Mark { line: 1, column: 1, ..Mark::default() });
        let Some(tree) = self.parse(name, text) else { return };
        self.open.push(canonical);
        self.merge(&tree, root, Rank::Equal);
        let folders =
            Folders { real: path.parent().unwrap_or(path), shown: shown.parent().unwrap_or(&shown) };
        self.includes(tree.get("include"), folders, root);
        self.open.pop();
    }

    /// Texts that are in no folder, each an equal of the others. A single one is the root as it is.
    pub(super) fn texts(&mut self, files: Vec<(String, String)>) -> Option<Node> {
        if files.len() > FILES_MAX {
            let why = UnitError::new(format!("and further ones: more than {FILES_MAX} files"));
            self.fileless(&files[FILES_MAX].0, why);
            return None;
        }
        let is_alone = files.len() == 1;
        let mut root = nothing();
        for (name, text) in files {
            if text.len() > TEXT_BYTES_MAX {
                self.fileless(&name, too_large());
                continue;
            }
            let Some(tree) = self.parse(name, text) else { continue };
            self.refuse_includes(&tree);
            if is_alone {
                return Some(tree);
            }
            self.merge(&tree, &mut root, Rank::Equal);
        }
        Some(root)
    }

    fn refuse_includes(&mut self, root: &Node) {
        if let Some(include) = root.get("include").filter(|include| !include.items().is_empty()) {
            let why = UnitError::new("a configuration that is not a file cannot include files")
                .hint("write it out in one text, or put its parts beside it");
            self.error("include", include.mark, "", why);
        }
    }

    fn parse(&mut self, name: String, text: String) -> Option<Node> {
        let file = self.sources.add(name, text)?;
        let mut report = Report::new(&self.sources);
        let tree = parse::parse(file, &mut report);
        self.diagnostics.extend(report.diagnostics);
        tree
    }

    /// Follows an `include` list. What is not a list of texts in the root file is found by its shape.
    fn includes(&mut self, list: Option<&Node>, folders: Folders<'_>, root: &mut Node) {
        for item in list.map(Node::items).unwrap_or_default() {
            let Some(pattern) = item.text() else { continue };
            if pattern.contains('*') {
                self.looked.at_list(folders.real, pattern);
            }
            match expand(folders.real, pattern) {
                Ok(names) => {
                    for name in names {
                        self.include(&folders.real.join(&name), folders.shown.join(&name), item, root);
                    }
                }
                Err(why) => self.error("include", item.mark, pattern, why),
            }
        }
    }

    fn include(&mut self, path: &Path, shown: PathBuf, item: &Node, root: &mut Node) {
        let name = shown.display().to_string();
        self.looked.at_file(path);
        let Some((canonical, text)) = self.admit(path, &name, item) else { return };
        self.read.insert(canonical.clone(), item.mark);
        let Some(tree) = self.parse(name, text) else { return };
        self.open.push(canonical);
        self.merge(&tree, root, Rank::Included);
        let folders =
            Folders { real: path.parent().unwrap_or(path), shown: shown.parent().unwrap_or(&shown) };
        self.includes(tree.get("include"), folders, root);
        self.open.pop();
    }

    /// The file's text, unless it has been read, is being read, or cannot be.
    fn admit(&mut self, path: &Path, name: &str, item: &Node) -> Option<(PathBuf, String)> {
        let refusal = match path.canonicalize() {
            Err(error) => Err((
                "include",
                UnitError::new(format!("`{name}` cannot be read: {error}"))
                    .hint("paths are relative to the file that includes"),
            )),
            Ok(canonical) if self.open.contains(&canonical) => Err((
                "include-cycle",
                UnitError::new(format!("`{name}` includes itself")).hint("remove this include"),
            )),
            Ok(canonical) if self.read.contains_key(&canonical) => {
                let first = self.sources.place(self.read[&canonical]);
                Err((
                    "included-twice",
                    UnitError::new(format!("`{name}` is included twice"))
                        .hint(format!("remove one; the other is at {first}")),
                ))
            }
            Ok(_) if self.open.len() > DEPTH_MAX => {
                Err(("include", UnitError::new(format!("includes are nested deeper than {DEPTH_MAX}"))))
            }
            Ok(_) if self.read.len() >= FILES_MAX => {
                Err(("include", UnitError::new(format!("more than {FILES_MAX} files"))))
            }
            Ok(canonical) => read_text(path).map(|text| (canonical, text)).map_err(|why| ("include", why)),
        };
        refusal.map_err(|(code, why)| self.error(code, item.mark, item.shown(), why)).ok()
    }

    fn merge(&mut self, tree: &Node, root: &mut Node, rank: Rank) {
        if !matches!(tree.value, Value::Mapping(_) | Value::Null) {
            let why = UnitError::new(format!("expected a mapping, found {}", tree.kind()));
            self.error(
                "wrong-type",
                tree.mark,
                tree.shown(),
                why.hint("begin with `routes:` or `clusters:`"),
            );
        }
        for (key, value) in tree.entries() {
            match (&*key.text, &value.value) {
                ("listeners" | "routes", Value::Sequence(items)) => append(root, key, items),
                ("authenticators" | "clusters" | "secrets", Value::Mapping(entries)) => {
                    self.add(root, key, entries)
                }
                ("include", Value::Sequence(_)) => {}
                ("listeners" | "routes" | "include", _) => self.expected("a list", value),
                ("authenticators" | "clusters" | "secrets", _) => self.expected("a mapping", value),
                _ if rank == Rank::Equal => self.take(root, key, value),
                _ => self.foreign(key),
            }
        }
    }

    /// Takes what only one of several equals may say.
    fn take(&mut self, root: &mut Node, key: &Key, value: &Node) {
        if root.get(&key.text).is_some() {
            let first = self.sources.place(root.mark_at(&key.text));
            let why = UnitError::new(format!("`{}` is written in two files", key.text))
                .hint(format!("write it in one; the other is at {first}"));
            return self.error("duplicate-key", key.mark, &key.text, why);
        }
        let taken = entry(root, key, Value::Null);
        *taken = value.clone();
    }

    fn expected(&mut self, what: &str, found: &Node) {
        let why = UnitError::new(format!("expected {what}, found {}", found.kind()))
            .hint("write it as in the root file");
        self.error("wrong-type", found.mark, found.shown(), why);
    }

    fn foreign(&mut self, key: &Key) {
        let root = self.sources.place(Mark::default()).file;
        let known = ["listeners", "routes", "clusters", "authenticators", "secrets", "include"];
        let hint = match crate::config::suggest::nearest(&key.text, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!(
                "write it in {root}; an included file has listeners, routes, clusters, authenticators, secrets and include"
            ),
        };
        let why = UnitError::new(format!("`{}` cannot be in an included file", key.text)).hint(hint);
        self.error("include-key", key.mark, &key.text, why);
    }

    /// Adds entries under `key` unless their names are taken.
    fn add(&mut self, root: &mut Node, key: &Key, entries: &[(Key, Node)]) {
        let mut fresh = Vec::new();
        for (name, value) in entries {
            if let Some(first) = self.names.get(&(key.text.clone(), name.text.clone())) {
                let first = self.sources.place(*first);
                let why = UnitError::new(format!("`{}` is written twice in {}", name.text, key.text))
                    .hint(format!("rename or remove one; the other is at {first}"));
                self.error("duplicate-key", name.mark, &name.text, why);
            } else {
                self.names.insert((key.text.clone(), name.text.clone()), name.mark);
                fresh.push((name.clone(), value.clone()));
            }
        }
        if let Value::Mapping(taken) = &mut entry(root, key, Value::Mapping(Vec::new())).value {
            taken.extend(fresh);
        }
    }

    fn remember(&mut self, root: &Node) {
        for kind in ["authenticators", "clusters", "secrets"] {
            for (name, _) in root.get(kind).map(Node::entries).unwrap_or_default() {
                self.names.insert((kind.to_owned(), name.text.clone()), name.mark);
            }
        }
    }

    fn error(&mut self, code: &'static str, mark: Mark, text: &str, why: UnitError) {
        let mut report = Report::new(&self.sources);
        report.error(code, mark, "", text, why);
        self.diagnostics.extend(report.diagnostics);
    }

    /// An error about a file that is not there to point into.
    fn fileless(&mut self, name: &str, why: UnitError) {
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            code: "cannot-read",
            place: None,
            path: String::new(),
            text: name.to_owned(),
            reason: format!("{name}: {}", why.reason),
            hint: why.hint,
            line_text: None,
        });
    }
}

/// A root that files are put together in.
fn nothing() -> Node {
    Node::new(Mark { line: 1, column: 1, ..Mark::default() }, Value::Null)
}

/// The folder of a file: where it is, and as it is shown.
#[derive(Clone, Copy)]
struct Folders<'a> {
    real: &'a Path,
    shown: &'a Path,
}

fn append(root: &mut Node, key: &Key, items: &[Node]) {
    if let Value::Sequence(taken) = &mut entry(root, key, Value::Sequence(Vec::new())).value {
        taken.extend(items.iter().cloned());
    }
}

/// The value under a key, made where there is none. A value of another kind is left to the shape check.
fn entry<'n>(root: &'n mut Node, key: &Key, empty: Value) -> &'n mut Node {
    if root.value == Value::Null {
        root.value = Value::Mapping(Vec::new());
    }
    if root.get(&key.text).is_none()
        && let Value::Mapping(entries) = &mut root.value
    {
        entries.push((key.clone(), Node::new(key.mark, empty)));
    }
    // A root that is no mapping at all takes the place of its entry: its kind does not fit and nothing is added.
    if root.get(&key.text).is_none() {
        return root;
    }
    root.get_mut(&key.text).expect("looked up on the line before")
}
