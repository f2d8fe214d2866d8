//! `ringgate token`: keys and tokens for trying things out, and a look into a token.
//!
//! Prints tokens and public keys. Private keys go to files that only their owner may read, and nowhere else.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use crate::config::units::Span;
use crate::policy::auth::jwt::algorithm::Algorithm;
use crate::policy::auth::jwt::json;
use crate::policy::auth::jwt::signing::SigningKey;
use crate::policy::auth::jwt::token::Compact;
use crate::rt::clock;

/// Largest key or set that is read.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Make keys and tokens (JWT) for trying out, or look into a token.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate token keys --alg ES256 --out keys
  ringgate token sign --key keys/private.pem --issuer https://id.example.com \\
      --audience orders --subject ann --scope 'orders:read' --expires 1h
  ringgate token sign --key keys/private.pem --issuer https://id.example.com --subject ann \\
      --claim tenant=acme --claim 'roles=[\"admin\",\"auditor\"]'
  ringgate token read eyJhbGciOi...
  curl -H \"Authorization: Bearer $(ringgate token sign ...)\" http://127.0.0.1:8080/")]
pub struct Token {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a key: a private one in a file of its own, the public one in a JWK set beside it.
    Keys(Keys),
    /// Sign a token and print it.
    Sign(Sign),
    /// Show header and claims of a token. Verifies nothing.
    Read(ReadToken),
}

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate token keys --alg ES256 --out keys               keys/private.pem and keys/jwks.json
  ringgate token keys --alg EdDSA --out keys --name next   one more, in the same keys/jwks.json
  ringgate token keys --alg HS256 --out keys               keys/private.secret, to be named under `secrets:`")]
struct Keys {
    /// What it signs with: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA, HS256, HS384 or HS512.
    #[arg(long, default_value = "ES256", value_parser = algorithm)]
    alg: Algorithm,
    /// The folder; made if it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What the private key's file is called.
    #[arg(long, default_value = "private")]
    name: String,
}

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate token sign --key keys/private.pem --issuer https://id.example.com --audience orders --subject ann
  ringgate token sign --key keys/private.secret --alg HS512 --issuer https://id.example.com --audience orders \\
      --subject ann --scope 'orders:read orders:write' --claim tenant=acme --claim 'roles=[\"admin\"]'
  ringgate token sign --key keys/private.pem --issuer https://id.example.com --audience orders --subject ann \\
      --expires -1h                                        one that has ended")]
struct Sign {
    /// The private key: PEM, or a file with a shared secret.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// How to sign. Default: as `jwks.json` beside the key says, else the usual way with such keys.
    #[arg(long, value_parser = algorithm)]
    alg: Option<Algorithm>,
    /// `iss`: who says all this.
    #[arg(long)]
    issuer: String,
    /// `aud`: whom it is for. May be given several times.
    #[arg(long)]
    audience: Vec<String>,
    /// `sub`: who it is.
    #[arg(long)]
    subject: Option<String>,
    /// `scope`: what may be asked for, words.
    #[arg(long)]
    scope: Option<String>,
    /// Any claim; a value that is JSON is taken as such. May be given several times.
    #[arg(long = "claim", value_name = "NAME=VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
    /// How long it is good; `-1h` for one that has ended.
    #[arg(long, default_value = "1h", allow_hyphen_values = true, value_parser = ending)]
    expires: Ending,
    /// `typ` of the header.
    #[arg(long = "type", default_value = "at+jwt")]
    kind: String,
}

#[derive(Args)]
#[command(after_help = "Examples:
  ringgate token read eyJhbGciOi...
  ringgate token sign ... | ringgate token read -")]
struct ReadToken {
    /// The token, or `-` to read it from the standard input.
    token: String,
}

/// When a token ends: so long from now, or so long ago.
#[derive(Clone, Copy)]
struct Ending(i64);

