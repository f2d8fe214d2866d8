//! The path that goes upstream, and the target of a redirect.
//!
//! Works on normalised paths; captured values are put in as they are, still encoded, so what was data in one
//! segment stays data. Appends to the caller's buffer and never allocates besides. Neither can get CR or LF into
//! its result: configuration has none, normalised paths have none, and the rest is filtered.

use super::config::{RedirectConfig, RewriteConfig};
use super::params::Params;
use super::path::{self, PathRules};
use super::pattern::PathPattern;
use super::plan::PlanError;
use super::template::{self, Piece};

/// How a route changes the path and the host of its requests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RewritePlan {
    template: Option<Vec<Piece>>,
    strip_prefix: String,
    add_prefix: String,
    host: Option<String>,
}

impl RewritePlan {
    /// Compiles the written form; `names` are the captured parameters of the route.
    ///
    /// # Errors
    /// Every fault found, with its place relative to `rewrite`.
    pub fn compile(
        config: &RewriteConfig,
        names: &[String],
        rules: &PathRules,
    ) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        if config.path.is_some() && (config.strip_prefix.is_some() || config.add_prefix.is_some()) {
            let reason = "`path` excludes `strip_prefix` and `add_prefix`";
            errors.push(PlanError::new("path", reason, "write the whole new path in `path`"));
        }
        let mut keep = |result: Result<_, PlanError>| result.map_err(|error| errors.push(error)).ok();
        let template = config.path.as_deref().and_then(|path| keep(path_template(path, names, rules)));
        let mut prefix = |written: &Option<String>, at: &str| {
            let plain = written.as_deref().map(|written| plain_prefix(written, at, rules));
            plain.transpose().map_err(|error| errors.push(error)).ok().flatten().unwrap_or_default()
        };
        let strip_prefix = prefix(&config.strip_prefix, "strip_prefix");
        let add_prefix = prefix(&config.add_prefix, "add_prefix");
        if let Some(error) = config.host.as_deref().and_then(host_fault) {
            errors.push(error);
        }
        let plan = Self { template, strip_prefix, add_prefix, host: config.host.clone() };
        if errors.is_empty() { Ok(plan) } else { Err(errors) }
    }

    /// Whether the path goes upstream as it is.
    pub fn keeps_path(&self) -> bool {
        self.template.is_none() && self.strip_prefix.is_empty() && self.add_prefix.is_empty()
    }

    /// The new Host field, if the route sets one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Appends the new path, which always begins with `/`. `path` is the normalised path, `params` what the
    /// route captured of it. Without the query.
    pub fn apply(&self, path: &str, params: &Params, out: &mut Vec<u8>) {
        let start = out.len();
        if let Some(pieces) = &self.template {
            for piece in pieces {
                out.extend_from_slice(match piece {
                    Piece::Text(text) => text.as_bytes(),
                    Piece::Param(index) => params.value(*index, path).unwrap_or_default().as_bytes(),
                    Piece::Word(_) => b"",
                });
            }
        } else {
            out.extend_from_slice(self.add_prefix.as_bytes());
            out.extend_from_slice(without_prefix(path, &self.strip_prefix).as_bytes());
        }
        if out.get(start) != Some(&b'/') {
            out.insert(start, b'/');
        }
    }
}

/// `path` without `prefix`, which is removed in whole segments only. What is left begins with `/` or is empty.
fn without_prefix<'a>(path: &'a str, prefix: &str) -> &'a str {
    match path.strip_prefix(prefix) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

fn path_template(written: &str, names: &[String], rules: &PathRules) -> Result<Vec<Piece>, PlanError> {
    let at = "path";
    let mut scratch = Vec::new();
    match path::normalise(written.as_bytes(), rules, &mut scratch) {
        Ok(normal) if normal == written => template::compile(written, at, &[], names),
        // What goes upstream must be normal too, and captured values are whole segments of a normal path.
        Ok(normal) => {
            Err(PlanError::new(at, format!("`{written}` is not in normal form"), format!("write {normal}")))
        }
        Err(refusal) => {
            let hint = "begin with a slash and leave out the query, which is kept as it is";
            Err(PlanError::new(at, format!("`{written}`: {}", refusal.detail()), hint))
        }
    }
}

