//! `${secret.NAME}` wherever it is written, and where secrets come from.

use super::Check;
use crate::config::secret::SecretSource;
use crate::config::suggest;
use crate::config::tree::{Node, Value};
use crate::config::units::UnitError;

pub(super) fn check(check: &mut Check<'_>) {
    let config = check.config;
    for (name, source) in &config.secrets {
        self::source(check, &format!("secrets.{name}"), source);
    }
    for (path, token) in config.admin.iter().flat_map(|admin| admin.secrets()) {
        source(check, &path, token);
    }
    let written = check.document.tree().get("secrets").map(Node::entries).unwrap_or_default();
    let known: Vec<&str> = written.iter().map(|(key, _)| &*key.text).collect();
    walk(check, check.document.tree(), &known, &mut String::new());
}

fn source(check: &mut Check<'_>, at: &str, source: &SecretSource) {
    let (key, is_empty) = match source {
        SecretSource::Env(name) => ("env", name.is_empty() || name.contains(['=', '\0', '$'])),
        SecretSource::File(path) => ("file", path.as_os_str().is_empty()),
        SecretSource::Credential(name) => ("credential", name.is_empty() || name.contains('/')),
    };
    if is_empty {
        let why = UnitError::new("no secret can be there")
            .hint("write the bare name of a variable or credential, or the path of a file");
        check.error("bad-secret", &format!("{at}.{key}"), why);
    }
}

/// Looks at every text. Depth is bounded by the parser.
fn walk(check: &mut Check<'_>, node: &Node, known: &[&str], path: &mut String) {
    let len = path.len();
    match &node.value {
        Value::Text(text) if text.contains(OPEN) => references(check, text, known, path),
        Value::Sequence(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                walk(check, item, known, path);
                path.truncate(len);
            }
        }
        Value::Mapping(entries) => {
            for (key, value) in entries {
                if len > 0 {
                    path.push('.');
                }
                path.push_str(&key.text);
                walk(check, value, known, path);
                path.truncate(len);
            }
        }
        _ => {}
    }
}

fn references(check: &mut Check<'_>, text: &str, known: &[&str], path: &str) {
    for reference in text.split(OPEN).skip(1) {
        let Some((name, _)) = reference.split_once('}') else {
            check.error(
                "bad-secret",
                path,
                UnitError::new("`${secret.` without its `}`").hint("write ${secret.NAME}"),
            );
            continue;
        };
        if !known.contains(&name) {
            let mut why = UnitError::new(format!("there is no secret `{name}`"));
            let add = || format!("add under secrets: `{name}: {{ env: VARIABLE }}`");
            why.hint = Some(suggest::hint(name, known, "there are").unwrap_or_else(add));
            check.error("unknown-secret", path, why);
        }
    }
}

const OPEN: &str = "${secret.";
