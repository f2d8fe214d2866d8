//! Servers that other people wrote, with a configuration of the test's: HAProxy, redis and the like.

use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use super::{Process, eventually, free_address};

/// A running server on a free port.
pub struct Server {
    address: SocketAddr,
    _process: Process,
}

impl Server {
    /// Starts HAProxy with these sections; `{listen}` in them stands for its address.
    #[track_caller]
    pub fn haproxy(sections: &str) -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let file = directory.path().join("haproxy.cfg");
        let defaults = "global\n  maxconn 200\ndefaults\n  timeout connect 5s\n  timeout client 20s\n  timeout server 20s\n";
        let text = format!("{defaults}{sections}\n").replace("{listen}", &address.to_string());
        std::fs::write(&file, text).expect("the directory is ours");
        let mut command = Command::new(usual("haproxy"));
        command.arg("-db").arg("-f").arg(&file);
        Self::begin(command, directory, address)
    }

    /// Starts nginx with these lines of `stream`; `{listen}` in them stands for its address.
    #[track_caller]
    pub fn nginx_stream(server: &str) -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let root = directory.path().display();
        let module = "/usr/lib/nginx/modules/ngx_stream_module.so";
        let text = format!(
            "load_module {module}; daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;\n\
             events {{}}\nstream {{ server {{ listen {address}; {server} }} }}\n"
        );
        let file = directory.path().join("nginx.conf");
        std::fs::write(&file, text).expect("the directory is ours");
        let mut command = Command::new(usual("nginx"));
        command.arg("-e").arg(directory.path().join("error.log")).arg("-c").arg(&file);
        Self::begin(command, directory, address)
    }

    /// Starts redis, which keeps nothing.
    #[track_caller]
    pub fn redis() -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]);
        command.args(["--port", &address.port().to_string()]).arg("--dir").arg(directory.path());
        Self::begin(command, directory, address)
    }

    /// Starts `openssl s_server`, which answers requests over TLS and has this name in its certificate.
    #[track_caller]
    pub fn tls(name: &str) -> Self {
        let address = free_address();
        let directory = tempfile::tempdir().expect("a temporary directory");
        let (key, cert) = (directory.path().join("key.pem"), directory.path().join("cert.pem"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "2", "-subj", &format!("/CN={name}"), "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&cert)
            .output()
            .expect("openssl is installed");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let mut command = Command::new("openssl");
        command.args(["s_server", "-www", "-accept", &address.to_string(), "-key"]).arg(&key);
        command.arg("-cert").arg(&cert);
        Self::begin(command, directory, address)
    }

    #[track_caller]
    fn begin(command: Command, directory: tempfile::TempDir, address: SocketAddr) -> Self {
        let what = format!("{command:?} listens");
        let process = Process::start(command, directory);
        eventually(&what, || TcpStream::connect(address).is_ok());
        Self { address, _process: process }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Debian keeps servers where a user's PATH does not look.
fn usual(name: &str) -> String {
    let places = [format!("/usr/sbin/{name}"), format!("/usr/local/sbin/{name}"), format!("/usr/bin/{name}")];
    places.into_iter().find(|path| std::path::Path::new(path).exists()).unwrap_or(name.to_owned())
}
