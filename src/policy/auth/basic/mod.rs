//! A name and a password with every request (RFC 7617).
//!
//! Verifying is slow on purpose and control's to do; a worker remembers what came of it, under a digest that only this
//! process can make. Good credentials and bad ones have memories of their own, so that guessing pushes nobody out.

pub mod credentials;
pub mod passwords;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::secret::Secret;
use crate::config::units::Span;
use crate::http::field::FieldId;
use crate::policy::auth::file::read_bounded;
use crate::policy::auth::memory::{Digest, Memory, Pepper};
use crate::policy::auth::scheme::{Authorization, authorization, is_realm, quoted};
use crate::policy::auth::traits::Traits;
use crate::policy::auth::{Authenticates, Found};
use crate::policy::exchange::Exchange;
use crate::policy::ground::{Bench, Ground};
use crate::policy::live::Live;
use crate::policy::principal::{Method, Principal};
use crate::policy::question::{Answer, Question};
use crate::policy::reply::Code;
use crate::policy::scope::Scope;
use crate::rt::clock;
use crate::shared::Published;
use crate::shared::frozen::Frozen;
use crate::shared::sharded::Slot;
use crate::telemetry::metrics::AuthMetrics;
use credentials::Credentials;
use passwords::{FILE_BYTES_MAX, PasswordHash, Passwords};

/// People by their names and passwords.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BasicConfig {
    /// File of lines `user:hash`, as htpasswd and `ringgate key password` write them, with bcrypt or Argon2id. Looked at once
    /// a second.
    pub file: PathBuf,
    /// What the client's dialogue says is asked for. Default: the authenticator's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// What is known of users besides their passwords.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, Traits>,
    /// How long a worker remembers that a password was right. A change of the file is seen at once in any case.
    #[serde(default = "remember_default")]
    pub remember: Span,
    /// How long a worker remembers that one was wrong.
    #[serde(default = "remember_wrong_default")]
    pub remember_wrong: Span,
    /// Lets the credentials go upstream.
    #[serde(default)]
    pub forward: bool,
}

fn remember_default() -> Span {
    Span::from_secs(300)
}

fn remember_wrong_default() -> Span {
    Span::from_secs(10)
}

/// Good credentials that a worker remembers, and as many bad ones.
const REMEMBERED_MAX: usize = 10_000;
/// For an answer of control. What waits that long has waited in a long queue.
const ANSWER_BOUND: Duration = Duration::from_secs(10);

/// Compiled.
pub struct BasicPlan {
    name: Box<str>,
    challenge: Box<str>,
    users: BTreeMap<String, Traits>,
    remember_ms: u64,
    remember_wrong_ms: u64,
    forwards: bool,
    passwords: Published<Passwords>,
}

/// The running authenticator.
pub struct Basic {
    plan: Frozen<BasicPlan>,
    bench: Rc<Bench>,
    metrics: Slot<AuthMetrics>,
    passwords: Live<Passwords>,
    pepper: Pepper,
    right: RefCell<Memory<Right>>,
    wrong: RefCell<Memory<()>>,
}

/// Somebody whose password was right, and its hash: with another one it has to be verified anew.
struct Right {
    principal: Rc<Principal>,
    hash: PasswordHash,
}

impl Authenticates for Basic {
    type Config = BasicConfig;
    type Plan = BasicPlan;

    fn compile(config: &BasicConfig, name: &str, scope: &mut Scope<'_>) -> BasicPlan {
        let realm = config.realm.as_deref().unwrap_or(name);
        if !is_realm(realm) {
            scope.problem("realm", "the realm is more than ASCII", "write letters, digits, spaces");
        }
        let base = scope.around.base;
        let file = base.map_or(config.file.clone(), |base| base.join(&config.file));
        let mut broken = None;
        let desk = &mut scope.inputs;
        let passwords = desk.now.passwords.take(&file, &desk.previous.passwords, || {
            // Who begins with a broken file is told at once; what is in it is published by its keeper.
            broken = base.and_then(|_| read(&file).err());
            Passwords::default()
        });
        if let Some(reason) = broken {
            let reason = format!("`{}` {reason}", config.file.display());
            scope.problem("file", reason, "`ringgate key password USER` prints a line as it should be");
        }
        let millis = |span: Span| u64::try_from(span.duration().as_millis()).unwrap_or(u64::MAX);
        BasicPlan {
            name: name.into(),
            // RFC 7617 2.1: names and passwords are in UTF-8.
            challenge: format!("Basic realm={}, charset=\"UTF-8\"", quoted(realm)).into(),
            users: config.users.clone(),
            remember_ms: millis(config.remember),
            remember_wrong_ms: millis(config.remember_wrong),
            forwards: config.forward,
            passwords,
        }
    }