/// A prefix without parameters, normalised, without its last slash: empty for `/`.
fn plain_prefix(written: &str, at: &str, rules: &PathRules) -> Result<String, PlanError> {
    let pattern = PathPattern::prefix(written, at, rules)?;
    if !pattern.names.is_empty() {
        return Err(PlanError::new(
            at,
            format!("`{written}` has a parameter"),
            "use `path` to rewrite with parameters",
        ));
    }
    Ok(pattern.to_string().trim_end_matches("/...").to_owned())
}

fn host_fault(host: &str) -> Option<PlanError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    let is_host = !host.is_empty() && host.bytes().all(fits);
    (!is_host)
        .then(|| PlanError::new("host", format!("`{host}` is not a host"), "write a name, or name:port"))
}

/// What a redirect may use of the request it answers.
#[derive(Debug, Clone, Copy)]
pub struct RedirectView<'a> {
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The authority as the client sent it, with port.
    pub host: &'a str,
    /// The normalised path.
    pub path: &'a str,
    /// The query without its `?`.
    pub query: Option<&'a [u8]>,
    /// What the route captured of the path.
    pub params: &'a Params,
}

/// Where a route sends its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectPlan {
    status: u16,
    pieces: Vec<Piece>,
}

/// The words of a redirect's template, in the order of [`Piece::Word`].
const WORDS: [&str; 4] = ["scheme", "host", "path", "query"];

impl RedirectPlan {
    /// Compiles the written form; `names` are the captured parameters of the route.
    ///
    /// # Errors
    /// Every fault found, with its place relative to `redirect`.
    pub fn compile(config: &RedirectConfig, names: &[String]) -> Result<Self, Vec<PlanError>> {
        let mut errors = Vec::new();
        if ![301, 302, 303, 307, 308].contains(&config.status) {
            let reason = format!("{} is not a redirect", config.status);
            errors.push(PlanError::new("status", reason, "use 301, 302, 303, 307 or 308"));
        }
        let pieces = template::compile(&config.to, "to", &WORDS, names).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        if errors.is_empty()
            && let Some(reason) = open_target(&config.to)
        {
            let hint =
                "begin with /, {path}, {scheme}://host or https://host, and end the host before a parameter";
            errors.push(PlanError::new("to", reason, hint));
        }
        if errors.is_empty() { Ok(Self { status: config.status, pieces }) } else { Err(errors) }
    }

    /// The status code.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Appends the value of the Location field.
    pub fn apply(&self, view: &RedirectView<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Param(index) => {
                    extend_visible(out, view.params.value(*index, view.path).unwrap_or_default().as_bytes())
                }
                Piece::Word(0) => extend_visible(out, view.scheme.as_bytes()),
                Piece::Word(1) => extend_visible(out, view.host.as_bytes()),
                Piece::Word(2) => extend_visible(out, view.path.as_bytes()),
                Piece::Word(_) => {
                    if let Some(query) = view.query {
                        out.push(b'?');
                        extend_visible(out, query);
                    }
                }
            }
        }
        keep_on_this_host(out, start);
    }
}

/// Appends the visible ASCII of `value`: nothing in it can end the field (RFC 9110 5.5) or is a URI's otherwise.
fn extend_visible(out: &mut Vec<u8>, value: &[u8]) {
    out.extend(value.iter().filter(|byte| byte.is_ascii_graphic()));
}

/// `//name` in Location is another host (RFC 3986 4.2). Where the path has empty segments or a parameter is
/// first, a client could choose that host, so only one slash stays at the front.
fn keep_on_this_host(out: &mut Vec<u8>, start: usize) {
    let slashes = out[start..].iter().take_while(|byte| **byte == b'/').count();
    if slashes > 1 {
        out.drain(start..start + slashes - 1);
    }
}

/// Why a client could choose the host that `written` leads to, if it could.
fn open_target(written: &str) -> Option<&'static str> {
    if written.starts_with('/') || written.starts_with("{path}") {
        return written.starts_with("//").then_some("it begins with two slashes");
    }
    let authority =
        ["{scheme}://", "https://", "http://"].iter().find_map(|scheme| written.strip_prefix(scheme));
    let Some(authority) = authority else { return Some("it begins with neither a path nor a scheme") };
    let end = ["/", "{path}", "{query}", "?", "#"].iter().filter_map(|stop| authority.find(stop)).min();
    let authority = &authority[..end.unwrap_or(authority.len())];
    if authority.is_empty() {
        return Some("it has no host");
    }
    let ends_in_param = authority.ends_with('}') && authority != "{host}";
    ends_in_param.then_some("its host ends in a captured parameter")
}
