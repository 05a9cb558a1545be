//! Who we are, said as the registry wants to hear it: Basic, a token of its token server, or nothing.
//!
//! How a registry wants it is learnt from its challenge. Whoever has credentials asks for the challenge first, by `GET /v2/`, as a
//! registry that shows some things to everybody would never ask; whoever has none waits until it is challenged.

mod scopes;
mod server;
mod tokens;

use std::fmt;
use std::sync::{Mutex, PoisonError};

use http::header::WWW_AUTHENTICATE;
use http::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;
use wharf_protocol::Challenge;

pub(crate) use self::scopes::Scopes;

use self::tokens::Tokens;
use crate::Error;
use crate::transport::Transport;

/// What a registry, or its token server, knows us by.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// Nobody in particular.
    Anonymous,
    /// A user with a password.
    Basic {
        /// The name of the user.
        user: String,
        /// The password, or what is used in its place.
        password: String,
    },
    /// A refresh token, which the token server gave out at a login and exchanges for tokens.
    Identity(String),
    /// A token that the registry itself takes.
    Bearer(String),
}

/// Never shows a secret.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => formatter.write_str("Anonymous"),
            Self::Basic { user, .. } => {
                formatter.debug_struct("Basic").field("user", user).finish_non_exhaustive()
            }
            Self::Identity(_) => formatter.write_str("Identity(..)"),
            Self::Bearer(_) => formatter.write_str("Bearer(..)"),
        }
    }
}

/// Answers challenges, and remembers how.
pub(crate) struct Authenticator {
    credentials: Credentials,
    scheme: Mutex<Scheme>,
    asked: OnceCell<()>,
    tokens: Tokens,
}

/// How a registry wants to be logged in to, as far as is known.
#[derive(Clone, PartialEq, Eq)]
enum Scheme {
    Unknown,
    Basic,
    Bearer(Realm),
}

/// A token server, and for which service it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Realm {
    pub(crate) url: String,
    pub(crate) service: String,
}

impl Authenticator {
    pub(crate) fn new(credentials: Credentials, tokens: usize) -> Self {
        Self {
            credentials,
            scheme: Mutex::new(Scheme::Unknown),
            asked: OnceCell::new(),
            tokens: Tokens::new(tokens),
        }
    }

    /// What a request for these scopes says before it is asked; none to say nothing.
    pub(crate) async fn header(
        &self,
        transport: &Transport,
        scopes: &Scopes,
    ) -> Result<Option<HeaderValue>, Error> {
        if let Credentials::Bearer(token) = &self.credentials {
            return Ok(header_of(wharf_protocol::Credentials::Bearer(token.clone())));
        }
        if self.credentials != Credentials::Anonymous {
            self.asked.get_or_init(|| self.ask(transport)).await;
        }
        match self.scheme() {
            Scheme::Unknown => Ok(None),
            Scheme::Basic => Ok(self.basic()),
            Scheme::Bearer(realm) => self.token(transport, &realm, scopes).await.map(Some),
        }
    }

    /// What the same request says after it was refused with `refused`; none when there is nothing better to say.
    pub(crate) async fn renewed(
        &self,
        transport: &Transport,
        headers: &HeaderMap,
        scopes: &Scopes,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, Error> {
        match challenge(headers) {
            Some(Challenge::Basic { .. }) => {
                self.learn(Scheme::Basic);
                Ok(self.basic().filter(|header| Some(header) != refused))
            }
            Some(Challenge::Bearer { realm, service, scopes: wanted, .. }) => {
                if matches!(self.credentials, Credentials::Bearer(_)) {
                    return Ok(None);
                }
                let realm = Realm { url: realm, service };
                self.learn(Scheme::Bearer(realm.clone()));
                if let Some(refused) = refused {
                    self.tokens.forget(refused);
                }
                let mut scopes = scopes.clone();
                scopes.add_texts(&wanted);
                self.token(transport, &realm, &scopes).await.map(Some)
            }
            None => Ok(None),
        }
    }

    async fn token(
        &self,
        transport: &Transport,
        realm: &Realm,
        scopes: &Scopes,
    ) -> Result<HeaderValue, Error> {
        let ask = |scopes: Scopes| Box::pin(server::ask(transport, realm, scopes, &self.credentials));
        self.tokens.get(scopes, ask).await
    }

    async fn ask(&self, transport: &Transport) {
        let Some(response) = transport.challenges().await else { return };
        match challenge(response.headers()) {
            Some(Challenge::Basic { .. }) => self.learn(Scheme::Basic),
            Some(Challenge::Bearer { realm, service, .. }) => {
                self.learn(Scheme::Bearer(Realm { url: realm, service }));
            }
            None => {}
        }
    }

    fn basic(&self) -> Option<HeaderValue> {
        let Credentials::Basic { user, password } = &self.credentials else { return None };
        header_of(wharf_protocol::Credentials::Basic { user: user.clone(), password: password.clone() })
    }

    fn scheme(&self) -> Scheme {
        self.scheme.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn learn(&self, scheme: Scheme) {
        *self.scheme.lock().unwrap_or_else(PoisonError::into_inner) = scheme;
    }
}

/// The challenge that we answer: one for a token rather than one for a password.
fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let challenges: Vec<Challenge> = texts.filter_map(Challenge::parse).collect();
    let bearer = challenges.iter().find(|challenge| matches!(challenge, Challenge::Bearer { .. }));
    bearer.or(challenges.first()).cloned()
}

/// An `Authorization` header that no log shows.
pub(crate) fn header_of(credentials: wharf_protocol::Credentials) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(&credentials.header()?).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_never_show_a_secret() {
        let all = [
            Credentials::Basic { user: "alice".into(), password: "hush".into() },
            Credentials::Identity("hush".into()),
            Credentials::Bearer("hush".into()),
        ];
        assert!(!format!("{all:?}").contains("hush"));
        let header = header_of(wharf_protocol::Credentials::Bearer("hush".into())).unwrap();
        assert!(!format!("{header:?}").contains("hush"));
    }

    #[test]
    fn a_token_is_preferred_to_a_password() {
        let mut headers = HeaderMap::new();
        headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"a\""));
        headers
            .append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"https://t/\",service=\"s\""));
        assert!(matches!(challenge(&headers), Some(Challenge::Bearer { .. })));
    }
}