impl Token {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        match &self.action {
            Action::Keys(keys) => keys.run()?,
            Action::Sign(sign) => println!("{}", sign.token(clock::wall_seconds())?),
            Action::Read(read) => print!("{}", read.shown(clock::wall_seconds())?),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Keys {
    fn run(&self) -> anyhow::Result<()> {
        if self.name.is_empty() || self.name.contains('/') {
            bail!("`{}` is not the name of a file", self.name);
        }
        std::fs::create_dir_all(&self.out).with_context(|| format!("cannot make {}", self.out.display()))?;
        let (key, text) = SigningKey::generate(self.alg)?;
        let is_shared = key.public_jwk().is_none();
        let private = self.out.join(format!("{}.{}", self.name, if is_shared { "secret" } else { "pem" }));
        write_private(&private, &text)?;
        println!("{}: the private key; only its owner may read it", private.display());
        if let Some(jwk) = key.public_jwk() {
            let set = self.out.join("jwks.json");
            let count = add_to_set(&set, jwk)?;
            println!("{}: the public key `{}`, {count} in all", set.display(), key.id());
        }
        Ok(())
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    // Never over another key: tokens of that one could not be signed any more.
    let opened = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// Adds a key to a set, which may not be there yet. It is replaced whole, so that nobody reads half of it.
fn add_to_set(path: &Path, jwk: Value) -> anyhow::Result<usize> {
    let mut set = match std::fs::read(path) {
        Ok(text) => match json::object(&text) {
            Ok(set) => set,
            Err(_) => bail!("{} is there and is no JWK set", path.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let keys = set.entry("keys").or_insert_with(|| json!([]));
    let Some(list) = keys.as_array_mut() else { bail!("{} is there and is no JWK set", path.display()) };
    list.push(jwk);
    let count = list.len();
    let written = path.with_extension("json.new");
    std::fs::write(&written, serde_json::to_string_pretty(&set)? + "\n")
        .and_then(|()| std::fs::rename(&written, path))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(count)
}

impl Sign {
    fn token(&self, now_s: u64) -> anyhow::Result<String> {
        let shown = self.key.display();
        let text = read_bounded(&self.key).with_context(|| format!("cannot read {shown}"))?;
        let mut key =
            SigningKey::read(&text, self.alg).with_context(|| format!("cannot sign with {shown}"))?;
        if self.alg.is_none()
            && let Some(published) = published_algorithm(&self.key, &key.id())
        {
            key = SigningKey::read(&text, Some(published))?;
        }
        let mut claims = Map::new();
        claims.insert("iss".to_owned(), self.issuer.as_str().into());
        match self.audience.as_slice() {
            [] => None,
            [one] => claims.insert("aud".to_owned(), one.as_str().into()),
            several => claims.insert("aud".to_owned(), several.into()),
        };
        for (name, value) in [("sub", &self.subject), ("scope", &self.scope)] {
            if let Some(value) = value {
                claims.insert(name.to_owned(), value.as_str().into());
            }
        }
        claims.insert("iat".to_owned(), now_s.min(now_s.saturating_add_signed(self.expires.0)).into());
        claims.insert("exp".to_owned(), now_s.saturating_add_signed(self.expires.0).into());
        claims.insert("jti".to_owned(), token_id()?.into());
        claims.extend(self.claims.iter().cloned());
        Ok(key.sign(&self.kind, &claims)?)
    }
}

/// What the set beside a key says that the key is for.
fn published_algorithm(key: &Path, id: &str) -> Option<Algorithm> {
    let set = json::object(read_bounded(&key.with_file_name("jwks.json")).ok()?.as_bytes()).ok()?;
    let own = set.get("keys")?.as_array()?.iter().find(|key| key["kid"] == *id)?;
    Algorithm::parse(own.get("alg")?.as_str()?)
}

fn token_id() -> anyhow::Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).ok().context("there is no randomness")?;
    Ok(crate::policy::auth::jwt::base64url::encode(&bytes))
}

fn read_bounded(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?.take(FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

impl ReadToken {
    fn shown(&self, now_s: u64) -> anyhow::Result<String> {
        let text = if self.token == "-" {
            let mut text = String::new();
            std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text)?;
            text
        } else {
            self.token.clone()
        };
        let text = text.trim();
        let text = text.strip_prefix("Bearer ").unwrap_or(text);
        let parts = || {
            let token = Compact::split(text.as_bytes())?;
            Ok::<_, crate::policy::auth::jwt::reason::Reason>((token.header_members()?, token.claims()?))
        };
        let Ok((header, claims)) = parts() else {
            bail!("this is no JWT in compact form: HEADER.CLAIMS.SIGNATURE, each base64url without padding")
        };
        let mut shown = format!(
            "header {}\nclaims {}\n",
            serde_json::to_string_pretty(&header)?,
            serde_json::to_string_pretty(&claims)?
        );
        if let Some(exp) = claims.get("exp").and_then(Value::as_u64) {
            let (distance, word) =
                if exp > now_s { (exp - now_s, "ends in") } else { (now_s - exp, "has ended, by") };
            shown.push_str(&format!("{word} {distance} s\n"));
        }
        shown.push_str("the signature was not verified\n");
        Ok(shown)
    }
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    let names = || Algorithm::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
    Algorithm::parse(text).ok_or_else(|| format!("there are: {}", names()))
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

fn ending(text: &str) -> Result<Ending, String> {
    let (sign, length) = text.strip_prefix('-').map_or((1, text), |length| (-1, length));
    let span: Span = length.parse().map_err(|error: crate::config::units::UnitError| error.to_string())?;
    // A span is at most ten years.
    Ok(Ending(sign * span.duration().as_secs().cast_signed()))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::policy::auth::jwt::jwk::{self, Symmetric};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        token: Token,
    }

    fn sign(arguments: &[&str]) -> anyhow::Result<String> {
        let line = Line::try_parse_from([&["token", "sign"], arguments].concat())?;
        match line.token.action {
            Action::Sign(sign) => sign.token(1000),
            _ => bail!("another action"),
        }
    }

    fn make(folder: &Path, more: &[&str]) -> anyhow::Result<()> {
        let folder = folder.to_str().context("UTF-8")?;
        let line = Line::try_parse_from([&["token", "keys", "--out", folder], more].concat())?;
        match line.token.action {
            Action::Keys(keys) => keys.run(),
            _ => bail!("another action"),
        }
    }

    #[test]
    fn keys_add_up_in_one_set_and_none_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &["--alg", "ES256"]).unwrap();
        make(folder.path(), &["--alg", "EdDSA", "--name", "next"]).unwrap();
        make(folder.path(), &["--alg", "HS256"]).unwrap();
        assert!(make(folder.path(), &[]).is_err(), "private.pem is there");
        let set = std::fs::read(folder.path().join("jwks.json")).unwrap();
        assert!(!String::from_utf8_lossy(&set).contains("\"d\""));
        assert_eq!(jwk::read(&set, Symmetric::PassOver).unwrap().keys.keys().len(), 2);
        for file in ["private.pem", "next.pem", "private.secret"] {
            let mode = std::os::unix::fs::MetadataExt::mode(&folder.path().join(file).metadata().unwrap());
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }

    #[test]
    fn a_token_says_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        make(folder.path(), &[]).unwrap();
        let key = folder.path().join("private.pem");
        let token = sign(&[
            "--key",
            key.to_str().unwrap(),
            "--issuer",
            "i",
            "--audience",
            "a",
            "--audience",
            "b",
            "--subject",
            "ann",
            "--scope",
            "x y",
            "--claim",
            "n=7",
            "--claim",
            "s=7a",
            "--expires",
            "-5s",
        ])
        .unwrap();
        let claims = Compact::split(token.as_bytes()).unwrap().claims().unwrap();
        assert_eq!((&claims["aud"], &claims["scope"]), (&json!(["a", "b"]), &json!("x y")));
        assert_eq!((&claims["n"], &claims["s"], &claims["exp"]), (&json!(7), &json!("7a"), &json!(995)));
        let shown = ReadToken { token }.shown(1000).unwrap();
        assert!(shown.contains("\"ann\"") && shown.contains("has ended, by 5 s"), "{shown}");
        assert!(shown.ends_with("the signature was not verified\n"));
    }

    #[test]
    fn mistakes_are_told() {
        for wrong in [
            &["--key", "/nowhere", "--issuer", "i"][..],
            &["--key", "k", "--issuer", "i", "--alg", "none"],
            &["--key", "k", "--issuer", "i", "--claim", "x"],
            &["--key", "k", "--issuer", "i", "--expires", "soon"],
        ] {
            assert!(sign(wrong).is_err(), "{wrong:?}");
        }
        assert!(ReadToken { token: "a.b".to_owned() }.shown(0).is_err());
    }
}
