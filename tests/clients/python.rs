//! Python's http.client and httpx. The scripts assert; here they are only run.

use super::real;
use crate::harness::{FaultOrigin, Setup, python};

#[test]
fn http_client_talks_through_the_gateway() {
    let origin = FaultOrigin::echo();
    let gateway = Setup::before(origin.address()).start();
    python("http_client.py", gateway.public(), &[]);
}

#[test]
fn httpx_talks_through_the_gateway_to_nginx() {
    let (nginx, gateway) = real();
    nginx.write("files/page", b"a page of nginx");
    python("httpx_client.py", gateway.public(), &[]);
}
