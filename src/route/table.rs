//! From a request to its route.
//!
//! Precedence, which `reference` implements a second time:
//! host: exact, then the wildcard with the longest suffix, then any host. Path, segment by segment from the
//! left: literal, then parameter, then what ends in a catch-all or prefix, so the longer prefix wins. Then the
//! route with more conditions (methods count as one, as does a profile, every field, query parameter and cookie). Then the
//! one written first. A candidate whose conditions fail is skipped and the next in this order is tried, also
//! across less specific paths and hosts. 405 only if nothing matched and a candidate failed by its method alone.

// Each host is searched by matchit or by the trie; this is decided when the table is built, and both find the
// same. matchit has a host whose patterns are all literal and exact, up to 3,000 of them; the trie has the others.
// matchit could hold parameters and prefixes too while no position has a choice: it refuses a parameter beside a
// catch-all, allocates when a literal is beside either, and beyond three captures. But it is slower at them.
// Nanoseconds, trie / matchit, scattered paths, best of three runs of `benches/micro/route.rs` on a busy machine,
// 4 of them the copying of the path:
//   routes                     10      1,000      3,000     10,000   10,000, one path again and again
//   literals              48 / 26    57 / 45    66 / 57  144 / 163    60 / 37
//   a prefix each         28 / 51    39 / 87   35 / 135   57 / 296    26 / 58
//   a parameter each      36 / 76    44 / 71   48 / 113   68 / 166    36 / 57
//   a third of each       51 / 52    57 / 77   64 / 110   98 / 219    41 / 59
// What grows with the number of routes is cache misses: matchit has a heap block or three for every node, and
// hops more nodes; asked for one path again and again, 10,000 routes cost about what ten do.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::http::cookie;
use crate::http::field::Fields;
use crate::http::method::Method;
use crate::http::query;

use super::host::HostPattern;
use super::methods::{AllowedMethods, MethodSet};
use super::params::Params;
use super::pattern::Tail;
use super::plan::{MatchPlan, PlanError};
use super::radix::{Placed, Radix};
use super::trie::{Entry, Trie, TrieDraft};

/// Most distinct extension methods in one table: they are the bits of a word.
pub const EXTENSION_METHODS_MAX: usize = 64;

/// A route, by its position in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(pub u32);

/// What of a request decides about its route.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// Lower case, without port; empty where the request has none.
    pub host: &'a str,
    /// As [`super::path::normalise`] returns it.
    pub path: &'a str,
    /// Without the `?`.
    pub query: Option<&'a [u8]>,
    /// The method.
    pub method: Method,
    /// The method as sent; looked at for extension methods only.
    pub method_text: &'a [u8],
    /// The request's fields.
    pub fields: &'a Fields,
}

/// What a lookup found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// This route; the parameters are captured.
    Found(RouteIndex),
    /// 405: a route would match, but for the method. [`Table::write_allowed`] gives the Allow field.
    MethodNotAllowed(AllowedMethods),
    /// 404.
    NotFound,
}

/// A table that can not be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableError {
    /// The route that does not fit.
    pub route: RouteIndex,
    /// Why, relative to the route's `match`.
    pub error: PlanError,
}

/// All routes of a listener, ready for lookups. Each worker has its own clone.
#[derive(Debug, Clone, Default)]
pub struct Table {
    hosts: Vec<Paths>,
    trie: Trie,
    exact: HashMap<Box<str>, u32, FixedState>,
    wildcard: HashMap<Box<str>, u32, FixedState>,
    /// Length of the longest wildcard suffix: what is longer need not be looked up.
    wildcard_len_max: usize,
    any: Option<u32>,
    rules: Vec<Rules>,
    extensions: Vec<String>,
}

/// Where the patterns of a host are.
#[derive(Debug, Clone)]
enum Paths {
    /// Here, with no choice on the way.
    Radix(Radix),
    /// Below this node of the trie.
    Trie(u32),
}

/// How the paths of a host are to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// By matchit where it is the faster one: a host of literal, exact patterns, not too many. Else by the trie.
    Fastest,
    /// By matchit wherever the patterns fit it.
    Matchit,
    /// By the trie.
    Trie,
}

