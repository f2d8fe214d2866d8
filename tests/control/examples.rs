//! Every example configuration is checked, started and tried out.
//!
//! An example says in comments what to try, one request per line, and this test tries just that:
//! `# try: GET http://shop.example/cart -H "X-Beta: 1" -> 200`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::harness::{Authority, FaultOrigin, Gateway, Wire, curl, first_cpu, ringgate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples")
}

fn examples() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder()).expect("config/examples is there");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    files
}

#[test]
fn there_are_at_least_six_commented_examples() {
    let examples = examples();
    assert!(examples.len() >= 6, "{examples:?}");
    for file in examples {
        let text = std::fs::read_to_string(&file).expect("readable");
        assert!(text.starts_with("# "), "{} does not begin by saying what it is for", file.display());
    }
}

#[test]
fn every_example_passes_check() {
    let environment: Vec<(String, String)> = Vec::new();
    for file in examples() {
        let text = std::fs::read_to_string(&file).expect("readable");
        // Secrets come from the environment; without them check may only warn. Certificates are made below.
        if variables(&text) == environment && files(&text, "cert").is_empty() {
            ringgate(&["check", file.to_str().expect("UTF-8")]).succeeded();
        }
    }
}

#[test]
fn every_example_does_what_it_says() {
    for file in examples() {
        let text = std::fs::read_to_string(&file).expect("readable");
        let tries = tries(&text);
        assert!(!tries.is_empty(), "{} has no `# try:` line", file.display());
        // As many as the endpoints of the largest cluster: two endpoints of one cluster may not be the same.
        let origins: [FaultOrigin; 3] = std::array::from_fn(|_| FaultOrigin::echo());
        let origins = origins.each_ref().map(FaultOrigin::address);
        let directory = tempfile::tempdir().expect("a temporary directory");
        copy_adapted(&folder(), directory.path(), &origins);
        certify(directory.path(), &text);
        let copy = directory.path().join(file.file_name().expect("a file"));
        let gateway = Gateway::start_file(&copy, directory, &variables(&text));
        for attempt in tries {
            let status = if attempt.is_http2 {
                attempt.status_over_http2(gateway.public())
            } else if attempt.is_secure {
                attempt.status_by_curl(gateway.public())
            } else {
                attempt.status_from(gateway.public())
            };
            assert_eq!(status, attempt.status, "{}: {}", file.display(), attempt.line);
        }
    }
}

/// One `# try:` line.
struct Try {
    line: String,
    is_secure: bool,
    is_http2: bool,
    authority: String,
    target: String,
    request: String,
    status: u16,
}

impl Try {
    fn status_from(&self, gateway: SocketAddr) -> u16 {
        let mut wire = Wire::connect(gateway);
        wire.send(&self.request);
        wire.read_head().status
    }
}

impl Try {
    /// By a client that begins with HTTP/2 in clear.
    fn status_over_http2(&self, gateway: SocketAddr) -> u16 {
        let (host, port) = (&self.authority, gateway.port());
        let said = curl(&[
            "--http2-prior-knowledge",
            "--resolve",
            &format!("{host}:{port}:127.0.0.1"),
            "--write-out",
            "%{http_version} %{http_code}",
            "--output",
            "/dev/null",
            &format!("http://{host}:{port}{}", self.target),
        ]);
        said.strip_prefix("2 ").and_then(|status| status.parse().ok()).expect("a status of HTTP/2")
    }

    /// Of a listener that speaks TLS, by the name in the URL. Whom it trusts is not what this is about.
    fn status_by_curl(&self, gateway: SocketAddr) -> u16 {
        let (host, port) = (&self.authority, gateway.port());
        let said = curl(&[
            "--insecure",
            "--resolve",
            &format!("{host}:{port}:127.0.0.1"),
            "--write-out",
            "%{http_code}",
            "--output",
            "/dev/null",
            &format!("https://{host}:{port}{}", self.target),
        ]);
        said.parse().expect("a status")
    }
}

