//! One exchange: prepare, route, policies, action, record.
//!
//! Decides at one level; the leaves do the work. Whatever happens, the exchange is counted and logged once.

use std::pin::pin;
use std::rc::Rc;

use crate::http::h1::body::BodyCursor;
use crate::http::h1::chunked::Emit;
use crate::http::h1::framing::Framing;
use crate::policy::exchange::Exchange;
use crate::policy::reply::{Code, Fault, Reply};
use crate::proxy::care::{Care, OwnAnswer};
use crate::proxy::connection::Conversation;
use crate::proxy::entering;
use crate::proxy::finding::find_route;
use crate::proxy::forward::{Forwarded, ask_route, forward, settle_route};
use crate::proxy::installed::{Installed, RunningRoute};
use crate::proxy::local::Local;
use crate::proxy::opener::Aim;
use crate::proxy::prepare::{ASTERISK, prepare};
use crate::proxy::record;
use crate::proxy::release::destination;
use crate::proxy::reply;
use crate::proxy::snapshot::{Action, RoutePlan};
use crate::proxy::upgrade;
use crate::route::rewrite::{RedirectPlan, RedirectView};
use crate::route::table::RouteIndex;
use crate::rt::clock;
use crate::rt::join::at_once;
use crate::telemetry::retry::Fallback;

/// What becomes of the connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It goes on.
    KeepAlive,
    /// It is closed once the client has had its answer.
    Linger,
    /// It is cut, so that the client does not take a part for the whole.
    Cut,
    /// It has switched protocols, and is counted but not logged yet.
    Switch,
}

/// What a method is told that no route can have (RFC 9110 15.5.6).
const ALLOWED_ANYWHERE: &str = "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH, QUERY";

/// Serves the exchange whose request head has been parsed.
pub async fn serve(conversation: &mut Conversation) -> After {
    let local = conversation.local.clone();
    let installed = local.installed();
    local.metrics.exchanges_active.add(1);
    let after = decide(conversation, &installed).await;
    local.metrics.exchanges_active.sub(1);
    local.metrics.bytes_downstream_read.add(std::mem::take(&mut conversation.intake.read_bytes));
    if after == After::Switch {
        record::switched(
            &conversation.tally,
            &conversation.exchange,
            &installed,
            &local,
            conversation.listener,
        );
        return after;
    }
    record::record(&conversation.tally, &conversation.exchange, &installed, &local, conversation.listener);
    conversation.exchange.holds.clear();
    after
}

async fn decide(conversation: &mut Conversation, installed: &Rc<Installed>) -> After {
    let (local, now_ms) = (&conversation.local, conversation.tally.sent_ms());
    let new_id =
        |id: &mut Vec<u8>| id.extend_from_slice(local.request_ids.next(local.wall_ms(now_ms)).as_bytes());
    if let Err(fault) = prepare(&mut conversation.exchange, &installed.snapshot, new_id) {
        // Where the message ends may be in doubt, and what follows with it.
        conversation.may_persist &= matches!(fault, Fault::Gateway(_) | Fault::Path(_))
            && fault != Fault::Gateway(Code::ConnectNotSupported);
        let mut reply = Reply::new(fault);
        if fault == Fault::Gateway(Code::MethodNotAllowed) {
            reply = reply.with("Allow", ALLOWED_ANYWHERE.to_owned());
        }
        return answer(conversation, installed, None, reply).await;
    }
    if conversation.exchange.path == ASTERISK {
        reply::begin(&mut conversation.exchange, 204);
        return send(conversation, installed, None, b"").await;
    }
    match find(conversation, installed) {
        Ok(index) => run(conversation, installed, index).await,
        Err(reply) => answer(conversation, installed, None, reply).await,
    }
}

fn find(conversation: &mut Conversation, installed: &Installed) -> Result<RouteIndex, Reply> {
    let table = &installed.tables[conversation.listener];
    let index = find_route(table, &installed.snapshot, &installed.route_names, &mut conversation.exchange)?;
    conversation.tally.route.set(Some(index));
    entering::early(installed.route(index).early, &conversation.local, &mut conversation.exchange)?;
    Ok(index)
}

