//! The way in of a connection that is not plain HTTP from its first byte on.

use std::rc::Rc;

use crate::net::addr::{Caller, PeerAddr};
use crate::net::proxy_header::Proxied;
use crate::net::stream::Stream;
use crate::proxy::connection::serve_connection;
use crate::proxy::l4::callers;
use crate::proxy::l4::header::{DoorFault, count, read_header};
use crate::proxy::l4::plan::Expectation;
use crate::proxy::l4::secure::secure;
use crate::proxy::l4::tunnel::carry;
use crate::proxy::local::Local;

/// Serves a connection of a listener that wants more than plain HTTP. Boxed, so that plain connections do not pay
/// for it.
pub async fn enter(local: Rc<Local>, stream: Stream, peer: PeerAddr, listener: usize) {
    Box::pin(enter_inside(local, stream, peer, listener)).await;
}

async fn enter_inside(local: Rc<Local>, stream: Stream, peer: PeerAddr, listener: usize) {
    let installed = local.installed();
    let door = &installed.snapshot.doors[listener];
    let mut caller = Caller::from(peer);
    // For as long as the connection is.
    let mut _called = None;
    if let Some(header) = &door.header {
        let metrics = &installed.doors[listener].header;
        match header.expects_of(peer.ip()) {
            Expectation::Header => match read_header(&local, &stream, metrics.as_deref()).await {
                Some(Some(Proxied { source, destination })) => {
                    match callers::count(&installed, listener, source.ip()) {
                        Ok(called) => _called = called,
                        Err(_) => return stream.reset_on_close(),
                    }
                    caller =
                        Caller { peer: PeerAddr(source), via: Some(peer), destination: Some(destination) };
                }
                Some(None) => {}
                None => return stream.reset_on_close(),
            },
            Expectation::Plain => {
                if let Some(metrics) = metrics {
                    metrics.plain.add(1);
                }
            }
            Expectation::Refused => {
                count(metrics.as_deref(), DoorFault::Untrusted);
                return stream.reset_on_close();
            }
        }
    }
    let stream = match installed.acceptors[listener] {
        // Boxed: what a handshake needs is not carried on for the connection's life.
        Some(_) => match Box::pin(secure(&local, stream, listener)).await {
            Some(stream) => stream,
            None => return,
        },
        None => stream,
    };
    if door.tcp.is_some() {
        carry(&local, &installed, stream, caller, listener).await;
    } else {
        drop(installed);
        serve_connection(local, stream, caller, listener).await;
    }
}
