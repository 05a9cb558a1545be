//! Copies that the store makes by itself.
//!
//! A small object is copied by one request. A large one is copied in parts, many at once, since a store copies no faster
//! than it writes, and since one request may not copy more than 5 GiB. If any part fails, what was begun is thrown away.

use std::ops::Range;
use std::sync::Arc;

use wharf_storage_driver::{ErrorKind, Version};

use crate::bucket::Bucket;
use crate::conditions::TagForm;
use crate::config::MAX_PARTS;
use crate::failure::Failure;
use crate::lookup::{self, unexpected};
use crate::multipart::{self, Proof};
use crate::unclaimed::Unclaimed;

/// Copies an object of so many bytes to another key, replacing what is there; only that version of it, if one is known.
pub(crate) async fn copy(
    bucket: &Arc<Bucket>,
    from: &str,
    version: Option<&Version>,
    to: &str,
    size: u64,
) -> Result<(), Failure> {
    let path = bucket.copy_source(from);
    if size <= bucket.config.copy_threshold_bytes || size == 0 {
        let tag = version.and_then(|version| TagForm::Quoted.write(version));
        let request = bucket.copy_object(to).copy_source(path).set_copy_source_if_match(tag);
        request.customize().config_override(bucket.for_copy()).send().await?;
        return Ok(());
    }
    let tag = match version.and_then(|version| TagForm::Quoted.write(version)) {
        Some(tag) => tag,
        None => tag(bucket, from, size).await?,
    };
    let source = Source { path, tag };
    let begun = Unclaimed::multipart(bucket, to).await?;
    let done = match copy_parts(bucket, &source, &begun, size).await {
        Ok(etags) => multipart::complete(bucket, to, begun.id(), &etags, Proof::Parts).await.map(drop),
        Err(failure) => Err(failure),
    };
    match done {
        Ok(()) => begun.claim(),
        Err(_) => begun.undo_or_warn().await,
    }
    done
}

/// What is copied in parts: the same object for all of them, though someone may replace it meanwhile.
struct Source {
    /// The bucket and the key.
    path: String,
    /// Its entity tag, in quotes.
    tag: String,
}

/// The tag of an object that has so many bytes.
async fn tag(bucket: &Bucket, key: &str, size: u64) -> Result<String, Failure> {
    let there = lookup::head(bucket, key).await?.ok_or_else(Failure::not_found)?;
    if there.size != size {
        return Err(Failure::new(ErrorKind::Changed));
    }
    let version = there.version.ok_or_else(|| unexpected("the answer has no entity tag"))?;
    TagForm::Quoted.write(&version).ok_or_else(|| unexpected("the store's entity tag is none"))
}

/// Copies all parts; gives their tags in order.
async fn copy_parts(
    bucket: &Bucket,
    source: &Source,
    begun: &Unclaimed,
    size: u64,
) -> Result<Vec<String>, Failure> {
    let copies = (1..).zip(ranges(size, bucket.config.copy_chunk_bytes)).map(|(number, range)| async move {
        let request = bucket
            .upload_part_copy(begun.key(), begun.id(), number)
            .copy_source(&source.path)
            .copy_source_if_match(&source.tag)
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1));
        let answer = request.customize().config_override(bucket.for_copy()).send().await?;
        multipart::usable_tag(answer.copy_part_result.and_then(|result| result.e_tag))
    });
    multipart::make_parts(copies.collect(), bucket.config.copy_concurrency).await
}

/// The parts of an object: of the size that is wanted, or as many as may be.
fn ranges(size: u64, chunk_bytes: u64) -> impl Iterator<Item = Range<u64>> {
    let chunk = chunk_bytes.max(size.div_ceil(MAX_PARTS)).max(1);
    (0..size.div_ceil(chunk)).map(move |index| index * chunk..((index + 1) * chunk).min(size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_whole_and_are_not_too_many() {
        for (size, chunk) in [(1, 5), (5, 5), (6, 5), (99_999, 5), (100_001, 5), (1 << 40, 32 << 20)] {
            let parts: Vec<_> = ranges(size, chunk).collect();
            assert!(parts.len() as u64 <= MAX_PARTS);
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, size));
            assert!(parts.windows(2).all(|two| two[0].end == two[1].start));
            let first = parts[0].end - parts[0].start;
            assert!(
                parts.iter().rev().skip(1).all(|part| part.end - part.start == first),
                "equal but the last"
            );
        }
    }
}
