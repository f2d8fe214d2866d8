//! A real nginx as the origin: proof that the gateway speaks with something it was not written against.

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Mutex;

use super::{Process, eventually};

/// A running nginx.
pub struct Nginx {
    address: SocketAddr,
    process: Process,
}

impl Nginx {
    /// Starts one with these directives in its server block; files are served from its own directory.
    #[track_caller]
    pub fn start(server: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().display().to_string();
        // nginx cannot tell which port it took, so take a free one and hand it over.
        let address = free_address();
        let file = directory.path().join("nginx.conf");
        let user = if is_root() { "user root;" } else { "" };
        let text = format!(
            "daemon off; master_process off; {user} pid {root}/pid; error_log {root}/error.log;\n\
             events {{ worker_connections 4096; }}\n\
             http {{\n access_log off; keepalive_requests 1000000; client_max_body_size 0;\n\
             client_body_temp_path {root}/body; proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/fastcgi;\n\
             uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;\n\
             server {{ listen {address}; root {root}; default_type text/plain;\n{server}\n}} }}\n"
        );
        std::fs::write(&file, text).expect("the directory is ours");
        let mut command = Command::new(program());
        command.arg("-e").arg(directory.path().join("error.log")).arg("-c").arg(&file).arg("-p").arg(&root);
        let process = Process::start(command, directory);
        eventually("nginx listens", || TcpStream::connect(address).is_ok());
        Self { address, process }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Puts a file under its root.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.process.directory().join(name);
        std::fs::create_dir_all(path.parent().expect("within the root")).expect("the directory is ours");
        std::fs::write(path, content).expect("the directory is ours");
    }

    /// The path of a file under its root.
    pub fn path(&self, name: &str) -> String {
        self.process.directory().join(name).display().to_string()
    }
}

/// An address at which nobody listens, and nobody else will while this process lives: below the ports that outgoing
/// connections are given, and held against the tests that run beside this one.
pub fn free_address() -> SocketAddr {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    // SAFETY: geteuid takes nothing, changes nothing and cannot fail.
    let user = unsafe { libc::geteuid() };
    let locks = std::env::temp_dir().join(format!("ringgate-test-ports-{user}"));
    std::fs::create_dir_all(&locks).expect("a temporary directory");
    let count = u32::from(PORTS.end - PORTS.start);
    let first = std::process::id().wrapping_mul(97) % count;
    let port = (0..count)
        .map(|step| PORTS.start + ((first + step) % count) as u16)
        .find(|port| {
            let lock = File::create(locks.join(port.to_string())).expect("the directory is ours");
            let is_ours = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", *port)).is_ok();
            if is_ours {
                HELD.lock().expect("nobody panics with it").push(lock);
            }
            is_ours
        })
        .expect("a free port");
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// Debian keeps it where a user's PATH does not look.
fn program() -> &'static str {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .into_iter()
        .find(|path| std::path::Path::new(path).exists())
        .unwrap_or("nginx")
}

fn is_root() -> bool {
    // SAFETY: geteuid takes nothing, changes nothing and cannot fail.
    unsafe { libc::geteuid() == 0 }
}
