//! HTTP/2 with origins: nginx, grpcio, a gateway as origin, and raw frames for what none of them does.

mod faults;
mod grpc;
mod nginx;
mod pairing;
mod secure;
mod switching;

use std::net::SocketAddr;

use crate::harness::{Process, Setup, python_beside};

/// A gateway of one worker that speaks HTTP/2 with `endpoint`, without TLS.
fn before(endpoint: SocketAddr) -> Setup {
    Setup::before(endpoint).one_worker().cluster("protocol: h2")
}

/// A gRPC server of grpcio.
fn grpc_origin() -> (Process, SocketAddr) {
    grpc_origin_with(&[])
}

/// The same; with the files of a certificate and its key it speaks TLS.
fn grpc_origin_with(pair: &[&str]) -> (Process, SocketAddr) {
    let process = python_beside("grpc_origin.py", pair);
    let line = process.line("listening ");
    let port = line.trim_start_matches("listening ").parse().expect("a port");
    (process, SocketAddr::from(([127, 0, 0, 1], port)))
}
