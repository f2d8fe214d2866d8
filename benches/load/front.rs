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
    let guarded = setup.talk == Talk::Guarded;
    let is_multiplexed = matches!(setup.talk, Talk::Multiplexed { .. });
    let at = |name: &str| setup.certificates.join(name).display().to_string();
    let when = |condition: bool, text: String| if condition { text } else { String::new() };
    match contender {
        Contender::Relay => Vec::new(),
        Contender::Ringgate => {
            let tls = format!("tls: {{certificates: [{{cert: {}, key: {}}}]}}", at(CERTIFICATE), at(KEY));
            let guard = guarded.then(|| format!("{RINGGATE_GUARD}      jwks_file: {}\n", at(JWKS)));
            vec![("tls", when(is_secure, tls)), ("guard", guard.unwrap_or_default())]
        }
        Contender::Nginx => {
            let tls = format!(
                "ssl_certificate {}; ssl_certificate_key {}; ssl_protocols TLSv1.3; ssl_session_cache off; \
                 ssl_session_tickets off; ssl_conf_command NumTickets 0; ssl_buffer_size 4k;",
                at(CERTIFICATE),
                at(KEY)
            );
            let listen = match setup.talk {
                Talk::Plain | Talk::Guarded => "",
                Talk::Secure | Talk::Handshakes => " ssl",
                Talk::Multiplexed { .. } => " http2",
            };
            let log = if guarded { "access_log /dev/null combined buffer=64k;" } else { "access_log off;" };
            let (zones, guard) = if guarded { (NGINX_ZONES, NGINX_GUARD) } else { ("", "") };
            vec![
                ("listen", listen.to_owned()),
                ("tls", when(is_secure, tls)),
                ("log", log.to_owned()),
                ("zones", zones.to_owned()),
                ("guard", guard.to_owned()),
            ]
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
            let texts = if guarded {
                [ENVOY_LOG.to_owned(), envoy_guard(), ENVOY_FIELDS.to_owned()]
            } else {
                [String::new(), String::new(), String::new()]
            };
            let [log, guard, fields] = texts;
            vec![
                ("transport", transport),
                ("codec", codec.to_owned()),
                ("log", log),
                ("guard", guard),
                ("fields", fields),
            ]
        }
    }
}

/// Ringgate's authenticator and limits. No limit is ever reached: what is measured is counting.
const RINGGATE_GUARD: &str = "access_log: {to: /dev/null}
rate_limits:
  per_address: {rate: 10000000/s, key: ['client.address']}
  per_subject: {rate: 10000000/s, key: ['identity.subject']}
authenticators:
  users:
    jwt:
      issuer: https://id.example.com
      audiences: [load]
      keys:
  ";

/// Ringgate's one route behind them.
pub const GUARDED_ROUTE: &str = "  - name: api
    match: {prefix: /api/v1}
    cluster: origin
    policies:
      authenticate: {any_of: [users]}
      rate_limit: {limits: [per_address, per_subject]}
      headers: {request: {set: {x-edge: load}}, response: {set: {x-served-by: edge}}}
";

/// Its name in the folder of certificates.
pub const JWKS: &str = "jwks.json";

const NGINX_ZONES: &str = "limit_req_zone $binary_remote_addr zone=address:10m rate=1000000r/s;
    limit_req_zone $http_authorization zone=token:10m rate=1000000r/s;";

const NGINX_GUARD: &str = "limit_req zone=address burst=1000000 nodelay;
            limit_req zone=token burst=1000000 nodelay;
            proxy_set_header X-Edge load;
            add_header X-Served-By edge;";

const ENVOY_LOG: &str = "access_log: [{name: envoy.access_loggers.file, typed_config: {\"@type\": \
    type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null}}]";

const ENVOY_FIELDS: &str = "request_headers_to_add: [{header: {key: x-edge, value: load}}]
                          response_headers_to_add: [{header: {key: x-served-by, value: edge}}]";

/// Its filters: a token from a local key set, remembered, and two buckets for everybody, which is less than by key.
fn envoy_guard() -> String {
    let jwks = include_str!("guarded/jwks.json").replace(['\n', ' '], "");
    let package = "type.googleapis.com/envoy.extensions.filters.http";
    let bucket = |name: &str| {
        format!(
            "                  - {{name: {name}, typed_config: {{\"@type\": {package}.local_ratelimit.v3.LocalRateLimit, \
             stat_prefix: {name}, token_bucket: {{max_tokens: 1000000000, tokens_per_fill: 1000000000, fill_interval: 1s}}, \
             filter_enabled: {{default_value: {{numerator: 100}}}}, filter_enforced: {{default_value: {{numerator: 100}}}}}}}}\n"
        )
    };
    format!(
        "                  - {{name: envoy.filters.http.jwt_authn, typed_config: {{\"@type\": \
         {package}.jwt_authn.v3.JwtAuthentication, providers: {{users: {{issuer: 'https://id.example.com', audiences: [load], \
         forward: true, local_jwks: {{inline_string: '{jwks}'}}, jwt_cache_config: {{jwt_cache_size: 100}}}}}}, \
         rules: [{{match: {{prefix: /}}, requires: {{provider_name: users}}}}]}}}}\n{}{}",
        bucket("per_address"),
        bucket("per_subject")
    )
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
