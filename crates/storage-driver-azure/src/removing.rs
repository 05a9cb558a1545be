//! Deleting files, folders, and what writers staged.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use bytes::Bytes;

use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::keys::{self, Owned};
use crate::service::{Condition, Depth, ListQuery, Listed, PAGE_MAX, Page};

/// How many blobs of a folder are deleted at once: the service deletes one a request.
const DELETIONS_AT_ONCE: usize = 16;

impl Container {
    /// Deletes a file, or a folder with everything below it, what writers keep there included.
    pub(crate) async fn delete(&self, key: &str) -> Result<(), Failure> {
        match self.service.delete(key, Condition::None).await {
            Err(failure) if failure.kind == FailureKind::Missing => {
                if self.delete_below(&format!("{key}/")).await? { Ok(()) } else { Err(failure) }
            }
            result => result,
        }
    }

    /// Throws away what a writer staged, whether it is a blob already or blocks that wait. To delete waiting blocks the
    /// service must first be given a blob.
    pub(crate) async fn discard(&self, stage: &str) -> Result<(), Failure> {
        self.service.put(stage, Bytes::new(), Condition::None).await?;
        missing_is_fine(self.service.delete(stage, Condition::None).await)
    }

    /// Every key that begins so, a page at a time.
    pub(crate) async fn keys_below(&self, prefix: &str, marker: Option<&str>) -> Result<Page, Failure> {
        let query = ListQuery { prefix, depth: Depth::All, marker, max: PAGE_MAX, uncommitted: true };
        self.service.list(query).await
    }

    /// Deletes every key that begins so; says whether there was one.
    async fn delete_below(&self, prefix: &str) -> Result<bool, Failure> {
        let (mut found, mut marker) = (false, None);
        loop {
            let page = self.keys_below(prefix, marker.as_deref()).await?;
            found |= !page.entries.is_empty();
            stream::iter(page.entries)
                .map(|entry| self.remove(entry))
                .buffer_unordered(DELETIONS_AT_ONCE)
                .try_collect::<()>()
                .await?;
            marker = page.next;
            if marker.is_none() {
                return Ok(found);
            }
        }
    }

    async fn remove(&self, entry: Listed) -> Result<(), Failure> {
        let waits = entry.modified.is_none() || matches!(keys::owned(&entry.key), Owned::Staged(..));
        if waits {
            return self.discard(&entry.key).await;
        }
        missing_is_fine(self.service.delete(&entry.key, Condition::None).await)
    }
}

/// Whoever deletes wants it gone, no matter who did it.
pub(crate) fn missing_is_fine(result: Result<(), Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.kind == FailureKind::Missing => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, container};
    use crate::service::{BlockId, Service};

    #[tokio::test]
    async fn a_folder_goes_with_all_that_waits_in_it() {
        let fake = Fake::default();
        let container = container(&fake);
        for index in 0..40 {
            fake.put_now(&format!("u/1/{index}"), "x");
        }
        fake.put_now("u/1/data~begun", "x");
        fake.append_now("u/1/data", "left by Go");
        let stage = keys::staging("u/1/data");
        fake.stage_block(&stage, BlockId { writer: 1, index: 0 }, Bytes::from_static(b"x").into())
            .await
            .unwrap();
        fake.put_now("u/10", "stays");
        container.delete("u/1").await.unwrap();
        assert_eq!(fake.keys(), ["u/10"]);
        assert_eq!(container.delete("u/1").await.unwrap_err().kind, FailureKind::Missing);
    }
}
