//! gRPC and gRPC-Web to a grpcio server over TLS.

use super::{before, grpc_origin_with};
use crate::harness::{Authority, Gateway, Process, python};

/// The server, and a gateway before it that speaks HTTP/2 with clients in clear.
fn secure() -> (Process, Gateway) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Authority::new(directory.path(), "ca").issue("site", &["localhost", "127.0.0.1"]);
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (origin, address) = grpc_origin_with(&[&path("site.pem"), &path("site.key")]);
    let tls = format!("tls: {{ca: {}, name: localhost}}", path("ca.pem"));
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, before(address).cluster(&tls).yaml()).expect("the directory is ours");
    (origin, Gateway::start_file(&file, directory, &[]))
}

#[test]
fn all_kinds_of_call_reach_a_server_over_tls() {
    let (_origin, gateway) = secure();
    python("grpc_client.py", gateway.public(), &["kinds", "turns", "large", "metadata", "errors"]);
}

#[test]
fn grpc_web_reaches_a_server_over_tls() {
    let (_origin, gateway) = secure();
    python("grpc_web_client.py", gateway.public(), &[]);
}
