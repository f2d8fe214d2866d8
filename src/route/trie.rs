//! The paths of a table: a tree of segments for each host, all in one arena.
//!
//! Enumerates the entries whose pattern matches a path, most specific first, until one is taken. A node is
//! visited at most once in a walk, because its depth is its position in the path.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

use super::params::Params;
use super::pattern::{Segment, Tail};
use super::radix::Placed;
use super::table::RouteIndex;

/// No node, no rules.
const NONE: u32 = u32::MAX;

/// A route at the end of a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) route: RouteIndex,
    rules: u32,
    captures_rest: bool,
}

impl Entry {
    /// A route with the place of its conditions, if it has any.
    pub(super) fn new(route: RouteIndex, rules: Option<u32>, captures_rest: bool) -> Self {
        Self { route, rules: rules.unwrap_or(NONE), captures_rest }
    }

    /// Where its conditions are, if it has any.
    pub(super) fn rules(&self) -> Option<usize> {
        (self.rules != NONE).then_some(self.rules as usize)
    }
}

/// A frozen trie.
#[derive(Debug, Clone, Default)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    edges: Edges,
}

/// In one cache line, which with many routes is in no cache.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Node {
    param: u32,
    literals: Literals,
    /// Patterns that end here.
    end: Range,
    /// Patterns that admit anything from here on.
    tail: Range,
}

/// How many literal children a node has. One is compared with directly, which is cheaper than a hash.
#[derive(Debug, Clone, Copy)]
enum Literals {
    None,
    One(Edge),
    Many,
}

/// A range of `Trie::entries`.
#[derive(Debug, Clone, Copy)]
struct Range {
    start: u32,
    end: u32,
}

impl Trie {
    /// Shows `take` every entry below `root` that matches `path`, in order of precedence, until it returns true.
    /// `params` then has the captures of that entry's pattern.
    pub(super) fn walk(
        &self,
        root: u32,
        path: &str,
        params: &mut Params,
        take: &mut impl FnMut(&Entry) -> bool,
    ) -> bool {
        let base = params.len();
        let taken = Walk { trie: self, path: path.as_bytes(), params, take }.visit(root, 1);
        if !taken {
            params.truncate(base);
        }
        taken
    }

    fn literal_child(&self, node: u32, literals: Literals, segment: &[u8]) -> Option<u32> {
        match literals {
            Literals::None => None,
            Literals::One(edge) => (self.edges.label(&edge) == segment).then_some(edge.child),
            Literals::Many => self.edges.find(node, segment),
        }
    }
}

struct Walk<'a, F> {
    trie: &'a Trie,
    path: &'a [u8],
    params: &'a mut Params,
    take: &'a mut F,
}

impl<F: FnMut(&Entry) -> bool> Walk<'_, F> {
    /// `at` is where the next segment begins; one beyond the path's length where there is none.
    /// Recursion is as deep as the deepest pattern, which `pattern::SEGMENTS_MAX` bounds.
    fn visit(&mut self, node: u32, at: usize) -> bool {
        let trie = self.trie;
        let here = &trie.nodes[node as usize];
        let len = self.path.len();
        if at > len {
            return self.offer(here.end, at) || self.offer(here.tail, at);
        }
        if here.param != NONE || !matches!(here.literals, Literals::None) {
            // Segments are short: a plain loop is done before memchr has chosen its vectors.
            let end = self.path[at..].iter().position(|byte| *byte == b'/').map_or(len, |found| at + found);
            if let Some(child) = trie.literal_child(node, here.literals, &self.path[at..end])
                && self.visit(child, end + 1)
            {
                return true;
            }
            if here.param != NONE && end > at {
                let count = self.params.len();
                self.params.push(at, end);
                if self.visit(here.param, end + 1) {
                    return true;
                }
                self.params.truncate(count);
            }
        }
        self.offer(here.tail, at)
    }

    fn offer(&mut self, entries: Range, at: usize) -> bool {
        for entry in &self.trie.entries[entries.start as usize..entries.end as usize] {
            let count = self.params.len();
            if entry.captures_rest {
                if at >= self.path.len() {
                    continue;
                }
                self.params.push(at, self.path.len());
            }
            if (self.take)(entry) {
                return true;
            }
            self.params.truncate(count);
        }
        false
    }
}

/// Literal children of all nodes: an open-addressed table from (node, segment) to node.
///
/// The seed is fixed: keys come from configuration alone, so a client can choose what is looked up, not what
/// collides. At most half full.
#[derive(Debug, Clone, Default)]
struct Edges {
    slots: Vec<Slot>,
    /// Those that are too long to stand in their edge.
    labels: Vec<u8>,
}

/// Never across two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Slot(Edge);

#[derive(Debug, Clone, Copy)]
struct Edge {
    hash: u32,
    parent: u32,
    child: u32,
    label_len: u32,
    /// The label, or where among the long ones it begins.
    label: [u8; LABEL_BYTES],
}

/// Labels up to this length stand in their edge, where no further place in memory has to be looked at.
const LABEL_BYTES: usize = 16;

impl Edges {
    fn with_capacity(count: usize) -> Self {
        let empty = Edge { hash: 0, parent: NONE, child: NONE, label_len: 0, label: [0; LABEL_BYTES] };
        Self { slots: vec![Slot(empty); (count * 2).next_power_of_two().max(2)], labels: Vec::new() }
    }

