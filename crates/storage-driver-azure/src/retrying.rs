//! Trying again: what the service cannot do at the moment it can mostly do a little later.
//!
//! Every attempt has a limit of time. Between attempts the wait doubles, shortened by chance so that those who failed
//! together do not come back together, and a budget of tokens that all requests share keeps a long outage from being
//! answered with many times the load.
//!
//! An attempt that failed may have been carried out all the same. So a second attempt that finds what the first was to
//! bring about counts as done: nothing left to delete, or exactly our bytes where we were to create.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt;
use tokio::time::{sleep, timeout};

use crate::config::{Config, Timeouts};
use crate::failure::{Failure, FailureKind};
use crate::segments::Segments;
use crate::service::{
    BlockId, Condition, CopyState, DelegationKey, Download, Etag, ListQuery, Page, Properties, Service,
    Signing, Span, Window,
};

/// The wait before the second attempt; it doubles for each one after.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The longest wait between two attempts, also when the service asks for a longer one.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// How many tokens there are at most; a retry takes some, a success gives one back.
const TOKENS: u32 = 500;

const RETRY_TOKENS: u32 = 5;

/// A service that is asked again when it is not available.
pub(crate) struct Retrying {
    inner: Arc<dyn Service>,
    attempts: u32,
    timeouts: Timeouts,
    tokens: AtomicU32,
}

/// What came of it in the end.
struct Tried<T> {
    result: Result<T, Failure>,
    /// Whether an earlier attempt may have been carried out.
    is_repeat: bool,
}

impl Retrying {
    pub(crate) fn new(inner: Arc<dyn Service>, config: &Config) -> Self {
        let Config { max_attempts, timeouts, .. } = *config;
        Self { inner, attempts: max_attempts, timeouts, tokens: AtomicU32::new(TOKENS) }
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        body: impl Into<Segments>,
        condition: Condition,
    ) -> Result<Etag, Failure> {
        let body = body.into();
        let limit = self.upload_limit(body.len());
        let tried = self.attempt(limit, || self.inner.put(key, body.clone(), condition.clone())).await;
        match tried.result {
            Err(failure)
                if tried.is_repeat && matches!(failure.kind, FailureKind::Exists | FailureKind::Changed) =>
            {
                self.etag_if_holds(key, body).await?.ok_or(failure)
            }
            result => result,
        }
    }

    pub(crate) async fn stage_block(&self, key: &str, id: BlockId, body: Segments) -> Result<(), Failure> {
        let limit = self.upload_limit(body.len());
        self.attempt(limit, || self.inner.stage_block(key, id, body.clone())).await.result
    }

    pub(crate) async fn commit_blocks(&self, key: &str, blocks: &[BlockId]) -> Result<(), Failure> {
        // A list of all blocks there can be is some megabytes long.
        let limit = self.upload_limit(blocks.len() * 64);
        self.attempt(limit, || self.inner.commit_blocks(key, blocks)).await.result
    }

    pub(crate) async fn get(&self, key: &str, span: Span, condition: Condition) -> Result<Download, Failure> {
        self.attempt(self.timeouts.request, || self.inner.get(key, span, condition.clone())).await.result
    }

    pub(crate) async fn properties(&self, key: &str) -> Result<Properties, Failure> {
        self.attempt(self.timeouts.request, || self.inner.properties(key)).await.result
    }

    pub(crate) async fn list(&self, query: ListQuery<'_>) -> Result<Page, Failure> {
        self.attempt(self.timeouts.list, || self.inner.list(query.clone())).await.result
    }

    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<CopyState, Failure> {
        self.attempt(self.timeouts.list, || self.inner.copy(from, to)).await.result
    }

    pub(crate) async fn abort_copy(&self, to: &str, id: &str) -> Result<(), Failure> {
        self.attempt(self.timeouts.request, || self.inner.abort_copy(to, id)).await.result
    }

    pub(crate) async fn delete(&self, key: &str, condition: Condition) -> Result<(), Failure> {
        let tried = self.attempt(self.timeouts.request, || self.inner.delete(key, condition.clone())).await;
        match tried.result {
            Err(failure) if tried.is_repeat && failure.kind == FailureKind::Missing => Ok(()),
            result => result,
        }
    }

    pub(crate) async fn delegation_key(&self, window: Window) -> Result<DelegationKey, Failure> {
        self.attempt(self.timeouts.request, || self.inner.delegation_key(window)).await.result
    }

    pub(crate) fn signing(&self) -> Signing {
        self.inner.signing()
    }

    pub(crate) fn sign_url(
        &self,
        key: &str,
        window: Window,
        delegation: Option<&DelegationKey>,
    ) -> Result<String, Failure> {
        self.inner.sign_url(key, window, delegation)
    }

    /// How long a request with a body of so many bytes may take.
    fn upload_limit(&self, bytes: usize) -> Duration {
        let seconds = bytes as f64 / f64::from(self.timeouts.upload_bytes_per_second.max(1));
        self.timeouts.request + Duration::from_secs_f64(seconds)
    }

