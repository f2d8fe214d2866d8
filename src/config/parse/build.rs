//! Events of the YAML parser to a tree.
//!
//! One stack of open lists and mappings; the way from its bottom to its top is the path of what comes next.

use std::collections::BTreeMap;
use std::fmt::Write;

use saphyr_parser::{Event, Marker, ScalarStyle, Span, Tag};

use super::scalar;
use super::{ALIAS_NODES_MAX, DEPTH_MAX};
use crate::config::diagnostic::Report;
use crate::config::source::{FileId, Mark};
use crate::config::tree::{Key, Node, Value};
use crate::config::units::UnitError;

/// Builds one tree.
pub(super) struct Builder<'r, 's> {
    file: FileId,
    report: &'r mut Report<'s>,
    open: Vec<Open>,
    /// Anchored nodes with their number of nodes. Those too large to be followed are not kept.
    anchors: BTreeMap<usize, Option<(Node, usize)>>,
    alias_nodes: usize,
    root: Option<Node>,
    documents: usize,
}

/// A list or mapping that is not complete.
struct Open {
    mark: Mark,
    anchor: usize,
    nodes: usize,
    kind: Kind,
}

enum Kind {
    Sequence(Vec<Node>),
    /// With the key that waits for its value. A key that was refused waits too, so that its value is read.
    Mapping(Vec<(Key, Node)>, Option<Key>),
}

impl<'r, 's> Builder<'r, 's> {
    pub(super) fn new(file: FileId, report: &'r mut Report<'s>) -> Self {
        Self {
            file,
            report,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            alias_nodes: 0,
            root: None,
            documents: 0,
        }
    }

    /// The tree; nothing if there was no document.
    pub(super) fn finish(self) -> Node {
        let start = Mark { file: self.file, line: 1, column: 1 };
        self.root.unwrap_or_else(|| Node::new(start, Value::Null))
    }

    /// Takes the next event. None if there is no point in going on.
    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Option<()> {
        let mark = self.mark(span.start);
        match event {
            Event::DocumentStart(_) => return self.document(span.start),
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = self.admit_tag(tag.as_deref(), span.start) || style != ScalarStyle::Plain;
                let node = scalar_node(mark, &text, is_text);
                self.put(node, anchor, 1);
            }
            Event::SequenceStart(anchor, tag) => {
                self.admit_tag(tag.as_deref(), span.start);
                return self.enter(span.start, anchor, Kind::Sequence(Vec::new()));
            }
            Event::MappingStart(anchor, tag) => {
                self.admit_tag(tag.as_deref(), span.start);
                return self.enter(span.start, anchor, Kind::Mapping(Vec::new(), None));
            }
            Event::SequenceEnd | Event::MappingEnd => self.leave(),
            Event::Alias(anchor) => return self.follow(anchor, span.start),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Some(())
    }

    /// Adds a fault at the parser's marker.
    pub(super) fn fault(&mut self, code: &'static str, at: Marker, text: &str, why: UnitError) {
        let (mark, path) = (self.mark(at), self.path());
        self.report.error(code, mark, &path, text, why);
    }

    fn mark(&self, marker: Marker) -> Mark {
        // A text is bounded to 16 MiB: its lines and columns fit.
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Mark { file: self.file, line: number(marker.line()), column: number(marker.col() + 1) }
    }

    fn document(&mut self, at: Marker) -> Option<()> {
        self.documents += 1;
        if self.documents == 1 {
            return Some(());
        }
        let why = UnitError::new("a second document in one file")
            .hint("remove the `---`, or make it a file and include it");
        self.fault("yaml-documents", at, "---", why);
        None
    }

    /// Whether the tag says that this is text. Other tags are faults.
    fn admit_tag(&mut self, tag: Option<&Tag>, at: Marker) -> bool {
        let Some(tag) = tag else { return false };
        let is_text = (tag.is_yaml_core_schema() && tag.suffix == "str")
            || (tag.handle.is_empty() && tag.suffix == "!");
        if !is_text {
            let text = format!("{}{}", tag.handle, tag.suffix);
            self.fault(
                "yaml-tag",
                at,
                &text,
                UnitError::new(format!("tag `{text}` is not known")).hint("remove it"),
            );
        }
        is_text
    }

    fn enter(&mut self, at: Marker, anchor: usize, kind: Kind) -> Option<()> {
        if self.open.len() >= DEPTH_MAX {
            self.too_deep(at);
            return None;
        }
        let mark = self.mark(at);
        self.open.push(Open { mark, anchor, nodes: 1, kind });
        Some(())
    }

    fn leave(&mut self) {
        let Some(open) = self.open.pop() else { return };
        let value = match open.kind {
            Kind::Sequence(items) => Value::Sequence(items),
            Kind::Mapping(entries, _) => Value::Mapping(self.unique(entries)),
        };
        self.put(Node::new(open.mark, value), open.anchor, open.nodes);
    }

