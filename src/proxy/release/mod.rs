//! Several versions of a service behind one route: who gets which.
//!
//! [`config`] is how it is written, [`shares`] how much each variant gets, [`sequence`] in which order, [`sticky`] who
//! stays with one; [`splitter`] is all of it on a worker. Nothing here waits, reads a clock, or decides whether a variant
//! does well: shares are moved by control.

pub mod config;
pub mod plan;
pub mod sequence;
pub mod shares;
pub mod splitter;
pub mod sticky;

use crate::policy::exchange::Exchange;
use crate::proxy::installed::Installed;
use crate::proxy::record::Tally;
use crate::proxy::snapshot::{Action, Target};
use crate::route::rewrite::RewritePlan;
use plan::VariantPlan;

/// A cluster, by index, with changes to the path and another Host.
pub type Destination<'a> = (usize, &'a Option<RewritePlan>, &'a Option<Box<[u8]>>);

/// Where a request goes that is to be sent on, with what becomes of its path and its Host: of its variant, where the route
/// has several.
pub fn destination<'a>(
    action: &'a Action,
    installed: &Installed,
    exchange: &mut Exchange,
    tally: &Tally,
) -> Option<Destination<'a>> {
    match action {
        Action::Forward { to: Target::Cluster(cluster), rewrite, host } => Some((*cluster, rewrite, host)),
        Action::Forward { to: Target::Split(split), .. } => {
            let variant = installed.splits[split.at].choose(split, exchange);
            // There are a few.
            tally.variant.set(Some(variant as u8));
            let VariantPlan { cluster, rewrite, host, .. } = &split.variants[variant];
            Some((*cluster, rewrite, host))
        }
        _ => None,
    }
}
