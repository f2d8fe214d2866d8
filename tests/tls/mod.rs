//! TLS with clients and with endpoints, against OpenSSL (curl, `openssl s_client`, Python, nginx) and rustls.

mod client_certificates;
mod configuration;
mod downstream;
mod explain;
mod layers;
mod peer;
mod refused;
mod resumption;
mod rotation;
mod scanned;
mod upstream;
mod websocket;

use std::fmt::Display;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{Authority, FaultOrigin, Gateway, curl};

/// A gateway that speaks TLS, and the folder of its files.
struct Secure {
    gateway: Gateway,
    folder: PathBuf,
    authority: Authority,
}

impl Secure {
    /// Before one origin, with a certificate `site` for localhost and 127.0.0.1 and these further lines under `tls:`.
    fn before(endpoint: impl Display, tls: &str) -> Self {
        Self::prepared(endpoint, tls, "", |_| {})
    }

    /// The same with lines at the top level, once `prepare` has issued what they name.
    fn prepared(endpoint: impl Display, tls: &str, top: &str, prepare: impl FnOnce(&Authority)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let folder = directory.path().to_owned();
        let authority = Authority::new(&folder, "ca");
        authority.issue("site", &["localhost", "127.0.0.1"]);
        prepare(&authority);
        let certificates = if tls.contains("certificates: [") {
            ""
        } else {
            "certificates: [{cert: site.pem, key: site.key}],"
        };
        let yaml = format!(
            "listeners: [{{name: public, address: \"127.0.0.1:0\", tls: {{{certificates} {tls}}}}}]\n\
             admin: {{address: \"127.0.0.1:0\"}}\n{top}\n\
             clusters: {{origin: {{endpoints: [\"{endpoint}\"]}}}}\n\
             routes: [{{name: all, match: {{prefix: /}}, cluster: origin}}]\n"
        );
        let file = folder.join("gateway.yaml");
        std::fs::write(&file, yaml).expect("the directory is ours");
        let gateway = Gateway::start_file(&file, directory, &[]);
        Self { gateway, folder, authority }
    }

    fn address(&self) -> SocketAddr {
        self.gateway.public()
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn url(&self, target: &str) -> String {
        format!("https://localhost:{}{target}", self.address().port())
    }

    /// curl that trusts the authority, over HTTP/1.1 unless `arguments` say otherwise.
    #[track_caller]
    fn curl(&self, arguments: &[&str]) -> String {
        let ca = self.path("ca.pem");
        curl(&[&["--ipv4", "--http1.1", "--cacert", &ca], arguments].concat())
    }

    /// What `openssl s_client` says of a connection on which `input` is sent, whether it likes it or not.
    fn s_client(&self, arguments: &[&str], input: &str) -> String {
        s_client(self.address(), &self.folder, arguments, input)
    }
}

/// An origin that gives back what it gets.
fn body_echo() -> FaultOrigin {
    FaultOrigin::start(|dialogue| {
        while let Some(request) = dialogue.request() {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len());
            if !dialogue.send(head) || !dialogue.send(&request.body) {
                return;
            }
        }
    })
}

fn s_client(address: SocketAddr, folder: &Path, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", &address.to_string(), "-ign_eof", "-CAfile", "ca.pem"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl is installed");
    // It may have gone already, which what it says tells.
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A request after which the gateway closes, so that `openssl s_client` ends.
const ONE_REQUEST: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
