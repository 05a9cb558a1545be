//! One object out of parts that lie in the store.
//!
//! A file that was closed in between has its bytes in up to three places: the parts of a multipart upload at its own key,
//! parts that are objects of their own, and the last ones with us. At another key than the file's own all of it is put
//! together anew, from copies that the store makes by itself, many at once. The upload is first completed for that, as
//! it is, and is an object at the file's own key for as long as this takes. It holds what was acknowledged and nothing
//! else, whoever completes it, so an assembly that fails can be tried again and two at once do not harm each other.

use std::ops::Range;
use std::sync::Arc;

use crate::bucket::Bucket;
use crate::conditions::TagForm;
use crate::failure::Failure;
use crate::journal::Parts;
use crate::lookup::unexpected;
use crate::multipart::{self, Proof, complete, gone_is_changed, usable_tag};
use crate::unclaimed::Unclaimed;
use crate::writer::segments::Sealed;

/// What an object is made of besides what lies at the file's own key.
#[derive(Debug)]
pub(crate) struct Rest<'a> {
    /// Keys of objects, each of which is a part.
    pub(crate) pieces: Vec<&'a str>,
    /// The last bytes.
    pub(crate) tail: Sealed,
}

/// A part that is still to be made.
enum Source<'a> {
    /// Of an object, of no other than has this tag.
    Copy {
        key: &'a str,
        tag: Option<String>,
        range: Option<Range<u64>>,
    },
    Bytes(&'a Sealed),
}

/// Puts a file together at another key than its own.
pub(crate) async fn assemble(
    bucket: &Arc<Bucket>,
    own: &str,
    parts: &Parts,
    part_bytes: u64,
    rest: &Rest<'_>,
    to: &str,
) -> Result<(), Failure> {
    let own_bytes = parts.etags.len() as u64 * part_bytes;
    let completing = complete(bucket, own, &parts.id, &parts.etags, Proof::Size(own_bytes));
    let (completed, upload) = tokio::join!(completing, Unclaimed::multipart(bucket, to));
    let tag = completed?.and_then(|version| TagForm::Quoted.write(&version));
    let upload = upload?;
    let most = bucket.config.copy_chunk_bytes / part_bytes;
    let step = parts_in_a_copy(parts.etags.len() as u64, rest, most) * part_bytes;
    let copies = (0..own_bytes.div_ceil(step)).map(|index| Source::Copy {
        key: own,
        tag: tag.clone(),
        range: Some(index * step..((index + 1) * step).min(own_bytes)),
    });
    let sources: Vec<_> = copies.chain(rest.sources()).collect();
    let etags = make_parts(bucket, to, upload.id(), 0, sources).await?;
    complete(bucket, to, upload.id(), &etags, Proof::Parts).await?;
    upload.claim();
    Ok(())
}

/// Makes a file of the upload at its own key, by what is missing there.
pub(crate) async fn extend(
    bucket: &Arc<Bucket>,
    own: &str,
    parts: &Parts,
    rest: &Rest<'_>,
) -> Result<(), Failure> {
    let mut etags = parts.etags.clone();
    let sources = rest.sources().collect();
    etags.extend(make_parts(bucket, own, &parts.id, etags.len(), sources).await?);
    complete(bucket, own, &parts.id, &etags, Proof::Parts).await.map(drop)
}

/// Makes parts that follow those before, and gives their tags in order.
async fn make_parts(
    bucket: &Bucket,
    key: &str,
    id: &str,
    before: usize,
    sources: Vec<Source<'_>>,
) -> Result<Vec<String>, Failure> {
    let mut parts = Vec::with_capacity(sources.len());
    for (number, source) in (before + 1..).zip(sources) {
        let number = i32::try_from(number).map_err(|_| unexpected("too many parts"))?;
        parts.push(make_part(bucket, key, id, number, source));
    }
    multipart::make_parts(parts, bucket.config.copy_concurrency).await
}

async fn make_part(
    bucket: &Bucket,
    key: &str,
    id: &str,
    number: i32,
    source: Source<'_>,
) -> Result<String, Failure> {
    match source {
        Source::Bytes(bytes) => {
            let request = bucket.upload_part(key, id, number).body(bytes.body());
            usable_tag(bucket.sending_part(request, bytes.len()).send().await?.e_tag)
        }
        Source::Copy { key: from, tag, range } => {
            let range = range.map(|range| format!("bytes={}-{}", range.start, range.end - 1));
            let request = bucket.upload_part_copy(key, id, number).copy_source(bucket.copy_source(from));
            let request = request
                .set_copy_source_if_match(tag)
                .set_copy_source_range(range)
                .customize()
                .config_override(bucket.for_copy());
            let answer = request.send().await.map_err(|error| gone_is_changed(error.into()))?;
            usable_tag(answer.copy_part_result.and_then(|result| result.e_tag))
        }
    }
}

/// How many parts of a file one copy takes: as many as it may. All parts that are made must be equal, but for the last,
/// since some stores insist on that; so where something follows the copies, the last of them must be whole, too.
fn parts_in_a_copy(parts: u64, rest: &Rest<'_>, most: u64) -> u64 {
    let most = most.clamp(1, parts.max(1));
    match (rest.pieces.is_empty(), rest.tail.len()) {
        (true, 0) => most,
        (true, _) => (1..=most).rev().find(|count| parts.is_multiple_of(*count)).unwrap_or(1),
        (false, _) => 1,
    }
}

impl Rest<'_> {
    fn sources(&self) -> impl Iterator<Item = Source<'_>> {
        let pieces = self.pieces.iter().map(|key| Source::Copy { key, tag: None, range: None });
        pieces.chain((self.tail.len() > 0).then_some(Source::Bytes(&self.tail)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::segments::Segments;

    fn rest(pieces: usize, tail: &'static [u8]) -> Rest<'static> {
        let mut segments = Segments::default();
        segments.push(tail);
        Rest { pieces: vec!["piece"; pieces], tail: segments.seal() }
    }

    #[test]
    fn copies_are_as_large_as_they_may_be_and_equal() {
        for (parts, pieces, tail, most, expected) in [
            (100, 0, "", 3, 3),
            (100, 0, "x", 3, 2),
            (99, 0, "x", 3, 3),
            (7, 0, "x", 3, 1),
            (2, 0, "x", 3, 2),
            (2, 0, "", 3, 2),
            (100, 1, "", 3, 1),
            (100, 0, "x", 0, 1),
        ] {
            let rest = rest(pieces, tail.as_bytes());
            assert_eq!(parts_in_a_copy(parts, &rest, most), expected, "{parts} {pieces} {tail:?} {most}");
        }
    }
}
