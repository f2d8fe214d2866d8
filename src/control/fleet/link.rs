//! The connection to the server that all hosts count with.
//!
//! Owns one multiplexed connection: what is asked while an answer is under way goes out at once. Everything has a time limit.
//! It does not reconnect: whoever finds it broken makes another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError, Script, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsConnector;

use crate::config::secret::Secret;
use crate::control::config::fleet::RedisConfig;
use crate::control::tls::{client_config, endpoint_name};
use crate::policy::rate::fleet::{Batch, Looked};

/// A host that has said nothing for so long is gone.
pub const SILENCE: Duration = Duration::from_secs(5);

/// Counts and answers, as one.
const SCRIPT: &str = include_str!("counts.lua");

/// What is needed to reach the server.
#[derive(Clone, PartialEq)]
pub struct Way {
    /// As it is written.
    pub redis: RedisConfig,
    /// The password, if there is one.
    pub password: Option<Hidden>,
    /// Begins the name of every key.
    pub namespace: Box<str>,
    /// Where files of TLS are looked for.
    pub base: Box<Path>,
    /// Between two batches.
    pub sync_ms: u64,
    /// Hosts until it is known how many there are.
    pub hosts: u32,
}

/// A secret that can be compared.
#[derive(Clone, Debug)]
pub struct Hidden(pub Secret);

impl PartialEq for Hidden {
    fn eq(&self, other: &Self) -> bool {
        self.0.equals(other.0.expose().as_bytes())
    }
}

/// A connection.
#[derive(Clone)]
pub struct Link {
    connection: MultiplexedConnection,
    script: Arc<Script>,
    namespace: Arc<str>,
    host: Arc<str>,
    _driver: Arc<Driver>,
}

struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Connects, as this host.
    ///
    /// # Errors
    /// With what went wrong, without secrets.
    pub async fn open(way: &Way, host: &str) -> Result<Self, String> {
        let within = way.redis.connect_timeout.duration();
        tokio::time::timeout(within, Self::connect(way, host))
            .await
            .unwrap_or_else(|_| Err("no connection in time".to_owned()))
    }

    async fn connect(way: &Way, host: &str) -> Result<Self, String> {
        let redis = &way.redis;
        if let Some(path) = redis.socket() {
            let stream = UnixStream::connect(&path).await.map_err(|error| error.to_string())?;
            return Self::greet(way, host, stream).await;
        }
        let stream = TcpStream::connect(&redis.address).await.map_err(|error| error.to_string())?;
        // A batch is one write; waiting for more would only delay it.
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let Some(tls) = &redis.tls else { return Self::greet(way, host, stream).await };
        let config = client_config(tls, &way.base).map_err(|error| error.reason)?;
        let name = endpoint_name(tls, &redis.address).map_err(|error| error.reason)?;
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        Self::greet(way, host, stream.map_err(|error| error.to_string())?).await
    }

    async fn greet<S>(way: &Way, host: &str, stream: S) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let redis = &way.redis;
        let mut info =
            RedisConnectionInfo::default().set_db(i64::from(redis.database)).set_skip_set_lib_name();
        if let Some(username) = &redis.username {
            info = info.set_username(username);
        }
        if let Some(password) = &way.password {
            info = info.set_password(password.0.expose());
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(way.redis.timeout.duration()));
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await.map_err(reason)?;
        Ok(Self {
            connection,
            script: Arc::new(Script::new(SCRIPT)),
            namespace: way.namespace.as_ref().into(),
            host: host.into(),
            _driver: Arc::new(Driver(tokio::spawn(driver).abort_handle())),
        })
    }

    /// Has a batch counted. The same one may be sent again: it is counted once. `names` are those of its accounts, without the namespace.
    ///
    /// # Errors
    /// With what went wrong; the batch may have been counted or not.
    pub async fn count(
        &self,
        worker: usize,
        batch: &Batch,
        names: &[String],
        now_ms: u64,
    ) -> Result<Looked, String> {
        let mut invocation = self.script.prepare_invoke();
        invocation.key(format!("{}:batch:{}:{worker}", self.namespace, self.host)).key(self.hosts_key());
        invocation.arg(&*self.host).arg(batch.number).arg(SILENCE.as_millis() as u64);
        for (spent, name) in batch.spent.iter().zip(names) {
            invocation.key(format!("{}:{name}", self.namespace));
            invocation.arg(spent.amount).arg(spent.known).arg(spent.leak_per_ms).arg(spent.most());
            // For buckets the script reckons it.
            invocation.arg(spent.ends_ms.saturating_sub(now_ms).max(MIN_TTL_MS));
        }
        let answer: Value = invocation.invoke_async(&mut self.connection.clone()).await.map_err(reason)?;
        read(batch, answer).ok_or_else(|| "an answer that is none".to_owned())
    }

    /// Says that this host is alive, and hears how many are.
    ///
    /// # Errors
    /// As [`Link::count`].
    pub async fn beat(&self) -> Result<u32, String> {
        let nothing = Batch { number: 0, spent: Vec::new() };
        self.count(0, &nothing, &[], 0).await.map(|looked| looked.hosts)
    }

    /// Says that this host is going.
    pub async fn leave(&self) {
        let mut command = redis::cmd("ZREM");
        command.arg(self.hosts_key()).arg(&*self.host);
        // Silence says the same, only later.
        let _: Result<Value, _> = command.query_async(&mut self.connection.clone()).await;
    }

    fn hosts_key(&self) -> String {
        format!("{}:hosts", self.namespace)
    }
}

