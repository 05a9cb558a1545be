//! Moving a blob: the service copies it, in its own time, and then the old one is deleted.
//!
//! Within an account a copy mostly finishes at once. Where it does not, the target is there already but its bytes are
//! not; readers of ours take such a blob for absent. A copy counts only once the service says that it has succeeded.
//! One that is given up leaves an empty blob behind, which is then deleted; the source stays.

use std::time::Duration;

use tokio::time::sleep;

use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::service::{Condition, CopyState, CopyStatus};

/// How often a blob of another type at the target is cleared away.
const CLEARINGS: u32 = 3;

/// Why a copy did not come about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum CopyTrouble {
    #[error("the copy was still pending after {0} looks at it")]
    Pending(u32),
    #[error("the service gave the copy up")]
    GivenUp,
}

impl Container {
    /// Moves a blob within the container.
    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), Failure> {
        if from == to {
            return self.file_properties(from).await.map(drop);
        }
        self.copy(from, to).await?;
        match self.service.delete(from, Condition::None).await {
            Err(failure) if failure.kind == FailureKind::Missing => Ok(()),
            result => result,
        }
    }

    /// Copies a blob over whatever is at its target, and waits until that is done.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<(), Failure> {
        let (mut looks, mut clearings) = (0, 0);
        loop {
            let failure = match self.service.copy(from, to).await {
                Ok(CopyState { status: CopyStatus::Success, .. }) => return Ok(()),
                Ok(CopyState { status: CopyStatus::Pending, id }) => return self.finish_copy(to, &id).await,
                Ok(_) => return Err(unavailable(CopyTrouble::GivenUp)),
                Err(failure) => failure,
            };
            match failure.kind {
                FailureKind::OtherType if clearings < CLEARINGS => {
                    clearings += 1;
                    self.clear(to).await?;
                }
                // Someone else copies onto it; then it is our turn.
                FailureKind::CopyPending if looks < self.config.copy_polls => {
                    looks += 1;
                    sleep(self.wait_before(looks)).await;
                }
                _ => return Err(failure),
            }
        }
    }

    /// Waits for a pending copy as long as the configuration allows.
    async fn finish_copy(&self, to: &str, id: &str) -> Result<(), Failure> {
        let looks = self.config.copy_polls;
        for look in 1..=looks {
            sleep(self.wait_before(look)).await;
            match self.copy_status(to, id).await? {
                CopyStatus::Success => return Ok(()),
                CopyStatus::Pending => {}
                CopyStatus::Aborted | CopyStatus::Failed => {
                    self.clear_incomplete(to).await?;
                    return Err(unavailable(CopyTrouble::GivenUp));
                }
            }
        }
        match self.service.abort_copy(to, id).await {
            // It finished just now, one way or the other.
            Err(failure) if failure.kind == FailureKind::NoCopy => {
                if self.copy_status(to, id).await? == CopyStatus::Success {
                    return Ok(());
                }
            }
            result => result?,
        }
        self.clear_incomplete(to).await?;
        Err(unavailable(CopyTrouble::Pending(looks)))
    }

    async fn copy_status(&self, to: &str, id: &str) -> Result<CopyStatus, Failure> {
        let copy = self.service.properties(to).await?.copy;
        // While a copy is pending nobody else can write there: another's copy, or none, came after ours was done.
        Ok(copy.filter(|copy| copy.id == id).map_or(CopyStatus::Success, |copy| copy.status))
    }

    /// Deletes what a copy that came to nothing left.
    async fn clear_incomplete(&self, to: &str) -> Result<(), Failure> {
        let result = match self.service.properties(to).await {
            Ok(properties) if properties.is_incomplete() => {
                self.service.delete(to, Condition::Is(properties.etag)).await
            }
            result => result.map(drop),
        };
        match result {
            Err(failure) if matches!(failure.kind, FailureKind::Missing | FailureKind::Changed) => Ok(()),
            result => result,
        }
    }

    fn wait_before(&self, look: u32) -> Duration {
        self.config.retry_delay.saturating_mul(look)
    }
}

fn unavailable(trouble: CopyTrouble) -> Failure {
    Failure::new(FailureKind::Unavailable).because(trouble)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::fake::{Fake, container};
    use crate::service::Service;

    #[tokio::test(start_paused = true)]
    async fn a_pending_copy_is_waited_for_with_growing_patience() {
        let fake = Fake::default();
        fake.put_now("a", "x");
        fake.pend_copies(4);
        let start = Instant::now();
        container(&fake).rename("a", "b").await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_millis(100 + 200 + 300 + 400 + 500));
        assert_eq!((fake.bytes("a"), fake.bytes("b").unwrap()), (None, "x".into()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_stays_pending_is_given_up_and_the_source_stays() {
        let fake = Fake::default();
        fake.put_now("a", "x");
        fake.pend_copies(1000);
        let failure = container(&fake).rename("a", "b").await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!((fake.bytes("a").unwrap(), fake.bytes("b")), ("x".into(), None));
        assert_eq!((fake.calls("copy"), fake.calls("abort_copy")), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_copy_that_finishes_at_the_last_moment_counts() {
        let fake = Fake::default();
        fake.put_now("a", "x");
        fake.pend_copies(5);
        container(&fake).rename("a", "b").await.unwrap();
        assert_eq!((fake.bytes("a"), fake.bytes("b").unwrap()), (None, "x".into()));
        assert_eq!(fake.calls("abort_copy"), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_copy_waits_for_the_first() {
        let fake = Fake::default();
        fake.put_now("a", "first");
        fake.put_now("c", "second");
        fake.pend_copies(2);
        assert_eq!(Service::copy(&fake, "a", "b").await.unwrap().status, CopyStatus::Pending);
        container(&fake).copy("c", "b").await.unwrap();
        assert_eq!((fake.bytes("b").unwrap(), fake.calls("copy")), ("second".into(), 3));
    }

    #[tokio::test]
    async fn a_copy_goes_over_a_blob_of_another_type() {
        let fake = Fake::default();
        fake.put_now("a", "new");
        fake.append_now("b", "old");
        container(&fake).copy("a", "b").await.unwrap();
        assert_eq!(fake.bytes("b").unwrap(), "new");
    }
}
