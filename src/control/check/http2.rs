//! HTTP/2 with endpoints: what it needs, and what cannot be together with it.

use super::{Check, limits};
use crate::config::units::{ByteSize, UnitError};
use crate::upstream::config::{ClusterConfig, ClusterHttp2Config, GrpcWebConfig, ProtocolConfig};

/// Streams at once on one connection.
const STREAMS_MAX: u32 = 1000;

pub(super) fn check(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    let protocol = format!("{at}.protocol");
    if cluster.protocol == ProtocolConfig::Auto && cluster.tls.is_none() {
        let why = UnitError::new("without TLS there is no handshake that could tell the protocol");
        check.error(
            "no-tls",
            &protocol,
            why.hint("write `tls: {}`, or `protocol: h2` for HTTP/2 without TLS"),
        );
    }
    if cluster.protocol == ProtocolConfig::Http1 {
        return without(check, at, cluster);
    }
    if cluster.proxy_protocol.is_some() {
        let why =
            UnitError::new("a PROXY header speaks for one client, and a connection of HTTP/2 is shared");
        check.error(
            "proxy-header",
            &protocol,
            why.hint("remove `proxy_protocol`, or write `protocol: http1`"),
        );
    }
    let http2 = &cluster.http2;
    let at = format!("{at}.http2");
    if !(1..=STREAMS_MAX).contains(&http2.streams) {
        let why = UnitError::new(format!("{} is not from 1 to {STREAMS_MAX}", http2.streams));
        check.error("out-of-range", &format!("{at}.streams"), why.hint("write 100"));
    }
    if !(ByteSize::kib(64)..=ByteSize::kib(16 * 1024)).contains(&http2.window) {
        let why = UnitError::new(format!("{} is not from 64KiB to 16MiB", http2.window));
        check.error("out-of-range", &format!("{at}.window"), why.hint("write 128KiB"));
    }
    for (name, span) in
        [("max_age", http2.max_age), ("ping_after", http2.ping_after), ("ping_timeout", http2.ping_timeout)]
    {
        check.value("zero-timeout", &format!("{at}.{name}"), limits::some_time(span));
    }
}

/// What nothing looks at where HTTP/1.1 is spoken.
fn without(check: &mut Check<'_>, at: &str, cluster: &ClusterConfig) {
    for (name, is_written) in [
        ("http2", cluster.http2 != ClusterHttp2Config::default()),
        ("grpc_web", cluster.grpc_web != GrpcWebConfig::default()),
    ] {
        if is_written {
            let why = UnitError::new("these endpoints are spoken to in HTTP/1.1");
            check.warning(
                "no-effect",
                &format!("{at}.{name}"),
                why.hint("write `protocol: h2`, or `auto` with TLS"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::control::check::tests::{expect, found, with};

    fn cluster(lines: &str) -> String {
        with(&format!("clusters: {{api: {{endpoints: ['127.0.0.1:9'], {lines}}}}}"))
    }

    #[test]
    fn says_what_http2_needs() {
        for (lines, code, words) in [
            ("protocol: auto", "no-tls", "protocol: h2"),
            ("protocol: h2, http2: {streams: 0}", "out-of-range", "1"),
            ("protocol: h2, http2: {window: 1KiB}", "out-of-range", "64KiB"),
            ("protocol: h2, http2: {ping_after: 0s}", "zero-timeout", ""),
            ("http2: {streams: 5}", "no-effect", "protocol: h2"),
            ("grpc_web: pass", "no-effect", "HTTP/1.1"),
        ] {
            expect(&cluster(lines), code, 1, words);
        }
        let proxied = found(&cluster("protocol: h2, proxy_protocol: v2"));
        assert!(proxied.iter().any(|one| one.code == "proxy-header"), "{proxied}");
    }
}