/// The answer of the script: hosts, then a level for each account.
fn read(batch: &Batch, answer: Value) -> Option<Looked> {
    let Value::Array(items) = answer else { return None };
    let mut items = items.into_iter();
    let Some(Value::Int(hosts)) = items.next() else { return None };
    let levels: Option<Vec<f64>> = items
        .map(|item| match item {
            Value::BulkString(text) => std::str::from_utf8(&text).ok()?.parse().ok(),
            _ => None,
        })
        .collect();
    let levels = levels.filter(|levels| levels.len() == batch.spent.len())?;
    let hosts = u32::try_from(hosts).ok()?.max(1);
    Some(Looked { number: batch.number, hosts, levels })
}

/// What went wrong, without what was sent.
fn reason(error: RedisError) -> String {
    match error.detail() {
        _ if error.is_timeout() => "no answer in time".to_owned(),
        Some(detail) => format!("{}: {detail}", error.category()),
        None => error.to_string(),
    }
}

/// Accounts whose window has ended are of some use to hosts whose clocks are behind.
const MIN_TTL_MS: u64 = 1_000;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::rate::fleet::{AccountId, LimitId, Spent};

    #[test]
    fn an_answer_has_a_level_for_each_account_and_nothing_else() {
        let id = AccountId { limit: LimitId(1), key: [0; 16], window: 0 };
        let spent =
            Spent { id, amount: 1.0, known: 0.0, size: 1, leak_per_ms: 0.0, ends_ms: 0, is_kept: false };
        let batch = Batch { number: 4, spent: vec![spent] };
        let text = |text: &str| Value::BulkString(text.as_bytes().to_vec());
        let good = Value::Array(vec![Value::Int(3), text("17.5")]);
        assert_eq!(read(&batch, good), Some(Looked { number: 4, hosts: 3, levels: vec![17.5] }));
        for bad in [
            Value::Nil,
            Value::Array(vec![]),
            Value::Array(vec![Value::Int(3)]),
            Value::Array(vec![Value::Int(3), text("x")]),
            Value::Array(vec![text("3"), text("1")]),
            Value::Array(vec![Value::Int(3), text("1"), text("2")]),
        ] {
            assert_eq!(read(&batch, bad.clone()), None, "{bad:?}");
        }
    }
}
