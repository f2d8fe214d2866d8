//! matchit's radix tree over the patterns of one host.
//!
//! Holds a host only if one walk without a choice finds every candidate of a path, so that it needs no second
//! search and no lookup allocates. It is the whole answer for its host, or it is not built; the trie takes the
//! hosts refused here. Which candidate wins is decided by the order of a list, never by matchit. What matchit
//! could hold but is slower at is left to the trie by `Search::Fastest`.

use std::cmp::Reverse;
use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::params::Params;
use super::pattern::{PathPattern, Segment, Tail};
use super::table::Search;
use super::trie::Entry;

/// Most captures of a pattern, its catch-all included: matchit keeps three in place and allocates for a fourth.
const CAPTURES_MAX: usize = 3;

/// Most keys of a host for which matchit is the faster one; measured, see `table`.
const FASTEST_KEYS_MAX: usize = 3_000;

/// A route to be found at the end of its pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) pattern: &'a PathPattern,
    pub(super) entry: Entry,
    pub(super) condition_count: usize,
}

/// All patterns of one host.
#[derive(Debug, Clone)]
pub(super) struct Radix {
    router: matchit::Router<List>,
    candidates: Vec<Candidate>,
}

/// A range of `Radix::candidates`: the routes whose pattern matches where this is found, in order of precedence.
#[derive(Debug, Clone, Copy)]
struct List {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    entry: Entry,
    /// How many of the captures are its own: a prefix does not capture what follows it.
    captures: u32,
}

impl Radix {
    /// The tree of these patterns, in the order they are written in, or none where the trie is to have them:
    /// because `search` says so, or because they do not fit. What does not fit is a pattern with more than
    /// [`CAPTURES_MAX`] captures, a parameter beside a catch-all (matchit refuses it), and a literal beside
    /// either (matchit allocates to remember the way not taken).
    pub(super) fn build(placed: &[Placed<'_>], search: Search) -> Option<Self> {
        let fits = |pattern: &PathPattern| match search {
            Search::Fastest => pattern.tail == Tail::None && pattern.names.is_empty(),
            Search::Matchit => pattern.names.len() <= CAPTURES_MAX,
            Search::Trie => false,
        };
        if !placed.iter().all(|route| fits(route.pattern)) {
            return None;
        }
        let mut keys: HashMap<String, Vec<Placed<'_>>, FixedState> = HashMap::default();
        let mut order = Vec::new();
        for route in placed {
            for key in keys_of(route.pattern) {
                let list = keys.entry(key.clone()).or_default();
                if list.is_empty() {
                    order.push(key);
                }
                list.push(*route);
            }
        }
        if has_choice(&order) || search == Search::Fastest && order.len() > FASTEST_KEYS_MAX {
            return None;
        }
        let mut radix = Self { router: matchit::Router::new(), candidates: Vec::new() };
        for key in order {
            let list = radix.append(keys.remove(&key)?);
            radix.router.insert(key, list).ok()?;
        }
        Some(radix)
    }

    /// An exact end before a prefix, then more conditions first; the sort is stable, so what was written first
    /// stays first.
    fn append(&mut self, mut routes: Vec<Placed<'_>>) -> List {
        routes.sort_by_key(|route| (route.pattern.tail != Tail::None, Reverse(route.condition_count)));
        let start = self.candidates.len() as u32;
        self.candidates.extend(
            routes
                .iter()
                .map(|route| Candidate { entry: route.entry, captures: route.pattern.names.len() as u32 }),
        );
        List { start, end: self.candidates.len() as u32 }
    }

    /// Shows `take` every entry that matches `path`, in order of precedence, until it returns true. `params`
    /// then has the captures of that entry's pattern.
    pub(super) fn walk(
        &self,
        path: &str,
        params: &mut Params,
        take: &mut impl FnMut(&Entry) -> bool,
    ) -> bool {
        let Ok(found) = self.router.at(path) else { return false };
        let list = &self.candidates[found.value.start as usize..found.value.end as usize];
        let Some(taken) = list.iter().find(|candidate| take(&candidate.entry)) else { return false };
        for (_, value) in found.params.iter().take(taken.captures as usize) {
            // Values are slices of the path.
            let start = value.as_ptr() as usize - path.as_ptr() as usize;
            params.push(start, start + value.len());
        }
        true
    }
}

/// The pattern in matchit's words, parameters by their position. A prefix is three: itself, with a slash, and
/// with anything behind the slash.
fn keys_of(pattern: &PathPattern) -> Vec<String> {
    let mut key = String::new();
    for (at, segment) in pattern.segments.iter().enumerate() {
        match segment {
            // Braces can not occur: patterns are refused for them.
            Segment::Literal(text) => key.extend(["/", text]),
            Segment::Param => key.push_str(&format!("/{{{at}}}")),
        }
    }
    let rest = format!("{key}/{{*rest}}");
    match pattern.tail {
        Tail::None => vec![key],
        Tail::CatchAll => vec![rest],
        // Every path begins with a slash, so the prefix of all paths has two.
        Tail::Prefix if key.is_empty() => vec!["/".to_owned(), rest],
        Tail::Prefix => vec![format!("{key}/"), key, rest],
    }
}

/// Whether anywhere both a literal and a parameter or catch-all may follow. What ends there is no choice.
fn has_choice(keys: &[String]) -> bool {
    let mut is_open: HashMap<&str, bool, FixedState> = HashMap::default();
    keys.iter().any(|key| {
        let starts = key.match_indices('/').map(|(at, _)| at + 1).filter(|start| *start < key.len());
        starts.into_iter().any(|start| {
            let opens = key[start..].starts_with('{');
            *is_open.entry(&key[..start]).or_insert(opens) != opens
        })
    })
}

#[cfg(test)]
mod tests {
    use super::super::path::PathRules;
    use super::super::table::RouteIndex;
    use super::*;

