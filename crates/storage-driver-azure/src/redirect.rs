//! URLs under which clients read blobs themselves.

use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use crate::container::Container;
use crate::failure::Failure;
use crate::service::{DelegationKey, Signing, Window};

/// How long a key that signs on behalf of an identity is asked for, as in Distribution.
const DELEGATION_LIFETIME: Duration = Duration::from_secs(48 * 60 * 60);

/// How long such a key must still be good, as in Distribution; then another is asked for.
const DELEGATION_LEAST: Duration = Duration::from_secs(30 * 60);

/// The key that signs on behalf of an identity, while it is good.
#[derive(Default)]
pub(crate) struct Delegations(Mutex<Option<DelegationKey>>);

impl Container {
    /// A URL that reads a blob for a while, when URLs can be signed at all.
    pub(crate) async fn signed_url(
        &self,
        key: &str,
        lifetime: Option<Duration>,
    ) -> Result<Option<String>, Failure> {
        let lifetime = lifetime.unwrap_or(self.config.redirect_lifetime);
        let now = SystemTime::now();
        let window = Window { start: now - self.config.redirect_skew, end: now + lifetime };
        match self.service.signing() {
            Signing::Impossible => Ok(None),
            Signing::OwnKey => self.service.sign_url(key, window, None).map(Some),
            Signing::Delegated => {
                let delegation = self.delegation(now, lifetime).await?;
                let window = Window {
                    start: window.start.max(delegation.window.start),
                    end: window.end.min(delegation.window.end),
                };
                self.service.sign_url(key, window, Some(&delegation)).map(Some)
            }
        }
    }

    /// A key that is good long enough. Those who come together ask once.
    async fn delegation(&self, now: SystemTime, lifetime: Duration) -> Result<DelegationKey, Failure> {
        let least = DELEGATION_LEAST.max(lifetime).min(DELEGATION_LIFETIME / 2);
        let mut kept = self.delegations.0.lock().await;
        if let Some(key) = kept.as_ref().filter(|key| key.window.end > now + least) {
            return Ok(key.clone());
        }
        let window = Window { start: now - self.config.redirect_skew, end: now + DELEGATION_LIFETIME };
        let key = self.service.delegation_key(window).await?;
        *kept = Some(key.clone());
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, container};

    #[tokio::test]
    async fn a_delegation_key_is_kept_until_it_is_nearly_over() {
        let fake = Fake::default();
        fake.sign(Signing::Delegated, DELEGATION_LIFETIME);
        let container = container(&fake);
        for _ in 0..3 {
            assert!(container.signed_url("a", None).await.unwrap().is_some());
        }
        assert_eq!(fake.calls("delegation_key"), 1);
        fake.sign(Signing::Delegated, DELEGATION_LEAST - Duration::from_secs(1));
        *container.delegations.0.lock().await = None;
        for _ in 0..3 {
            container.signed_url("a", None).await.unwrap();
        }
        assert_eq!(fake.calls("delegation_key"), 4);
    }

    #[tokio::test]
    async fn there_is_no_url_where_nothing_can_sign() {
        let fake = Fake::default();
        fake.sign(Signing::Impossible, Duration::ZERO);
        assert_eq!(container(&fake).signed_url("a", None).await.unwrap(), None);
    }
}
