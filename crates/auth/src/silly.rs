//! Distribution's test double: it wants credentials and believes any.

use async_trait::async_trait;
use wharf_protocol::Challenge;

use crate::{AccessRequest, Authenticator, Caller, Flaw, Rejection};

/// Lets in whoever sends an `Authorization` header, whatever it says, as the user `silly`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silly {
    realm: String,
    service: String,
}

impl Silly {
    /// Challenges with this realm and service.
    pub fn new(realm: impl Into<String>, service: impl Into<String>) -> Self {
        Self { realm: realm.into(), service: service.into() }
    }
}

#[async_trait]
impl Authenticator for Silly {
    async fn authenticate(&self, _: &str) -> Result<Option<Caller>, Rejection> {
        Ok(Some(Caller::user("silly")))
    }

    /// One scope for each access, not grouped, as Distribution's does.
    fn challenge(&self, request: &AccessRequest<'_>, _: Option<Flaw>) -> Option<Challenge> {
        Some(Challenge::Bearer {
            realm: self.realm.clone(),
            service: self.service.clone(),
            scopes: request.access.iter().map(ToString::to_string).collect(),
            error: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, AccessController, Action, Refusal};

    #[tokio::test]
    async fn any_credentials_will_do() {
        let request = AccessRequest { authorization: Some("anything"), ..AccessRequest::default() };
        let grant = Silly::new("r", "s").authorize(&request).await.unwrap();
        assert_eq!(grant.user.as_deref(), Some("silly"));
    }

    #[tokio::test]
    async fn no_credentials_are_challenged_with_a_scope_for_each_access() {
        let name: wharf_reference::RepositoryName = "a/b".parse().unwrap();
        let access = [Access::repository(name.clone(), Action::Pull), Access::repository(name, Action::Push)];
        for authorization in [None, Some("")] {
            let request = AccessRequest { authorization, access: &access, ..AccessRequest::default() };
            let refusal = Silly::new("r", "s").authorize(&request).await;
            let Err(Refusal::Challenge { challenge, .. }) = refusal else { panic!("not challenged") };
            assert_eq!(
                challenge.to_string(),
                r#"Bearer realm="r",service="s",scope="repository:a/b:pull repository:a/b:push""#
            );
        }
    }
}
