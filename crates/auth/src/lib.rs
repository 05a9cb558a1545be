#![doc = include_str!("../README.md")]

mod open;
mod silly;

use std::fmt;

use async_trait::async_trait;
use wharf_protocol::Challenge;
use wharf_reference::RepositoryName;

pub use open::Open;
pub use silly::Silly;

/// Decides about requests.
#[async_trait]
pub trait AccessController: Send + Sync {
    /// Grants everything that the request wants, or refuses it as a whole.
    ///
    /// # Errors
    ///
    /// The [`Refusal`].
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Grant, Refusal>;
}

/// What a controller is told of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessRequest<'a> {
    /// The `Authorization` header, if there is one and it is text.
    pub authorization: Option<&'a str>,
    /// What the request wants; nothing for the base route, which still has to be authenticated.
    pub access: &'a [Access],
    /// The host that the client spoke to, for challenges that lead back to it.
    pub host: Option<&'a str>,
    /// The scheme that a proxy in front says the client used.
    pub forwarded_scheme: Option<&'a str>,
}

/// One thing that a request wants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Access {
    /// To what.
    pub resource: Resource,
    /// Doing what.
    pub action: Action,
}

impl Access {
    /// Wants to do something to a repository.
    pub fn repository(name: RepositoryName, action: Action) -> Self {
        Self { resource: Resource::Repository(name), action }
    }

    /// Wants to see the names of all repositories.
    pub fn catalog() -> Self {
        Self { resource: Resource::Catalog, action: Action::All }
    }
}

/// What can be accessed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Resource {
    /// A repository.
    Repository(RepositoryName),
    /// The list of repositories: `registry:catalog` in a scope.
    Catalog,
}

impl Resource {
    /// The type of the resource as scopes name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Repository(_) => "repository",
            Self::Catalog => "registry",
        }
    }

    /// The name of the resource as scopes name it.
    pub fn name(&self) -> &str {
        match self {
            Self::Repository(name) => name.as_str(),
            Self::Catalog => "catalog",
        }
    }
}

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read.
    Pull,
    /// Write.
    Push,
    /// Delete.
    Delete,
    /// Everything: `*` in a scope.
    All,
}

impl Action {
    /// The action as scopes name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Delete => "delete",
            Self::All => "*",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What was granted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// Who asks, where that is known.
    pub user: Option<String>,
}

/// Why something was not granted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The caller has to say who it is, or say it better.
    #[error("authentication required: {reason}")]
    Challenge {
        /// What to answer with.
        challenge: Challenge,
        /// What was wrong, for the log.
        reason: String,
    },
    /// The caller is known and may not.
    #[error("access denied: {0}")]
    Denied(String),
    /// The controller itself does not work.
    #[error("the access controller failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
