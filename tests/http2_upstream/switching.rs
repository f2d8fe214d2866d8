//! What is to switch protocols, where endpoints speak HTTP/2.

use std::path::Path;

use super::before;
use crate::harness::{Authority, FaultOrigin, Gateway, first_cpu};

/// The key is that of RFC 6455 1.3.
const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn start(folder: &Path, name: &str, listener: &str, cluster: &str) -> Gateway {
    let yaml = format!(
        "listeners: [{{name: public, address: \"127.0.0.1:0\"{listener}}}]\n\
         admin: {{address: \"127.0.0.1:0\"}}\nworkers: {{cpus: [{}]}}\n\
         clusters: {{origin: {{{cluster}}}}}\nroutes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n",
        first_cpu()
    );
    let file = folder.join(name);
    std::fs::write(&file, yaml).expect("the folder is ours");
    Gateway::start_file(&file, tempfile::tempdir().expect("a temporary directory"), &[])
}

#[test]
fn a_websocket_gets_a_connection_of_http1_where_others_share_one_of_http2() {
    let origin = FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            if request.field("upgrade").is_some() {
                dialogue.send(SWITCH);
                while let Some(piece) = dialogue.piece() {
                    dialogue.send(piece);
                }
                return;
            }
            dialogue.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let folder = tempfile::tempdir().expect("a temporary directory");
    Authority::new(folder.path(), "ca").issue("site", &["localhost", "127.0.0.1"]);
    let inner = start(
        folder.path(),
        "inner.yaml",
        ", tls: {certificates: [{cert: site.pem, key: site.key}]}",
        &format!("endpoints: [\"{}\"]", origin.address()),
    );
    let port = inner.public().port();
    let cluster = format!("endpoints: [\"localhost:{port}\"], protocol: auto, tls: {{ca: ca.pem}}");
    let gateway = start(folder.path(), "outer.yaml", "", &cluster);
    for _ in 0..3 {
        assert_eq!(gateway.get("/").text(), "ok");
    }
    assert_eq!(gateway.metric("ringgate_endpoint_http2_streams_total"), 3.0);
    let mut wire = gateway.wire();
    wire.send(HANDSHAKE);
    assert_eq!(wire.read_head().status, 101);
    // A masked ping, which the origin echoes: a client may not be sent masked frames, but nobody here minds.
    wire.send([0x89, 0x80, 1, 2, 3, 4]);
    assert_eq!(wire.take(6), [0x89, 0x80, 1, 2, 3, 4]);
    assert_eq!(gateway.metric("ringgate_endpoint_http2_streams_total"), 3.0);
    assert_eq!(gateway.get("/").text(), "ok");
    assert_eq!(gateway.metric("ringgate_endpoint_http2_connections"), 1.0);
}

#[test]
fn nothing_switches_where_http2_is_all_there_is() {
    let origin = FaultOrigin::echo();
    before(origin.address()).start().send(HANDSHAKE).has_problem(501, "upgrade_not_supported");
    assert!(origin.requests().is_empty());
}
