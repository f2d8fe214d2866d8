//! What a worker would decide about a request, as a value.
//!
//! The same code as a worker's, on a snapshot that nobody needs to serve: parsing, preparing, routing, policies, the
//! action. Sends nothing and waits for nothing. A policy that has to ask a network is taken to admit, and one with a
//! memory has none here.

use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::variant;
use crate::http::h1::framing::Framing;
use crate::http::h1::parse::{self, HeadScan};
use crate::http::refusal::Refusal;
use crate::policy::auth::Authenticators;
use crate::policy::chain::{Chain, Passage};
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground, Provisions};
use crate::policy::reply::{Code, Fault, Reply};
use crate::policy::table::PolicyPlan;
use crate::proxy::finding::find_route;
use crate::proxy::prepare::{ASTERISK, prepare};
use crate::proxy::snapshot::{Action, RoutePlan, Snapshot, Target};
use crate::proxy::upgrade;
use crate::route::rewrite::{RedirectPlan, RedirectView};
use crate::route::table::{RouteIndex, Table};
use crate::shared::Frozen;
use crate::telemetry::Registry;
use crate::worker::spawn::tables;

/// Decides on requests as workers with this snapshot would.
pub struct Decider<'a> {
    /// What is decided by.
    pub snapshot: &'a Snapshot,
    tables: Frozen<Vec<Table>>,
    route_names: Rc<[Box<str>]>,
    registry: Registry,
}

/// What becomes of a request.
#[derive(Debug)]
pub struct Decision {
    /// The route that took it.
    pub route: Option<RouteIndex>,
    /// What becomes of it.
    pub ending: Ending,
}

/// What becomes of a request in the end.
#[derive(Debug)]
pub enum Ending {
    /// It is refused.
    Refused {
        /// The answer.
        reply: Reply,
        /// The policy that refuses it, by key.
        by: Option<&'static str>,
    },
    /// It goes to a cluster.
    Forward {
        /// The cluster, by index.
        cluster: usize,
        /// The path it has there, if that is another.
        path: Option<Vec<u8>>,
    },
    /// The client is sent elsewhere.
    Redirect {
        /// Status code.
        status: u16,
        /// Where.
        location: Vec<u8>,
    },
    /// It is answered here.
    Respond {
        /// Status code.
        status: u16,
        /// Length of the body.
        body_bytes: usize,
    },
    /// Its listener carries raw TCP.
    Raw,
}

impl Ending {
    fn refused(fault: impl Into<Fault>) -> Self {
        Self::Refused { reply: Reply::new(fault), by: None }
    }
}

impl<'a> Decider<'a> {
    /// Builds the routers, which with many routes takes a while.
    ///
    /// # Errors
    /// Where routes contradict each other, which a checked configuration does not have.
    pub fn new(snapshot: &'a Snapshot) -> Result<Self, String> {
        Ok(Self::with(snapshot, Frozen::new(tables(snapshot)?)))
    }

    /// With routers that are there already, one for each listener.
    pub fn with(snapshot: &'a Snapshot, tables: Frozen<Vec<Table>>) -> Self {
        let route_names = snapshot.routes.iter().map(|plan| plan.name.clone()).collect();
        Self { snapshot, tables, route_names, registry: Registry::new(1) }
    }

    /// Decides on a head, which is given as it comes over the wire.
    pub fn decide(&self, listener: usize, head: &[u8], exchange: &mut Exchange) -> Decision {
        let nowhere = |ending| Decision { route: None, ending };
        if self.snapshot.doors[listener].tcp.is_some() {
            return nowhere(Ending::Raw);
        }
        let is_secure = self.snapshot.tls[listener].is_some();
        match (exchange.scheme == "https", is_secure) {
            (false, true) => return nowhere(Ending::refused(Code::PlainHttp)),
            // What a TLS client begins with is no request line.
            (true, false) => return nowhere(Ending::refused(Refusal::BadRequestLine)),
            _ => {}
        }
        if let Err(fault) = self.read(head, exchange) {
            return nowhere(Ending::refused(fault));
        }
        if exchange.path == ASTERISK {
            return nowhere(Ending::Respond { status: 204, body_bytes: 0 });
        }
        match self.route(listener, exchange) {
            Ok(index) => Decision { route: Some(index), ending: self.act(index, exchange) },
            Err(reply) => nowhere(Ending::Refused { reply, by: None }),
        }
    }

