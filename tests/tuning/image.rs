//! The image, put together by hand: what the last stage copies, the libraries that its base would give, and nothing else.
//!
//! Runs it as a container would be run: another root, read-only, another user, no new privileges. Where the machine
//! does not let it, it says what was left out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::image_file::{copies, stages, words};
use super::{CONFIGURATION, announced, repository, served};
use crate::harness::{PATIENCE, Process, free_address, ringgate};

/// Mounts the root over itself read-only, shows that it is, and becomes what follows as the image's user.
const START: &str = r#"
root=$1 user=$2; shift 2
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
if touch "$root/written" 2>/dev/null; then echo "the root can be written"; exit 1; fi
echo "pid $$"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
"#;

/// A root as the Dockerfile's last stage makes it, with `configuration` mounted over /etc/ringgate.
fn assemble(root: &Path, configuration: &str) {
    let stages = stages();
    for (from, source, target) in copies(stages.last().expect("there is a stage")) {
        let source = match from {
            // The only thing that the first stage makes.
            Some("build") => PathBuf::from(env!("CARGO_BIN_EXE_ringgate")),
            Some(other) => panic!("no stage {other}"),
            None => repository(source),
        };
        put(&source, &root.join(target.trim_start_matches('/')));
    }
    for library in libraries() {
        put(&library, &root.join(library.strip_prefix("/").expect("it is absolute")));
    }
    fs::create_dir(root.join("proc")).expect("the root is ours");
    fs::write(root.join("etc/ringgate/gateway.yaml"), configuration).expect("the root is ours");
}

fn put(source: &Path, target: &Path) {
    fs::create_dir_all(target.parent().expect("not the root itself")).expect("the root is ours");
    fs::copy(source, target).unwrap_or_else(|error| panic!("{}: {error}", source.display()));
}

/// What the binary is linked with, loader included. No more than the base image has.
fn libraries() -> Vec<PathBuf> {
    let output =
        Command::new("ldd").arg(env!("CARGO_BIN_EXE_ringgate")).output().expect("ldd comes with libc");
    let said = String::from_utf8(output.stdout).expect("UTF-8");
    said.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect()
}

/// Starts the image's own command, or another, in the root.
fn inside(root: &Path, arguments: &[String]) -> Command {
    let stages = stages();
    let user = super::image_file::arguments(stages.last().expect("a stage"), "USER")[0].to_owned();
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-euc", START, "sh"]).arg(root).arg(user).args(arguments);
    command
}

/// True if this process may make a root and become somebody else.
fn is_permitted() -> bool {
    let output = Command::new("unshare").args(["--mount", "setpriv", "--reuid", "65532", "true"]).output();
    let is_permitted = output.as_ref().is_ok_and(|output| output.status.success());
    if !is_permitted {
        println!("skipped: no mount namespace of its own here ({output:?})");
    }
    is_permitted
}

#[test]
fn the_binary_wants_no_more_libraries_than_the_base_has() {
    for library in libraries() {
        let name = library.file_name().expect("a file").to_string_lossy().into_owned();
        let is_of_base =
            ["libc.so", "libgcc_s.so", "libm.so", "ld-linux"].iter().any(|known| name.starts_with(known));
        assert!(is_of_base, "{name} is not in distroless/cc");
    }
}

#[test]
fn the_image_serves_from_a_root_that_it_cannot_write_as_a_user_that_is_not_root() {
    if !is_permitted() {
        return;
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let root = directory.path().join("root");
    let admin = free_address();
    assemble(
        &root,
        &CONFIGURATION
            .replace("admin: {address: \"127.0.0.1:0\"}", &format!("admin: {{address: \"{admin}\"}}")),
    );
    open_to_all(directory.path());
    let run = [words("ENTRYPOINT"), words("CMD")].concat();
    let mut process = Process::start(inside(&root, &run), directory);
    process.line("ready");
    assert_eq!(served(announced(&process, "listening ")), "served");
    let pid = process.line("pid ");
    let status =
        fs::read_to_string(format!("/proc/{}/status", pid.trim_start_matches("pid "))).expect("it runs");
    for line in ["Uid:\t65532\t65532\t65532\t65532", "CapEff:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.lines().any(|had| had == line), "{line} is not in:\n{status}");
    }
    is_healthy(&root);
    process.signal(libc::SIGTERM);
    let status = process.exit_within(PATIENCE).expect("it drains");
    assert_eq!(status.code(), Some(0), "{status}");
    is_not_healthy(&root);
}

/// The health check of the image says so, run as it says.
fn is_healthy(root: &Path) {
    if let Some(output) = health(root) {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn is_not_healthy(root: &Path) {
    if let Some(output) = health(root) {
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

fn health(root: &Path) -> Option<std::process::Output> {
    if ringgate(&["health", "--help"]).code != 0 {
        println!("skipped: the binary has no `health` yet");
        return None;
    }
    Some(inside(root, &words("HEALTHCHECK")).output().expect("unshare is there"))
}

/// Temporary folders are their owner's alone; the image's user must be able to pass.
fn open_to_all(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("the folder is ours");
}