    fn follow(&mut self, anchor: usize, at: Marker) -> Option<()> {
        let room = ALIAS_NODES_MAX.saturating_sub(self.alias_nodes);
        let Some(Some((node, nodes))) =
            self.anchors.get(&anchor).map(|kept| kept.as_ref().filter(|kept| kept.1 <= room))
        else {
            let why = if self.anchors.contains_key(&anchor) {
                UnitError::new(format!("aliases make more than {ALIAS_NODES_MAX} values"))
                    .hint("write the values out")
            } else {
                UnitError::new("an alias within the value it stands for")
            };
            self.fault("yaml-alias", at, "*", why);
            return None;
        };
        if self.open.len() + depth(node) > DEPTH_MAX {
            self.too_deep(at);
            return None;
        }
        let (mut node, nodes) = (node.clone(), *nodes);
        self.alias_nodes += nodes;
        node.mark = self.mark(at);
        self.put(node, 0, nodes);
        Some(())
    }

    fn too_deep(&mut self, at: Marker) {
        self.fault("yaml-depth", at, "", UnitError::new(format!("nested deeper than {DEPTH_MAX} levels")));
    }

    /// Puts a complete node where it belongs: as a key, a value, an item or the root.
    fn put(&mut self, node: Node, anchor: usize, nodes: usize) {
        if anchor > 0 {
            let kept = (nodes <= ALIAS_NODES_MAX).then(|| (node.clone(), nodes));
            self.anchors.insert(anchor, kept);
        }
        let Some(open) = self.open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        open.nodes += nodes;
        match &mut open.kind {
            Kind::Sequence(items) => items.push(node),
            Kind::Mapping(entries, waiting) => match waiting.take() {
                Some(key) => entries.push((key, node)),
                None => self.key(node),
            },
        }
    }

    fn key(&mut self, node: Node) {
        let shown = node.shown().to_owned();
        let why = match &node.value {
            Value::Text(text) if text == "<<" && node.raw.is_none() => Some((
                "yaml-merge",
                UnitError::new("merge keys (`<<`) are not known")
                    .hint("write the keys out, or use an alias for a whole value"),
            )),
            Value::Text(_) => None,
            Value::Sequence(_) | Value::Mapping(_) => Some((
                "yaml-key",
                UnitError::new(format!("{} cannot be a key", node.kind()))
                    .hint("keys are text; put values with braces in quotes"),
            )),
            _ => Some((
                "yaml-key",
                UnitError::new(format!("key `{shown}` is not text"))
                    .hint(format!("write \"{shown}\" in quotes")),
            )),
        };
        if let Some((code, why)) = why {
            let path = self.path();
            self.report.error(code, node.mark, &path, &shown, why);
        }
        if let Some(Open { kind: Kind::Mapping(_, waiting), .. }) = self.open.last_mut() {
            *waiting = Some(Key { text: shown, mark: node.mark });
        }
    }

    /// Without the second and further values of a key.
    fn unique(&mut self, mut entries: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].0.text.cmp(&entries[*b].0.text).then(a.cmp(b)));
        let mut repeated: Vec<usize> = Vec::new();
        let mut first = 0;
        for pair in order.windows(2) {
            first = if repeated.last() == Some(&pair[0]) { first } else { pair[0] };
            let (earlier, later) = (&entries[first].0, &entries[pair[1]].0);
            if earlier.text != later.text {
                continue;
            }
            let why = UnitError::new(format!("key `{}` is written twice", later.text))
                .hint(format!("remove one; the other is on line {}", earlier.mark.line));
            let path = join(&self.path(), &later.text);
            self.report.error("duplicate-key", later.mark, &path, &later.text, why);
            repeated.push(pair[1]);
        }
        if !repeated.is_empty() {
            let mut index = 0..;
            entries.retain(|_| !index.next().is_some_and(|index| repeated.contains(&index)));
        }
        entries
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            match &open.kind {
                Kind::Sequence(items) => {
                    let _ = write!(path, "[{}]", items.len());
                }
                Kind::Mapping(_, Some(key)) => path = join(&path, &key.text),
                Kind::Mapping(_, None) => {}
            }
        }
        path
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn scalar_node(mark: Mark, text: &str, is_text: bool) -> Node {
    if is_text {
        return Node::new(mark, Value::Text(text.to_owned()));
    }
    let value = scalar::resolve(text);
    let raw = (!matches!(value, Value::Text(_))).then(|| text.into());
    Node { mark, value, raw }
}

/// Levels of a tree. Recursion is bounded: every kept node was built within `DEPTH_MAX`.
fn depth(node: &Node) -> usize {
    let children = node.items().iter().chain(node.entries().iter().map(|(_, node)| node));
    children.map(|child| depth(child) + 1).max().unwrap_or(0)
}
