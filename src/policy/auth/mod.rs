//! Who is asking: the kinds of authenticators, and the one list of them.
//!
//! An authenticator is named in the configuration and used by any number of routes. A worker runs one of each, with its
//! memories, from generation to generation. A row in the list adds a kind.

pub mod api_key;
pub mod basic;
pub mod certificate;
pub mod jwt;
// Files that authenticators live on.
pub mod file;
pub mod introspection;
// What a worker remembers of credentials.
pub mod memory;
// Patterns of names.
pub mod pattern;
// Schemes of Authorization, and challenges.
pub mod scheme;
// What the configuration knows of somebody.
pub mod traits;

use std::rc::Rc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::policy::exchange::Exchange;
use crate::policy::ground::Ground;
use crate::policy::principal::Principal;
use crate::policy::reply::Code;
use crate::policy::scope::{Problem, Scope, Surroundings, placeholder};
use crate::shared::frozen::Frozen;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::AuthMetrics;

/// What an authenticator found in a request.
#[derive(Debug, Clone)]
pub enum Found {
    /// No credentials of its kind.
    Absent,
    /// Credentials that are no good.
    Invalid(Code),
    /// Credentials of which nobody can tell at the moment.
    Unavailable(Code),
    /// Good ones.
    Known(Rc<Principal>),
}

/// One kind of authenticator.
pub trait Authenticates: Sized + 'static {
    /// As it stands in the configuration.
    type Config: DeserializeOwned + JsonSchema;
    /// As it was compiled, the same for all workers.
    type Plan: Send + Sync + 'static;

    /// Compiles the authenticator `name`, on the control thread. Secrets and inputs come through `scope`, problems go to
    /// it.
    fn compile(config: &Self::Config, name: &str, scope: &mut Scope<'_>) -> Self::Plan;

    /// Starts on a worker. `previous` is the one of this name and kind in the generation before, to keep its state.
    fn start(plan: Frozen<Self::Plan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self;

    /// Looks who is asking. What was shown and must not go on is removed from the request.
    fn identify(&self, exchange: &mut Exchange) -> impl Future<Output = Found>;

    /// How one could show who one is: a value of WWW-Authenticate (RFC 9110 11.6.1).
    fn challenge(&self, found: &Found) -> Option<String>;
}

macro_rules! authenticators {
    ($($(#[$doc:meta])* $key:ident: $variant:ident;)*) => {
        /// A way to tell who is asking.
        #[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum AuthenticatorConfig {
            $($(#[$doc])* $variant(<$key::$variant as Authenticates>::Config),)*
        }

        /// A compiled authenticator of any kind.
        #[derive(Clone)]
        pub enum AuthenticatorPlan {
            $($(#[$doc])* $variant(Frozen<<$key::$variant as Authenticates>::Plan>),)*
        }

        /// A running authenticator of any kind.
        enum Kind {
            $($variant($key::$variant),)*
        }

        impl AuthenticatorConfig {
            /// Its key in the configuration.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($key),)* }
            }

            /// Compiles the authenticator `name`. Problems are told below its name.
            pub fn compile(&self, name: &str, scope: &mut Scope<'_>) -> AuthenticatorPlan {
                let before = scope.problems.len();
                let plan = match self {
                    $(Self::$variant(config) => AuthenticatorPlan::$variant(Frozen::new(
                        <$key::$variant as Authenticates>::compile(config, name, scope)
                    )),)*
                };
                for problem in &mut scope.problems[before..] {
                    let dot = if problem.path.is_empty() { "" } else { "." };
                    problem.path = format!("{}{dot}{}", self.key(), problem.path);
                }
                plan
            }
        }

        impl Kind {
            fn start(plan: &AuthenticatorPlan, previous: Option<&Self>, ground: &Ground<'_>) -> Self {
                match plan {
                    $(AuthenticatorPlan::$variant(plan) => {
                        let previous = match previous {
                            Some(Self::$variant(previous)) => Some(previous),
                            #[allow(unreachable_patterns)]
                            _ => None,
                        };
                        Self::$variant(<$key::$variant as Authenticates>::start(plan.clone(), previous, ground))
                    })*
                }
            }

            async fn identify(&self, exchange: &mut Exchange) -> Found {
                match self { $(Self::$variant(one) => one.identify(exchange).await,)* }
            }

            fn challenge(&self, found: &Found) -> Option<String> {
                match self { $(Self::$variant(one) => one.challenge(found),)* }
            }
        }
    };
}

authenticators! {
    /// A key that was given to an application.
    api_key: ApiKey;
    /// A name and a password.
    basic: Basic;
    /// The certificate that a TLS client has proved to be its own.
    certificate: Certificate;
    /// A signed token (JWT).
    jwt: Jwt;
    /// A token that its issuer is asked about.
    introspection: Introspection;
}

impl AuthenticatorConfig {
    /// The field and the query parameter that carry its credentials, for logs to hide.
    pub fn hidden_names(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::ApiKey(config) => (config.header.as_deref(), config.query.as_deref()),
            Self::Jwt(config) => (config.from.header.as_deref(), config.from.query.as_deref()),
            // In Authorization, which is always hidden, or in no field.
            Self::Basic(_) | Self::Certificate(_) | Self::Introspection(_) => (None, None),
        }
    }

    /// Reports what is wrong, as `(path, reason, hint)`. Secrets are taken to exist, and no file is read.
    pub fn check(&self, name: &str, report: &mut dyn FnMut(&str, String, Option<String>)) {
        let mut scope = Scope::new(&placeholder).around(Surroundings::default());
        self.compile(name, &mut scope);
        for Problem { path, reason, hint } in scope.problems {
            report(&path, reason, hint);
        }
    }
}

/// An authenticator as a worker runs it.
pub struct Authenticator {
    /// Its name in the configuration.
    pub name: Box<str>,
    kind: Kind,
    metrics: Slot<AuthMetrics>,
}

impl Authenticator {
    /// Looks who is asking, and counts what it finds.
    pub async fn identify(&self, exchange: &mut Exchange) -> Found {
        let found = self.kind.identify(exchange).await;
        let counter = match &found {
            Found::Absent => &self.metrics.absent,
            Found::Invalid(_) => &self.metrics.invalid,
            Found::Unavailable(_) => &self.metrics.unavailable,
            Found::Known(_) => &self.metrics.known,
        };
        counter.add(1);
        found
    }

    /// See [`Authenticates::challenge`].
    pub fn challenge(&self, found: &Found) -> Option<String> {
        self.kind.challenge(found)
    }
}

/// The authenticators of a generation on one worker, in the order of their names.
#[derive(Default)]
pub struct Authenticators(Vec<Rc<Authenticator>>);

impl Authenticators {
    /// Starts one, and adds it. They come in the order of their names.
    pub fn start(
        &mut self,
        name: &str,
        plan: &AuthenticatorPlan,
        previous: Option<&Self>,
        ground: &Ground<'_>,
    ) {
        let previous = previous.and_then(|previous| previous.get(name));
        let kind = Kind::start(plan, previous.map(|previous| &previous.kind), ground);
        let metrics = ground.registry.authenticator(name, ground.bench.worker);
        self.0.push(Rc::new(Authenticator { name: name.into(), kind, metrics }));
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<&Rc<Authenticator>> {
        let found = self.0.binary_search_by(|one| (*one.name).cmp(name));
        found.ok().map(|at| &self.0[at])
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
