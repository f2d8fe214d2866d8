//! A real etcd-server, asked by its JSON gateway.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{Process, curl, eventually, free_address};

/// A running etcd with a store of its own.
pub struct Etcd {
    client: SocketAddr,
    peer: SocketAddr,
    data: tempfile::TempDir,
    process: Option<Process>,
}

impl Etcd {
    /// Starts one.
    #[track_caller]
    pub fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut etcd = Self { client: free_address(), peer: free_address(), data, process: None };
        etcd.begin();
        etcd
    }

    /// Starts it again, with what it had.
    #[track_caller]
    pub fn begin(&mut self) {
        let (client, peer) = (format!("http://{}", self.client), format!("http://{}", self.peer));
        let mut command = Command::new("etcd");
        command.arg("--data-dir").arg(self.data.path().join("store"));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args([
            "--initial-cluster",
            &format!("default={peer}"),
            "--logger",
            "zap",
            "--log-level",
            "warn",
        ]);
        self.process = Some(Process::start(command, tempfile::tempdir().expect("a temporary directory")));
        eventually("etcd answers", || {
            TcpStream::connect(self.client).is_ok()
                && self.try_post("v3/kv/range", &json!({"key": "YQ=="})).is_object()
        });
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.process = None;
    }

    /// The source below a prefix.
    pub fn url(&self, prefix: &str) -> String {
        format!("etcd://{}/{prefix}", self.client)
    }

    /// Its address as a registry's.
    pub fn address(&self) -> String {
        format!("http://{}", self.client)
    }

    /// Writes a key; gives the store's revision.
    #[track_caller]
    pub fn put(&self, key: &str, value: &str) -> i64 {
        revision(&self.post("v3/kv/put", &json!({"key": base64(key), "value": base64(value)})))
    }

    /// Removes a key.
    #[track_caller]
    pub fn delete(&self, key: &str) {
        self.post("v3/kv/deleterange", &json!({"key": base64(key)}));
    }

    /// Forgets everything before a revision.
    #[track_caller]
    pub fn compact(&self, revision: i64) {
        self.post("v3/kv/compaction", &json!({"revision": revision.to_string(), "physical": true}));
    }

    /// From now on only `root` with this password is let in.
    #[track_caller]
    pub fn protect(&self, password: &str) {
        self.post("v3/auth/user/add", &json!({"name": "root", "password": password}));
        self.post("v3/auth/role/add", &json!({"name": "root"}));
        self.post("v3/auth/user/grant", &json!({"user": "root", "role": "root"}));
        self.post("v3/auth/enable", &json!({}));
    }

    #[track_caller]
    fn post(&self, path: &str, asked: &Value) -> Value {
        let answer = self.try_post(path, asked);
        assert!(answer.get("error").is_none() && answer.is_object(), "{path}: {answer}");
        answer
    }

    #[track_caller]
    fn try_post(&self, path: &str, asked: &Value) -> Value {
        let said = curl(&["--data", &asked.to_string(), &format!("http://{}/{path}", self.client)]);
        serde_json::from_str(&said).unwrap_or_default()
    }
}

fn revision(answer: &Value) -> i64 {
    answer["header"]["revision"].as_str().and_then(|it| it.parse().ok()).expect("a revision")
}

/// RFC 4648 section 4, written anew so that a mistake of the gateway's cannot hide here.
pub fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: String = text.bytes().map(|byte| format!("{byte:08b}")).collect();
    let mut digits: String = bits
        .as_bytes()
        .chunks(6)
        .map(|chunk| {
            let sextet = format!("{:0<6}", std::str::from_utf8(chunk).expect("zeros and ones"));
            DIGITS[usize::from_str_radix(&sextet, 2).expect("six bits")] as char
        })
        .collect();
    while !digits.len().is_multiple_of(4) {
        digits.push('=');
    }
    digits
}
