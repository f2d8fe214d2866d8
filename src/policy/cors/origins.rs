//! Which origins are admitted: exactly named ones, subdomains of a host, any, and the opaque one.
//!
//! Compares the serialisation that browsers send (RFC 6454 6.2): lower case, without a default port, without a
//! path. What is written in the configuration has to be in that form, so that comparing is comparing bytes.

use std::net::Ipv6Addr;

/// Longest Origin that is looked at: scheme, 253 bytes of host, port.
const ORIGIN_BYTES_MAX: usize = 300;

/// The origins that are admitted.
#[derive(Debug, Default)]
pub struct Origins {
    any: bool,
    null: bool,
    exact: Vec<Box<[u8]>>,
    patterns: Vec<Pattern>,
}

/// `https://*.example.com:8443`: any host below one.
#[derive(Debug)]
struct Pattern {
    /// With `://`.
    scheme: Box<[u8]>,
    /// `.example.com`; empty if the host is the one in `host`.
    below: Box<[u8]>,
    /// The host itself, where only the port is free.
    host: Box<[u8]>,
    port: Port,
}

#[derive(Debug)]
enum Port {
    /// With its colon; empty for the scheme's own.
    Is(Box<[u8]>),
    Any,
}

impl Origins {
    /// Compiles a list.
    ///
    /// # Errors
    /// With the place of what is not an origin, what is wrong with it, and what to do.
    pub fn compile(written: &[String]) -> Result<Self, Vec<(usize, String, &'static str)>> {
        let (mut all, mut errors) = (Self::default(), Vec::new());
        for (at, text) in written.iter().enumerate() {
            match &**text {
                "*" => all.any = true,
                "null" => all.null = true,
                _ => match Pattern::parse(text) {
                    Ok(None) => all.exact.push(text.as_bytes().into()),
                    Ok(Some(pattern)) => all.patterns.push(pattern),
                    Err((reason, hint)) => errors.push((at, reason, hint)),
                },
            }
        }
        all.exact.sort_unstable();
        if errors.is_empty() { Ok(all) } else { Err(errors) }
    }

    /// True if every origin is admitted.
    pub fn is_any(&self) -> bool {
        self.any
    }

    /// True if this origin is admitted.
    pub fn admits(&self, origin: &[u8]) -> bool {
        if origin.len() > ORIGIN_BYTES_MAX {
            return false;
        }
        if origin == b"null" {
            // Any page can have an opaque origin: a sandboxed frame is enough. No pattern means it.
            return self.null || self.any;
        }
        self.any
            || self.exact.binary_search_by(|one| (**one).cmp(origin)).is_ok()
            || self.patterns.iter().any(|pattern| pattern.admits(origin))
    }
}

impl Pattern {
    /// None for an origin without wildcards.
    fn parse(text: &str) -> Result<Option<Self>, (String, &'static str)> {
        const FORM: &str = "write it as browsers send it: `https://app.example.com`, with `:port` only if it is not the scheme's own";
        let wrong = |what: &str| Err((format!("`{text}` is no origin: {what}"), FORM));
        let Some((scheme, rest)) = text.split_once("://") else { return wrong("it has no `scheme://`") };
        if scheme.is_empty()
            || !scheme
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte))
        {
            return wrong("its scheme is not lower case");
        }
        if rest.contains(['/', '?', '#', '@']) {
            return wrong("an origin ends with its host or port");
        }
        let (host, port) = split_port(rest);
        let port = match port {
            None => Port::Is(Box::default()),
            Some("*") => Port::Any,
            Some(port) => {
                if port.is_empty() || port.starts_with('0') || port.parse::<u16>().is_err() {
                    return wrong("its port is not a number from 1 to 65535");
                }
                if matches!((scheme, port), ("http", "80") | ("https", "443")) {
                    return wrong("browsers leave the scheme's own port out");
                }
                Port::Is(format!(":{port}").into_bytes().into())
            }
        };
        let below = host.strip_prefix("*.");
        let name = below.unwrap_or(host);
        if !is_host(name) {
            return wrong("its host is not a lower-case name or address");
        }
        if below.is_some() && !name.contains('.') {
            return wrong("a wildcard needs two labels behind it");
        }
        if below.is_none() && matches!(port, Port::Is(_)) {
            return Ok(None);
        }
        Ok(Some(Self {
            scheme: format!("{scheme}://").into_bytes().into(),
            below: below.map_or_else(Box::default, |name| format!(".{name}").into_bytes().into()),
            host: name.as_bytes().into(),
            port,
        }))
    }

    fn admits(&self, origin: &[u8]) -> bool {
        let Some(rest) = origin.strip_prefix(&*self.scheme) else { return false };
        let host = match &self.port {
            Port::Is(port) => match rest.strip_suffix(&**port) {
                Some(host) => host,
                None => return false,
            },
            Port::Any => match memchr::memrchr(b':', rest) {
                Some(colon) if is_port(&rest[colon + 1..]) => &rest[..colon],
                _ => rest,
            },
        };
        if self.below.is_empty() {
            return host == &*self.host;
        }
        // What stands for `*` must be labels and nothing else: no port, no path, no user.
        host.strip_suffix(&*self.below)
            .is_some_and(|labels| !labels.is_empty() && labels.split(|&byte| byte == b'.').all(is_label))
    }
}

