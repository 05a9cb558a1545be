//! What every cache must do, one function a clause. [`cache_contract!`](crate::cache_contract) makes a test of each.

use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry};

/// Stamps one test per clause of the contract for the cache that the expression makes.
#[macro_export]
macro_rules! cache_contract {
    ($cache:expr) => {
        $crate::cache_contract!($cache; what_was_remembered_is_found what_was_never_remembered_is_not_found
            a_repository_does_not_see_anothers a_blob_is_not_a_manifest what_was_forgotten_is_gone
            forgetting_in_one_repository_leaves_the_other an_alias_names_its_data remembering_again_replaces);
    };
    ($cache:expr; $($clause:ident)*) => {
        mod contract {
            use super::*;
            $(#[tokio::test]
            async fn $clause() {
                $crate::contract::$clause(&$cache).await;
            })*
        }
    };
}

fn repository(name: &str) -> RepositoryName {
    #[expect(clippy::expect_used, reason = "the names are constants of this suite")]
    name.parse().expect("a repository name")
}

fn sample(text: &str) -> (Digest, Entry) {
    let digest = Algorithm::Sha256.digest(text.as_bytes());
    (
        digest,
        Entry { canonical: digest, size: text.len() as u64, media_type: "application/octet-stream".into() },
    )
}

async fn find(cache: &dyn Cache, name: &str, content: Content, digest: &Digest) -> Option<Entry> {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.find(&repository(name), content, digest).await.expect("the cache answers")
}

async fn remember(cache: &dyn Cache, name: &str, content: Content, digest: &Digest, entry: &Entry) {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.remember(&repository(name), content, digest, entry).await.expect("the cache remembers");
}

async fn forget(cache: &dyn Cache, name: &str, content: Content, digest: &Digest) {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.forget(&repository(name), content, digest).await.expect("the cache forgets");
}

/// What was remembered is found, in its repository and by digest alone.
pub async fn what_was_remembered_is_found(cache: &dyn Cache) {
    let (digest, entry) = sample("a");
    remember(cache, "contract/a", Content::Blob, &digest, &entry).await;
    assert_eq!(find(cache, "contract/a", Content::Blob, &digest).await.as_ref(), Some(&entry));
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    let anywhere = cache.find_global(&digest).await.expect("the cache answers");
    assert_eq!(anywhere, Some(entry));
}

/// What was never remembered is not found.
pub async fn what_was_never_remembered_is_not_found(cache: &dyn Cache) {
    let (digest, _) = sample("never");
    assert_eq!(find(cache, "contract/never", Content::Blob, &digest).await, None);
}

/// What one repository holds is not shown to another.
pub async fn a_repository_does_not_see_anothers(cache: &dyn Cache) {
    let (digest, entry) = sample("mine");
    remember(cache, "contract/mine", Content::Blob, &digest, &entry).await;
    assert_eq!(find(cache, "contract/other", Content::Blob, &digest).await, None);
}

/// A digest remembered as a blob is not found as a manifest, nor the reverse.
pub async fn a_blob_is_not_a_manifest(cache: &dyn Cache) {
    let (blob, entry) = sample("blob");
    remember(cache, "contract/kinds", Content::Blob, &blob, &entry).await;
    assert_eq!(find(cache, "contract/kinds", Content::Manifest, &blob).await, None);
    let (manifest, entry) = sample("manifest");
    remember(cache, "contract/kinds", Content::Manifest, &manifest, &entry).await;
    assert_eq!(find(cache, "contract/kinds", Content::Blob, &manifest).await, None);
}

/// What was forgotten is gone at once, and forgetting what is not there is no error.
pub async fn what_was_forgotten_is_gone(cache: &dyn Cache) {
    let (digest, entry) = sample("gone");
    remember(cache, "contract/gone", Content::Blob, &digest, &entry).await;
    forget(cache, "contract/gone", Content::Blob, &digest).await;
    assert_eq!(find(cache, "contract/gone", Content::Blob, &digest).await, None);
    forget(cache, "contract/gone", Content::Blob, &digest).await;
}

/// Forgetting in one repository does not touch another.
pub async fn forgetting_in_one_repository_leaves_the_other(cache: &dyn Cache) {
    let (digest, entry) = sample("shared");
    remember(cache, "contract/one", Content::Blob, &digest, &entry).await;
    remember(cache, "contract/two", Content::Blob, &digest, &entry).await;
    forget(cache, "contract/one", Content::Blob, &digest).await;
    assert_eq!(find(cache, "contract/two", Content::Blob, &digest).await, Some(entry));
}

/// A digest of another algorithm names the data under its canonical digest.
pub async fn an_alias_names_its_data(cache: &dyn Cache) {
    let (_, entry) = sample("alias");
    let alias = Algorithm::Sha512.digest(b"alias");
    remember(cache, "contract/alias", Content::Blob, &alias, &entry).await;
    assert_eq!(find(cache, "contract/alias", Content::Blob, &alias).await, Some(entry));
}

/// Remembering again replaces what was remembered.
pub async fn remembering_again_replaces(cache: &dyn Cache) {
    let (digest, entry) = sample("again");
    let wrong = Entry { size: 999, ..entry.clone() };
    remember(cache, "contract/again", Content::Blob, &digest, &wrong).await;
    remember(cache, "contract/again", Content::Blob, &digest, &entry).await;
    assert_eq!(find(cache, "contract/again", Content::Blob, &digest).await, Some(entry));
}
