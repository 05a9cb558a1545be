//! Tokens of Microsoft Entra, by which an identity proves itself to the storage service.
//!
//! Three small exchanges, each one HTTP request: an application shows its secret, or a federated token that a file
//! holds; or the machine, or the service that hosts the program, is asked for its managed identity. A token is kept
//! and renewed before it ends; while renewing fails, the old one serves as long as it is good.

use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::timeout;
use wharf_http_client::HttpClient;

use crate::config::{Config, Credentials, Environment, InvalidConfig};

/// What tokens are asked for.
const RESOURCE: &str = "https://storage.azure.com";

/// How long before its end a token is renewed.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// How long a token must still be good to be used when it cannot be renewed.
const LEAST: Duration = Duration::from_secs(30);

/// How long asking for a token may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of an answer that are read.
const ANSWER_MAX_BYTES: usize = 64 * 1024;

/// Where a machine of Azure asks for its identity.
const MACHINE_ENDPOINT: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Gives out tokens.
pub(crate) struct Tokens {
    http: HttpClient,
    source: Source,
    kept: Mutex<Option<Token>>,
}

/// A token.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) ends: SystemTime,
}

/// Who asks, and where.
#[derive(Clone, PartialEq, Eq)]
enum Source {
    Application {
        url: String,
        client: String,
        proof: Proof,
    },
    /// The endpoint of the service that hosts the program, and what to say there.
    Hosted {
        url: String,
        header: String,
        client: Option<String>,
    },
    Machine {
        url: String,
        client: Option<String>,
    },
}

#[derive(Clone, PartialEq, Eq)]
enum Proof {
    Secret(String),
    /// A file that is read again each time: it changes.
    File(String),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the authority cannot be reached")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the authority answered {status} {code}")]
    Refused { status: u16, code: String },
    #[error("the authority's answer is no token")]
    Unreadable,
    #[error("the federated token cannot be read")]
    File(#[source] std::io::Error),
}

impl TokenError {
    /// Whether it may go away by itself.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => matches!(status, 404 | 408 | 410 | 429 | 500..=599),
            Self::Unreadable | Self::File(_) => false,
        }
    }
}

impl Tokens {
    /// What the configuration says; none when it wants no tokens.
    pub(crate) fn new(config: &Config, http: HttpClient) -> Result<Option<Self>, InvalidConfig> {
        let source = Source::of(config)?;
        Ok(source.map(|source| Self { http, source, kept: Mutex::new(None) }))
    }

    /// A token that is good for a while. Those who come together ask once.
    pub(crate) async fn get(&self) -> Result<Token, TokenError> {
        let mut kept = self.kept.lock().await;
        let now = SystemTime::now();
        if let Some(token) = kept.as_ref().filter(|token| token.ends > now + EARLY) {
            return Ok(token.clone());
        }
        match self.fetch(now).await {
            Ok(token) => Ok(kept.insert(token).clone()),
            Err(error) => kept.as_ref().filter(|token| token.ends > now + LEAST).cloned().ok_or(error),
        }
    }

    /// Forgets the token.
    pub(crate) async fn forget(&self) {
        *self.kept.lock().await = None;
    }