/// How many hosts of a table are searched in which way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostCount {
    /// By matchit.
    pub matchit: usize,
    /// By the trie.
    pub trie: usize,
}

/// What a candidate asks for beyond host and path.
#[derive(Debug, Clone)]
struct Rules {
    plan: MatchPlan,
    allowed: AllowedMethods,
}

impl Table {
    /// Builds the table. Where nothing else decides, routes win in the order they are given in.
    ///
    /// # Errors
    /// More than [`EXTENSION_METHODS_MAX`] distinct extension methods.
    pub fn build(routes: &[(RouteIndex, &MatchPlan)]) -> Result<Self, TableError> {
        Self::build_for(routes, Search::Fastest)
    }

    /// As [`Table::build`], with the search chosen for it: for tests and measurements. What is found is the same.
    ///
    /// # Errors
    /// More than [`EXTENSION_METHODS_MAX`] distinct extension methods.
    pub fn build_for(routes: &[(RouteIndex, &MatchPlan)], search: Search) -> Result<Self, TableError> {
        let mut table = Self::default();
        let mut hosts: Vec<Vec<Placed<'_>>> = Vec::new();
        for (route, plan) in routes {
            let rules = table.add_rules(plan).map_err(|error| TableError { route: *route, error })?;
            let entry = Entry::new(*route, rules, plan.path.tail == Tail::CatchAll);
            let placed = Placed { pattern: &plan.path, entry, condition_count: plan.condition_count() };
            table.place(plan, placed, &mut hosts);
        }
        let mut draft = TrieDraft::default();
        for placed in &hosts {
            table.hosts.push(match Radix::build(placed, search) {
                Some(radix) => Paths::Radix(radix),
                None => Paths::Trie(draft.add_host(placed)),
            });
        }
        table.trie = draft.freeze();
        Ok(table)
    }

    /// How its hosts are searched.
    pub fn host_count(&self) -> HostCount {
        let matchit = self.hosts.iter().filter(|paths| matches!(paths, Paths::Radix(_))).count();
        HostCount { matchit, trie: self.hosts.len() - matchit }
    }

    fn add_rules(&mut self, plan: &MatchPlan) -> Result<Option<u32>, PlanError> {
        if plan.condition_count() == 0 {
            return Ok(None);
        }
        let allowed = self.intern(&plan.methods)?;
        self.rules.push(Rules { plan: plan.clone(), allowed });
        Ok(Some(self.rules.len() as u32 - 1))
    }

    fn intern(&mut self, methods: &MethodSet) -> Result<AllowedMethods, PlanError> {
        let mut allowed = AllowedMethods { known: methods.known_bits(), extensions: 0 };
        for name in methods.extensions() {
            let at = self.extensions.iter().position(|known| known == name).unwrap_or(self.extensions.len());
            if at == EXTENSION_METHODS_MAX {
                let reason = format!("more than {EXTENSION_METHODS_MAX} different extension methods");
                return Err(PlanError::new("methods", reason, "leave out `methods` where any will do"));
            }
            if at == self.extensions.len() {
                self.extensions.push(name.clone());
            }
            allowed.extensions |= 1 << at;
        }
        Ok(allowed)
    }

