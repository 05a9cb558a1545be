//! The index of referrers for what was there before there was an index.
//!
//! A repository that a server without the referrers API wrote holds manifests with subjects that no entry
//! lists. The first query reads all of them once, writes the entries, and then a marker: from there on every
//! push adds its own. Within a process, queries of one repository wait for one such reading together;
//! processes that read at the same time write the same entries.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::OnceCell;
use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;
use wharf_registry::Error;
use wharf_storage_driver::{ListOptions, PutOptions};

use crate::error::{failed, found};
use crate::hashing;
use crate::namespace::StoredRepository;
use crate::referrers::digest_of;

/// How many manifests are listed at once.
const BATCH: usize = 1000;
/// How many manifests are read together.
const CONCURRENCY: usize = 32;
/// How many repositories a process remembers to be complete; beyond that it looks for their markers again.
const REMEMBERED: usize = 10_000;

/// Which repositories are known to be complete, or are being completed.
#[derive(Default)]
pub(crate) struct Backfills {
    repositories: Mutex<HashMap<RepositoryName, Arc<OnceCell<()>>>>,
}

impl Backfills {
    fn of(&self, name: &RepositoryName) -> Arc<OnceCell<()>> {
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        if repositories.len() >= REMEMBERED && !repositories.contains_key(name) {
            repositories.clear();
        }
        Arc::clone(repositories.entry(name.clone()).or_default())
    }

    fn drop_unfinished(&self, name: &RepositoryName) {
        let mut repositories = self.repositories.lock().unwrap_or_else(PoisonError::into_inner);
        if repositories.get(name).is_some_and(|cell| !cell.initialized()) {
            repositories.remove(name);
        }
    }
}

/// Why there is nothing to remember.
enum Incomplete {
    /// There is no repository, and a question must not make one.
    NoRepository,
    Failed(Error),
}

impl StoredRepository {
    /// Sees to it that the index lists every referrer in the repository.
    pub(crate) async fn complete_referrers(&self) -> Result<(), Error> {
        let cell = self.shared.backfills.of(&self.name);
        match cell.get_or_try_init(|| self.backfill()).await {
            Ok(()) => Ok(()),
            Err(Incomplete::NoRepository) => {
                self.shared.backfills.drop_unfinished(&self.name);
                Ok(())
            }
            Err(Incomplete::Failed(error)) => Err(error),
        }
    }

    async fn backfill(&self) -> Result<(), Incomplete> {
        let marker = self.driver().stat(&self.layout.referrers_complete()).await;
        if found(marker)?.is_some() {
            return Ok(());
        }
        // What was pushed by another algorithm was pushed to a server that keeps the index.
        let folder = self.layout.revisions(Algorithm::Sha256);
        let mut after: Option<String> = None;
        loop {
            let options = ListOptions { start_after: after.as_deref(), limit: BATCH, holding: None };
            let Some(page) = found(self.driver().list(&folder, options).await)? else {
                return Err(Incomplete::NoRepository);
            };
            after = page.entries.last().map(|entry| entry.name.clone());
            let looks = page.entries.into_iter().map(|entry| async move {
                let Some(digest) = digest_of(Algorithm::Sha256, &entry.name) else { return Ok(()) };
                self.backfill_one(digest).await
            });
            stream::iter(looks).buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
            if !page.more || after.is_none() {
                break;
            }
        }
        match self.mark_complete().await {
            // A store that cannot be written to must not be read through at each question.
            Err(Error::Internal(error)) => {
                tracing::warn!(
                    error = &*error as &dyn std::error::Error,
                    "referrers of {} are not kept",
                    self.name
                );
                Ok(())
            }
            result => Ok(result?),
        }
    }

    async fn mark_complete(&self) -> Result<(), Error> {
        let marker = self.layout.referrers_complete();
        self.driver().put(&marker, Bytes::new(), PutOptions::default()).await.map(drop).map_err(failed)
    }

    /// Lists a manifest with its subject if it has one. What cannot be read is no referrer that could be
    /// shown.
    async fn backfill_one(&self, digest: Digest) -> Result<(), Error> {
        let manifest = match self.stored_manifest(&digest).await {
            Ok(Some((_, manifest))) => manifest,
            Ok(None) => return Ok(()),
            Err(Error::Internal(error)) => {
                tracing::warn!(error = &*error as &dyn std::error::Error, "manifest {digest} cannot be read");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(subject) = manifest.subject().map(|subject| subject.digest) else { return Ok(()) };
        // One that was pushed by another digest is listed under that.
        for algorithm in [Algorithm::Sha384, Algorithm::Sha512] {
            let name = hashing::digest_of(algorithm, manifest.bytes()).await;
            if found(self.driver().stat(&self.layout.referrer_link(&subject, &name)).await)?.is_some() {
                return Ok(());
            }
        }
        match self.add_referrer(&subject, &digest).await {
            Err(Error::Internal(_)) => Ok(()), // The marker will meet the same, and says so.
            result => result,
        }
    }
}

impl From<Error> for Incomplete {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}