    fn start(plan: Frozen<BasicPlan>, previous: Option<&Self>, ground: &Ground<'_>) -> Self {
        let passwords = Live::new(plan.passwords.clone());
        let metrics = ground.registry.authenticator(&plan.name, ground.bench.worker);
        let kept = previous.filter(|previous| previous.plan.passwords.is_same(&plan.passwords));
        let pepper = kept.map_or_else(Pepper::random, |kept| kept.pepper.clone());
        let mut right =
            kept.map_or_else(|| Memory::new(REMEMBERED_MAX), |kept| kept.right.replace(Memory::new(1)));
        let wrong =
            kept.map_or_else(|| Memory::new(REMEMBERED_MAX), |kept| kept.wrong.replace(Memory::new(1)));
        if kept.is_some_and(|kept| kept.plan.users != plan.users) {
            // The password stays right; who it is may be known otherwise now.
            right.retain(|right| {
                right.principal = Rc::new(plan.principal(&right.principal.subject));
                true
            });
        }
        let this = Self {
            plan,
            bench: ground.bench.clone(),
            metrics,
            passwords,
            pepper,
            right: RefCell::new(right),
            wrong: RefCell::new(wrong),
        };
        // The file may have changed since the former one looked.
        this.forget_changed();
        this
    }

    async fn identify(&self, exchange: &mut Exchange) -> Found {
        let text = match authorization(&exchange.request.fields, b"Basic") {
            Authorization::Absent => return Found::Absent,
            Authorization::Several => return Found::Invalid(Code::CredentialsMalformed),
            Authorization::One(text) => text,
        };
        if self.passwords.refresh() {
            self.forget_changed();
        }
        let digest = self.pepper.digest(&[text]);
        let found = match self.remembered(&digest, clock::coarse_ms()) {
            Some(found) => found,
            None => match Credentials::read(text) {
                // Boxed: it is rare, and would make the task of every exchange as large.
                Some(credentials) => Box::pin(self.ask(digest, credentials)).await,
                None => Found::Invalid(Code::CredentialsMalformed),
            },
        };
        if !self.plan.forwards && matches!(found, Found::Known(_)) {
            exchange.request.fields.remove(FieldId::Authorization);
        }
        found
    }

    fn challenge(&self, _found: &Found) -> Option<String> {
        Some(self.plan.challenge.clone().into())
    }
}

impl Basic {
    /// The file has changed. Who has the same hash as before need not be verified again: in a large file, that would be
    /// everybody at once.
    fn forget_changed(&self) {
        let passwords = self.passwords.get();
        self.right
            .borrow_mut()
            .retain(|right| passwords.hash_of(&right.principal.subject) == Some(&right.hash));
        self.wrong.borrow_mut().clear();
    }

    fn remembered(&self, digest: &Digest, now_ms: u64) -> Option<Found> {
        if let Some(known) = self.right.borrow().get(digest, now_ms) {
            self.metrics.remembered.add(1);
            return Some(Found::Known(known.principal.clone()));
        }
        self.wrong.borrow().get(digest, now_ms).map(|()| Found::Invalid(Code::CredentialsInvalid))
    }

    async fn ask(&self, digest: Digest, credentials: Credentials) -> Found {
        let generation = self.passwords.generation();
        let Credentials { user, password } = credentials;
        let question = Question::Password(PasswordQuestion {
            passwords: self.plan.passwords.clone(),
            user: user.as_str().into(),
            password: Secret::new(password),
        });
        let answer = self.bench.questions.ask(question, ANSWER_BOUND).await;
        let now_ms = clock::coarse_ms();
        // What was found out about another file than the present one is not to be remembered.
        let is_current = self.plan.passwords.generation() == generation;
        match answer {
            Some(Answer::Password(Verified::Right)) => {
                let known = Rc::new(self.plan.principal(&user));
                if let Some(hash) = self.passwords.get().hash_of(&user).filter(|_| is_current).cloned() {
                    let right = Right { principal: known.clone(), hash };
                    self.right.borrow_mut().put(digest, right, now_ms + self.plan.remember_ms);
                }
                Found::Known(known)
            }
            Some(Answer::Password(Verified::Wrong)) => {
                if is_current {
                    self.wrong.borrow_mut().put(digest, (), now_ms + self.plan.remember_wrong_ms);
                }
                Found::Invalid(Code::CredentialsInvalid)
            }
            _ => Found::Unavailable(Code::AuthenticationUnavailable),
        }
    }
}

impl BasicPlan {
    fn principal(&self, user: &str) -> Principal {
        let principal = Principal::new(&self.name, Method::Basic, user);
        match self.users.get(user) {
            Some(traits) => traits.given_to(principal),
            None => principal,
        }
    }
}

/// Whether a password is right: what a worker asks of control. Never printed.
#[derive(Clone)]
pub struct PasswordQuestion {
    /// Those of the authenticator.
    pub passwords: Published<Passwords>,
    /// Who.
    pub user: Box<str>,
    /// What was shown.
    pub password: Secret,
}

impl PartialEq for PasswordQuestion {
    fn eq(&self, other: &Self) -> bool {
        self.passwords.is_same(&other.passwords)
            && self.user == other.user
            && self.password.equals(other.password.expose().as_bytes())
    }
}

impl Eq for PasswordQuestion {}

impl std::hash::Hash for PasswordQuestion {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.user.hash(state);
        self.password.expose().hash(state);
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// It is.
    Right,
    /// It is not, or there is no such user.
    Wrong,
    /// Too many are being verified, or the file could never be read.
    Unavailable,
}

/// The users of a file.
///
/// # Errors
/// What is wrong with it, in words that follow its name.
pub fn read(file: &std::path::Path) -> Result<Passwords, String> {
    Passwords::read(&read_bounded(file, FILE_BYTES_MAX)?)
}
