#![doc = include_str!("../README.md")]

mod algorithm;
mod chain;
mod claims;
mod error;
mod jwk;
mod jws;
mod key;
mod trust;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use async_trait::async_trait;
use wharf_auth::{Access, AccessRequest, Authenticator, Caller, Flaw, Rejection};
use wharf_protocol::{Challenge, Credentials};

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use error::Error;
use jws::Token;
use trust::Trust;

/// What a [`TokenAuthenticator`] is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where clients are sent for a token.
    pub realm: Realm,
    /// The service that a token has to be for: its `aud`.
    pub service: String,
    /// Who has to have made it: its `iss`.
    pub issuer: String,
    /// A file of PEM certificates, whose keys and those of the chains below them sign tokens.
    pub certificates: Option<PathBuf>,
    /// A file with a JSON Web Key Set (RFC 7517), whose keys sign tokens.
    pub key_set: Option<PathBuf>,
    /// How tokens may be signed.
    pub algorithms: Vec<Algorithm>,
}

/// Where clients are sent for a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Realm {
    /// A URL.
    pub url: String,
    /// A path on the host that the client spoke to, which then counts instead of the URL.
    pub redirect: Option<String>,
}

/// Knows callers by their tokens.
pub struct TokenAuthenticator {
    config: Config,
    trust: RwLock<Arc<Trust>>,
}

impl TokenAuthenticator {
    /// Reads the keys.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or understood, or there is no key in either.
    pub fn open(config: Config) -> Result<Self, Error> {
        let trust = RwLock::new(Arc::new(Trust::read(&config)?));
        Ok(Self { config, trust })
    }

    /// Reads the keys again. This reads files: not for a thread that does I/O for others.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); the keys are then those that they were.
    pub fn reload(&self) -> Result<(), Error> {
        let trust = Arc::new(Trust::read(&self.config)?);
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = trust;
        Ok(())
    }

    /// The files that the keys are in.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.config.certificates.iter().chain(&self.config.key_set)
    }

    fn verify(&self, token: &str, now: SystemTime) -> Result<Caller, Rejection> {
        let trust = Arc::clone(&self.trust.read().unwrap_or_else(PoisonError::into_inner));
        let token = Token::parse(token, &self.config.algorithms)?;
        let key = trust.key(&token.header, now)?;
        let payload = token.verify(&key)?;
        claims::judge(&payload, &self.config, now)
    }
}

#[async_trait]
impl Authenticator for TokenAuthenticator {
    async fn authenticate(&self, authorization: &str) -> Result<Option<Caller>, Rejection> {
        match Credentials::parse(authorization) {
            Credentials::Bearer(token) => self.verify(&token, SystemTime::now()).map(Some),
            _ => Err(Rejection::wrong("no token was sent")),
        }
    }

    fn challenge(&self, request: &AccessRequest<'_>, flaw: Option<Flaw>) -> Option<Challenge> {
        let Realm { url, redirect } = &self.config.realm;
        let realm = match (redirect, request.host) {
            (Some(path), Some(host)) => {
                format!("{}://{host}{path}", request.forwarded_scheme.unwrap_or("https"))
            }
            _ => url.clone(),
        };
        Some(Challenge::Bearer {
            realm,
            service: self.config.service.clone(),
            scopes: scopes(request.access),
            error: flaw.map(|flaw| flaw.as_str().to_owned()),
        })
    }
}

impl fmt::Debug for TokenAuthenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenAuthenticator").field("config", &self.config).finish_non_exhaustive()
    }
}

/// One scope for each resource, in the order in which they are wanted. (Distribution's order is a random one.)
fn scopes(access: &[Access]) -> Vec<String> {
    let mut scopes: Vec<(&Access, Vec<&str>)> = Vec::new();
    for wanted in access {
        let action = wanted.action.as_str();
        match scopes.iter_mut().find(|(known, _)| known.resource == wanted.resource) {
            Some((_, actions)) if actions.contains(&action) => {}
            Some((_, actions)) => actions.push(action),
            None => scopes.push((wanted, vec![action])),
        }
    }
    let print = |(access, actions): (&Access, Vec<&str>)| {
        format!("{}:{}:{}", access.resource.kind(), access.resource.name(), actions.join(","))
    };
    scopes.into_iter().map(print).collect()
}