    /// Has the edge's parser read the head, so that it is refused as it would be, and prepares it.
    pub fn read(&self, head: &[u8], exchange: &mut Exchange) -> Result<(), Fault> {
        let mut scan = HeadScan::default();
        match parse::request(&mut scan, head, &self.snapshot.limits.head, &mut exchange.request)? {
            Some(_) => prepare(exchange, self.snapshot, |id| id.extend_from_slice(b"explain")),
            None => Err(Fault::Refused(Refusal::BadField)),
        }
    }

    /// Finds the route of what has been prepared.
    ///
    /// # Errors
    /// With the answer, where there is none.
    pub fn route(&self, listener: usize, exchange: &mut Exchange) -> Result<RouteIndex, Reply> {
        find_route(&self.tables[listener], self.snapshot, &self.route_names, exchange)
    }

    /// Runs the route's policies, and then says what the route does. What the request offers to switch to is settled.
    pub fn act(&self, index: RouteIndex, exchange: &mut Exchange) -> Ending {
        let plan = &self.snapshot.routes[index.0 as usize];
        // Who is known to be asking is not asked who they are.
        let is_known = !exchange.principals.is_empty();
        let needed = |policy: &&PolicyPlan| !(is_known && matches!(policy, PolicyPlan::Authenticate(_)));
        let policies: Vec<_> = plan.policies.iter().filter(needed).cloned().collect();
        match self.passage(plan, &policies, exchange) {
            Some(Passage { passed, reply: Some(reply), .. }) => {
                return Ending::Refused { reply, by: Some(policies[passed - 1].key()) };
            }
            Some(Passage { answer: Some(status), .. }) => return Ending::Respond { status, body_bytes: 0 },
            _ => {}
        }
        if let (Framing::Length(length), Some(limit)) = (exchange.framing, exchange.body_bytes_max)
            && length > limit
        {
            return Ending::refused(Code::BodyTooLarge);
        }
        match &plan.action {
            Action::Forward { to, rewrite, .. } => {
                if !exchange.upgrade.is_empty()
                    && let Err(reply) = upgrade::settle(exchange, &plan.upgrades)
                {
                    return Ending::Refused { reply, by: None };
                }
                let (cluster, rewrite) = match to {
                    Target::Cluster(cluster) => (*cluster, rewrite),
                    Target::Split(split) => {
                        let likely = &split.variants[variant::likely(split, exchange).variant];
                        (likely.cluster, &likely.rewrite)
                    }
                };
                let path = rewrite.as_ref().map(|rewrite| {
                    let mut path = Vec::new();
                    rewrite.apply(exchange.path(), &exchange.params, &mut path);
                    path
                });
                Ending::Forward { cluster, path }
            }
            Action::Redirect(plan) => {
                Ending::Redirect { status: plan.status(), location: location(plan, exchange) }
            }
            Action::OwnKeys => Ending::Respond {
                status: 200,
                body_bytes: self.snapshot.own_keys.as_ref().map_or(0, |keys| keys.load().1.document.len()),
            },
            Action::Respond(own) => Ending::Respond { status: own.status, body_bytes: own.body.len() },
        }
    }

    /// How it fares with the route's policies. Those that refuse or answer do so without waiting for anything.
    fn passage(&self, plan: &RoutePlan, policies: &[PolicyPlan], exchange: &mut Exchange) -> Option<Passage> {
        let bench = Bench::new(0, 1, Provisions::none());
        let mut authenticators = Authenticators::default();
        for (name, plan) in &self.snapshot.authenticators {
            let none = Authenticators::default();
            let ground =
                Ground { bench: &bench, authenticators: &none, clusters: &[], registry: &self.registry };
            authenticators.start(name, plan, None, &ground);
        }
        let ground = Ground {
            bench: &bench,
            authenticators: &authenticators,
            clusters: &[],
            registry: &self.registry,
        };
        let chain = Chain::start(policies, None, &ground, |key| self.registry.policy(&plan.name, key, 0));
        let passage = pin!(chain.on_request(exchange));
        match passage.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(passage) => Some(passage),
            Poll::Pending => None,
        }
    }
}

fn location(plan: &RedirectPlan, exchange: &Exchange) -> Vec<u8> {
    let authority = String::from_utf8_lossy(&exchange.authority);
    let view = RedirectView {
        scheme: exchange.scheme,
        host: &authority,
        path: exchange.path(),
        query: exchange.query(),
        params: &exchange.params,
    };
    let mut location = Vec::new();
    plan.apply(&view, &mut location);
    location
}
