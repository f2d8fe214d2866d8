//! What is copied and compared, compiled.

use super::config::{CompareConfig, ShadowConfig};
use super::json_path::JsonPath;
use crate::http::is_token;
use crate::http::method::Method;
use crate::route::methods::MethodSet;
use crate::route::plan::PlanError;
use std::time::Duration;

/// Largest request body that may be copied: with its head it has to fit one buffer.
const BODY_BYTES_MAX: u64 = 128 * 1024;
/// Largest body of an answer that may be compared. Reading one as JSON stops the worker for about a millisecond.
const COMPARED_BYTES_MAX: u64 = 256 * 1024;
/// Places that may differ.
const IGNORED_MAX: usize = 64;
/// Fields that are compared.
const FIELDS_MAX: usize = 32;
/// Copies in flight for the whole gateway.
const IN_FLIGHT_MAX: u32 = 10_000;

/// What is copied, of one route.
#[derive(Debug)]
pub struct ShadowPlan {
    /// The route's name.
    pub route: Box<str>,
    /// Index of the cluster that gets copies.
    pub cluster: usize,
    /// The Host field of copies, if not the client's.
    pub host: Option<Box<[u8]>>,
    /// How many of a million requests are copied.
    pub millionths: u32,
    /// Methods, where they are named.
    methods: Option<MethodSet>,
    /// Largest request body that is copied, in bytes.
    pub body_bytes: usize,
    /// For an answer.
    pub timeout: Duration,
    /// Copies in flight, for the whole gateway.
    pub in_flight_max: u32,
    /// Share of its time that a worker may be busy, in thousandths.
    pub busy_permille_max: i64,
    /// Fields that copies do not carry, lower case.
    pub removed: Box<[Box<[u8]>]>,
    /// What is compared.
    pub compare: Option<ComparePlan>,
}

/// What of two answers is compared.
#[derive(Debug, Default)]
pub struct ComparePlan {
    /// Names of fields, lower case.
    pub fields: Box<[Box<str>]>,
    /// Largest body, in bytes; 0 for none.
    pub body_bytes: usize,
    /// Places that may differ.
    pub ignored: Box<[JsonPath]>,
    /// Whether samples show values.
    pub shows_values: bool,
}

/// What a plan is made of besides the written form.
#[derive(Debug, Clone, Copy)]
pub struct Whereto<'a> {
    /// The route's name.
    pub route: &'a str,
    /// Index of the cluster that gets copies.
    pub cluster: usize,
    /// The Host field of copies, if not the client's.
    pub host: Option<&'a str>,
}

impl ShadowPlan {
    /// Compiles the written form.
    ///
    /// # Errors
    /// Every fault found, with its place below `shadow`.
    pub fn compile(config: &ShadowConfig, to: Whereto<'_>) -> Result<Self, Vec<PlanError>> {
        let mut errors = faults(config);
        let methods = (!config.methods.is_empty()).then(|| {
            MethodSet::compile(&config.methods).unwrap_or_else(|error| {
                errors.push(error);
                MethodSet::default()
            })
        });
        let compare = config.compare.as_ref().map(|compare| ComparePlan::compile(compare, &mut errors));
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Self {
            route: to.route.into(),
            cluster: to.cluster,
            host: to.host.map(|host| host.as_bytes().into()),
            millionths: config.share.millionths(),
            methods,
            body_bytes: bytes(config.body_bytes.bytes()),
            timeout: config.timeout.duration(),
            in_flight_max: config.max_in_flight,
            busy_permille_max: i64::from(config.busy_max.millionths() / 1_000),
            removed: config.remove_headers.iter().map(|name| lower(name).into_bytes().into()).collect(),
            compare,
        })
    }

    /// Whether requests with this method are copied.
    pub fn admits(&self, method: Method, text: &[u8]) -> bool {
        match &self.methods {
            Some(methods) => methods.admits(method, text),
            None => method.is_safe(),
        }
    }
}

