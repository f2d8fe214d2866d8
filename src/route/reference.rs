//! The slow, obvious matcher: every route is held against the request, then the matches are sorted.
//!
//! Implements the precedence written in `table` a second time and on purpose in another way. It explains why a
//! request took its route and is what property tests compare the table with. Allocates; never on a worker's path.

use std::cmp::Reverse;

use crate::http::cookie;
use crate::http::query;

use super::conditions::{ValueMatch, ValueRule};
use super::host::HostPattern;
use super::pattern::{PathPattern, Segment, Tail};
use super::plan::MatchPlan;
use super::table::{RequestView, RouteIndex};

/// A route and what a request made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The route.
    pub route: RouteIndex,
    /// Whether it took the request.
    pub verdict: Verdict,
}

/// What became of a candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It takes the request. At most one does.
    Matched,
    /// It does not, and this is why.
    Rejected(String),
}

/// What the linear search found. Compare with [`super::table::Outcome`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This route, with the captured parameters in the order of its pattern.
    Found(RouteIndex, Vec<String>),
    /// 405 with these methods, sorted, each once.
    MethodNotAllowed(Vec<String>),
    /// 404.
    NotFound,
}

/// A route whose host and path match, with what its precedence depends on: less goes first.
struct Match<'a> {
    key: (HostRank, Vec<Kind>, Reverse<usize>, usize),
    route: RouteIndex,
    plan: &'a MatchPlan,
    captures: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum HostRank {
    Exact,
    Wildcard(Reverse<usize>),
    Any,
}

/// What a pattern has where the path has a segment; compared from the left. An exact end is the end of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Literal,
    Param,
    Tail,
}

/// Finds the route of a request as [`super::table::Table::find`] must.
pub fn find(routes: &[(RouteIndex, &MatchPlan)], view: &RequestView<'_>) -> Answer {
    let mut allowed: Vec<String> = Vec::new();
    for found in matches(routes, view) {
        let is_method = found.plan.methods.admits(view.method, view.method_text);
        match value_fault(found.plan, view) {
            Some(_) => {}
            None if is_method => {
                return Answer::Found(found.route, found.captures.into_iter().map(str::to_owned).collect());
            }
            None => allowed.extend(found.plan.methods.names().map(str::to_owned)),
        }
    }
    allowed.sort_unstable();
    allowed.dedup();
    if allowed.is_empty() { Answer::NotFound } else { Answer::MethodNotAllowed(allowed) }
}

/// What every route makes of a request, in order of precedence; those whose host or path differs come last.
pub fn explain(routes: &[(RouteIndex, &MatchPlan)], view: &RequestView<'_>) -> Vec<Candidate> {
    let matches = matches(routes, view);
    let mut candidates: Vec<Candidate> = Vec::with_capacity(routes.len());
    let mut has_winner = false;
    for found in &matches {
        let verdict = match value_fault(found.plan, view).or_else(|| method_fault(found.plan, view)) {
            Some(reason) => Verdict::Rejected(reason),
            None if has_winner => {
                Verdict::Rejected("matches too, but a route of higher precedence has it".to_owned())
            }
            None => {
                has_winner = true;
                Verdict::Matched
            }
        };
        candidates.push(Candidate { route: found.route, verdict });
    }
    for (route, plan) in routes.iter().filter(|(route, _)| matches.iter().all(|found| found.route != *route))
    {
        candidates.push(Candidate { route: *route, verdict: Verdict::Rejected(place_fault(plan, view)) });
    }
    candidates
}

fn matches<'a>(routes: &[(RouteIndex, &'a MatchPlan)], view: &RequestView<'a>) -> Vec<Match<'a>> {
    let mut matches = Vec::new();
    for (position, (route, plan)) in routes.iter().enumerate() {
        let (Some(host), Some((kinds, captures))) = (host_rank(plan, view.host), hold(&plan.path, view.path))
        else {
            continue;
        };
        let key = (host, kinds, Reverse(plan.condition_count()), position);
        matches.push(Match { key, route: *route, plan, captures });
    }
    matches.sort_by(|one, other| one.key.cmp(&other.key));
    matches
}

