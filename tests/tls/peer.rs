//! A TLS client of rustls, for what must be controlled byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::harness::PATIENCE;

/// A connection on which nothing has been said yet.
pub struct Peer {
    pub stream: StreamOwned<ClientConnection, TcpStream>,
}

impl Peer {
    /// A client that trusts the `ca.pem` of `folder`, and shows the certificate with this name if there is one.
    pub fn connect(address: SocketAddr, folder: &Path, identity: Option<&str>) -> Self {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(folder.join("ca.pem")).expect("PEM");
        roots.add(ca).expect("an authority");
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let builder = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let config = match identity {
            Some(name) => {
                let file = |ending: &str| folder.join(format!("{name}.{ending}"));
                let certificate = CertificateDer::from_pem_file(file("pem")).expect("PEM");
                let key = PrivateKeyDer::from_pem_file(file("key")).expect("PEM");
                builder.with_client_auth_cert(vec![certificate], key).expect("a pair")
            }
            None => builder.with_no_client_auth(),
        };
        let name = "localhost".try_into().expect("a name");
        let client = ClientConnection::new(Arc::new(config), name).expect("a client");
        let socket = TcpStream::connect(address).expect("accepts");
        socket.set_nodelay(true).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("not zero");
        Self { stream: StreamOwned::new(client, socket) }
    }

    /// Sends these bytes in clear and the beginning of the handshake, all in pieces of this size.
    pub fn send_before(&mut self, clear: &[u8], piece: usize) {
        let mut bytes = clear.to_vec();
        while self.stream.conn.wants_write() {
            self.stream.conn.write_tls(&mut bytes).expect("into memory");
        }
        for piece in bytes.chunks(piece) {
            self.stream.sock.write_all(piece).expect("reads");
        }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("reads");
        self.stream.flush().expect("reads");
    }

    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("it comes");
        bytes
    }

    /// Says that nothing more will be said.
    pub fn finish_sending(&mut self) {
        self.stream.conn.send_close_notify();
        self.stream.flush().expect("reads");
        self.stream.sock.shutdown(Shutdown::Write).expect("open");
    }

    /// Everything up to the other side's goodbye, which must be said.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A connection that ends without `close_notify` is an error.
        self.stream.read_to_end(&mut bytes).expect("a close_notify at the end");
        bytes
    }

    /// Sends a request behind which the gateway closes, and gives everything up to that.
    pub fn ask(&mut self, request: &str) -> String {
        self.send(request.as_bytes());
        String::from_utf8(self.rest()).expect("text")
    }
}
