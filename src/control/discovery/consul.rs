//! Instances of a service in Consul whose checks pass, followed by blocking queries.

use serde::Deserialize;

use super::feed::Sink;
use super::registry::{ANSWER_BYTES_MAX, Attempts, client, found, report, token, urls};
use crate::config::secret::Environment;
use crate::control::http_client::consul::Consul;
use crate::control::http_client::{Answer, Credential, HttpError};
use crate::upstream::config::registries::ConsulConfig;

/// Follows the service for ever.
pub(super) async fn run(config: ConsulConfig, environment: Environment, sink: Sink) {
    let mut attempts = Attempts::new(&config.service);
    loop {
        if let Err(error) = follow(&config, &environment, &sink).await {
            attempts.failed(&sink, &error).await;
        }
    }
}

async fn follow(config: &ConsulConfig, environment: &Environment, sink: &Sink) -> Result<(), HttpError> {
    let urls = urls(std::slice::from_ref(&config.address))?;
    let credential = token(config.token.as_ref(), environment, Credential::Consul)?;
    let client = client(&urls, &config.tls, &environment.base, credential)?;
    let mut consul = Consul::new(client, urls);
    let path = ["health", "service", &config.service];
    let mut parameters = vec![("passing", "1")];
    parameters.extend(config.tags.iter().map(|tag| ("tag", tag.as_str())));
    parameters.extend(config.datacenter.as_deref().map(|name| ("dc", name)));
    let mut answer = consul.ask(&path, &parameters).await?;
    loop {
        take(answer, &config.tags, sink).await?;
        answer = consul.wait(&path, &parameters).await?;
    }
}

async fn take(answer: Answer, tags: &[String], sink: &Sink) -> Result<(), HttpError> {
    let instances: Vec<Instance> = answer.wanted().await?.json(ANSWER_BYTES_MAX).await?;
    let mut outcomes = Vec::new();
    // Several tags are all needed. Agents before 1.3 look at the last one alone.
    for it in instances.iter().filter(|it| tags.iter().all(|tag| it.service.tags().contains(tag))) {
        let host = if it.service.address.is_empty() { &it.node.address } else { &it.service.address };
        let weight = it.service.weights.as_ref().map_or(1, |weights| weights.passing);
        outcomes.push(match it.service.port {
            0 => Err(format!("`{}` has no port", it.service.id)),
            port => found(host, port, weight).await,
        });
    }
    report(sink, outcomes);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Instance {
    node: Node,
    service: Service,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(default)]
    address: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(default, rename = "ID")]
    id: String,
    /// Null where there is none.
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    address: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    weights: Option<Weights>,
}

impl Service {
    fn tags(&self) -> &[String] {
        self.tags.as_deref().unwrap_or_default()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Weights {
    passing: u32,
}