    fn find(&self, parent: u32, label: &[u8]) -> Option<u32> {
        let hash = hash(parent, label);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let Slot(edge) = self.slots.get(at)?;
            if edge.child == NONE {
                return None;
            }
            if edge.hash == hash && edge.parent == parent && self.label(edge) == label {
                return Some(edge.child);
            }
            at = (at + 1) & mask;
        }
    }

    fn label<'a>(&'a self, edge: &'a Edge) -> &'a [u8] {
        let len = edge.label_len as usize;
        match edge.label.get(..len) {
            Some(label) => label,
            None => {
                let [a, b, c, d, ..] = edge.label;
                &self.labels[u32::from_le_bytes([a, b, c, d]) as usize..][..len]
            }
        }
    }

    /// The edge must be new and the table not full; `TrieDraft` sees to both.
    fn add(&mut self, parent: u32, label: &[u8], child: u32) -> Edge {
        let hash = hash(parent, label);
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots[at].0.child != NONE {
            at = (at + 1) & mask;
        }
        let mut text = [0; LABEL_BYTES];
        match text.get_mut(..label.len()) {
            Some(short) => short.copy_from_slice(label),
            None => {
                text[..4].copy_from_slice(&(self.labels.len() as u32).to_le_bytes());
                self.labels.extend_from_slice(label);
            }
        }
        let edge = Edge { hash, parent, child, label_len: label.len() as u32, label: text };
        self.slots[at] = Slot(edge);
        edge
    }
}

fn hash(parent: u32, label: &[u8]) -> u32 {
    let mut hasher = FixedState::with_seed(0).build_hasher();
    hasher.write_u32(parent);
    hasher.write(label);
    let hash = hasher.finish();
    (hash ^ hash >> 32) as u32
}

/// A trie while routes are added to it.
#[derive(Debug, Default)]
pub(super) struct TrieDraft {
    nodes: Vec<NodeDraft>,
    edges: std::collections::HashMap<(u32, Box<str>), u32, FixedState>,
}

#[derive(Debug)]
struct NodeDraft {
    param: u32,
    end: Vec<EntryDraft>,
    tail: Vec<EntryDraft>,
}

#[derive(Debug, Clone, Copy)]
struct EntryDraft {
    entry: Entry,
    condition_count: usize,
}

impl TrieDraft {
    /// Adds a tree of these routes; returns its root.
    pub(super) fn add_host(&mut self, placed: &[Placed<'_>]) -> u32 {
        let root = self.add_node();
        for route in placed {
            self.insert(root, route);
        }
        root
    }

    fn add_node(&mut self) -> u32 {
        self.nodes.push(NodeDraft { param: NONE, end: Vec::new(), tail: Vec::new() });
        self.nodes.len() as u32 - 1
    }

    /// Adds a route at the end of its pattern.
    fn insert(&mut self, root: u32, placed: &Placed<'_>) {
        let pattern = placed.pattern;
        let mut node = root;
        for segment in &pattern.segments {
            node = match segment {
                Segment::Literal(text) => self.literal_child(node, text),
                Segment::Param => self.param_child(node),
            };
        }
        let node = &mut self.nodes[node as usize];
        let entries = if pattern.tail == Tail::None { &mut node.end } else { &mut node.tail };
        entries.push(EntryDraft { entry: placed.entry, condition_count: placed.condition_count });
    }

    fn literal_child(&mut self, node: u32, text: &str) -> u32 {
        if let Some(child) = self.edges.get(&(node, text.into())) {
            return *child;
        }
        let child = self.add_node();
        self.edges.insert((node, text.into()), child);
        child
    }

    fn param_child(&mut self, node: u32) -> u32 {
        if self.nodes[node as usize].param == NONE {
            let child = self.add_node();
            self.nodes[node as usize].param = child;
        }
        self.nodes[node as usize].param
    }

    /// The finished trie.
    pub(super) fn freeze(self) -> Trie {
        let mut trie = Trie { edges: Edges::with_capacity(self.edges.len()), ..Trie::default() };
        for node in self.nodes {
            let end = append(&mut trie.entries, node.end);
            let tail = append(&mut trie.entries, node.tail);
            trie.nodes.push(Node { param: node.param, literals: Literals::None, end, tail });
        }
        for ((parent, label), child) in &self.edges {
            let edge = trie.edges.add(*parent, label.as_bytes(), *child);
            let literals = &mut trie.nodes[*parent as usize].literals;
            *literals = if matches!(literals, Literals::None) { Literals::One(edge) } else { Literals::Many };
        }
        trie
    }
}

/// More conditions first; the sort is stable, so what was written first stays first.
fn append(entries: &mut Vec<Entry>, mut drafts: Vec<EntryDraft>) -> Range {
    drafts.sort_by_key(|draft| std::cmp::Reverse(draft.condition_count));
    let start = entries.len() as u32;
    entries.extend(drafts.into_iter().map(|draft| draft.entry));
    Range { start, end: entries.len() as u32 }
}

const _: () = assert!(size_of::<Node>() == 64 && size_of::<Slot>() == 32, "as their alignments mean it");
