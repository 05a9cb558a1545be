//! Writing whole objects, and only if what is there is what the writer thinks.
//!
//! Not every store can decide that, and some say nothing when they cannot: they take the condition and write all the same.
//! So the first conditional write of a driver finds out ([`probe`]), and from then on one of these ways is gone:
//!
//! - [`Support::Full`]: the store decides, for objects that must not be there and for those that must not have changed.
//! - [`Support::CreateOnly`]: the store decides whether an object is there. Who replaces one first creates a lock beside it,
//!   which only one can, looks, and writes ([`locks`]).
//! - [`Support::Nothing`]: we look, then write, one after another as far as this process goes. Two servers over such a store
//!   can lose an update, and the log says so.
//!
//! A request whose answer was lost is sent again, and then the store may refuse it because of itself. So what is written under
//! a condition carries a mark of its own, by which the writer knows its work.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use tokio::sync::OnceCell;
use uuid::Uuid;
use wharf_storage_driver::{ErrorKind, PutMode, Version};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::locks::{self, Lock};
use crate::lookup::{self, unexpected};
use crate::probe;
use crate::remove::remove_key;

/// How often a write is tried again that met another one in the store.
const CONFLICTS: u32 = 10;
/// The longest wait before such a write is tried again.
const CONFLICT_PAUSE: Duration = Duration::from_millis(200);
/// The name of the mark, among what a store keeps beside an object for its writer.
pub(crate) const MARK: &str = "wharf-write";

/// What is known of the store's conditions: nothing, until someone needs to know.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    support: OnceCell<Support>,
}

/// Which conditions a store honours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// Create-only, and replace-if-unchanged when the tag is written so.
    Full(TagForm),
    /// Create-only.
    CreateOnly,
    /// None.
    Nothing,
}

/// How a store wants to read an entity tag in a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TagForm {
    /// In quotes, as HTTP has it.
    Quoted,
    /// Without, as Ceph had it for years.
    Bare,
}

impl Conditions {
    /// What the store honours; asks it once, and again only if it could not say.
    async fn support(&self, bucket: &Bucket) -> Result<Support, Failure> {
        self.support.get_or_try_init(|| probe::probe(bucket)).await.copied()
    }
}

/// Writes an object whole, as the mode allows.
pub(crate) async fn put(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    mode: &PutMode,
) -> Result<Version, Failure> {
    if *mode == PutMode::Overwrite {
        return write(bucket, key, bytes).await;
    }
    match (bucket.conditions.support(bucket).await?, mode) {
        (Support::Full(form), PutMode::Replace(version)) => {
            let Some(tag) = form.write(version) else { return Err(Failure::new(ErrorKind::Changed)) };
            write_if(bucket, key, bytes, mode, &Condition::Is(tag)).await
        }
        (Support::CreateOnly, PutMode::Replace(_)) => {
            let lock = Lock::take(bucket, key).await?;
            lock.hold(look_and_write(bucket, key, bytes, mode)).await
        }
        (Support::Nothing, _) => {
            let _alone = locks::in_this_process(bucket, key).await;
            look_and_write(bucket, key, bytes, mode).await
        }
        (Support::Full(_) | Support::CreateOnly, _) => {
            write_if(bucket, key, bytes, mode, &Condition::Absent).await
        }
    }
}

/// Deletes an object if it is this version.
///
/// Few stores can decide that; it is left to them all the same, after a look of our own. On the others a change between
/// the look and the deletion is lost, unless it, too, had to wait for the lock that is held meanwhile.
pub(crate) async fn remove(bucket: &Bucket, key: &str, version: &Version) -> Result<(), Failure> {
    match bucket.conditions.support(bucket).await? {
        Support::Full(form) => look_and_remove(bucket, key, version, form.write(version)).await,
        Support::CreateOnly => {
            let lock = Lock::take(bucket, key).await?;
            lock.hold(look_and_remove(bucket, key, version, None)).await
        }
        Support::Nothing => {
            let _alone = locks::in_this_process(bucket, key).await;
            look_and_remove(bucket, key, version, None).await
        }
    }
}

/// What must be there for a write to happen.
#[derive(Debug)]
pub(crate) enum Condition {
    /// Nothing.
    Absent,
    /// An object with this tag, written as the store wants it.
    Is(String),
}

impl TagForm {
    /// The tag of a version; none if that can be no tag at all.
    pub(crate) fn write(self, version: &Version) -> Option<String> {
        let is_tag = version.0.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
        match self {
            _ if !is_tag || version.0.is_empty() => None,
            Self::Quoted => Some(format!("\"{}\"", version.0)),
            Self::Bare => Some(version.0.clone()),
        }
    }
}

/// Writes whatever is there.
async fn write(bucket: &Bucket, key: &str, bytes: Bytes) -> Result<Version, Failure> {
    let len = bytes.len() as u64;
    let request = bucket.put_object(key).body(ByteStream::from(bytes));
    let answer = bucket.sending_object(request, len).send().await?;
    version_of(bucket, key, answer.e_tag()).await
}

