//! `ringgate explain`: what a request would meet.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use clap::Args;

use super::client::Access;
use super::recent::decision;
use crate::control::explain::{Question, explain};

/// Tell what a request would meet.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate explain GET http://api.example.com/orders/7
  ringgate explain POST /orders -H 'X-Tenant: a' -c gateway.yaml
  ringgate explain --id 01JABCDEFGHJKMNPQRSTVWXYZ0       what was decided about a request, by its X-Request-Id
  ringgate explain GET /admin --peer 203.0.113.9     as a client with this address")]
pub struct Explain {
    /// The method.
    #[arg(required_unless_present = "id")]
    method: Option<String>,
    /// Absolute URL, or path alone.
    #[arg(required_unless_present = "id")]
    url: Option<String>,
    /// Tell what was decided about the request with this id instead, by a running gateway.
    #[arg(long, conflicts_with_all = ["method", "url", "headers", "listener"])]
    id: Option<String>,
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
    #[command(flatten)]
    access: Access,
}

impl Explain {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let (method, url) = match (&self.id, &self.method, &self.url) {
            (Some(id), ..) => {
                print!("{}", decision(&self.access, id)?);
                return Ok(ExitCode::SUCCESS);
            }
            (None, Some(method), Some(url)) => (method.clone(), url.clone()),
            _ => anyhow::bail!("a method and a URL, or --id"),
        };
        let environment = super::environment();
        let source = super::source(&self.config, &environment)?;
        let Some((loaded, snapshot)) = super::check::compiled_from(&source, &environment, 0)? else {
            return Ok(ExitCode::FAILURE);
        };
        let question = Question {
            method,
            url,
            fields: self.headers.clone(),
            listener: self.listener.clone(),
            peer: SocketAddr::new(self.peer, 0),
        };
        print!("{}", explain(&loaded.config, &snapshot, &question).map_err(anyhow::Error::msg)?);
        Ok(ExitCode::SUCCESS)
    }
}