    /// Adds the route to each of its hosts.
    fn place<'a>(&mut self, plan: &MatchPlan, placed: Placed<'a>, hosts: &mut Vec<Vec<Placed<'a>>>) {
        if plan.hosts.is_empty() {
            let any = *self.any.get_or_insert(hosts.len() as u32);
            add(hosts, any, placed);
        }
        for host in &plan.hosts {
            let next = hosts.len() as u32;
            let host = match host {
                HostPattern::Exact(name) => self.exact.entry(name.as_str().into()).or_insert(next),
                HostPattern::Wildcard(suffix) => {
                    self.wildcard_len_max = self.wildcard_len_max.max(suffix.len());
                    self.wildcard.entry(suffix.as_str().into()).or_insert(next)
                }
            };
            add(hosts, *host, placed);
        }
    }

    /// Finds the route of a request. On [`Outcome::Found`] `params` has what its pattern captured, else it is
    /// empty. Visits each trie node at most once per host pattern, so the worst a path can cost is bounded by
    /// the configuration, never by the path.
    pub fn find(&self, view: &RequestView<'_>, params: &mut Params) -> Outcome {
        let mut lookup = Lookup { table: self, view, allowed: AllowedMethods::default(), found: None };
        params.clear();
        if view.path.starts_with('/') {
            lookup.run(params);
        }
        match lookup.found {
            Some(route) => Outcome::Found(route),
            None if lookup.allowed.is_empty() => Outcome::NotFound,
            None => Outcome::MethodNotAllowed(lookup.allowed),
        }
    }

    /// Appends the value of the Allow field of a 405 of this table: `GET, HEAD, POST`.
    pub fn write_allowed(&self, allowed: AllowedMethods, out: &mut Vec<u8>) {
        allowed.write(&self.extensions, out);
    }
}

/// One lookup under way.
struct Lookup<'a> {
    table: &'a Table,
    view: &'a RequestView<'a>,
    allowed: AllowedMethods,
    found: Option<RouteIndex>,
}

impl Lookup<'_> {
    /// The hosts, most specific first, until one has the route.
    fn run(&mut self, params: &mut Params) {
        let table = self.table;
        let host = self.view.host;
        if !table.exact.is_empty() && table.exact.get(host).is_some_and(|host| self.is_in(*host, params)) {
            return;
        }
        if !table.wildcard.is_empty() {
            // A leading dot is no label, so `.example.com` is not below `example.com`.
            for (dot, _) in host.bytes().enumerate().skip(1).filter(|(_, byte)| *byte == b'.') {
                let suffix = &host[dot + 1..];
                if suffix.len() <= table.wildcard_len_max
                    && table.wildcard.get(suffix).is_some_and(|host| self.is_in(*host, params))
                {
                    return;
                }
            }
        }
        if let Some(host) = table.any {
            self.is_in(host, params);
        }
    }

    fn is_in(&mut self, host: u32, params: &mut Params) -> bool {
        let (table, path) = (self.table, self.view.path);
        match &table.hosts[host as usize] {
            Paths::Radix(radix) => radix.walk(path, params, &mut |entry| self.takes(entry)),
            Paths::Trie(root) => table.trie.walk(*root, path, params, &mut |entry| self.takes(entry)),
        }
    }

    fn takes(&mut self, entry: &Entry) -> bool {
        if let Some(rules) = entry.rules() {
            let rules = &self.table.rules[rules];
            let is_method = rules.plan.methods.admits(self.view.method, self.view.method_text);
            if !values_hold(&rules.plan, self.view) {
                return false;
            }
            if !is_method {
                self.allowed.known |= rules.allowed.known;
                self.allowed.extensions |= rules.allowed.extensions;
                return false;
            }
        }
        self.found = Some(entry.route);
        true
    }
}

/// Appends to the list of this host, which is the next one if it is new.
fn add<'a>(hosts: &mut Vec<Vec<Placed<'a>>>, host: u32, placed: Placed<'a>) {
    if hosts.len() == host as usize {
        hosts.push(Vec::new());
    }
    hosts[host as usize].push(placed);
}

pub(super) fn values_hold(plan: &MatchPlan, view: &RequestView<'_>) -> bool {
    plan.headers.iter().all(|field| field.rule.holds(view.fields.all_named(field.name.as_bytes())))
        && plan.query.iter().all(|wanted| {
            let value = view.query.and_then(|query| query::find(query, wanted.name.as_bytes()));
            wanted.rule.holds(value.as_deref().into_iter())
        })
        && plan.cookies.iter().all(|wanted| {
            let value = cookie::find(view.fields, wanted.name.as_bytes());
            wanted.rule.holds(value.into_iter())
        })
        && plan.profile.as_ref().is_none_or(|profile| profile.holds(view.fields))
}
