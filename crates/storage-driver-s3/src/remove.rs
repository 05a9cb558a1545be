//! Deleting files, and folders with all that is below them.
//!
//! One listing without a slash tells a file from a folder in the usual case, and shows what is to be deleted at once. Only
//! where so many keys begin alike that the listing ends before it comes to the folder, the folder is listed by itself.
//!
//! What a writer has begun below a folder goes with it: its journal knows which parts lie in the store unseen.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use futures_util::TryStreamExt;
use futures_util::stream;
use md5::{Digest, Md5};
use wharf_storage_driver::{ErrorKind, StoragePath};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::lookup::{impossible, unexpected};
use crate::{journal, keys};

/// How many keys one request deletes at most. A rule of S3.
const BATCH: usize = 1000;
/// How many requests are under way at once where one cannot say it all.
const AT_ONCE: usize = 16;

/// Deletes a file, or a folder with everything below it.
pub(crate) async fn remove(bucket: &Bucket, path: &StoragePath) -> Result<(), Failure> {
    if path.is_root() {
        return Err(impossible("the root cannot be deleted"));
    }
    let key = bucket.keys.of(path);
    let folder = bucket.keys.prefix(path);
    let page = list(bucket, &key, None).await?;
    let mut found: Vec<String> =
        keys_of(&page).filter(|found| **found == key || found.starts_with(&folder)).cloned().collect();
    let mut removed = found.len();
    // A page that came to its end, or past the folder, has shown all of it.
    let mut last = match (page.next_continuation_token(), keys_of(&page).max()) {
        (Some(_), Some(last)) if *last < folder => Some(None),
        (Some(_), Some(last)) if last.starts_with(&folder) => Some(Some(last.clone())),
        _ => None,
    };
    remove_found(bucket, found).await?;
    while let Some(after) = last {
        let page = list(bucket, &folder, after.as_deref()).await?;
        found = keys_of(&page).cloned().collect();
        last = page.next_continuation_token().and_then(|_| found.last().cloned()).map(Some);
        removed += found.len();
        remove_found(bucket, found).await?;
    }
    if removed == 0 { Err(Failure::not_found()) } else { Ok(()) }
}

/// Deletes one key. That nothing is there is fine.
pub(crate) async fn remove_key(bucket: &Bucket, key: &str) -> Result<(), Failure> {
    match bucket.delete_object(key).send().await.map_err(Failure::from) {
        Err(failure) if !failure.is_not_found() => Err(failure),
        _ => Ok(()),
    }
}

async fn list(bucket: &Bucket, prefix: &str, after: Option<&str>) -> Result<ListObjectsV2Output, Failure> {
    let request = bucket.list_objects(prefix).set_start_after(after.map(str::to_owned));
    Ok(request.max_keys(bucket.config.list_page).send().await?)
}

fn keys_of(page: &ListObjectsV2Output) -> impl Iterator<Item = &String> {
    page.contents().iter().filter_map(|object| object.key.as_ref())
}

/// Deletes keys, and what the writers' journals among them know of.
async fn remove_found(bucket: &Bucket, keys: Vec<String>) -> Result<(), Failure> {
    let journals = stream::iter(keys.iter().filter(|key| keys::is_journal(key)).map(Ok));
    journals.try_for_each_concurrent(AT_ONCE, |key| journal::forget(bucket, key)).await?;
    remove_known(bucket, keys).await
}

/// Deletes keys, in as few requests as there can be. That nothing is there is fine.
pub(crate) async fn remove_known(bucket: &Bucket, keys: Vec<String>) -> Result<(), Failure> {
    match keys.as_slice() {
        [] => Ok(()),
        [key] => remove_key(bucket, key).await,
        keys => {
            for batch in keys.chunks(BATCH) {
                remove_batch(bucket, batch).await?;
            }
            Ok(())
        }
    }
}

/// Deletes several keys by one request, or by one each where the store does not know such a request.
async fn remove_batch(bucket: &Bucket, keys: &[String]) -> Result<(), Failure> {
    let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build());
    let objects: Vec<_> = objects.collect::<Result<_, _>>().map_err(|error| unexpected(error.to_string()))?;
    let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
    let delete = delete.map_err(|error| unexpected(error.to_string()))?;
    let request = bucket.delete_objects().delete(delete).customize().interceptor(ContentMd5);
    match request.config_override(bucket.for_copy()).send().await.map_err(Failure::from) {
        Ok(answer) => {
            let refused = answer.errors().iter().filter(|error| error.code() != Some("NoSuchKey"));
            refusal(
                refused
                    .map(|error| [error.code(), error.key(), error.message()].map(Option::unwrap_or_default)),
            )
        }
        Err(failure) if matches!(failure.status(), Some(405 | 501)) => {
            let each = stream::iter(keys.iter().map(Ok));
            each.try_for_each_concurrent(AT_ONCE, |key| remove_key(bucket, key)).await
        }
        Err(failure) => Err(failure),
    }
}

/// One failure of all keys that were not deleted: code, key and message of each.
fn refusal<'a>(mut refused: impl Iterator<Item = [&'a str; 3]>) -> Result<(), Failure> {
    let Some([code, key, message]) = refused.next() else { return Ok(()) };
    let kind = match code {
        "AccessDenied" | "AllAccessDisabled" => ErrorKind::Denied,
        _ => ErrorKind::Unavailable,
    };
    let others = refused.count();
    Err(Failure::new(kind).because(format!("{key} and {others} others were not deleted: {code}: {message}")))
}

/// Puts the digest on a request that every store of any age understands, in place of the SDK's younger one. That some
/// stores refuse to delete several keys without it is why it is still sent.
#[derive(Debug)]
struct ContentMd5;

impl Intercept for ContentMd5 {
    fn name(&self) -> &'static str {
        "ContentMd5"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let body = request.body().bytes().ok_or("a body that is not in memory")?;
        let digest = aws_smithy_types::base64::encode(Md5::digest(body));
        let headers = request.headers_mut();
        headers.remove("x-amz-sdk-checksum-algorithm");
        headers.remove("x-amz-checksum-crc32");
        headers.insert("content-md5", digest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_deleted_is_one_failure() {
        assert!(refusal([].into_iter()).is_ok());
        let failure =
            refusal([["AccessDenied", "a", "no"], ["InternalError", "b", ""]].into_iter()).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Denied);
        let failure = refusal([["InternalError", "b", "oops"]].into_iter()).unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Unavailable);
    }
}
