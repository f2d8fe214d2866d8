//! Every client with every service: bodies byte by byte, trailers, WebSocket. Services that speak TLS or HTTP/2 are another
//! gateway in front of the origin.

use std::fmt::Display;

use super::websocket::{gets, library, masked, open, plain};
use crate::harness::h2::H2;
use crate::harness::{Authority, FaultOrigin, Gateway, Pattern, Setup, curl};

const TLS: &str = "tls: {certificates: [{cert: site.pem, key: site.key}]}";

/// What a service speaks: lines of the listener in front of it, and words for the cluster that it is.
const SERVICES: [(&str, &str); 4] =
    [("http2: false", ""), ("http2: false, TLS", "TLS"), ("TLS", "h2 TLS"), ("http2: true", "h2")];

/// A gateway with this configuration, and certificates of its own.
fn gateway(setup: &Setup) -> Gateway {
    let directory = tempfile::tempdir().expect("a temporary directory");
    Authority::new(directory.path(), "ca").issue("site", &["localhost", "127.0.0.1"]);
    let second = format!("listeners: [{{name: secure, address: \"127.0.0.1:0\", {TLS}}}, ");
    let yaml = setup.yaml().replacen("listeners: [", &second, 1);
    let file = directory.path().join("gateway.yaml");
    std::fs::write(&file, yaml).expect("the directory is ours");
    Gateway::start_file(&file, directory, &[])
}

/// The service, and a gateway before it that speaks everything with clients.
fn before(origin: impl Display, (listener, cluster): (&str, &str)) -> [Gateway; 2] {
    let inner = gateway(&Setup::before(origin).listener(&listener.replace("TLS", TLS)));
    let tls = format!("tls: {{ca: {}, name: localhost}}", inner.directory().join("ca.pem").display());
    let mut outer = Setup::before(inner.listener("public"));
    for word in cluster.split_whitespace() {
        outer = outer.cluster(&if word == "TLS" { tls.clone() } else { format!("protocol: {word}") });
    }
    [inner, gateway(&outer)]
}

/// Gives back what it gets, in chunks and with a trailer.
fn echo() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            dialogue.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in request.body.chunks(30_000) {
                dialogue.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
            }
            dialogue.send("0\r\nX-Sum: 7\r\n\r\n");
        }
    })
}

#[test]
fn every_client_meets_every_service() {
    let origin = echo();
    let body = Pattern::new(9).bytes(1_500_000);
    for service in SERVICES {
        let [_inner, outer] = before(origin.address(), service);
        let folder = outer.directory();
        let (sent, got) = (folder.join("sent"), folder.join("got"));
        std::fs::write(&sent, &body).expect("the folder is ours");
        for (option, listener, version) in [
            ("--http1.1", "public", "1.1"),
            ("--http1.1", "secure", "1.1"),
            ("--http2", "secure", "2"),
            ("--http2-prior-knowledge", "public", "2"),
        ] {
            let scheme = if listener == "secure" { "https" } else { "http" };
            let said = curl(&[
                option,
                "--cacert",
                &folder.join("ca.pem").display().to_string(),
                "--data-binary",
                &format!("@{}", sent.display()),
                "--output",
                &got.display().to_string(),
                "--write-out",
                "%{http_version} %{http_code}",
                &format!("{scheme}://{}/", outer.listener(listener)),
            ]);
            assert_eq!(said, format!("{version} 200"), "{service:?}");
            assert!(std::fs::read(&got).unwrap() == body, "another body: {service:?} {option}");
        }
    }
}

#[test]
fn trailers_pass_to_every_service_and_back() {
    let origin = echo();
    let body = Pattern::new(9).bytes(3_000_000);
    for (number, service) in SERVICES.into_iter().enumerate() {
        let [_inner, outer] = before(origin.address(), service);
        let mut client = H2::connect(outer.listener("public"));
        let id = client.request("POST", "/", &[], false);
        client.data(id, &body, false);
        client.trailers(id, &[("x-check", "1")]);
        let answer = client.answer(id);
        assert_eq!((answer.status(), answer.reset), (200, None), "{service:?}");
        assert!(answer.body == body, "another body: {service:?}");
        assert_eq!(answer.trailers.unwrap(), [("x-sum".to_owned(), "7".to_owned())], "{service:?}");
        let request = &origin.requests()[number];
        assert_eq!(request.trailers, [("x-check".to_owned(), "1".to_owned())], "{service:?}");
    }
}

#[test]
fn a_websocket_goes_to_services_of_http1() {
    let (_origin, address) = library();
    for service in [SERVICES[0], SERVICES[1], ("TLS", "auto TLS")] {
        let [_inner, outer] = before(address, service);
        let mut client = H2::connect(outer.listener("public"));
        let id = open(&mut client, "/echo");
        let mut at = 0;
        for size in [0, 200, 300_000] {
            let payload = vec![b'a'; size];
            client.data(id, &masked(2, &payload), false);
            at = gets(&mut client, id, at, &plain(2, &payload));
        }
    }
}
