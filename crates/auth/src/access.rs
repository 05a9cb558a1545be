//! What a request wants: an action on a resource.

use std::fmt;

use wharf_reference::RepositoryName;

/// What a controller is told of a request.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccessRequest<'a> {
    /// The `Authorization` header, if there is one.
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

impl fmt::Display for Access {
    /// Prints it as a scope: `repository:library/ubuntu:pull`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.resource.kind(), self.resource.name(), self.action)
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