/// Looks whether what is there is what the mode wants, and writes. Whoever calls this sees to it that nobody else does.
async fn look_and_write(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    mode: &PutMode,
) -> Result<Version, Failure> {
    let there = lookup::head(bucket, key).await?;
    match (mode, &there) {
        (PutMode::Create, Some(_)) => return Err(Failure::new(ErrorKind::Exists)),
        (PutMode::Replace(version), there)
            if there.as_ref().and_then(|head| head.version.as_ref()) != Some(version) =>
        {
            return Err(Failure::new(ErrorKind::Changed));
        }
        _ => {}
    }
    write(bucket, key, bytes).await
}

/// Looks whether what is there is this version, and deletes it; the tag is for stores that look again by themselves.
async fn look_and_remove(
    bucket: &Bucket,
    key: &str,
    version: &Version,
    tag: Option<String>,
) -> Result<(), Failure> {
    let there = lookup::head(bucket, key).await?.ok_or_else(Failure::not_found)?;
    if there.version.as_ref() != Some(version) {
        return Err(Failure::new(ErrorKind::Changed));
    }
    match bucket.delete_object(key).set_if_match(tag).send().await.map_err(Failure::from) {
        Ok(_) => Ok(()),
        Err(failure) if matches!(failure.status(), Some(400 | 501)) => remove_key(bucket, key).await,
        Err(failure) => Err(failure.under(&PutMode::Replace(version.clone()))),
    }
}

/// Writes under a condition that the store decides; what it says when it refuses is for the mode.
pub(crate) async fn write_if(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    mode: &PutMode,
    condition: &Condition,
) -> Result<Version, Failure> {
    let attempt = Attempt::new(condition);
    let mut conflicts_left = CONFLICTS;
    loop {
        let failure = match attempt.send(bucket, key, bytes.clone()).await {
            Ok(tag) => return version_of(bucket, key, tag.as_deref()).await,
            Err(failure) => failure,
        };
        if is_conflict(&failure) && conflicts_left > 0 {
            conflicts_left -= 1;
            pause(CONFLICT_PAUSE).await;
            continue;
        }
        if !matches!(failure.status(), Some(404 | 409 | 412)) {
            return Err(failure);
        }
        if !attempt.was_sent_again() && failure.status() == Some(412) {
            return Err(failure.under(mode));
        }
        let there = lookup::head(bucket, key).await?;
        return match (there, mode) {
            (Some(there), _) if there.mark == Some(attempt.mark) => there.version.ok_or_else(no_tag),
            // Stores use this status for more than one thing.
            (None, PutMode::Create) if failure.status() != Some(412) => Err(failure),
            _ => Err(failure.under(mode)),
        };
    }
}

/// A conditional write, and how often it was sent.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    condition: &'a Condition,
    mark: String,
    sent: Sent,
}

impl<'a> Attempt<'a> {
    pub(crate) fn new(condition: &'a Condition) -> Self {
        Self { condition, mark: Uuid::new_v4().to_string(), sent: Sent::default() }
    }

    /// Sends it; gives the entity tag.
    pub(crate) async fn send(
        &self,
        bucket: &Bucket,
        key: &str,
        bytes: Bytes,
    ) -> Result<Option<String>, Failure> {
        let len = bytes.len() as u64;
        let request = bucket.put_object(key).body(ByteStream::from(bytes)).metadata(MARK, &self.mark);
        let request = match self.condition {
            Condition::Absent => request.if_none_match("*"),
            Condition::Is(tag) => request.if_match(tag),
        };
        let answer = bucket.sending_object(request, len).interceptor(self.sent.clone()).send().await?;
        Ok(answer.e_tag)
    }

    /// Whether an earlier one may have been done though it seemed to fail.
    pub(crate) fn was_sent_again(&self) -> bool {
        self.sent.0.load(Ordering::Relaxed) > 1
    }
}

/// The version of what was just written. Only a store that leaves out the tag is asked for it.
pub(crate) async fn version_of(bucket: &Bucket, key: &str, tag: Option<&str>) -> Result<Version, Failure> {
    if let Some(version) = lookup::version(tag) {
        return Ok(version);
    }
    let head = lookup::head(bucket, key).await?;
    head.and_then(|head| head.version).ok_or_else(no_tag)
}

fn no_tag() -> Failure {
    unexpected("the answer has no entity tag")
}

/// Whether the store only says that another write was under way, without deciding.
pub(crate) fn is_conflict(failure: &Failure) -> bool {
    matches!(failure.code(), "ConditionalRequestConflict" | "OperationAborted")
}

/// Waits for up to so long.
pub(crate) async fn pause(most: Duration) {
    let part = f64::from(Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    tokio::time::sleep(most.mul_f64(part)).await;
}

/// How often a request was sent.
#[derive(Debug, Clone, Default)]
struct Sent(Arc<AtomicU32>);

impl Intercept for Sent {
    fn name(&self) -> &'static str {
        "Sent"
    }

    fn read_before_attempt(
        &self,
        _request: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_written_as_the_store_wants_it() {
        let version = Version("d41d8cd98f00b204-2".to_owned());
        assert_eq!(TagForm::Quoted.write(&version).as_deref(), Some("\"d41d8cd98f00b204-2\""));
        assert_eq!(TagForm::Bare.write(&version).as_deref(), Some("d41d8cd98f00b204-2"));
    }

    #[test]
    fn what_can_be_no_tag_is_none() {
        for text in ["", "no version of anything", "a\"b", "a\r\nb", "ß"] {
            assert_eq!(TagForm::Quoted.write(&Version(text.to_owned())), None, "{text:?}");
        }
    }
}
