//! Values that are kept out of the configuration and never printed.
//!
//! A [`SecretSource`] says where a value is, a [`Secret`] is the value. Owns the reading and its bounds; it never
//! looks at the process's environment, but at the [`Environment`] it is given.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::units::UnitError;

/// Where a secret value is. It cannot be written in the configuration itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// In this environment variable.
    Env(String),
    /// In this file, relative to the configuration's folder.
    File(PathBuf),
    /// In this systemd credential (`LoadCredential=`).
    Credential(String),
}

impl SecretSource {
    /// The value, without its trailing line end. Refused if empty, larger than [`LIMIT_BYTES`] or not UTF-8.
    pub fn read(&self, environment: &Environment) -> Result<Secret, UnitError> {
        let value = match self {
            Self::Env(name) => environment.variable(name)?.to_owned(),
            Self::File(path) => read_file(&environment.base.join(path))?,
            Self::Credential(name) => read_file(&credential(name, environment)?)?,
        };
        if value.len() as u64 > LIMIT_BYTES {
            return Err(too_large(&self.to_string()));
        }
        let value = value.strip_suffix('\n').map_or(&*value, |line| line.strip_suffix('\r').unwrap_or(line));
        if value.is_empty() {
            return Err(UnitError::new(format!("{self} is empty")));
        }
        Ok(Secret(value.into()))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable `{name}`"),
            Self::File(path) => write!(f, "file `{}`", path.display()),
            Self::Credential(name) => write!(f, "credential `{name}`"),
        }
    }
}

/// A value that is never printed: `Debug`, `Display` and `Serialize` say `(hidden)`.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// A value that came from elsewhere than a [`SecretSource`].
    pub fn new(value: impl Into<Box<str>>) -> Self {
        Self(value.into())
    }

    /// The value. Whoever calls this sees to it that it is not printed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the value. Takes as long for a near miss as for a wide one.
    pub fn equals(&self, other: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let differing = own.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
        own.len() == other.len() && std::hint::black_box(differing) == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

/// What a configuration may see of the process. Made by `cli`; nothing below reads the environment.
#[derive(Clone, Default)]
pub struct Environment {
    /// Environment variables. Those that are not UTF-8 are left out.
    pub variables: BTreeMap<String, String>,
    /// The folder that relative files of secrets are looked for in.
    pub base: PathBuf,
}

impl Environment {
    fn variable(&self, name: &str) -> Result<&str, UnitError> {
        self.variables.get(name).map(String::as_str).ok_or_else(|| {
            UnitError::new(format!("environment variable `{name}` is not set"))
                .hint("set it where the gateway is started")
        })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Variables hold secrets: their names alone.
        let names: Vec<&String> = self.variables.keys().collect();
        f.debug_struct("Environment").field("variables", &names).field("base", &self.base).finish()
    }
}

fn credential(name: &str, environment: &Environment) -> Result<PathBuf, UnitError> {
    let mut components = Path::new(name).components();
    let plain = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    if !plain || name.contains('/') {
        return Err(UnitError::new(format!("`{name}` is not the name of a credential"))
            .hint("write the name that LoadCredential= gives it, without a folder"));
    }
    let folder = environment.variables.get(CREDENTIALS_VARIABLE).ok_or_else(|| {
        UnitError::new(format!("credential `{name}` cannot be read: {CREDENTIALS_VARIABLE} is not set"))
            .hint(format!("add LoadCredential={name}:/path/of/the/file to the systemd unit"))
    })?;
    Ok(Path::new(folder).join(name))
}

fn read_file(path: &Path) -> Result<String, UnitError> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        UnitError::new(format!("file `{shown}` cannot be read: {error}"))
            .hint("a relative path begins at the folder of the configuration")
    };
    // Before it is opened: opening a named pipe would wait for its writer.
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(UnitError::new(format!("`{shown}` is not a file")));
    }
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut bytes = Vec::new();
    // One more than the limit, so that what is too large is seen to be.
    file.take(LIMIT_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LIMIT_BYTES {
        return Err(too_large(&format!("file `{shown}`")));
    }
    String::from_utf8(bytes).map_err(|_| UnitError::new(format!("file `{shown}` is not UTF-8 text")))
}

fn too_large(what: &str) -> UnitError {
    UnitError::new(format!("{what} is larger than 64 KiB"))
}

/// No key, token or certificate is larger; a device or a log given by mistake is.
pub const LIMIT_BYTES: u64 = 64 * 1024;

const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
const HIDDEN: &str = "(hidden)";

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(base: &Path) -> Environment {
        let variables =
            [("TOKEN", "s3cr3t\n"), ("EMPTY", ""), ("CREDENTIALS_DIRECTORY", &base.display().to_string())]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Environment { variables: variables.into(), base: base.to_owned() }
    }

    #[test]
    fn reads_each_source_without_its_line_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("key"), "s3cr3t\r\n").unwrap();
        let environment = environment(folder.path());
        for source in [
            SecretSource::Env("TOKEN".into()),
            SecretSource::File("key".into()),
            SecretSource::Credential("key".into()),
        ] {
            assert_eq!(source.read(&environment).unwrap().expose(), "s3cr3t", "{source}");
        }
    }

    #[test]
    fn refuses_what_is_missing_empty_large_binary_or_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("large"), vec![b'a'; LIMIT_BYTES as usize + 1]).unwrap();
        std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
        std::fs::write(folder.path().join("line"), "\n").unwrap();
        let environment = environment(folder.path());
        for (source, reason) in [
            (SecretSource::Env("ABSENT".into()), "is not set"),
            (SecretSource::Env("EMPTY".into()), "is empty"),
            (SecretSource::File("absent".into()), "cannot be read"),
            (SecretSource::File("large".into()), "larger than 64 KiB"),
            (SecretSource::File("binary".into()), "is not UTF-8"),
            (SecretSource::File("line".into()), "is empty"),
            (SecretSource::File(".".into()), "is not a file"),
            (SecretSource::Credential("../key".into()), "is not the name of a credential"),
            (SecretSource::Credential("..".into()), "is not the name of a credential"),
        ] {
            let error = source.read(&environment).unwrap_err();
            assert!(error.reason.contains(reason), "{source}: {error}");
        }
    }

    #[test]
    fn is_never_printed() {
        let secret = Secret::new("s3cr3t");
        let environment = environment(Path::new("/"));
        let printed =
            [format!("{secret:?} {secret} {environment:?}"), serde_json::to_string(&secret).unwrap()]
                .concat();
        assert!(!printed.contains("s3cr3t"), "{printed}");
        assert!(printed.contains("(hidden)"));
    }

    #[test]
    fn equals_itself_alone() {
        let secret = Secret::new("abc");
        assert!(secret.equals(b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b""] {
            assert!(!secret.equals(other));
        }
    }

    #[test]
    fn is_written_in_three_ways_and_no_other() {
        let source: SecretSource = serde_json::from_str(r#"{"env":"TOKEN"}"#).unwrap();
        assert_eq!(source, SecretSource::Env("TOKEN".into()));
        for wrong in [r#""TOKEN""#, r#"{"value":"x"}"#, r#"{"env":"A","file":"B"}"#] {
            assert!(serde_json::from_str::<SecretSource>(wrong).is_err(), "{wrong}");
        }
    }
}
