//! Finding out which conditions a store honours, by trying them on an object of our own.
//!
//! A store may refuse what it should, or refuse every condition (501), or refuse the right tag because of its quotes, or
//! take no notice and write. Only what was seen to be refused when it should, and done when it should, is relied upon.

use bytes::Bytes;
use uuid::Uuid;
use wharf_storage_driver::{ErrorKind, Version};

use crate::bucket::Bucket;
use crate::conditions::{self, Attempt, Condition, Support, TagForm};
use crate::failure::Failure;
use crate::lookup::unexpected;
use crate::remove;

/// How often the question is put when answers are lost.
const ATTEMPTS: u32 = 3;

/// Tries, says in the log what was found, and leaves nothing.
pub(crate) async fn probe(bucket: &Bucket) -> Result<Support, Failure> {
    for _ in 0..ATTEMPTS {
        let key = bucket.keys.ours(&format!("probe-{}", Uuid::new_v4()));
        let found = find_out(bucket, &key).await;
        if let Err(failure) = remove::remove_key(bucket, &key).await {
            tracing::debug!(error = %failure.into_error(), key, "what conditions were tried on could not be deleted");
        }
        if let Some(support) = found? {
            tell(bucket.name(), support);
            return Ok(support);
        }
    }
    Err(Failure::new(ErrorKind::Unavailable)
        .because("the store does not say whether it honours conditional writes"))
}

fn tell(bucket: &str, support: Support) {
    match support {
        Support::Full(form) => {
            tracing::info!(bucket, ?form, "the store honours conditional writes: create and replace");
        }
        Support::CreateOnly => {
            tracing::info!(
                bucket,
                "the store honours create-only writes: locks in the bucket guard what is replaced"
            );
        }
        Support::Nothing => tracing::warn!(
            bucket,
            "the store honours no conditional writes: two servers over this bucket may lose an update of one another"
        ),
    }
}

/// What the store honours; none if it cannot be told from its answers.
async fn find_out(bucket: &Bucket, key: &str) -> Result<Option<Support>, Failure> {
    let first = match tried(bucket, key, "1", &Condition::Absent).await? {
        Outcome::Done(first) => first,
        Outcome::Unclear => return Ok(None),
        Outcome::Refused | Outcome::Unknown => return Ok(Some(Support::Nothing)),
    };
    match tried(bucket, key, "2", &Condition::Absent).await? {
        Outcome::Refused => {}
        Outcome::Unclear => return Ok(None),
        Outcome::Done(_) | Outcome::Unknown => return Ok(Some(Support::Nothing)),
    }
    for form in [TagForm::Quoted, TagForm::Bare] {
        let tag = form.write(&first).ok_or_else(|| unexpected("the store's entity tag is none"))?;
        match tried(bucket, key, "3", &Condition::Is(tag.clone())).await? {
            Outcome::Done(_) => {
                let stale = tried(bucket, key, "4", &Condition::Is(tag)).await?;
                return Ok(match stale {
                    Outcome::Refused => Some(Support::Full(form)),
                    Outcome::Unclear => None,
                    Outcome::Done(_) | Outcome::Unknown => Some(Support::CreateOnly),
                });
            }
            Outcome::Refused => {}
            Outcome::Unclear => return Ok(None),
            Outcome::Unknown => break,
        }
    }
    Ok(Some(Support::CreateOnly))
}

/// What a store did with a condition.
#[derive(Debug)]
enum Outcome {
    /// It wrote this version.
    Done(Version),
    /// It did not write, because of the condition.
    Refused,
    /// It did not write, because it knows no such condition.
    Unknown,
    /// It refused, but perhaps because an earlier attempt had been done, or another was under way.
    Unclear,
}

async fn tried(
    bucket: &Bucket,
    key: &str,
    text: &'static str,
    condition: &Condition,
) -> Result<Outcome, Failure> {
    let attempt = Attempt::new(condition);
    match attempt.send(bucket, key, Bytes::from_static(text.as_bytes())).await {
        Ok(tag) => conditions::version_of(bucket, key, tag.as_deref()).await.map(Outcome::Done),
        Err(failure) => match failure.status() {
            Some(409 | 412) if attempt.was_sent_again() || conditions::is_conflict(&failure) => {
                Ok(Outcome::Unclear)
            }
            Some(409 | 412) => Ok(Outcome::Refused),
            Some(400 | 405 | 501) => Ok(Outcome::Unknown),
            _ => Err(failure),
        },
    }
}