    async fn fetch(&self, now: SystemTime) -> Result<Token, TokenError> {
        let request = self.source.request().map_err(TokenError::File)?;
        let unreachable = |error: Box<dyn std::error::Error + Send + Sync>| TokenError::Unreachable(error);
        let exchange = async {
            let answer = self.http.send(request).await.map_err(|error| unreachable(error.into()))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await.map_err(unreachable)?;
            Ok((head.status, body.to_bytes()))
        };
        let (status, body) =
            timeout(PATIENCE, exchange).await.map_err(|error| unreachable(error.into()))??;
        read_answer(status, &body, now)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Source {
    fn of(config: &Config) -> Result<Option<Self>, InvalidConfig> {
        let environment = &config.environment;
        let source = match &config.credentials {
            Credentials::SharedKey(_) | Credentials::Sas(_) => return Ok(None),
            Credentials::ClientSecret { tenant, client, secret } => {
                Self::application(config, tenant, client, Proof::Secret(secret.clone()))
            }
            Credentials::ManagedIdentity { client } => Self::managed(environment, client.clone()),
            Credentials::WorkloadIdentity => Self::federated(config).ok_or(InvalidConfig(
                "a workload identity needs AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE",
            ))?,
            Credentials::Default => Self::secret(config)
                .or_else(|| Self::federated(config))
                .unwrap_or_else(|| Self::managed(environment, given(&environment.client).map(str::to_owned))),
        };
        Ok(Some(source))
    }

    fn secret(config: &Config) -> Option<Self> {
        let Environment { tenant, client, client_secret, .. } = &config.environment;
        let proof = Proof::Secret(given(client_secret)?.to_owned());
        Some(Self::application(config, given(tenant)?, given(client)?, proof))
    }

    fn federated(config: &Config) -> Option<Self> {
        let Environment { tenant, client, federated_token_file, .. } = &config.environment;
        let proof = Proof::File(given(federated_token_file)?.to_owned());
        Some(Self::application(config, given(tenant)?, given(client)?, proof))
    }

    fn application(config: &Config, tenant: &str, client: &str, proof: Proof) -> Self {
        let host = given(&config.environment.authority_host).unwrap_or(match config.realm.as_str() {
            "core.chinacloudapi.cn" => "https://login.chinacloudapi.cn",
            "core.usgovcloudapi.net" => "https://login.microsoftonline.us",
            _ => "https://login.microsoftonline.com",
        });
        let url = format!("{}/{}/oauth2/v2.0/token", host.trim_end_matches('/'), escape(tenant));
        Self::Application { url, client: client.to_owned(), proof }
    }

    fn managed(environment: &Environment, client: Option<String>) -> Self {
        match (given(&environment.identity_endpoint), given(&environment.identity_header)) {
            (Some(url), Some(header)) => {
                Self::Hosted { url: url.to_owned(), header: header.to_owned(), client }
            }
            _ => Self::Machine { url: MACHINE_ENDPOINT.to_owned(), client },
        }
    }

    fn request(&self) -> std::io::Result<Request<wharf_http_client::Body>> {
        let built = match self {
            Self::Application { url, client, proof } => {
                let scope = format!("{RESOURCE}/.default");
                let mut form =
                    vec![("grant_type", "client_credentials"), ("client_id", client), ("scope", &scope)];
                let token;
                match proof {
                    Proof::Secret(secret) => form.push(("client_secret", secret)),
                    Proof::File(file) => {
                        token = std::fs::read_to_string(file)?;
                        form.push((
                            "client_assertion_type",
                            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                        ));
                        form.push(("client_assertion", token.trim()));
                    }
                }
                let request = Request::builder().method(Method::POST).uri(url);
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                request.body(wharf_http_client::full(Bytes::from(encode(&form))))
            }
            Self::Hosted { url, header, client } => {
                let request = Request::builder().uri(managed_url(url, "2019-08-01", client));
                request.header("x-identity-header", header).body(wharf_http_client::empty())
            }
            Self::Machine { url, client } => {
                let request = Request::builder().uri(managed_url(url, "2018-02-01", client));
                request.header("metadata", "true").body(wharf_http_client::empty())
            }
        };
        built.map_err(std::io::Error::other)
    }
}

fn managed_url(url: &str, version: &str, client: &Option<String>) -> String {
    let mut query = vec![("api-version", version), ("resource", RESOURCE)];
    query.extend(client.as_deref().map(|client| ("client_id", client)));
    format!("{url}{}{}", if url.contains('?') { '&' } else { '?' }, encode(&query))
}

fn read_answer(status: StatusCode, body: &[u8], now: SystemTime) -> Result<Token, TokenError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    if !status.is_success() {
        let code =
            text("error").unwrap_or_default().chars().filter(|c| c.is_ascii_graphic()).take(64).collect();
        return Err(TokenError::Refused { status: status.as_u16(), code });
    }
    let number = |name: &str| {
        let value = answer.get(name)?;
        value.as_u64().or_else(|| value.as_str()?.parse().ok()).map(Duration::from_secs)
    };
    let ends = match (number("expires_in"), number("expires_on")) {
        (Some(seconds), _) => now.checked_add(seconds),
        (None, Some(since_epoch)) => SystemTime::UNIX_EPOCH.checked_add(since_epoch),
        (None, None) => None,
    };
    match (text("access_token"), ends) {
        (Some(secret), Some(ends)) => Ok(Token { secret: secret.to_owned(), ends }),
        _ => Err(TokenError::Unreadable),
    }
}

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

fn escape(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

fn encode(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", escape(value)));
    pairs.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests;
