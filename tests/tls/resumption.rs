//! Sessions go on wherever the client comes back to.

use super::{ONE_REQUEST, Secure};
use crate::harness::FaultOrigin;

/// Connections in a row, each going on from the session before. With two workers they meet both.
const ROUNDS: usize = 12;

#[test]
fn a_session_goes_on_whichever_worker_takes_the_connection() {
    let origin = FaultOrigin::echo();
    // Where the kernel puts them: by the client's port, so both workers get some.
    let secure = Secure::prepared(origin.address(), "", "workers: {steering: off}", |_| {});
    for version in ["-tls1_2", "-tls1_3"] {
        let first = secure.s_client(&[version, "-sess_out", "session"], ONE_REQUEST);
        assert!(first.contains("New, TLSv1"), "{first}");
        for _ in 0..ROUNDS {
            let said =
                secure.s_client(&[version, "-sess_in", "session", "-sess_out", "session"], ONE_REQUEST);
            assert!(said.contains("Reused, TLSv1"), "{version}: {said}");
            assert!(said.contains("HTTP/1.1 200"), "{said}");
        }
    }
    let resumed = ROUNDS as f64;
    for version in ["1.2", "1.3"] {
        let selector = format!("ringgate_tls_handshakes_total{{version=\"{version}\",resumed=\"true\"}}");
        secure.gateway.metric_becomes(&selector, resumed);
    }
}