fn split_port(rest: &str) -> (&str, Option<&str>) {
    let from = rest.rfind(']').map_or(0, |end| end + 1);
    match rest[from..].rfind(':') {
        Some(colon) => (&rest[..from + colon], Some(&rest[from + colon + 1..])),
        None => (rest, None),
    }
}

fn is_port(text: &[u8]) -> bool {
    !text.is_empty() && text.len() <= 5 && text.iter().all(u8::is_ascii_digit)
}

fn is_host(host: &str) -> bool {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => {
            !host.is_empty() && host.len() <= 253 && host.split('.').all(|label| is_label(label.as_bytes()))
        }
    }
}

fn is_label(label: &[u8]) -> bool {
    let is_inside =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.len() <= 63 && label.iter().all(is_inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(written: &[&str]) -> Origins {
        Origins::compile(&written.iter().map(|&text| text.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn admits_what_is_written_and_nothing_that_looks_like_it() {
        let table: &[(&str, &[&str], &[&str])] = &[
            (
                "https://app.example.com",
                &["https://app.example.com"],
                &[
                    "http://app.example.com",
                    "https://app.example.com:444",
                    "https://app.example.com.evil.test",
                    "https://xapp.example.com",
                    "https://app.example.co",
                    "null",
                    "",
                ],
            ),
            (
                "https://*.example.com",
                &["https://a.example.com", "https://a.b.example.com"],
                &[
                    "https://example.com",
                    "https://.example.com",
                    "https://evilexample.com",
                    "https://evil.test/.example.com",
                    "https://evil.test?.example.com",
                    "https://evil.test#.example.com",
                    "https://evil.test:1.example.com",
                    "https://user@a.example.com",
                    "https://a.example.com:8443",
                    "http://a.example.com",
                    "https://a..example.com",
                    "https://A.example.com",
                ],
            ),
            (
                "https://*.example.com:8443",
                &["https://a.example.com:8443"],
                &["https://a.example.com", "https://a.example.com:18443", "https://a.example.com:84430"],
            ),
            (
                "http://localhost:*",
                &["http://localhost", "http://localhost:3000"],
                &[
                    "http://localhost:",
                    "http://localhost:x",
                    "http://localhost.evil.test",
                    "http://localhost:1:2",
                    "http://localhost:123456",
                ],
            ),
            ("http://[::1]:3000", &["http://[::1]:3000"], &["http://[::1]"]),
            ("*", &["https://anything.test", "null"], &[]),
            ("null", &["null"], &["https://a.test"]),
        ];
        for (written, admitted, refused) in table {
            let origins = origins(&[written]);
            for one in *admitted {
                assert!(origins.admits(one.as_bytes()), "{written} admits {one}");
            }
            for one in *refused {
                assert!(!origins.admits(one.as_bytes()), "{written} refuses {one}");
            }
        }
    }

    #[test]
    fn the_opaque_origin_is_admitted_only_where_it_is_named() {
        assert!(!origins(&["https://a.test", "https://*.b.test"]).admits(b"null"));
        assert!(origins(&["https://a.test", "null"]).admits(b"null"));
    }

    #[test]
    fn says_what_is_wrong_with_an_origin() {
        for (text, expected) in [
            ("example.com", "it has no `scheme://`"),
            ("HTTPS://example.com", "its scheme is not lower case"),
            ("https://example.com/", "an origin ends with its host or port"),
            ("https://Example.com", "its host is not a lower-case name or address"),
            ("https://example.com:443", "browsers leave the scheme's own port out"),
            ("https://example.com:0", "its port is not a number from 1 to 65535"),
            ("https://*.com", "a wildcard needs two labels behind it"),
            ("https://a*.example.com", "its host is not a lower-case name or address"),
        ] {
            let errors = Origins::compile(&[text.to_owned()]).unwrap_err();
            assert!(errors[0].1.ends_with(expected), "{text}: {}", errors[0].1);
        }
    }
}
