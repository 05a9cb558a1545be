//! Being alone with a key, where the store cannot decide who replaces it.
//!
//! Across servers by a lock that is an object. Of several who create it only if it is not there, one succeeds; the others
//! wait and ask again. Whoever holds one may die, so a lock that someone has watched for [`EXPIRY`] without a change is
//! passed over: the watcher creates another with a higher number, which again only one can. Time is what the watcher's own
//! clock measures between two looks, so that no two clocks are ever compared.
//!
//! A watcher may be slow, too: the stale lock it means to pass over may have been cleared away meanwhile, and a new one
//! begun at the lowest number. So who has created a lock looks around once more and holds it only if every other lock there
//! is one that it has watched expire. Of two that hold locks at once, the later to create one would have seen the other.
//!
//! A holder has [`TERM`] for what it does, much less than the others wait, and when that is not enough it leaves its lock
//! to expire rather than give way to the next while its own write may still arrive.
//!
//! Within one process, for stores without even that, by one of a few locks in memory, chosen by the key.

use std::collections::HashSet;
use std::future::Future;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest, Md5};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;
use wharf_storage_driver::{ErrorKind, PutMode};

use crate::bucket::Bucket;
use crate::conditions::{self, Condition};
use crate::failure::Failure;
use crate::remove;

/// How long a lock must be seen unchanged before it is passed over.
const EXPIRY: Duration = Duration::from_secs(30);
/// How long a holder has.
const TERM: Duration = Duration::from_secs(10);
/// How long one waits for a lock, with one holder dead.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many locks in memory there are for all keys of all buckets.
const IN_MEMORY: usize = 64;
static LOCKS: [Mutex<()>; IN_MEMORY] = [const { Mutex::const_new(()) }; IN_MEMORY];

/// Waits until nobody else in this process, through whichever driver, is alone with this key.
pub(crate) async fn in_this_process(bucket: &Bucket, key: &str) -> MutexGuard<'static, ()> {
    let place = (&bucket.config.endpoint, bucket.name(), key);
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(place);
    LOCKS[(hash % IN_MEMORY as u64) as usize].lock().await
}

/// A lock that is an object in the bucket, held by us.
#[derive(Debug)]
pub(crate) struct Lock<'a> {
    bucket: &'a Bucket,
    key: String,
    /// The keys of those that were passed over.
    expired: HashSet<Seen>,
    since: Instant,
}

/// A lock that was seen in the bucket: which, and in which state.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Seen {
    key: String,
    tag: String,
}

impl<'a> Lock<'a> {
    /// Waits until this is the only one for a key.
    pub(crate) async fn take(bucket: &'a Bucket, key: &str) -> Result<Self, Failure> {
        // Which hash it is does not matter, as long as every server has the same.
        let hash: String = Md5::digest(key).iter().map(|byte| format!("{byte:02x}")).collect();
        let prefix = bucket.keys.ours(&format!("lock-{hash}-"));
        let begun = Instant::now();
        let mut watch = Watch::default();
        let mut seen = HashSet::new();
        while begun.elapsed() < PATIENCE {
            if let Some(expired) = watch.all_expired(&seen)
                && let Some(lock) = Self::attempt(bucket, &prefix, expired).await?
            {
                return Ok(lock);
            }
            conditions::pause(LOOK_EVERY).await;
            seen = look(bucket, &prefix).await?;
        }
        Err(Failure::new(ErrorKind::Unavailable).because("another server holds the lock of this key"))
    }

    /// Takes the next lock behind those that are expired, unless another server does.
    async fn attempt(
        bucket: &'a Bucket,
        prefix: &str,
        expired: HashSet<Seen>,
    ) -> Result<Option<Self>, Failure> {
        let since = Instant::now();
        let key = next_key(prefix, &expired);
        if !create(bucket, &key).await? {
            return Ok(None);
        }
        let lock = Self { bucket, key, expired, since };
        let alone = lock.is_alone(prefix).await;
        if let Ok(true) = alone {
            return Ok(Some(lock));
        }
        lock.delete(&lock.key).await;
        alone.map(|_| None)
    }

