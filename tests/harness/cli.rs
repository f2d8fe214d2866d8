//! One run of the command line from start to end.

use std::process::{Command, Stdio};

/// What a finished command left.
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Finished {
    /// Both outputs, for assertions that do not care which.
    pub fn said(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Asserts that it succeeded and gives its standard output.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, 0, "{}", self.said());
        self.stdout
    }
}

/// Runs `ringgate` with these arguments.
#[track_caller]
pub fn ringgate(arguments: &[&str]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_ringgate"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("the binary is built");
    Finished {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}
