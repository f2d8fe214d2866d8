//! Signed tokens through the whole gateway: who is let in, who is not, and where keys come from.

mod attacks;
mod openid;
mod rotation;
mod secrets;
mod tokens;

use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

use crate::harness::{FaultOrigin, Gateway, Response, ringgate};

const ISSUER: &str = "https://id.example";

/// A key that `ringgate token` has made, in a folder.
struct Issuer {
    folder: tempfile::TempDir,
}

impl Issuer {
    fn new(algorithm: &str) -> Self {
        let issuer = Self { folder: tempfile::tempdir().expect("a temporary directory") };
        issuer.add(algorithm, "private");
        issuer
    }

    /// Makes one more key.
    fn add(&self, algorithm: &str, name: &str) {
        let out = self.path("");
        ringgate(&["token", "keys", "--alg", algorithm, "--name", name, "--out", text(&out)]).succeeded();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The public keys.
    fn jwks(&self) -> String {
        std::fs::read_to_string(self.path("jwks.json")).expect("made above")
    }

    /// A token for `orders`, signed with the first key.
    fn token(&self, more: &[&str]) -> String {
        self.token_by("private.pem", more)
    }

    /// The same, signed with this one.
    fn token_by(&self, file: &str, more: &[&str]) -> String {
        let path = self.path(file);
        let usual = [
            "token",
            "sign",
            "--key",
            text(&path),
            "--issuer",
            ISSUER,
            "--audience",
            "orders",
            "--subject",
            "ann",
        ];
        ringgate(&[&usual[..], more].concat()).succeeded().trim().to_owned()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Claims that would be believed.
fn claims() -> Value {
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    json!({"iss": ISSUER, "aud": "orders", "sub": "ann", "iat": now, "exp": now + 600})
}

/// A token of whatever header and claims, signed by whatever key.
fn forge(header: &str, claims: &str, key: &EncodingKey, algorithm: Algorithm) -> String {
    let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm).expect("the key fits");
    format!("{message}.{signature}")
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let mut out = String::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        out.extend((0..=group.len()).map(|index| digit(bits >> (18 - 6 * index))));
    }
    out
}

/// A gateway whose one route wants a token, and what stands behind it.
struct Guarded {
    gateway: Gateway,
    origin: FaultOrigin,
    log: PathBuf,
}

impl Guarded {
    /// `settings` are those of the authenticator, besides issuer and audience.
    #[track_caller]
    fn start(settings: &str, top: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let origin = FaultOrigin::echo();
        let (file, log) = (directory.path().join("gateway.yaml"), directory.path().join("access.log"));
        let yaml = format!(
            "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
             access_log: {{to: '{}'}}\n{top}\nauthenticators:\n  partners:\n    jwt:\n      issuer: {ISSUER}\n      \
             audiences: [orders]\n{settings}\nclusters: {{origin: {{endpoints: ['{}']}}}}\n\
             routes: [{{name: all, cluster: origin, policies: {{authenticate: {{any_of: [partners]}}}}}}]\n",
            log.display(),
            origin.address(),
            settings = settings.lines().map(|line| format!("      {line}\n")).collect::<String>(),
        );
        std::fs::write(&file, yaml).expect("the directory is ours");
        Self { gateway: Gateway::start_file(&file, directory, &[]), origin, log }
    }

    /// With the keys of this issuer in a file.
    #[track_caller]
    fn by_file(issuer: &Issuer, more: &str) -> Self {
        let keys = issuer.path("jwks.json");
        Self::start(&format!("keys: {{jwks_file: '{}'}}\n{more}", keys.display()), "")
    }

    #[track_caller]
    fn ask(&self, token: &str) -> Response {
        self.gateway.get_with("/orders", &format!("Authorization: Bearer {token}\r\n"))
    }

    fn counted(&self, outcome: &str) -> f64 {
        self.gateway.metric(&format!(
            "ringgate_authentications_total{{authenticator=\"partners\",outcome=\"{outcome}\"}}"
        ))
    }

    fn remembered(&self) -> f64 {
        self.gateway.metric("ringgate_authentications_remembered_total{authenticator=\"partners\"}")
    }
}