/// Files that an example names under a key.
fn files(text: &str, key: &str) -> Vec<String> {
    let pattern =
        Regex::new(&format!(r"(?m)^[^#\n]*[{{, ]{key}: *([A-Za-z0-9_./-]+\.pem)")).expect("a pattern");
    pattern.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// Makes the certificates, keys and authorities that an example names.
fn certify(directory: &Path, text: &str) {
    let certificates = files(text, "cert");
    for file in certificates.iter().chain(&files(text, "ca")) {
        let folder = directory.join(file).parent().expect("within the folder").to_owned();
        std::fs::create_dir_all(&folder).expect("the directory is ours");
        let stem = Path::new(file).file_stem().expect("a name").to_str().expect("UTF-8");
        let authority = Authority::new(&folder, stem);
        if certificates.contains(file) {
            authority.issue(stem, &["shop.example"]);
        }
    }
}

fn tries(text: &str) -> Vec<Try> {
    let line = Regex::new(r"^\s*# try: (\S+) (https?)://([^/\s]+)(\S*)(.*) -> (\d+)").expect("a pattern");
    let field = Regex::new("-H \"([^\"]*)\"").expect("a pattern");
    let client = Regex::new(r"--haproxy-clientip (\S+)").expect("a pattern");
    let one = |found: regex::Captures<'_>| {
        let fields: String =
            field.captures_iter(&found[5]).map(|field| format!("{}\r\n", &field[1])).collect();
        let target = if found[4].is_empty() { "/" } else { &found[4] };
        let length = if &found[1] == "GET" { "" } else { "Content-Length: 0\r\n" };
        let proxy = client
            .captures(&found[5])
            .map_or(String::new(), |client| format!("PROXY TCP4 {} 127.0.0.1 40000 8080\r\n", &client[1]));
        Try {
            line: found[0].to_owned(),
            is_secure: &found[2] == "https",
            is_http2: found[5].contains("--http2-prior-knowledge"),
            authority: found[3].to_owned(),
            target: target.to_owned(),
            request: format!(
                "{proxy}{} {target} HTTP/1.1\r\nHost: {}\r\n{length}{fields}\r\n",
                &found[1], &found[3]
            ),
            status: found[6].parse().expect("a number"),
        }
    };
    text.lines().filter_map(|text| line.captures(text).map(one)).collect()
}

/// The environment variables that an example takes secrets from, with made-up values.
fn variables(text: &str) -> Vec<(String, String)> {
    let pattern = Regex::new(r"(?m)^[^#\n]*[{ ]env: *([A-Z_][A-Z0-9_]*)").expect("a pattern");
    pattern.captures_iter(text).map(|found| (found[1].to_owned(), "made-up-secret".to_owned())).collect()
}

/// Copies the examples with addresses, files and CPUs of this machine instead of the written ones.
fn copy_adapted(from: &Path, to: &Path, origins: &[SocketAddr]) {
    for entry in std::fs::read_dir(from).expect("readable") {
        let path = entry.expect("readable").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            std::fs::create_dir(&target).expect("the directory is ours");
            copy_adapted(&path, &target, origins);
        } else {
            let text = std::fs::read_to_string(&path).expect("readable");
            std::fs::write(&target, adapted(&text, to, origins)).expect("the directory is ours");
        }
    }
}

fn adapted(text: &str, directory: &Path, origins: &[SocketAddr]) -> String {
    let address =
        Regex::new(r"(\[[0-9a-fA-F:]*\]|[A-Za-z0-9.-]+):[0-9]{2,5}|unix:/[^\s,\]}]+").expect("a pattern");
    let log = Regex::new(r"to: *'?/[^\s,}]+").expect("a pattern");
    let cpus = Regex::new(r"cpus: *\[[^\]]*\]").expect("a pattern");
    let mut origins = origins.iter().cycle();
    let mut section = String::new();
    let mut lines = Vec::new();
    for line in text.lines() {
        if line.starts_with(|first: char| first.is_ascii_alphabetic()) {
            section = line.split(':').next().unwrap_or_default().to_owned();
        }
        let code = line.trim_start();
        let replaced = match section.as_str() {
            _ if code.starts_with('#') => line.to_owned(),
            "clusters" => {
                let next = |_: &regex::Captures<'_>| origins.next().expect("a cycle").to_string();
                address.replace_all(line, next).into_owned()
            }
            "listeners" | "admin" | "sample_origin" => address.replace_all(line, "127.0.0.1:0").into_owned(),
            "access_log" => log.replace(line, format!("to: {}/access.log", directory.display())).into_owned(),
            "workers" => cpus.replace(line, format!("cpus: [{}]", first_cpu())).into_owned(),
            _ => line.to_owned(),
        };
        lines.push(replaced);
    }
    lines.join("\n") + "\n"
}
