#![doc = include_str!("../README.md")]

mod access;
mod authenticator;
#[cfg(feature = "contract")]
pub mod contract;
mod guard;
mod open;
mod rules;
mod silly;
mod view;

use async_trait::async_trait;
use wharf_protocol::Challenge;

pub use access::{Access, AccessRequest, Action, Resource};
pub use authenticator::{Authenticator, Caller, Flaw, Rejection, Scope, Scopes};
pub use guard::Guard;
pub use open::Open;
pub use rules::{Decision, Glob, InvalidGlob, InvalidWho, Origin, Permission, Rule, Rules, Standing, Who};
pub use silly::Silly;
pub use view::View;

/// Decides about requests.
///
/// Every [`Authenticator`] is one, and a [`Guard`] makes one of an authenticator and rules.
#[async_trait]
pub trait AccessController: Send + Sync {
    /// Grants everything that the request wants, or refuses it as a whole.
    ///
    /// Credentials that are wrong are refused, whatever would be granted without any.
    ///
    /// # Errors
    ///
    /// The [`Refusal`].
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Grant, Refusal>;
}

/// What was granted.
#[derive(Debug, Clone, Default)]
pub struct Grant {
    /// Who asks, where that is known.
    pub user: Option<String>,
    /// Which repositories a list may show.
    pub view: View,
    /// All that the credentials allow, where they say so.
    pub scopes: Option<Scopes>,
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
    /// The caller is known and may not, or nobody can make itself known.
    #[error("access denied: {0}")]
    Denied(String),
    /// The controller itself does not work.
    #[error("the access controller failed")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
}
