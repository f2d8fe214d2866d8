//! `ringgate explain`: what a request would meet.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use super::client::Access;
use super::recent::decision;
use crate::control::explain::identity::Asker;
use crate::control::explain::{Question, explain};

/// Tell what a request would meet.
#[derive(Args)]
#[command(after_help = "Examples:
  ringgate explain GET http://api.example.com/orders/7
  ringgate explain POST /orders -H 'X-Tenant: a' -c gateway.yaml
  ringgate explain --id 01JABCDEFGHJKMNPQRSTVWXYZ0       what was decided about a request, by its X-Request-Id
  ringgate explain GET /orders --tenant acme --scope orders:read    as somebody whom the gateway knows
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
    who: Who,
    #[command(flatten)]
    access: Access,
}

/// Somebody who asks, instead of asking the route's authenticators.
#[derive(Args)]
struct Who {
    /// Who is asking.
    #[arg(long)]
    subject: Option<String>,
    /// The tenant they belong to.
    #[arg(long)]
    tenant: Option<String>,
    /// The plan they have.
    #[arg(long)]
    plan: Option<String>,
    /// A scope they have. May be given several times.
    #[arg(long = "scope")]
    scopes: Vec<String>,
    /// A role they have. May be given several times.
    #[arg(long = "role")]
    roles: Vec<String>,
    /// What else is said of them: a JSON object, or a file with one.
    #[arg(long, value_name = "FILE|JSON")]
    claims: Option<String>,
}

impl Who {
    fn asker(&self) -> anyhow::Result<Asker> {
        let claims = match self.claims.as_deref() {
            None => serde_json::Map::new(),
            Some(text) if text.trim_start().starts_with('{') => {
                serde_json::from_str(text).context("--claims is no JSON object")?
            }
            Some(file) => {
                let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
                serde_json::from_str(&text).with_context(|| format!("{file} is no JSON object"))?
            }
        };
        Ok(Asker {
            subject: self.subject.clone(),
            tenant: self.tenant.clone(),
            plan: self.plan.clone(),
            scopes: self.scopes.clone(),
            roles: self.roles.clone(),
            claims,
        })
    }
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
            asker: self.who.asker()?,
        };
        print!("{}", explain(&loaded.config, &snapshot, &question).map_err(anyhow::Error::msg)?);
        Ok(ExitCode::SUCCESS)
    }
}