async fn run(conversation: &mut Conversation, installed: &Rc<Installed>, index: RouteIndex) -> After {
    let route = installed.route(index);
    let (passage, is_at_once) = at_once(pin!(route.chain.on_request(&mut conversation.exchange))).await;
    if !is_at_once {
        conversation.tally.upstream.sent_nanos.set(clock::nanos());
    }
    if let Some(reply) = passage.reply {
        // A route has a handful of policies.
        conversation.tally.refused_by.set(passage.passed as u8);
        return answer(conversation, installed, Some((route, passage.passed)), reply).await;
    }
    if let Some(status) = passage.answer {
        reply::begin(&mut conversation.exchange, status);
        return send(conversation, installed, Some((route, passage.passed)), b"").await;
    }
    let exchange = &mut conversation.exchange;
    if let (Framing::Length(length), Some(limit)) = (exchange.framing, exchange.body_bytes_max)
        && length > limit
    {
        let reply = Reply::new(Code::BodyTooLarge);
        return answer(conversation, installed, Some((route, passage.passed)), reply).await;
    }
    let route_and_passed = Some((route, passage.passed));
    let plan = installed.plan(index);
    // A plan is looked at where it has more to say.
    let plain = route.forward.map(|cluster| (cluster, &None, &None));
    let forwarded = plain.or_else(|| destination(&plan.action, installed, exchange, &conversation.tally));
    let Some((cluster, rewrite, host)) = forwarded else {
        return act(conversation, installed, route_and_passed, &plan.action).await;
    };
    if !exchange.upgrade.is_empty()
        && let Err(reply) = settle_upgrade(exchange, plan, installed, &conversation.local)
    {
        return answer(conversation, installed, route_and_passed, reply).await;
    }
    conversation.tally.upstream.cluster.set(Some(cluster));
    let cluster = &installed.clusters[cluster];
    let mut path = std::mem::take(&mut conversation.path_scratch);
    path.clear();
    if let Some(rewrite) = rewrite {
        rewrite.apply(exchange.path(), &exchange.params, &mut path);
    }
    let aim = Aim { path: rewrite.as_ref().map(|_| &path[..]), host: host.as_deref() };
    let care = Care::of(route.care.as_ref().and(plan.care.as_deref()), route.care.as_deref());
    let outcome = match ask_route(conversation, route, &care) {
        Ok(()) => {
            let outcome = forward(conversation, installed, route, &care, cluster, &aim).await;
            settle_route(&outcome, &conversation.tally, route, &care);
            outcome
        }
        Err(fault) => {
            Forwarded::Failed { fault, is_uploaded: conversation.exchange.framing == Framing::None }
        }
    };
    conversation.path_scratch = path;
    if let Forwarded::Failed { fault, is_uploaded } = &outcome
        && let Some(own) = care.fallback().and_then(|fallback| fallback.respond.as_ref())
        && fault.status() >= 500
    {
        conversation.may_persist &= is_uploaded;
        return answer_instead(conversation, installed, route_and_passed, *fault, own).await;
    }
    after_forward(conversation, installed, route_and_passed, outcome).await
}

/// An answer of our own in place of the service's.
async fn answer_instead(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
    fault: Fault,
    own: &OwnAnswer,
) -> After {
    conversation.tally.fault.set(Some(fault));
    conversation.tally.upstream.fallback.set(Fallback::Own);
    if let Some((route, _)) = route {
        route.metrics.fallbacks[0].add(1);
    }
    conversation.exchange.framing = Framing::None;
    answer_by_itself(conversation, installed, route, own).await
}

/// An answer of our own.
async fn answer_by_itself(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
    own: &OwnAnswer,
) -> After {
    let exchange = &mut conversation.exchange;
    reply::begin(exchange, own.status);
    exchange.response.fields.append(b"Content-Type", own.content_type.as_bytes());
    send(conversation, installed, route, &own.body).await
}

/// What a route does that sends nothing on.
async fn act(
    conversation: &mut Conversation,
    installed: &Rc<Installed>,
    route: Option<(&RunningRoute, usize)>,
    action: &Action,
) -> After {
    match action {
        Action::Redirect(plan) => redirect(conversation, installed, route, plan).await,
        Action::OwnKeys => publish_keys(conversation, installed, route).await,
        Action::Respond(own) => answer_by_itself(conversation, installed, route, own).await,
        // It was to be sent on.
        Action::Forward { .. } => answer(conversation, installed, route, Reply::new(Code::NoEndpoint)).await,
    }
}

