//! Who imports whom: paths of `crate::` and `super::`, down to the folder they lead to.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::source::{Source, root};

impl Source {
    /// The folders below `src` that it names by `crate::`, with the line.
    pub fn imports(&self) -> Vec<(usize, String)> {
        let paths = self.paths().into_iter().filter(|(_, path)| !path.is_empty());
        paths.map(|(number, mut path)| (number, path.swap_remove(0))).collect()
    }

    /// Every path that begins with `crate::`, as its parts.
    fn paths(&self) -> Vec<(usize, Vec<String>)> {
        let mut paths = Vec::new();
        for (at, (number, line)) in self.code.iter().enumerate() {
            for rest in line.split("crate::").skip(1) {
                if let Some(group) = rest.strip_prefix('{') {
                    // A group may go on over several lines; it ends where its use does.
                    let lines = self.code[at + 1..].iter().map(|(_, line)| line.as_str());
                    let whole = std::iter::once(group).chain(lines).collect::<Vec<_>>().join(" ");
                    let whole = whole.split(';').next().unwrap_or_default().to_owned();
                    paths.extend(members(&whole).into_iter().map(|member| (*number, parts(&member))));
                } else {
                    paths.push((*number, parts(rest)));
                }
            }
        }
        paths
    }
}

/// The members of a group at its first level.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut members) = (0, vec![String::new()]);
    for letter in group.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ if depth == 0 => members.last_mut().expect("never empty").push(letter),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    members
}

/// `a::b::C` as its parts, as far as they are plain names.
fn parts(path: &str) -> Vec<String> {
    let name =
        |part: &str| part.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect();
    let mut parts = Vec::new();
    for part in path.trim_start().split("::") {
        let plain: String = name(part);
        let whole = plain.len() == part.len();
        if !plain.is_empty() {
            parts.push(plain);
        }
        if !whole {
            break;
        }
    }
    parts
}

/// Which folder imports from which, leaving out a folder and those within it: a parent and its parts are one.
pub fn folder_graph(sources: &[Source]) -> BTreeMap<String, BTreeSet<String>> {
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| source.is_product() && source.folder().is_some()) {
        let own = folder_of(Path::new(&source.path));
        for (_, path) in source.paths() {
            let other = leads_to(&path);
            let related =
                |a: &str, b: &str| a == b || b.strip_prefix(a).is_some_and(|rest| rest.starts_with('/'));
            if !other.is_empty() && other != "src" && !related(&own, &other) && !related(&other, &own) {
                graph.entry(own.clone()).or_default().insert(other);
            }
        }
    }
    graph
}

fn folder_of(path: &Path) -> String {
    path.parent().map(|parent| parent.display().to_string()).unwrap_or_default()
}

/// The folder that a path of modules ends in.
fn leads_to(path: &[String]) -> String {
    let mut folder = String::from("src");
    for part in path {
        let deeper = format!("{folder}/{part}");
        if !root().join(&deeper).is_dir() {
            break;
        }
        folder = deeper;
    }
    folder
}

/// A circle in the graph, if there is one.
pub fn cycle(graph: &BTreeMap<String, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(graph, start, &mut Vec::new(), &mut done))
}

fn walk(
    graph: &BTreeMap<String, BTreeSet<String>>,
    at: &str,
    trail: &mut Vec<String>,
    done: &mut BTreeSet<String>,
) -> Option<Vec<String>> {
    if let Some(begin) = trail.iter().position(|folder| folder == at) {
        let mut circle = trail[begin..].to_vec();
        circle.push(at.to_owned());
        return Some(circle);
    }
    if done.contains(at) {
        return None;
    }
    trail.push(at.to_owned());
    let found = graph.get(at).into_iter().flatten().find_map(|next| walk(graph, next, trail, done));
    trail.pop();
    done.insert(at.to_owned());
    found
}

#[test]
fn a_circle_is_found_and_a_tree_is_none() {
    let edge = |from: &str, to: &[&str]| (from.to_owned(), to.iter().map(|to| (*to).to_owned()).collect());
    let tree = BTreeMap::from([edge("a", &["b", "c"]), edge("b", &["c"])]);
    assert_eq!(cycle(&tree), None);
    let circle = BTreeMap::from([edge("a", &["b"]), edge("b", &["c"]), edge("c", &["b"])]);
    assert_eq!(cycle(&circle).map(|circle| circle.len()), Some(3));
}

#[test]
fn paths_are_read_from_groups_too() {
    let text = "use crate::{a::b, c::{d, e},\n    f};\nlet x = crate::g::H::new();\n";
    let code = text.lines().enumerate().map(|(at, line)| (at + 1, line.to_owned())).collect();
    let source = Source { path: "src/x/y.rs".to_owned(), text: text.to_owned(), lines: 3, code };
    let imports: Vec<String> = source.imports().into_iter().map(|(_, folder)| folder).collect();
    assert_eq!(imports, ["a", "c", "f", "g"]);
}
