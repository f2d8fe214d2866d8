//! From a request to its route.
//!
//! Precedence, which `reference` implements a second time:
//! host: exact, then the wildcard with the longest suffix, then any host. Path, segment by segment from the
//! left: literal, then parameter, then what ends in a catch-all or prefix, so the longer prefix wins. Then the
//! route with more conditions (methods count as one, every field, query parameter and cookie as one). Then the
//! one written first. A candidate whose conditions fail is skipped and the next in this order is tried, also
//! across less specific paths and hosts. 405 only if nothing matched and a candidate failed by its method alone.

// matchit is not used: it refuses a catch-all beside a parameter (prefix `/a` with `/a/{id}`), returns one match
// where this order needs the next ones too, and allocates beyond three parameters and when it backtracks.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use crate::http::cookie;
use crate::http::field::Fields;
use crate::http::method::Method;
use crate::http::query;

use super::host::HostPattern;
use super::methods::{AllowedMethods, MethodSet};
use super::params::Params;
use super::plan::{MatchPlan, PlanError};
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
    trie: Trie,
    exact: HashMap<Box<str>, u32, FixedState>,
    wildcard: HashMap<Box<str>, u32, FixedState>,
    /// Length of the longest wildcard suffix: what is longer need not be looked up.
    wildcard_len_max: usize,
    any: Option<u32>,
    rules: Vec<Rules>,
    extensions: Vec<String>,
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
        let mut table = Self::default();
        let mut draft = TrieDraft::default();
        for (route, plan) in routes {
            let rules = table.add_rules(plan).map_err(|error| TableError { route: *route, error })?;
            for root in table.roots_of(plan, &mut draft) {
                draft.insert(root, &plan.path, *route, rules, plan.condition_count());
            }
        }
        table.trie = draft.freeze();
        Ok(table)
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

    /// The tries this route is in, one for each of its hosts.
    fn roots_of(&mut self, plan: &MatchPlan, draft: &mut TrieDraft) -> Vec<u32> {
        if plan.hosts.is_empty() {
            return vec![*self.any.get_or_insert_with(|| draft.add_root())];
        }
        let mut roots = Vec::with_capacity(plan.hosts.len());
        for host in &plan.hosts {
            roots.push(match host {
                HostPattern::Exact(name) => {
                    *self.exact.entry(name.as_str().into()).or_insert_with(|| draft.add_root())
                }
                HostPattern::Wildcard(suffix) => {
                    self.wildcard_len_max = self.wildcard_len_max.max(suffix.len());
                    *self.wildcard.entry(suffix.as_str().into()).or_insert_with(|| draft.add_root())
                }
            });
        }
        roots
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
        if !table.exact.is_empty() && table.exact.get(host).is_some_and(|root| self.is_in(*root, params)) {
            return;
        }
        if !table.wildcard.is_empty() {
            // A leading dot is no label, so `.example.com` is not below `example.com`.
            for (dot, _) in host.bytes().enumerate().skip(1).filter(|(_, byte)| *byte == b'.') {
                let suffix = &host[dot + 1..];
                if suffix.len() <= table.wildcard_len_max
                    && table.wildcard.get(suffix).is_some_and(|root| self.is_in(*root, params))
                {
                    return;
                }
            }
        }
        if let Some(root) = table.any {
            self.is_in(root, params);
        }
    }

    fn is_in(&mut self, root: u32, params: &mut Params) -> bool {
        self.table.trie.walk(root, self.view.path, params, &mut |entry| self.takes(entry))
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
}