fn settle_upgrade(
    exchange: &mut Exchange,
    plan: &RoutePlan,
    installed: &Installed,
    local: &Local,
) -> Result<(), Reply> {
    upgrade::settle(exchange, &plan.upgrades)?;
    let limit = installed.snapshot.limits.upgraded_connections;
    if !exchange.upgrade.is_empty() && local.metrics.upgraded.get() >= limit {
        return Err(Reply::new(Code::UpgradedConnectionsExhausted));
    }
    Ok(())
}

async fn after_forward(
    conversation: &mut Conversation,
    installed: &Rc<Installed>,
    route: Option<(&RunningRoute, usize)>,
    outcome: Forwarded,
) -> After {
    match outcome {
        Forwarded::Answered { persists: true, is_uploaded: true } => After::KeepAlive,
        Forwarded::Answered { .. } => After::Linger,
        Forwarded::Switched(mut switched) => {
            switched.installed = Some(installed.clone());
            conversation.switched = Some(switched);
            After::Switch
        }
        Forwarded::Cut(fault) => {
            conversation.tally.fault.set(Some(fault));
            After::Cut
        }
        Forwarded::Failed { fault, .. } if fault.status() == 499 => {
            conversation.tally.fault.set(Some(fault));
            After::Cut
        }
        Forwarded::Failed { fault, is_uploaded } => {
            conversation.may_persist &= is_uploaded;
            conversation.exchange.framing = Framing::None;
            let mut reply = Reply::new(fault);
            let wait_ms = conversation.tally.retry_after_ms.get();
            if wait_ms > 0 {
                reply = reply.with("Retry-After", wait_ms.div_ceil(1_000).to_string());
            }
            answer(conversation, installed, route, reply).await
        }
    }
}

/// The gateway's own keys, as services fetch them now and then.
async fn publish_keys(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
) -> After {
    let document = installed.own_keys.as_ref().map(|keys| {
        keys.refresh();
        keys.get().document.clone()
    });
    reply::begin(&mut conversation.exchange, 200);
    let fields = &mut conversation.exchange.response.fields;
    fields.append(b"Content-Type", b"application/jwk-set+json");
    // Half of the time for which a key is announced before it is used.
    fields.append(b"Cache-Control", b"public, max-age=300");
    send(conversation, installed, route, &document.unwrap_or_default()).await
}

async fn redirect(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
    plan: &RedirectPlan,
) -> After {
    let exchange = &mut conversation.exchange;
    let mut location = Vec::new();
    let authority = String::from_utf8_lossy(&exchange.authority);
    let view = RedirectView {
        scheme: exchange.scheme,
        host: &authority,
        path: exchange.path(),
        query: exchange.query(),
        params: &exchange.params,
    };
    plan.apply(&view, &mut location);
    reply::begin(exchange, plan.status());
    exchange.response.fields.append(b"Location", &location);
    send(conversation, installed, route, b"").await
}

/// Answers for a reason.
async fn answer(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
    reply: Reply,
) -> After {
    conversation.tally.fault.set(Some(reply.fault));
    let mut body = Vec::with_capacity(256);
    let grpc_status = reply::problem(&mut conversation.exchange, &reply, &mut body);
    conversation.tally.grpc_status.set(grpc_status);
    send(conversation, installed, route, &body).await
}

/// Sends an answer of our own.
async fn send(
    conversation: &mut Conversation,
    installed: &Installed,
    route: Option<(&RunningRoute, usize)>,
    body: &[u8],
) -> After {
    let persists =
        conversation.may_persist && !conversation.local.is_draining.get() && skip_body(conversation);
    let limits = &installed.snapshot.limits;
    match reply::send(conversation, limits, route, body, persists).await {
        Ok(()) if persists => After::KeepAlive,
        Ok(()) => After::Linger,
        Err(fault) => {
            conversation.tally.fault.set(Some(fault));
            After::Cut
        }
    }
}

/// Drops the request's body, if all of it is there already. False if the connection cannot go on because more of
/// it is to come.
fn skip_body(conversation: &mut Conversation) -> bool {
    let mut cursor = BodyCursor::new(conversation.exchange.framing, Emit::Data);
    if let Some(mut buffer) = conversation.intake.take() {
        if !cursor.is_done()
            && let Ok(portion) = cursor.advance(buffer.filled_mut())
        {
            buffer.consume(portion.consumed);
        }
        conversation.intake.put_back(buffer);
    }
    cursor.is_done()
}
