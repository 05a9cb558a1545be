//! No access control.

use async_trait::async_trait;
use wharf_protocol::Challenge;

use crate::{AccessRequest, Authenticator, Caller, Flaw, Rejection};

/// Knows nobody and asks nobody: alone it lets everyone do everything, with rules it lets everyone do what `anonymous` may.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl Authenticator for Open {
    async fn authenticate(&self, _: &str) -> Result<Option<Caller>, Rejection> {
        Ok(None)
    }

    fn challenge(&self, _: &AccessRequest<'_>, _: Option<Flaw>) -> Option<Challenge> {
        None
    }
}