impl ComparePlan {
    fn compile(config: &CompareConfig, errors: &mut Vec<PlanError>) -> Self {
        names("compare.headers", &config.headers, errors);
        let mut ignored = Vec::with_capacity(config.ignore.len());
        for (index, path) in config.ignore.iter().enumerate() {
            match JsonPath::parse(path) {
                Ok(path) => ignored.push(path),
                Err(reason) => {
                    let hint = "write a JSON pointer: /id, /items/*/updated, /**/request_id";
                    errors.push(PlanError::new(&format!("compare.ignore[{index}]"), reason, hint));
                }
            }
        }
        Self {
            fields: config.headers.iter().map(|name| lower(name).into()).collect(),
            body_bytes: bytes(config.body_bytes.bytes()),
            ignored: ignored.into(),
            shows_values: config.show_values,
        }
    }
}

fn faults(config: &ShadowConfig) -> Vec<PlanError> {
    let mut errors = Vec::new();
    let mut refuse = |is_wrong: bool, at: &str, reason: String, hint: &str| {
        if is_wrong {
            errors.push(PlanError::new(at, reason, hint));
        }
    };
    let body = config.body_bytes;
    refuse(body.bytes() > BODY_BYTES_MAX, "body_bytes", format!("{body} is more than 128KiB"), "write 16KiB");
    let is_none = config.timeout.duration().is_zero();
    refuse(is_none, "timeout", "no answer comes in no time".to_owned(), "write 5s");
    let count = config.max_in_flight;
    let is_odd = !(1..=IN_FLIGHT_MAX).contains(&count);
    refuse(is_odd, "max_in_flight", format!("{count} is not from 1 to {IN_FLIGHT_MAX}"), "write 100");
    if let Some(compare) = &config.compare {
        let body = compare.body_bytes;
        let is_large = body.bytes() > COMPARED_BYTES_MAX;
        refuse(is_large, "compare.body_bytes", format!("{body} is more than 256KiB"), "write 32KiB");
        let many = compare.ignore.len() > IGNORED_MAX;
        refuse(many, "compare.ignore", format!("more than {IGNORED_MAX} places"), "use `*` and `**`");
        let many = compare.headers.len() > FIELDS_MAX;
        refuse(many, "compare.headers", format!("more than {FIELDS_MAX} fields"), "name those that matter");
    }
    names("remove_headers", &config.remove_headers, &mut errors);
    errors
}

fn names(at: &str, names: &[String], errors: &mut Vec<PlanError>) {
    for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_token(name.as_bytes())) {
        let reason = format!("`{name}` is not the name of a field");
        errors.push(PlanError::new(&format!("{at}[{index}]"), reason, "write it as `content-type`"));
    }
}

fn lower(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn bytes(size: u64) -> usize {
    usize::try_from(size).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(yaml: serde_json::Value) -> Result<ShadowPlan, Vec<PlanError>> {
        let config: ShadowConfig = serde_json::from_value(yaml).unwrap();
        ShadowPlan::compile(&config, Whereto { route: "r", cluster: 0, host: None })
    }

    #[test]
    fn copies_what_changes_nothing_unless_methods_are_named() {
        let plan = compiled(serde_json::json!({"cluster": "a"})).unwrap();
        assert!(plan.admits(Method::Get, b"GET") && plan.admits(Method::Head, b"HEAD"));
        assert!(!plan.admits(Method::Post, b"POST") && !plan.admits(Method::Other, b"PURGE"));
        let plan = compiled(serde_json::json!({"cluster": "a", "methods": ["POST", "PURGE"]})).unwrap();
        assert!(plan.admits(Method::Post, b"POST") && plan.admits(Method::Other, b"PURGE"));
        assert!(!plan.admits(Method::Get, b"GET"));
    }

    #[test]
    fn finds_every_fault_with_its_place() {
        let errors = compiled(serde_json::json!({
            "cluster": "a", "body_bytes": "1MiB", "timeout": "0s", "max_in_flight": 0, "methods": ["get"],
            "remove_headers": ["a b"],
            "compare": {"headers": ["ok", "not ok"], "body_bytes": "1MiB", "ignore": ["a"]},
        }))
        .unwrap_err();
        let places: Vec<_> = errors.iter().map(|error| error.at.as_str()).collect();
        assert_eq!(
            places,
            [
                "body_bytes",
                "timeout",
                "max_in_flight",
                "compare.body_bytes",
                "remove_headers[0]",
                "methods[0]",
                "compare.headers[1]",
                "compare.ignore[0]"
            ]
        );
    }
}
