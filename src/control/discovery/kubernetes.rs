//! Pods behind a service of Kubernetes: its EndpointSlices, listed once and then watched.
//!
//! As the API's concepts have it: a watch goes on from the version of the list, of the last event or bookmark; where the server has
//! forgotten that version (410 Gone), everything is listed again. What is reported is always everything.

mod slices;

use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::feed::{Found, Sink};
use super::registry::{ANSWER_BYTES_MAX, Attempts, client, found, report, token, urls};
use crate::config::secret::{Environment, SecretSource};
use crate::control::http_client::{Credential, HttpClient, HttpError, Url};
use crate::upstream::config::registries::{KubernetesConfig, RegistryTlsConfig};
use slices::{Change, Event, List, Slices};

/// For a page of a list.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// After this the server ends a watch, and a new one begins where it stopped.
const WATCHES_SECONDS: &str = "300";
/// Between two watches, at least, whatever the server does.
const SPACING: Duration = Duration::from_secs(1);
/// Slices in one page of a list; each has at most a thousand endpoints.
const PAGE: &str = "100";
/// Most pages.
const PAGES_MAX: usize = 100;

/// What a pod is given to speak to the API server with.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Follows the service for ever.
pub(super) async fn run(config: KubernetesConfig, environment: Environment, sink: Sink) {
    let mut attempts = Attempts::new(&config.service);
    loop {
        // Everything anew: files of a service account are replaced while it runs.
        let outcome = match Api::new(&config, &environment) {
            Ok(mut api) => api.follow(&sink).await,
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            attempts.failed(&sink, &error).await;
        }
    }
}

/// The slices of one service, as they are asked for.
struct Api<'a> {
    config: &'a KubernetesConfig,
    environment: &'a Environment,
    client: HttpClient,
    url: Url,
    token: Option<SecretSource>,
}

impl<'a> Api<'a> {
    fn new(config: &'a KubernetesConfig, environment: &'a Environment) -> Result<Self, HttpError> {
        let account = |name: &str| Path::new(ACCOUNT).join(name);
        let is_within = config.api_server.is_none();
        let server = match &config.api_server {
            Some(server) => server.clone(),
            None => server(environment)?,
        };
        let namespace = match &config.namespace {
            Some(namespace) => namespace.clone(),
            None => {
                let read = SecretSource::File(account("namespace")).read(environment);
                let named = read.map_err(|_| HttpError::new("no namespace: write `namespace:`"))?;
                named.expose().to_owned()
            }
        };
        let token = config.token.clone().or_else(|| is_within.then(|| SecretSource::File(account("token"))));
        let ca = config.tls.ca.clone().or_else(|| is_within.then(|| account("ca.crt")));
        let tls = RegistryTlsConfig { ca, certificate: config.tls.certificate.clone() };
        let mut url = urls(&[server])?.swap_remove(0);
        url.path_segments_mut()
            .map_err(|()| HttpError::new("the address has no path"))?
            .pop_if_empty()
            .extend(["apis", "discovery.k8s.io", "v1", "namespaces", &namespace, "endpointslices"]);
        let label = format!("kubernetes.io/service-name={}", config.service);
        url.query_pairs_mut().append_pair("labelSelector", &label);
        let client = client(std::slice::from_ref(&url), &tls, &environment.base, Credential::None)?;
        Ok(Self { config, environment, client, url, token })
    }

    /// Lists, and watches from there, until the version is forgotten.
    async fn follow(&mut self, sink: &Sink) -> Result<(), HttpError> {
        let (mut slices, mut version) = self.list().await?;
        self.report(&slices, sink).await;
        loop {
            match self.watch(&mut slices, &version, sink).await {
                Ok(Some(later)) => version = later,
                Ok(None) => return Ok(()),
                // The same, said before the first event. RFC 9110 15.5.11.
                Err(HttpError { status: Some(410), .. }) => return Ok(()),
                Err(error) => return Err(error),
            }
            sleep(SPACING).await;
        }
    }

    /// All slices, page by page, and the version they are of.
    async fn list(&mut self) -> Result<(Slices, String), HttpError> {
        let (mut slices, mut onwards) = (Slices::default(), None::<String>);
        for _ in 0..PAGES_MAX {
            let mut url = self.url.clone();
            url.query_pairs_mut().append_pair("limit", PAGE);
            if let Some(onwards) = &onwards {
                url.query_pairs_mut().append_pair("continue", onwards);
            }
            self.renew_token()?;
            let answer = self.client.get(url).send(ANSWER_WITHIN).await?.wanted().await?;
            let list: List = answer.json(ANSWER_BYTES_MAX).await?;
            slices.extend(list.items);
            match list.metadata.onwards.filter(|it| !it.is_empty()) {
                None => return Ok((slices, list.metadata.version)),
                further => onwards = further,
            }
        }
        Err(HttpError::new("the list of endpoint slices does not end"))
    }

    /// Watches from a version on. The version to go on from; none if it has been forgotten.
    async fn watch(
        &mut self,
        slices: &mut Slices,
        version: &str,
        sink: &Sink,
    ) -> Result<Option<String>, HttpError> {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .append_pair("watch", "true")
            .append_pair("allowWatchBookmarks", "true")
            .append_pair("timeoutSeconds", WATCHES_SECONDS)
            .append_pair("resourceVersion", version);
        self.renew_token()?;
        let answer = self.client.get(url).stream(ANSWER_WITHIN).await?.wanted().await?;
        let (mut lines, mut version) = (answer.lines(), version.to_owned());
        while let Some(event) = lines.json::<Event>().await? {
            match slices.take(event)? {
                Change::Gone => return Ok(None),
                Change::Bookmark(later) => version = later,
                Change::Slices(later) => {
                    version = later;
                    self.report(slices, sink).await;
                }
            }
        }
        Ok(Some(version))
    }

    fn renew_token(&mut self) -> Result<(), HttpError> {
        self.client.credential = token(self.token.as_ref(), self.environment, Credential::Bearer)?;
        Ok(())
    }

    async fn report(&self, slices: &Slices, sink: &Sink) {
        let mut outcomes = Vec::new();
        match slices.endpoints(self.config.port.as_ref()) {
            Ok(endpoints) => {
                for (host, port, zone) in endpoints {
                    outcomes.push(found(&host, port, 1).await.map(|it| Found { zone, ..it }));
                }
                report(sink, outcomes);
            }
            Err(fault) => sink.failed(fault),
        }
    }
}

/// The API server of the cluster that this process is in a pod of.
fn server(environment: &Environment) -> Result<String, HttpError> {
    let variable = |name: &str| environment.variables.get(name).filter(|value| !value.is_empty());
    match (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT")) {
        (Some(host), Some(port)) if host.contains(':') => Ok(format!("https://[{host}]:{port}")),
        (Some(host), Some(port)) => Ok(format!("https://{host}:{port}")),
        _ => Err(HttpError::new("this is no pod of Kubernetes: write `api_server:`")),
    }
}
