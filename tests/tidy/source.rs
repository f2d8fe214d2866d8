//! The repository's files, and what of a source file is code.

use std::path::Path;
use std::process::Command;

/// A file of Rust.
pub struct Source {
    /// Path within the repository.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Number of its lines.
    pub lines: usize,
    /// Its lines of code with their numbers: no comments, and nothing from its test module on.
    pub code: Vec<(usize, String)>,
}

impl Source {
    fn read(path: String) -> Self {
        let text = std::fs::read_to_string(root().join(&path)).expect("a file of Rust is UTF-8");
        let code = if is_test(&path) { Vec::new() } else { code(&text) };
        Self { lines: text.lines().count(), code, path, text }
    }

    /// True for what is compiled into the gateway.
    pub fn is_product(&self) -> bool {
        self.path.starts_with("src/")
    }

    /// The folder below `src` that it belongs to; `src/policy.rs` belongs to `policy`.
    pub fn folder(&self) -> Option<&str> {
        let inner = self.path.strip_prefix("src/")?;
        let folder = inner.split('/').next()?;
        (folder.len() < inner.len()).then_some(folder)
    }
}

/// Every file of the repository that is tracked, or would be by `git add .`.
pub fn files() -> Vec<String> {
    let arguments = ["ls-files", "--cached", "--others", "--exclude-standard"];
    let output = Command::new("git").args(arguments).current_dir(root()).output().expect("git is installed");
    assert!(output.status.success(), "not a clone: {}", String::from_utf8_lossy(&output.stderr));
    let list = String::from_utf8(output.stdout).expect("paths are UTF-8");
    let mut files: Vec<String> = list.lines().map(str::to_owned).collect();
    files.retain(|path| root().join(path).is_file());
    files.sort();
    files
}

/// Every file of Rust.
pub fn sources() -> Vec<Source> {
    files().into_iter().filter(|path| path.ends_with(".rs")).map(Source::read).collect()
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// True for a file that is test as a whole.
fn is_test(path: &str) -> bool {
    let inner_test =
        path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"));
    inner_test || path.starts_with("tests/") || path.starts_with("benches/")
}

fn code(text: &str) -> Vec<(usize, String)> {
    let mut kept = Vec::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let next = lines.get(at + 1).map_or("", |next| next.trim_start());
        // Tests stand at the foot of a file, so the rest of it is theirs.
        if *line == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{') {
            break;
        }
        if !line.trim_start().starts_with("//") {
            let code = line.split(" // ").next().unwrap_or(line);
            kept.push((at + 1, code.to_owned()));
        }
    }
    kept
}
