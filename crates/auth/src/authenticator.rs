//! Who is asking: the question that comes before what they may do.

use std::error::Error;

use async_trait::async_trait;
use wharf_protocol::Challenge;
use wharf_reference::RepositoryName;

use crate::{Access, AccessRequest};

/// Tells who is asking from the credentials of a request, and asks for credentials.
///
/// Whoever does not also have [`Rules`](crate::Rules) uses it as an [`AccessController`](crate::AccessController): a caller
/// with good credentials may do what they say it may, one without is challenged.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Tells who sent this `Authorization` header, which is not empty; none for one that names nobody, as some clients send
    /// where they have no credentials. Whoever sent that is treated as if it had sent none.
    ///
    /// # Errors
    ///
    /// [`Rejection::Wrong`] for credentials that are not good, [`Rejection::Failed`] when they could not be judged.
    async fn authenticate(&self, authorization: &str) -> Result<Option<Caller>, Rejection>;

    /// What a request is answered with whose caller should say who it is, or say it better; none where nobody can.
    fn challenge(&self, request: &AccessRequest<'_>, flaw: Option<Flaw>) -> Option<Challenge>;
}

/// Who is asking. The default is nobody in particular, without any restriction from elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The name of the user; none for one who did not say, or whose credentials name nobody.
    pub user: Option<String>,
    /// The groups that the authenticator knows the user to be in, beside those of the [`Rules`](crate::Rules).
    pub groups: Vec<String>,
    /// What the credentials say of the caller; a key whose value is a list is there once for each item.
    pub claims: Vec<(String, String)>,
    /// All that the credentials allow; none when they say who the caller is and nothing else.
    pub scopes: Option<Scopes>,
}

impl Caller {
    /// A user of whom only the name is known.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: Some(name.into()), ..Self::default() }
    }

    /// Whether the credentials allow everything in the list.
    pub fn has_scopes(&self, access: &[Access]) -> bool {
        self.scopes.as_ref().is_none_or(|scopes| access.iter().all(|access| scopes.allow(access)))
    }
}

/// What credentials allow, as a token server writes it down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Scope>);

/// Some actions on one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The type of the resource: `repository` or `registry`.
    pub kind: String,
    /// The class of the resource: what kind of images a repository is for, such as `plugin`. Empty for `image`, the usual one.
    pub class: String,
    /// The name of the resource.
    pub name: String,
    /// What may be done to it; `*` is everything.
    pub actions: Vec<String>,
}

impl Scopes {
    /// Whether something is allowed.
    pub fn allow(&self, access: &Access) -> bool {
        let names =
            |scope: &&Scope| scope.kind == access.resource.kind() && scope.name == access.resource.name();
        let allows = |action: &String| action == "*" || action == access.action.as_str();
        self.0.iter().filter(names).any(|scope| scope.actions.iter().any(allows))
    }

    /// The classes of images that a repository is named with; none when it is not named.
    pub fn classes(&self, repository: &RepositoryName) -> Vec<String> {
        let names = |scope: &&Scope| scope.kind == "repository" && scope.name == repository.as_str();
        let class =
            |scope: &Scope| if scope.class.is_empty() { "image".to_owned() } else { scope.class.clone() };
        self.0.iter().filter(names).map(class).collect()
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

/// What is wrong with a token, as RFC 6750 names it in a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// It is malformed, expired, or meant for others.
    InvalidToken,
    /// It does not allow what was wanted.
    InsufficientScope,
}

impl Flaw {
    /// The name of the flaw.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidToken => "invalid_token",
            Self::InsufficientScope => "insufficient_scope",
        }
    }
}

/// Why credentials were not accepted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// They are not good.
    #[error("the credentials are wrong: {reason}")]
    Wrong {
        /// What the challenge tells the client.
        flaw: Option<Flaw>,
        /// What the log tells the operator. It never holds a secret.
        reason: String,
    },
    /// They could not be judged.
    #[error("the credentials could not be judged")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl Rejection {
    /// A rejection of which the client learns nothing but that it is one.
    pub fn wrong(reason: impl Into<String>) -> Self {
        Self::Wrong { flaw: None, reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Action;

    #[test]
    fn scopes_allow_what_they_name_and_a_star_allows_all() {
        let scope = |kind: &str, name: &str, actions: &[&str]| Scope {
            kind: kind.into(),
            class: String::new(),
            name: name.into(),
            actions: actions.iter().map(|action| (*action).to_owned()).collect(),
        };
        let scopes: Scopes =
            [scope("repository", "a/b", &["pull"]), scope("repository", "c", &["*"])].into_iter().collect();
        let allowed = |name: &str, action| scopes.allow(&Access::repository(name.parse().unwrap(), action));
        assert!(allowed("a/b", Action::Pull) && allowed("c", Action::Delete));
        assert!(!allowed("a/b", Action::Push) && !allowed("a", Action::Pull));
        assert!(!scopes.allow(&Access::catalog()));
        let catalog: Scopes = [scope("registry", "catalog", &["*"])].into_iter().collect();
        assert!(catalog.allow(&Access::catalog()));
    }

    #[test]
    fn a_repository_is_for_images_unless_a_scope_says_otherwise() {
        let scope = |class: &str, name: &str| Scope {
            kind: "repository".into(),
            class: class.into(),
            name: name.into(),
            actions: vec!["push".into()],
        };
        let scopes: Scopes = [scope("plugin", "a"), scope("", "b"), scope("", "a"), scope("plugin", "c")]
            .into_iter()
            .collect();
        let classes = |name: &str| scopes.classes(&name.parse().unwrap());
        assert_eq!(classes("a"), ["plugin", "image"]);
        assert_eq!(
            (classes("b"), classes("c"), classes("d").len()),
            (vec!["image".into()], vec!["plugin".into()], 0)
        );
    }
}
