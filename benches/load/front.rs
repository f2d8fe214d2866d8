//! What each contender is told about its clients' side: in clear, with TLS, or HTTP/2. Values for the templates.
//!
//! TLS is the same everywhere: version 1.3 alone, one certificate, no session cache. Cipher and key exchange are the
//! client's choice (`secure.rs`). Tickets are off, but Ringgate and HAProxy 2.6 send two whatever they are told.

use crate::certificate::{BOTH, CERTIFICATE, KEY};
use crate::contender::{Contender, Setup};
use crate::talk::Talk;

/// All values for a contender's template.
pub fn values(contender: Contender, setup: &Setup<'_>) -> Vec<(&'static str, String)> {
    let is_secure = setup.talk.is_secure();
    let is_multiplexed = matches!(setup.talk, Talk::Multiplexed { .. });
    let at = |name: &str| setup.certificates.join(name).display().to_string();
    let when = |condition: bool, text: String| if condition { text } else { String::new() };
    match contender {
        Contender::Relay => Vec::new(),
        Contender::Ringgate => {
            let tls = format!("tls: {{certificates: [{{cert: {}, key: {}}}]}}", at(CERTIFICATE), at(KEY));
            vec![("tls", when(is_secure, tls))]
        }
        Contender::Nginx => {
            let tls = format!(
                "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3; ssl_session_cache off; \
                 ssl_session_tickets off; ssl_conf_command NumTickets 0; ssl_buffer_size 4k;",
                at(CERTIFICATE),
                at(KEY)
            );
            let listen = match setup.talk {
                Talk::Plain => "",
                Talk::Secure | Talk::Handshakes => " ssl",
                Talk::Multiplexed { .. } => " http2",
            };
            vec![("listen", listen.to_owned()), ("tls", when(is_secure, tls))]
        }
        Contender::Haproxy => {
            let tls = format!(" ssl crt {} ssl-min-ver TLSv1.3 alpn http/1.1 no-tls-tickets", at(BOTH));
            vec![("bind", if is_multiplexed { " proto h2".to_owned() } else { when(is_secure, tls) })]
        }
        Contender::Envoy => {
            let transport = if is_secure {
                envoy_tls(&at(CERTIFICATE), &at(KEY))
            } else {
                socket("raw_buffer", "RawBuffer", "")
            };
            let codec = if is_multiplexed { "HTTP2" } else { "HTTP1" };
            vec![("transport", transport), ("codec", codec.to_owned())]
        }
    }
}

fn envoy_tls(certificate: &str, key: &str) -> String {
    let settings = format!(
        ", disable_stateless_session_resumption: true, disable_stateful_session_resumption: true, \
         common_tls_context: {{tls_params: {{tls_minimum_protocol_version: TLSv1_3, \
         tls_maximum_protocol_version: TLSv1_3}}, alpn_protocols: [http/1.1], tls_certificates: \
         [{{certificate_chain: {{filename: {certificate}}}, private_key: {{filename: {key}}}}}]}}"
    );
    socket("tls", "DownstreamTlsContext", &settings)
}

/// An Envoy transport socket of this kind.
fn socket(kind: &str, message: &str, settings: &str) -> String {
    let package = "type.googleapis.com/envoy.extensions.transport_sockets";
    format!(
        "{{name: envoy.transport_sockets.{kind}, typed_config: {{\"@type\": {package}.{kind}.v3.{message}{settings}}}}}"
    )
}
