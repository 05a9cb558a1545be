//! What every cache must do, one function a clause. [`cache_contract!`](crate::cache_contract) makes a test of each.
//!
//! A clause leaves behind what it remembered: a cache may outlive the suite, and the clauses may run on it at once and again.

use wharf_digest::{Algorithm, Digest};
use wharf_reference::RepositoryName;

use crate::{Cache, Content, Entry, Lookup, Ticket};

/// Stamps one test per clause of the contract for the cache that the expression makes.
#[macro_export]
macro_rules! cache_contract {
    ($cache:expr) => {
        $crate::cache_contract!($cache; what_was_remembered_is_found what_was_never_remembered_is_not_found
            a_repository_does_not_see_anothers a_blob_is_not_a_manifest what_was_forgotten_is_gone
            forgetting_in_one_repository_leaves_the_other forgetting_one_digest_leaves_the_others
            several_are_forgotten_at_once an_alias_names_its_data remembering_again_replaces
            a_ticket_of_a_reader_is_void_once_its_digest_was_forgotten
            a_ticket_of_a_writer_is_void_once_its_digest_was_forgotten
            a_ticket_from_after_a_deletion_is_good any_media_type_and_size_come_back_as_they_were);
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

async fn look(cache: &dyn Cache, name: &str, content: Content, digest: &Digest) -> Lookup {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.find(&repository(name), content, digest).await.expect("the cache answers")
}

async fn find(cache: &dyn Cache, name: &str, content: Content, digest: &Digest) -> Option<Entry> {
    match look(cache, name, content, digest).await {
        Lookup::Known(entry) => Some(entry),
        Lookup::Unknown(_) => None,
    }
}

async fn ticket(cache: &dyn Cache, name: &str, digest: &Digest) -> Ticket {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.ticket(&repository(name), digest).await.expect("the cache gives a ticket")
}

async fn remember(cache: &dyn Cache, name: &str, content: Content, digest: &Digest, entry: &Entry) {
    let ticket = ticket(cache, name, digest).await;
    remember_with(cache, name, content, digest, entry, ticket).await;
}

async fn remember_with(
    cache: &dyn Cache,
    name: &str,
    content: Content,
    digest: &Digest,
    entry: &Entry,
    ticket: Ticket,
) {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache
        .remember(&repository(name), content, digest, entry, ticket)
        .await
        .expect("the cache remembers, or knows why not");
}

async fn forget(cache: &dyn Cache, name: &str, content: Content, digests: &[Digest]) {
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    cache.forget(&repository(name), content, digests).await.expect("the cache forgets");
}

/// What was remembered is found.
pub async fn what_was_remembered_is_found(cache: &dyn Cache) {
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("a");
        remember(cache, "contract/a", content, &digest, &entry).await;
        assert_eq!(find(cache, "contract/a", content, &digest).await, Some(entry));
    }
}

/// What was never remembered is not found.
pub async fn what_was_never_remembered_is_not_found(cache: &dyn Cache) {
    let (digest, _) = sample("never");
    assert_eq!(find(cache, "contract/never", Content::Blob, &digest).await, None);
    assert_eq!(find(cache, "contract/never", Content::Manifest, &digest).await, None);
}

/// What one repository holds is not shown to another.
pub async fn a_repository_does_not_see_anothers(cache: &dyn Cache) {
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("mine");
        remember(cache, "contract/mine", content, &digest, &entry).await;
        assert_eq!(find(cache, "contract/other", content, &digest).await, None);
    }
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
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("gone");
        remember(cache, "contract/gone", content, &digest, &entry).await;
        forget(cache, "contract/gone", content, &[digest]).await;
        assert_eq!(find(cache, "contract/gone", content, &digest).await, None);
        forget(cache, "contract/gone", content, &[digest]).await;
    }
}

/// Forgetting in one repository does not touch another, unless the cache forgets more than it must.
pub async fn forgetting_in_one_repository_leaves_the_other(cache: &dyn Cache) {
    let (digest, entry) = sample("shared");
    remember(cache, "contract/one", Content::Manifest, &digest, &entry).await;
    remember(cache, "contract/two", Content::Manifest, &digest, &entry).await;
    forget(cache, "contract/one", Content::Manifest, &[digest]).await;
    assert_eq!(find(cache, "contract/two", Content::Manifest, &digest).await, Some(entry));
}

