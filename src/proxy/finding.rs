//! Which route takes a request.
//!
//! A browser's preflight is about a request that is to come, and is answered by the route of that one.

use std::rc::Rc;

use crate::http::method::Method;
use crate::policy::cors;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Reply};
use crate::policy::table::PolicyPlan;
use crate::proxy::snapshot::Snapshot;
use crate::route::params::Params;
use crate::route::table::{Outcome, RequestView, RouteIndex, Table};

/// Finds the route of a prepared request, and notes it in the exchange with what was captured.
///
/// # Errors
/// With the answer, where there is none.
pub fn find_route(
    table: &Table,
    snapshot: &Snapshot,
    route_names: &Rc<[Box<str>]>,
    exchange: &mut Exchange,
) -> Result<RouteIndex, Reply> {
    let mut params = std::mem::take(&mut exchange.params);
    let outcome = find_for_preflight(table, snapshot, exchange, &mut params).unwrap_or_else(|| {
        params.clear();
        table.find(&exchange.view(), &mut params)
    });
    exchange.params = params;
    match outcome {
        Outcome::Found(index) => {
            exchange.set_route(route_names, index.0 as usize);
            Ok(index)
        }
        Outcome::MethodNotAllowed(allowed) => {
            let mut methods = Vec::new();
            table.write_allowed(allowed, &mut methods);
            let allow = String::from_utf8_lossy(&methods).into_owned();
            Err(Reply::new(Code::MethodNotAllowed).with("Allow", allow))
        }
        Outcome::NotFound => Err(Reply::new(Code::NoRoute)),
    }
}

/// A preflight is about a request that is to come. If the route of that one speaks for itself, it is the one to ask,
/// whatever methods it takes.
fn find_for_preflight(
    table: &Table,
    snapshot: &Snapshot,
    exchange: &Exchange,
    params: &mut Params,
) -> Option<Outcome> {
    let method_text = cors::asked_method(exchange)?;
    let view = RequestView { method: Method::parse(method_text), method_text, ..exchange.view() };
    params.clear();
    let outcome = table.find(&view, params);
    let Outcome::Found(index) = outcome else { return None };
    let policies = &snapshot.routes[index.0 as usize].policies;
    policies.iter().any(|policy| matches!(policy, PolicyPlan::Cors(_))).then_some(outcome)
}
