//! HTTP/1.1 over TLS 1.3, as the client: the same cipher, key exchange and tickets with every gateway.
//!
//! Verifies nothing, which would cost more than what is measured: the certificate is this program's own.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::RawFd;
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, TicketRequest};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::client::check;
use crate::message::Message;
use crate::socket;
use crate::work::Work;

/// What rustls reads at most in one go; less means that the socket is drained.
const READ_BYTES: usize = 4096;

/// One connection.
pub struct Secure {
    tls: ClientConnection,
    message: Message,
    /// Whether the gateway is to close behind the first answer.
    is_for_one: bool,
    is_answered: bool,
    is_over: bool,
}

/// TLS 1.3 with AES-128-GCM and X25519, which every contender speaks, without resumption.
pub fn config() -> anyhow::Result<Arc<ClientConfig>> {
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        kx_groups: vec![aws_lc_rs::kx_group::X25519],
        ..aws_lc_rs::default_provider()
    };
    let builder = ClientConfig::builder_with_provider(provider.into())
        .with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config =
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    config.resumption = Resumption::disabled();
    // RFC 9149, for gateways that send tickets unless asked not to.
    config.send_ticket_request = Some(TicketRequest { new_session_count: 0, resumption_count: 0 });
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

impl Secure {
    /// A connection for many requests or for one.
    pub fn new(config: &Arc<ClientConfig>, is_for_one: bool) -> anyhow::Result<Self> {
        let name = ServerName::try_from(crate::certificate::NAME)?;
        let tls = ClientConnection::new(config.clone(), name)?;
        Ok(Self { tls, message: Message::default(), is_for_one, is_answered: false, is_over: false })
    }

    /// Encrypts a request, or keeps it until that is possible.
    pub fn begin(&mut self, request: &[u8]) -> anyhow::Result<()> {
        Ok(self.tls.writer().write_all(request)?)
    }

    /// Sends what is there, as far as it goes.
    pub fn flush(&mut self, fd: RawFd) -> anyhow::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Socket(fd)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error).context("writing to the gateway"),
            }
        }
        Ok(())
    }

    /// Does what can be done. Gives how many answers have become complete.
    pub fn ready(&mut self, fd: RawFd, work: &Work, buffer: &mut [u8]) -> anyhow::Result<usize> {
        let mut answers = 0;
        self.flush(fd)?;
        loop {
            let count = match self.tls.read_tls(&mut Socket(fd)) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(answers),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(error.into()),
            };
            if count == 0 {
                ensure!(self.is_for_one && self.is_answered, "the gateway closed a connection");
                self.is_over = true;
                return Ok(answers);
            }
            let state = self.tls.process_new_packets()?;
            let plain = state.plaintext_bytes_to_read();
            if plain > 0 {
                let plain = plain.min(buffer.len());
                self.tls.reader().read_exact(&mut buffer[..plain])?;
                if self.message.advance(&buffer[..plain])? {
                    check(&self.message, work)?;
                    self.is_answered = true;
                    answers += 1;
                }
            }
            self.flush(fd)?;
            // The end may have come together with what was read, and would not be told again.
            let awaits_end = self.is_for_one && self.is_answered;
            if count < READ_BYTES && !awaits_end {
                return Ok(answers);
            }
        }
    }

    /// Whether the gateway has closed behind the first answer.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether no second request is sent.
    pub fn is_for_one(&self) -> bool {
        self.is_for_one
    }
}

struct Socket(RawFd);

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        socket::receive(self.0, buffer)?.ok_or_else(|| ErrorKind::WouldBlock.into())
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        socket::send_parts(self.0, parts)?.ok_or_else(|| ErrorKind::WouldBlock.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