/// Forgetting one digest does not touch another of the same repository.
pub async fn forgetting_one_digest_leaves_the_others(cache: &dyn Cache) {
    let ((gone, gone_entry), (stays, entry)) = (sample("goes"), sample("stays"));
    remember(cache, "contract/some", Content::Blob, &gone, &gone_entry).await;
    remember(cache, "contract/some", Content::Blob, &stays, &entry).await;
    forget(cache, "contract/some", Content::Blob, &[gone]).await;
    assert_eq!(find(cache, "contract/some", Content::Blob, &stays).await, Some(entry));
}

/// All digests of one call are forgotten; none is fine.
pub async fn several_are_forgotten_at_once(cache: &dyn Cache) {
    let ((first, first_entry), (second, second_entry)) = (sample("first"), sample("second"));
    remember(cache, "contract/several", Content::Blob, &first, &first_entry).await;
    remember(cache, "contract/several", Content::Blob, &second, &second_entry).await;
    forget(cache, "contract/several", Content::Blob, &[]).await;
    forget(cache, "contract/several", Content::Blob, &[first, second]).await;
    assert_eq!(find(cache, "contract/several", Content::Blob, &first).await, None);
    assert_eq!(find(cache, "contract/several", Content::Blob, &second).await, None);
}

/// A digest of another algorithm names the data under its canonical digest, in its repository and anywhere.
pub async fn an_alias_names_its_data(cache: &dyn Cache) {
    let (canonical, entry) = sample("alias");
    let alias = Algorithm::Sha512.digest(b"alias");
    remember(cache, "contract/alias", Content::Blob, &alias, &entry).await;
    assert_eq!(find(cache, "contract/alias", Content::Blob, &alias).await, Some(entry));
    #[expect(clippy::expect_used, reason = "a suite stops at the first failure")]
    let anywhere = cache.canonical(&alias).await.expect("the cache answers");
    assert_eq!(anywhere, Some(canonical));
}

/// Remembering again replaces what was remembered.
pub async fn remembering_again_replaces(cache: &dyn Cache) {
    let (digest, entry) = sample("again");
    let wrong = Entry { size: 999, ..entry.clone() };
    remember(cache, "contract/again", Content::Blob, &digest, &wrong).await;
    remember(cache, "contract/again", Content::Blob, &digest, &entry).await;
    assert_eq!(find(cache, "contract/again", Content::Blob, &digest).await, Some(entry));
}

/// Who looked before something was forgotten does not bring it back.
pub async fn a_ticket_of_a_reader_is_void_once_its_digest_was_forgotten(cache: &dyn Cache) {
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("read");
        forget(cache, "contract/read", content, &[digest]).await;
        let Lookup::Unknown(ticket) = look(cache, "contract/read", content, &digest).await else {
            panic!("found what was forgotten");
        };
        forget(cache, "contract/read", content, &[digest]).await;
        remember_with(cache, "contract/read", content, &digest, &entry, ticket).await;
        assert_eq!(find(cache, "contract/read", content, &digest).await, None);
    }
}

/// Who wrote before something was forgotten does not bring it back.
pub async fn a_ticket_of_a_writer_is_void_once_its_digest_was_forgotten(cache: &dyn Cache) {
    for content in [Content::Blob, Content::Manifest] {
        let (digest, entry) = sample("written");
        let ticket = ticket(cache, "contract/written", &digest).await;
        forget(cache, "contract/written", content, &[digest]).await;
        remember_with(cache, "contract/written", content, &digest, &entry, ticket).await;
        assert_eq!(find(cache, "contract/written", content, &digest).await, None);
    }
}

/// What is looked up or written after something was forgotten is remembered.
pub async fn a_ticket_from_after_a_deletion_is_good(cache: &dyn Cache) {
    let (digest, entry) = sample("after");
    remember(cache, "contract/after", Content::Blob, &digest, &entry).await;
    forget(cache, "contract/after", Content::Blob, &[digest]).await;
    let Lookup::Unknown(ticket) = look(cache, "contract/after", Content::Blob, &digest).await else {
        panic!("found what was forgotten");
    };
    remember_with(cache, "contract/after", Content::Blob, &digest, &entry, ticket).await;
    assert_eq!(find(cache, "contract/after", Content::Blob, &digest).await, Some(entry));
}

/// Nothing is lost of an entry, whatever a client wrote into it.
pub async fn any_media_type_and_size_come_back_as_they_were(cache: &dyn Cache) {
    for (media_type, size) in [("", 0), ("a/b; c=\"d e\" \r\n:: ü", u64::MAX), (" ", 1)] {
        let (digest, entry) = sample("odd");
        let entry = Entry { media_type: media_type.to_owned(), size, ..entry };
        remember(cache, "contract/odd", Content::Manifest, &digest, &entry).await;
        assert_eq!(find(cache, "contract/odd", Content::Manifest, &digest).await, Some(entry));
    }
}