    async fn attempt<T, F>(&self, limit: Duration, mut call: impl FnMut() -> F) -> Tried<T>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let mut is_repeat = false;
        for number in 1.. {
            let result = match timeout(limit, call()).await {
                Ok(result) => result,
                Err(elapsed) => Err(Failure::new(FailureKind::Unavailable).because(elapsed)),
            };
            let failure = match result {
                Err(failure) if failure.kind == FailureKind::Unavailable => failure,
                result => {
                    self.give_token_back();
                    return Tried { result, is_repeat };
                }
            };
            if number >= self.attempts || !self.take_tokens() {
                return Tried { result: Err(failure), is_repeat };
            }
            is_repeat |= !failure.is_unsent;
            sleep(wait_after(number, failure.retry_after)).await;
        }
        unreachable!("attempts are counted")
    }

    fn take_tokens(&self) -> bool {
        let take = |tokens: u32| tokens.checked_sub(RETRY_TOKENS);
        self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn give_token_back(&self) {
        let give = |tokens: u32| (tokens < TOKENS).then_some(tokens + 1);
        let _ = self.tokens.fetch_update(Ordering::Relaxed, Ordering::Relaxed, give);
    }

    /// The state of a blob that holds exactly these bytes.
    async fn etag_if_holds(&self, key: &str, body: Segments) -> Result<Option<Etag>, Failure> {
        let download = match self.get(key, Span::Whole, Condition::None).await {
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(None),
            download => download?,
        };
        if download.size != body.len() as u64 {
            return Ok(None);
        }
        let expected = body.into_pieces().concat();
        let read = download.body.try_fold(Vec::with_capacity(expected.len()), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        });
        let unavailable = || Failure::new(FailureKind::Unavailable);
        let read = timeout(self.upload_limit(expected.len()), read).await.map_err(|_| unavailable())?;
        let is_ours = read.map_err(|error| unavailable().because(error))? == expected;
        Ok(is_ours.then_some(download.etag))
    }
}

/// How long to wait after the n-th attempt.
fn wait_after(number: u32, asked_for: Option<Duration>) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << (number - 1).min(16)).min(LONGEST_WAIT);
    let chance = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    let wait = longest.mul_f64(0.5 + chance / 2.0);
    wait.max(asked_for.unwrap_or_default()).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::fake::{Fake, Fault, Moment};

    fn retrying(fake: &Fake) -> Retrying {
        Retrying::new(Arc::new(fake.clone()), &crate::fake::config())
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_for_but_not_for_ever() {
        let fake = Fake::default();
        let retrying = retrying(&fake);
        fake.plan(Fault::times("properties", 4, FailureKind::Unavailable));
        assert_eq!(retrying.properties("a").await.unwrap_err().kind, FailureKind::Missing);
        assert_eq!(fake.calls("properties"), 5);
        fake.plan(Fault::times("properties", 5, FailureKind::Unavailable));
        assert_eq!(retrying.properties("a").await.unwrap_err().kind, FailureKind::Unavailable);
        assert_eq!(fake.calls("properties"), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_outage_is_not_answered_with_more_load() {
        let fake = Fake::default();
        let retrying = retrying(&fake);
        fake.plan(Fault::times("properties", 100_000, FailureKind::Unavailable));
        for _ in 0..1000 {
            retrying.properties("a").await.unwrap_err();
        }
        assert!(fake.calls("properties") < 1000 + (TOKENS / RETRY_TOKENS) as usize + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_is_not_available() {
        let fake = Fake::default();
        fake.plan(Fault::hang("properties", usize::MAX));
        let failure = retrying(&fake).properties("a").await.unwrap_err();
        assert_eq!((failure.kind, fake.calls("properties")), (FailureKind::Unavailable, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_done_without_an_answer_counts_as_done() {
        let fake = Fake::default();
        let retrying = retrying(&fake);
        let lost = |name| Fault { moment: Moment::After, ..Fault::times(name, 1, FailureKind::Unavailable) };
        fake.plan(lost("put"));
        let etag = retrying.put("a", Bytes::from_static(b"mine"), Condition::Absent).await.unwrap();
        assert_eq!(retrying.properties("a").await.unwrap().etag, etag);
        fake.plan(lost("delete"));
        retrying.delete("a", Condition::None).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_did_meanwhile_is_not_taken_for_ours() {
        let fake = Fake::default();
        let retrying = retrying(&fake);
        fake.put_now("a", "theirs");
        fake.plan(Fault::times("put", 1, FailureKind::Unavailable));
        let failure = retrying.put("a", Bytes::from_static(b"mine"), Condition::Absent).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Exists);
    }

    #[test]
    fn waits_grow_up_to_a_limit() {
        for number in 1..40 {
            let wait = wait_after(number, None);
            assert!(wait >= FIRST_WAIT / 2 && wait <= LONGEST_WAIT, "{number}: {wait:?}");
        }
        assert!(wait_after(1, Some(Duration::from_secs(1))) >= Duration::from_secs(1));
        assert_eq!(wait_after(1, Some(Duration::from_secs(99))), LONGEST_WAIT);
    }
}
