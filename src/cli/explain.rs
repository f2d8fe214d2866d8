//! `ringgate explain`: what a request would meet.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::Args;

use crate::control::explain::{Question, explain};

/// Tell what a request would meet.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate explain GET http://api.example.com/orders/7
  ringgate explain POST /orders -H 'X-Tenant: a' -c gateway.yaml
  ringgate explain GET /admin --peer 203.0.113.9     as a client with this address")]
pub struct Explain {
    /// The method.
    method: String,
    /// Absolute URL, or path alone.
    url: String,
    /// A request field, `Name: value`. May be given several times.
    #[arg(short = 'H', long = "header")]
    headers: Vec<String>,
    /// File, folder, or URL with http(s), consul or etcd.
    #[arg(short, long, default_value = "config/quickstart.yaml")]
    config: String,
    /// The listener by name. Default: the first.
    #[arg(long)]
    listener: Option<String>,
    /// Address the request comes from.
    #[arg(long, default_value = "127.0.0.1")]
    peer: IpAddr,
}

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let environment = super::environment();
        let source = super::source(&self.config, &environment)?;
        let Some((loaded, snapshot)) = super::check::compiled_from(&source, &environment, 0)? else {
            return Ok(ExitCode::FAILURE);
        };
        let question = Question {
            method: self.method.clone(),
            url: self.url.clone(),
            fields: self.headers.clone(),
            listener: self.listener.clone(),
            peer: SocketAddr::new(self.peer, 0),
        };
        print!("{}", explain(&loaded.config, &snapshot, &question).map_err(anyhow::Error::msg)?);
        Ok(ExitCode::SUCCESS)
    }
}