fn host_rank(plan: &MatchPlan, host: &str) -> Option<HostRank> {
    if plan.hosts.is_empty() {
        return Some(HostRank::Any);
    }
    let rank = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(_) => HostRank::Exact,
        HostPattern::Wildcard(suffix) => HostRank::Wildcard(Reverse(suffix.len())),
    };
    plan.hosts.iter().filter(|pattern| pattern.admits(host)).map(rank).min()
}

/// The kinds along the pattern and what it captures, if it matches.
fn hold<'a>(pattern: &PathPattern, path: &'a str) -> Option<(Vec<Kind>, Vec<&'a str>)> {
    let mut rest = Some(path.strip_prefix('/')?);
    let (mut kinds, mut captures) = (Vec::new(), Vec::new());
    for segment in &pattern.segments {
        let (head, tail) = match rest?.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest?, None),
        };
        match segment {
            Segment::Literal(text) if **text == *head => kinds.push(Kind::Literal),
            Segment::Param if !head.is_empty() => {
                kinds.push(Kind::Param);
                captures.push(head);
            }
            _ => return None,
        }
        rest = tail;
    }
    match (pattern.tail, rest) {
        (Tail::None, None) => return Some((kinds, captures)),
        (Tail::Prefix, _) => {}
        (Tail::CatchAll, Some(rest)) if !rest.is_empty() => captures.push(rest),
        _ => return None,
    }
    kinds.push(Kind::Tail);
    Some((kinds, captures))
}

/// Why a route whose host or path differs is out.
fn place_fault(plan: &MatchPlan, view: &RequestView<'_>) -> String {
    if host_rank(plan, view.host).is_none() {
        let hosts: Vec<_> = plan.hosts.iter().map(HostPattern::to_string).collect();
        return format!("host is {}, not {}", view.host, hosts.join(" or "));
    }
    match plan.path.tail {
        Tail::Prefix => format!("path is {}, not below {}", view.path, plan.path),
        _ => format!("path is {}, not {}", view.path, plan.path),
    }
}

fn method_fault(plan: &MatchPlan, view: &RequestView<'_>) -> Option<String> {
    let names = || plan.methods.names().collect::<Vec<_>>().join(", ");
    let method = || String::from_utf8_lossy(view.method_text);
    (!plan.methods.admits(view.method, view.method_text))
        .then(|| format!("method is {}, not one of {}", method(), names()))
}

/// Why the first condition on a value that does not hold fails, if one does.
fn value_fault(plan: &MatchPlan, view: &RequestView<'_>) -> Option<String> {
    let field = |wanted: &ValueMatch| {
        let values: Vec<_> = view.fields.all_named(wanted.name.as_bytes()).map(<[u8]>::to_vec).collect();
        fault_of("field", wanted, &values)
    };
    let parameter = |wanted: &ValueMatch| {
        let value = view.query.and_then(|query| query::find(query, wanted.name.as_bytes()));
        fault_of("query parameter", wanted, value.map(Vec::from).as_slice())
    };
    let cookie = |wanted: &ValueMatch| {
        let value = cookie::find(view.fields, wanted.name.as_bytes());
        fault_of("cookie", wanted, value.map(Vec::from).as_slice())
    };
    let fields = plan.headers.iter().find_map(field);
    let values = fields.or_else(|| plan.query.iter().find_map(parameter));
    values.or_else(|| plan.cookies.iter().find_map(cookie)).or_else(|| {
        let profile = plan.profile.as_ref().filter(|profile| !profile.holds(view.fields))?;
        Some(format!("the client's profile is not {}", profile.name()))
    })
}

fn fault_of(what: &str, wanted: &ValueMatch, values: &[Vec<u8>]) -> Option<String> {
    let holds = match &wanted.rule {
        ValueRule::Present(present) => values.is_empty() != *present,
        ValueRule::Exact(value) => values.iter().any(|given| **given == **value),
        ValueRule::Prefix(value) => values.iter().any(|given| given.starts_with(value)),
        ValueRule::Regex(regex) => values.iter().any(|given| regex.is_match(given)),
    };
    let name = &wanted.name;
    // Values are not shown: they may be credentials.
    let reason = match &wanted.rule {
        _ if holds => return None,
        ValueRule::Present(false) => "is present",
        _ if values.is_empty() => "is absent",
        ValueRule::Exact(_) => "has another value",
        ValueRule::Prefix(_) => "does not begin as asked",
        _ => "does not match the expression",
    };
    Some(format!("{what} {name} {reason}"))
}
