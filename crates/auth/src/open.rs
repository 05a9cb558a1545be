//! No access control.

use async_trait::async_trait;

use crate::{AccessController, AccessRequest, Grant, Refusal};

/// Lets everyone do everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Open;

#[async_trait]
impl AccessController for Open {
    async fn authorize(&self, _: &AccessRequest<'_>) -> Result<Grant, Refusal> {
        Ok(Grant::default())
    }
}
