//! Throwing away what writers began and never finished.
//!
//! Every journal that was last written before the moment goes, and everything staged before it, unless a younger
//! journal beside it may still refer to it or a writer of this process is at it. It takes a walk through all names.
//! The service forgets blocks that nobody names after a week by itself; blobs that a crash left between being made
//! and being moved it keeps.

use std::time::SystemTime;

use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::keys::{self, Owned};
use crate::removing::missing_is_fine;
use crate::service::{Condition, Listed};

/// The journal that was met last, which comes before all that was staged for the same file.
struct Met {
    file: String,
    is_gone: bool,
}

impl Container {
    /// Throws away what was begun before a moment; says how many writers that were.
    pub(crate) async fn sweep(&self, before: SystemTime) -> Result<u64, Failure> {
        let (mut swept, mut met, mut marker) = (0, None, None);
        loop {
            let page = self.keys_below(self.keys.root(), marker.as_deref()).await?;
            for entry in &page.entries {
                swept += u64::from(self.sweep_one(entry, &mut met, before).await?);
            }
            marker = page.next;
            if marker.is_none() {
                return Ok(swept);
            }
        }
    }

    async fn sweep_one(
        &self,
        entry: &Listed,
        met: &mut Option<Met>,
        before: SystemTime,
    ) -> Result<bool, Failure> {
        match keys::owned(&entry.key) {
            Owned::No => Ok(false),
            Owned::Journal(file) => {
                let is_old =
                    entry.modified.is_some_and(|modified| modified < before) && !self.is_claimed(file);
                let is_gone = is_old && self.sweep_journal(&entry.key, before).await?;
                *met = Some(Met { file: file.to_owned(), is_gone });
                Ok(is_gone)
            }
            Owned::Staged(file, began) => {
                let journal = met.as_ref().filter(|met| met.file == file);
                if began >= before || self.is_claimed(file) || journal.is_some_and(|journal| !journal.is_gone)
                {
                    return Ok(false);
                }
                self.discard(&entry.key).await?;
                Ok(journal.is_none())
            }
        }
    }

    /// Deletes a journal, unless someone has just gone on with it.
    async fn sweep_journal(&self, key: &str, before: SystemTime) -> Result<bool, Failure> {
        let properties = match self.service.properties(key).await {
            Err(failure) if failure.kind == FailureKind::Missing => return Ok(false),
            properties => properties?,
        };
        if properties.modified >= before {
            return Ok(false);
        }
        match self.service.delete(key, Condition::Is(properties.etag)).await {
            Err(failure) if failure.kind == FailureKind::Changed => Ok(false),
            result => missing_is_fine(result).map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use wharf_storage_driver::{StorageDriver, Sync, WriterStart};

    use super::*;
    use crate::fake::{CHUNK, Fake, driver};

    async fn begin(driver: &crate::AzureDriver, at: &str, bytes: usize) {
        let mut writer = driver.writer(&at.parse().unwrap(), WriterStart::New).await.unwrap();
        writer.write(vec![7; bytes].into()).await.unwrap();
        writer.close(Sync::Durable).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_old_and_unfinished_goes_and_all_else_stays() {
        let fake = Fake::default();
        let driver = driver(&fake);
        begin(&driver, "/u/small", 10).await;
        begin(&driver, "/u/large", CHUNK + 10).await;
        fake.put_now("u/file", "x");
        let later = SystemTime::now() + Duration::from_secs(60);
        let earlier = SystemTime::now() - Duration::from_secs(60);
        assert_eq!(driver.sweep(earlier).await.unwrap(), 0);
        assert_eq!(fake.keys().len(), 4);
        assert_eq!(driver.sweep(later).await.unwrap(), 2);
        assert_eq!(fake.keys(), ["u/file"]);
    }

    #[tokio::test]
    async fn what_a_young_journal_may_refer_to_stays() {
        let fake = Fake::default();
        let driver = driver(&fake);
        begin(&driver, "/u/large", CHUNK + 10).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        let between = SystemTime::now();
        let path = "/u/large".parse().unwrap();
        driver.writer(&path, WriterStart::Resume).await.unwrap().close(Sync::Durable).await.unwrap();
        assert_eq!(driver.sweep(between).await.unwrap(), 0);
        let writer = driver.writer(&path, WriterStart::Resume).await.unwrap();
        assert_eq!(writer.offset(), CHUNK as u64 + 10);
        writer.commit(&path).await.unwrap();
        assert_eq!(fake.bytes("u/large").unwrap().len(), CHUNK + 10);
    }

    #[tokio::test]
    async fn a_writer_at_work_is_spared() {
        let fake = Fake::default();
        let driver = driver(&fake);
        begin(&driver, "/u/large", CHUNK + 10).await;
        let later = SystemTime::now() + Duration::from_secs(60);
        let writer = driver.writer(&"/u/large".parse().unwrap(), WriterStart::Resume).await.unwrap();
        assert_eq!(driver.sweep(later).await.unwrap(), 0);
        drop(writer);
        assert_eq!(driver.sweep(later).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_stage_without_a_journal_counts_as_a_writer() {
        let fake = Fake::default();
        let key = keys::staging("u/lost");
        fake.put_now(&key, Bytes::from_static(b"x"));
        let later = SystemTime::now() + Duration::from_secs(60);
        assert_eq!(driver(&fake).sweep(later).await.unwrap(), 1);
        assert_eq!(fake.keys(), [""; 0]);
    }
}
