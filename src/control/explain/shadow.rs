//! Whether a request is copied, and to whom.

use std::fmt::Write;

use crate::policy::exchange::Exchange;
use crate::proxy::snapshot::{RoutePlan, Snapshot};

pub(super) fn tell(out: &mut String, snapshot: &Snapshot, plan: &RoutePlan, exchange: &Exchange) {
    let Some(shadow) = plan.care.as_ref().and_then(|care| care.shadow.as_ref()) else { return };
    let cluster = &snapshot.clusters[shadow.cluster].name;
    let request = &exchange.request;
    if !shadow.admits(request.method, request.method_text()) {
        let _ = writeln!(out, "shadow      none: requests with this method are not copied");
        return;
    }
    if !exchange.upgrade.is_empty() {
        let _ = writeln!(out, "shadow      none: what switches protocols is not copied");
        return;
    }
    let share = f64::from(shadow.millionths) / 1e4;
    let bytes = shadow.body_bytes;
    let _ = writeln!(out, "shadow      {share} % go to {cluster} as well, with bodies up to {bytes} bytes");
}