    fn build(written: &[&str], search: Search) -> Option<Radix> {
        let pattern = |written: &&str| match written.strip_suffix("...") {
            Some(prefix) => PathPattern::prefix(prefix, "prefix", &PathRules::default()).unwrap(),
            None => PathPattern::path(written, "path", &PathRules::default()).unwrap(),
        };
        let patterns: Vec<_> = written.iter().map(pattern).collect();
        let placed = patterns.iter().enumerate().map(|(at, pattern)| Placed {
            pattern,
            entry: Entry::new(RouteIndex(at as u32), None, pattern.tail == Tail::CatchAll),
            condition_count: 0,
        });
        Radix::build(&placed.collect::<Vec<_>>(), search)
    }

    /// Every candidate of the path, in order.
    fn candidates(radix: &Radix, path: &str) -> Vec<u32> {
        let mut routes = Vec::new();
        radix.walk(path, &mut Params::new(), &mut |entry| {
            routes.push(entry.route.0);
            false
        });
        routes
    }

    #[test]
    fn refuses_patterns_that_would_conflict_or_allocate() {
        for written in [
            &["/a/{id}", "/a..."][..],
            &["/a/{id}", "/a/{*rest}"],
            &["/a/{id}", "/a/me"],
            &["/a/{id}/x", "/a/me/y"],
            &["/a/me", "/a..."],
            &["/a", "/..."],
            &["/{a}/{b}/{c}/{d}"],
            &["/{a}/{b}/{c}/{*rest}"],
        ] {
            assert!(build(written, Search::Matchit).is_none(), "{written:?}");
        }
    }

    #[test]
    fn takes_what_it_is_faster_at() {
        assert!(build(&["/", "/a", "/a/", "/a/b"], Search::Fastest).is_some());
        for slower in ["/b/{id}", "/b...", "/b/{*rest}"] {
            assert!(build(&["/a", slower], Search::Fastest).is_none(), "{slower}");
            assert!(build(&["/a", slower], Search::Matchit).is_some(), "{slower}");
            assert!(build(&["/a", slower], Search::Trie).is_none(), "{slower}");
        }
        let many: Vec<_> = (0..=FASTEST_KEYS_MAX).map(|at| format!("/{at}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        assert!(build(&many, Search::Fastest).is_none());
        assert!(build(&many[1..], Search::Fastest).is_some());
    }

    #[test]
    fn lists_all_candidates_of_a_path_in_order() {
        let radix =
            build(&["/a...", "/a", "/a/", "/a/{*rest}", "/b/{x}", "/b/{y}/", "/b/{z}/c..."], Search::Matchit)
                .unwrap();
        for (path, expected) in [
            ("/a", &[1, 0][..]),
            ("/a/", &[2, 0]),
            ("/a/x", &[0, 3]),
            ("/ax", &[]),
            ("/b/1", &[4]),
            ("/b/", &[]),
            ("/b/1/", &[5]),
            ("/b/1/c", &[6]),
            ("/b/1/c/d/", &[6]),
            ("/b/1/d", &[]),
        ] {
            assert_eq!(candidates(&radix, path), expected, "{path}");
        }
    }
}
