//! Clients that other people wrote, through the gateway to an nginx that other people wrote.

mod curl;
mod load;
mod python;

use crate::harness::{Gateway, Nginx, Setup};

/// A gateway before a real nginx.
fn real() -> (Nginx, Gateway) {
    let nginx = Nginx::start(
        "location / { return 200 \"hello from nginx\\n\"; }\n\
         location /files/ { }\n\
         location /moved { return 302 /files/; }\n\
         location /gone { return 410; }\n\
         location /put { dav_methods PUT; create_full_put_path on; client_body_buffer_size 64k; }",
    );
    let gateway = Setup::before(nginx.address()).start();
    (nginx, gateway)
}
