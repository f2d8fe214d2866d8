//! The written form of a source, and from it to what can be asked.

use std::fmt;
use std::path::PathBuf;

use super::access::SourceAccess;
use super::consul::ConsulKeys;
use super::etcd::EtcdPrefix;
use super::fetched::{Answered, SourceError, Taken};
use super::http::Page;
use crate::config::secret::{Environment, Secret};
use crate::control::http_client::Url;

/// Where it is.
#[derive(Clone)]
pub(super) enum Place {
    /// A file or a folder.
    Local(PathBuf),
    /// One file at a URL.
    Http(Url),
    /// Keys of Consul.
    Consul(Keys),
    /// Keys of etcd.
    Etcd(Keys),
}

/// Keys below a prefix, in a store with one or several addresses.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// `etcd://one:2379,two:2379`, as it is shown.
    pub(super) shown: String,
    /// The addresses, at least one.
    pub(super) urls: Vec<Url>,
    /// Name and password, if they are in the URL.
    pub(super) user: Option<(String, Secret)>,
    /// What the keys begin with.
    pub(super) prefix: String,
    /// Consul's datacenter, if another than that of its agent.
    pub(super) datacenter: Option<String>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may have a password in it.
        f.write_str(&self.described())
    }
}

impl Place {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() {
                Err("no source is given: write a file, a folder or a URL".to_owned())
            } else {
                Ok(Self::Local(PathBuf::from(text)))
            };
        };
        match scheme {
            "http" | "https" => match Url::parse(text) {
                Ok(url) => Ok(Self::Http(url)),
                Err(error) => Err(format!("the URL cannot be used: {error}")),
            },
            "consul" | "consul+https" => Ok(Self::Consul(Keys::parse(scheme, rest)?)),
            "etcd" | "etcd+https" => {
                let keys = Keys::parse(scheme, rest)?;
                match keys.datacenter {
                    None => Ok(Self::Etcd(keys)),
                    Some(_) => Err("only consul:// has a datacenter".to_owned()),
                }
            }
            _ => Err(format!(
                "`{scheme}://` is no source: write a path, or a URL with http, https, consul, consul+https, etcd or \
                 etcd+https"
            )),
        }
    }

    /// Without credentials and query, which may hold some.
    pub(super) fn described(&self) -> String {
        match self {
            Self::Local(path) => path.display().to_string(),
            Self::Http(url) => {
                let mut shown = url.clone();
                // Both fail only for URLs without a host, which http and https have.
                let _ = shown.set_username("");
                let _ = shown.set_password(None);
                shown.set_query(None);
                shown.set_fragment(None);
                shown.to_string()
            }
            Self::Consul(keys) | Self::Etcd(keys) => format!("{}/{}", keys.shown, keys.prefix),
        }
    }

    /// Ready to be asked.
    pub(super) fn remote(
        &self,
        access: &SourceAccess,
        environment: &Environment,
    ) -> Result<Remote, SourceError> {
        let base = &environment.base;
        match self {
            Self::Http(url) => Ok(Remote::Http(Page::new(url, self.described(), access, base)?)),
            Self::Consul(keys) => Ok(Remote::Consul(ConsulKeys::new(keys, access, base)?)),
            Self::Etcd(keys) => Ok(Remote::Etcd(EtcdPrefix::new(keys, access, base)?)),
            Self::Local(_) => Err(SourceError::new("a file is not asked")),
        }
    }
}

impl Keys {
    fn parse(scheme: &str, rest: &str) -> Result<Self, String> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let (user, hosts) =
            authority.rsplit_once('@').map_or((None, authority), |(user, hosts)| (Some(user), hosts));
        let transport = if scheme.ends_with("+https") { "https" } else { "http" };
        let url = |host: &str| {
            let whole = Url::parse(&format!("{transport}://{host}/")).ok();
            // A port is told, because neither store has the one that is left out for http.
            whole
                .filter(|url| url.port().is_some() && url.username().is_empty() && url.path() == "/")
                .ok_or_else(|| format!("`{host}` is not `host:port`"))
        };
        let urls = hosts.split(',').map(url).collect::<Result<Vec<_>, _>>()?;
        let user = user.map(|user| match user.split_once(':') {
            Some((name, password)) => Ok((name.to_owned(), Secret::new(password))),
            None => Err("what is before `@` has to be `user:password`".to_owned()),
        });
        let datacenter = match query.map(|query| query.split_once('=')) {
            None => None,
            Some(Some(("dc", name))) if !name.is_empty() => Some(name.to_owned()),
            Some(_) => return Err("after `?` only `dc=NAME` is known".to_owned()),
        };
        let shown = format!("{scheme}://{hosts}");
        Ok(Self { shown, urls, user: user.transpose()?, prefix: path.to_owned(), datacenter })
    }
}

/// A source elsewhere that can be asked.
pub(super) enum Remote {
    Http(Page),
    Consul(ConsulKeys),
    Etcd(EtcdPrefix),
}

impl Remote {
    /// What there is, or that it is what `taken` is of.
    pub(super) async fn read(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        match self {
            Self::Http(page) => page.read(taken).await,
            Self::Consul(consul) => consul.read().await,
            Self::Etcd(prefix) => prefix.read().await,
        }
    }

    /// Waits until there may be something else, and asks what there is.
    pub(super) async fn next(&mut self, taken: &Taken) -> Result<Answered, SourceError> {
        match self {
            Self::Http(page) => page.next(taken).await,
            Self::Consul(consul) => consul.next().await,
            Self::Etcd(prefix) => prefix.next(taken).await,
        }
    }
}
