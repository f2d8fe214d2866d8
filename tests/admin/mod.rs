//! The admin API, its audit log, its commands and its page, through the running gateway.

mod audit;
mod changes;
mod doors;
mod fuzzed;
mod page;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::harness::{Gateway, Response, Wire, first_cpu};

/// A gateway with its folder, whose file a test may write again.
struct Operated {
    gateway: Gateway,
    file: PathBuf,
}

/// One listener, one route `all` that answers by itself, and `more` at the top level.
fn yaml(admin: &str, more: &str) -> String {
    format!(
        "workers: {{cpus: [{}]}}\nlisteners: [{{name: public, address: '127.0.0.1:0'}}]\n\
         admin: {{address: '127.0.0.1:0'{admin}}}\n{more}\n\
         routes: [{{name: all, respond: {{status: 200, body: one}}}}]\n",
        first_cpu()
    )
}

impl Operated {
    /// `admin` is more of the admin listener: `, audit: audit.log`.
    fn start(admin: &str) -> Self {
        Self::prepared(admin, "", |_| {})
    }

    /// `prepare` puts further files into the folder.
    fn prepared(admin: &str, more: &str, prepare: impl FnOnce(&Path)) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        prepare(directory.path());
        let file = directory.path().join("gateway.yaml");
        std::fs::write(&file, yaml(admin, more)).expect("the directory is ours");
        let gateway = Gateway::start_file(&file, directory, &[]);
        Self { gateway, file }
    }

    /// Replaces the configuration's file.
    fn write(&self, change: impl FnOnce(String) -> String) {
        let text = std::fs::read_to_string(&self.file).expect("it is there");
        std::fs::write(&self.file, change(text)).expect("the directory is ours");
    }

    fn path(&self, name: &str) -> String {
        self.file.with_file_name(name).to_str().expect("UTF-8").to_owned()
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.admin())
    }

    /// Runs a command of the command line against it.
    fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        ask_with(&self.url(), arguments, &[])
    }

    /// Sends a change with a body of JSON.
    fn change(&self, method: &str, path: &str, fields: &str, body: &str) -> Response {
        let length = body.len();
        Wire::connect(self.gateway.admin()).ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n{fields}\r\n{body}"
        ))
    }

    /// What `path` shows.
    fn shows(&self, path: &str) -> Value {
        self.gateway.admin_get(path).has_status(200).json()
    }
}

/// Runs `ringgate` with an admin URL and more of an environment: its exit code, standard output and standard error.
fn ask_with(url: &str, arguments: &[&str], environment: &[(&str, &str)]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate"))
        .args(arguments)
        .env("RINGGATE_ADMIN", url)
        .envs(environment.iter().copied())
        .output()
        .expect("the binary is built");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal ended it"), text(output.stdout), text(output.stderr))
}