    /// Does something while it is held.
    pub(crate) async fn hold<T>(self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let done = tokio::time::timeout(TERM.saturating_sub(self.since.elapsed()), work).await;
        match done {
            Ok(done) => {
                self.release().await;
                done
            }
            Err(late) => Err(Failure::new(ErrorKind::Unavailable).because(late)),
        }
    }

    async fn is_alone(&self, prefix: &str) -> Result<bool, Failure> {
        let there = look(self.bucket, prefix).await?;
        Ok(there.iter().all(|other| other.key == self.key || self.expired.contains(other)))
    }

    /// Lets the next one take it, and clears away those that were passed over.
    async fn release(self) {
        for expired in self.expired.iter().filter(|expired| expired.key != self.key) {
            self.delete(&expired.key).await;
        }
        self.delete(&self.key).await;
    }

    /// Deletes a lock, unless it is so late that it may be someone else's by now. What is not deleted expires.
    async fn delete(&self, key: &str) {
        if self.since.elapsed() > EXPIRY / 2 {
            return;
        }
        if let Err(failure) = remove::remove_key(self.bucket, key).await {
            tracing::debug!(error = %failure.into_error(), key, "a lock could not be deleted");
        }
    }
}

/// Which locks were there for how long, as far as we have seen.
#[derive(Debug, Default)]
struct Watch {
    seen: HashSet<Seen>,
    since: Option<Instant>,
}

impl Watch {
    /// What is there, if it has not changed for so long that whoever held it must be gone.
    fn all_expired(&mut self, there: &HashSet<Seen>) -> Option<HashSet<Seen>> {
        if there.is_empty() {
            return Some(HashSet::new());
        }
        if self.seen != *there {
            self.seen.clone_from(there);
            self.since = Some(Instant::now());
        }
        self.since.is_some_and(|since| since.elapsed() >= EXPIRY).then(|| there.clone())
    }
}

/// The locks that are there.
async fn look(bucket: &Bucket, prefix: &str) -> Result<HashSet<Seen>, Failure> {
    let page = bucket.list_objects(prefix).send().await?;
    let seen = page.contents().iter().filter_map(|object| {
        Some(Seen { key: object.key()?.to_owned(), tag: object.e_tag().unwrap_or_default().to_owned() })
    });
    Ok(seen.collect())
}

/// Creates a lock; not if it is there.
async fn create(bucket: &Bucket, key: &str) -> Result<bool, Failure> {
    // Each looks different, so that one that was created again is not taken for the one before.
    let bytes = Bytes::from(Uuid::new_v4().to_string());
    match conditions::write_if(bucket, key, bytes, &PutMode::Create, &Condition::Absent).await {
        Ok(_) => Ok(true),
        Err(failure) if failure.kind == ErrorKind::Exists => Ok(false),
        Err(failure) => Err(failure),
    }
}

/// The key of the lock that passes over these.
fn next_key(prefix: &str, expired: &HashSet<Seen>) -> String {
    let number = |seen: &Seen| seen.key.strip_prefix(prefix)?.parse::<u64>().ok();
    let highest = expired.iter().filter_map(number).max();
    format!("{prefix}{:020}", highest.map_or(0, |number| number.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(key: &str, tag: &str) -> Seen {
        Seen { key: key.to_owned(), tag: tag.to_owned() }
    }

    #[test]
    fn a_lock_passes_over_all_that_are_there() {
        assert_eq!(next_key("l-", &HashSet::new()), "l-00000000000000000000");
        let expired = HashSet::from([seen("l-00000000000000000007", "a"), seen("l-x", "b")]);
        assert_eq!(next_key("l-", &expired), "l-00000000000000000008");
    }

    #[test]
    fn what_changes_does_not_expire() {
        let mut watch = Watch::default();
        let (one, other) = (HashSet::from([seen("l", "1")]), HashSet::from([seen("l", "2")]));
        assert_eq!(watch.all_expired(&HashSet::new()), Some(HashSet::new()));
        assert_eq!(watch.all_expired(&one), None);
        watch.since = watch.since.and_then(|since| since.checked_sub(EXPIRY));
        assert_eq!(watch.all_expired(&other), None, "another one holds it");
        watch.since = watch.since.and_then(|since| since.checked_sub(EXPIRY));
        assert_eq!(watch.all_expired(&other), Some(other));
    }
}
