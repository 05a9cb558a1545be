//! Multipart uploads that nobody will finish.
//!
//! A server that is killed leaves what it was sending, and nothing in the store names it. Only the store itself can tell,
//! and it is asked seldom: by whoever purges uploads. Uploads that a journal names are swept, too, once they are as old.

use std::time::SystemTime;

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::MultipartUpload;
use futures_util::{TryStreamExt, stream};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::multipart;

/// How many uploads are aborted at once.
const AT_ONCE: usize = 16;

/// Where the next page begins.
#[derive(Debug, Default)]
struct Marker {
    key: Option<String>,
    upload: Option<String>,
}

/// Aborts every multipart upload of the store that was begun before a time; says how many there were.
///
/// A store that cannot list them has none that we know of, and the log says so.
pub(crate) async fn sweep(bucket: &Bucket, before: SystemTime) -> Result<u64, Failure> {
    let root = bucket.keys.root();
    let found = match below(bucket, root, before).await {
        // MinIO takes the prefix for a key, and lists all only when there is none.
        Ok(found) if found.is_empty() && !root.is_empty() => below(bucket, "", before).await,
        found => found,
    };
    let found = match found {
        Err(failure) if matches!(failure.status(), Some(405 | 501)) => {
            tracing::info!(
                bucket = bucket.name(),
                "the store cannot list multipart uploads: it must clear away old ones itself"
            );
            return Ok(0);
        }
        found => found?,
    };
    let uploads = stream::iter(found.iter().map(Ok::<_, Failure>));
    uploads.try_for_each_concurrent(AT_ONCE, |(key, upload)| multipart::abort(bucket, key, upload)).await?;
    if !found.is_empty() {
        tracing::info!(bucket = bucket.name(), "aborted {} multipart uploads that were left", found.len());
    }
    Ok(found.len() as u64)
}

/// The uploads with a prefix that are the store's and older than a time.
async fn below(bucket: &Bucket, prefix: &str, before: SystemTime) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    let mut marker = Marker::default();
    loop {
        let request = bucket.list_multipart(prefix);
        let request = request.set_key_marker(marker.key.take()).set_upload_id_marker(marker.upload.take());
        let page = request.send().await?;
        found.extend(page.uploads().iter().filter_map(|upload| left(upload, bucket.keys.root(), before)));
        match next(page) {
            Some(next) => marker = next,
            None => return Ok(found),
        }
    }
}

fn next(page: ListMultipartUploadsOutput) -> Option<Marker> {
    let more = page.is_truncated == Some(true);
    let marker = Marker { key: page.next_key_marker, upload: page.next_upload_id_marker };
    (more && marker.key.is_some()).then_some(marker)
}

/// Key and name of an upload, if it is to go.
fn left(upload: &MultipartUpload, root: &str, before: SystemTime) -> Option<(String, String)> {
    let begun = SystemTime::try_from(*upload.initiated()?).ok()?;
    let key = upload.key().filter(|key| key.starts_with(root) && begun < before)?;
    Some((key.to_owned(), upload.upload_id()?.to_owned()))
}
