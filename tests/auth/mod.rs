//! Keys, passwords, certificates and opaque tokens, through the whole gateway.

mod api_key;
mod basic;
mod certificate;
mod introspection;
mod key_commands;
mod keys_of_operator;
pub mod openid_provider;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::harness::{FaultOrigin, Gateway, Response, Wire};

/// A gateway whose one route asks who is asking, its origin, and the folder of its files.
struct Guarded {
    gateway: Gateway,
    origin: FaultOrigin,
    folder: PathBuf,
}

impl Guarded {
    /// `authenticators` in YAML on one line; `top` are further lines; `prepare` writes files beside the configuration.
    #[track_caller]
    fn start(authenticators: &str, top: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        prepare(directory.path());
        Self::start_in(authenticators, top, directory)
    }

    /// The same before another origin than one that echoes.
    #[track_caller]
    fn before(origin: FaultOrigin, authenticators: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        prepare(directory.path());
        Self::start_with(origin, authenticators, "", directory)
    }

    /// The same in a folder that is there already, with the state folder `state` in it.
    #[track_caller]
    fn start_in(authenticators: &str, top: &str, directory: tempfile::TempDir) -> Self {
        Self::start_with(FaultOrigin::echo(), authenticators, top, directory)
    }

    #[track_caller]
    fn start_with(
        origin: FaultOrigin,
        authenticators: &str,
        top: &str,
        directory: tempfile::TempDir,
    ) -> Self {
        let folder = directory.path().to_owned();
        let file = folder.join("gateway.yaml");
        let yaml = format!(
            "listeners: [{{name: public, address: '127.0.0.1:0'}}]\nadmin: {{address: '127.0.0.1:0'}}\n\
             access_log: {{to: {log}}}\n{top}\nauthenticators: {{clients: {{{authenticators}}}}}\n\
             clusters: {{origin: {{endpoints: ['{origin}']}}}}\n\
             routes: [{{name: all, cluster: origin, policies: {{authenticate: {{any_of: [clients]}}, \
             identity: {{headers: {{X-Who: '${{identity.method}} ${{identity.subject}}', X-Key: '${{identity.key_id}}', \
             X-Tenant: '${{identity.tenant}}', X-Plan: '${{identity.plan}}', X-Scopes: '${{identity.scopes}}', \
             X-Roles: '${{identity.roles}}'}}}}}}}}]\n",
            log = folder.join("access.log").display(),
            origin = origin.address(),
        );
        std::fs::write(&file, yaml).expect("the directory is ours");
        let state = ("RINGGATE_STATE".to_owned(), folder.join("state").display().to_string());
        std::fs::create_dir_all(folder.join("state")).expect("the directory is ours");
        let gateway = Gateway::start_file(&file, directory, &[state]);
        Self { gateway, origin, folder }
    }

    /// A GET with these fields.
    #[track_caller]
    fn get(&self, target: &str, fields: &str) -> Response {
        self.gateway.get_with(target, fields)
    }

    /// What the service was last told of who is asking: method and name, key, tenant, plan, scopes, roles.
    #[track_caller]
    fn told(&self) -> Vec<String> {
        let request = self.origin.requests().pop().expect("the service was asked");
        let field = |name: &&str| request.field(name).unwrap_or("-").to_owned();
        ["x-who", "x-key", "x-tenant", "x-plan", "x-scopes", "x-roles"].iter().map(field).collect()
    }

    /// Asks the operator's listener to change something.
    #[track_caller]
    fn change(&self, method: &str, path: &str, body: &Value) -> Response {
        let (body, admin) = (body.to_string(), self.gateway.admin());
        Wire::connect(admin).ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ))
    }

    /// Everything that the process has written or shows.
    fn everything(&self) -> String {
        let mut all = self.gateway.stdout().join("\n") + &self.gateway.stderr();
        for entry in std::fs::read_dir(&self.folder).expect("readable").flatten() {
            let name = entry.file_name();
            if name.to_string_lossy().ends_with(".log") {
                all.push_str(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        let paths = [
            "/metrics",
            "/config",
            "/status",
            "/source",
            "/errors",
            "/routes",
            "/clusters",
            "/generations",
            "/audit",
            "/keys",
            "/revocations",
            "/recent/decisions",
            "/recent/heads",
        ];
        for path in paths {
            all.push_str(&self.gateway.admin_get(path).text());
        }
        all
    }

    /// Asserts that none of these texts is anywhere in what the process has written or shows.
    #[track_caller]
    fn keeps_to_itself(&self, secrets: &[&str]) {
        crate::harness::eventually("the access log is written", || {
            std::fs::metadata(self.folder.join("access.log")).is_ok_and(|log| log.len() > 0)
        });
        let all = self.everything();
        for secret in secrets {
            assert!(secret.len() >= 4 && !all.contains(secret), "`{secret}` is shown:\n{all}");
        }
    }
}

/// Runs `ringgate` with an input: whether it succeeded, standard output, standard error.
fn run(arguments: &[&str], input: &str, admin: Option<&Gateway>) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringgate"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    if let Some(gateway) = admin {
        command.env("RINGGATE_ADMIN", format!("http://{}", gateway.admin()));
    }
    let mut child = command.spawn().expect("the binary is built");
    let mut stdin = child.stdin.take().expect("it is piped");
    // Whoever refuses its arguments reads nothing.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.success(), text(output.stdout), text(output.stderr))
}

/// The same, for what must succeed: standard output without its last line end.
#[track_caller]
fn said(arguments: &[&str], input: &str) -> String {
    let (is_success, said, error) = run(arguments, input, None);
    assert!(is_success, "{arguments:?}: {error}");
    said.trim_end().to_owned()
}

/// A GET on a connection that goes on.
#[track_caller]
fn get_on(wire: &mut Wire, fields: &str) -> Response {
    wire.send(format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n"));
    wire.read()
}
