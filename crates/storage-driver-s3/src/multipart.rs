//! Finishing what was begun in parts, or throwing it away.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use md5::{Digest, Md5};
use wharf_storage_driver::{ErrorKind, Version};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::journal::fits_a_line;
use crate::lookup::{self, unexpected};

/// What tells of an object that it is the one that was to be made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    /// That it has so many bytes, where nothing else can be.
    Size(u64),
    /// That its tag is made from those of these parts, as most stores do. Where a store makes another tag we
    /// rather say that nothing was done.
    Parts,
}

/// Makes an object of all parts of an upload; gives its version, by which a copy of it can insist on it: two servers may make
/// an object at one key.
pub(crate) async fn complete(
    bucket: &Bucket,
    key: &str,
    id: &str,
    etags: &[String],
    proof: Proof,
) -> Result<Option<Version>, Failure> {
    let parts = etags.iter().enumerate().map(|(index, etag)| {
        let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
        CompletedPart::builder().part_number(number).e_tag(etag).build()
    });
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
    let request = bucket.complete_multipart(key, id).multipart_upload(parts);
    let failure = match request.customize().config_override(bucket.for_copy()).send().await {
        Ok(answer) => return Ok(lookup::version(answer.e_tag())),
        Err(error) => Failure::from(error),
    };
    // It may have been done although we did not hear of it; then the upload is not there any more.
    if !failure.may_have_happened() && !failure.is_not_found() {
        return Err(failure);
    }
    let made = lookup::head(bucket, key).await?.filter(|head| match proof {
        Proof::Size(size) => head.size == size,
        Proof::Parts => {
            head.version.as_ref().is_some_and(|version| joint_tag(etags).as_ref() == Some(&version.0))
        }
    });
    made.map(|head| head.version).ok_or_else(|| gone_is_changed(failure))
}

/// Makes parts, so many at once; gives their tags in order.
///
/// After a failure no more are begun, but those that are on their way may arrive: what they belong to is going to be thrown
/// away, and a part that arrives after that could stay for ever.
pub(crate) async fn make_parts<M>(parts: Vec<M>, at_once: usize) -> Result<Vec<String>, Failure>
where
    M: Future<Output = Result<String, Failure>>,
{
    let mut tags = Vec::with_capacity(parts.len());
    let mut failed = None;
    let mut waiting = parts.into_iter();
    let mut on_their_way: FuturesOrdered<M> = waiting.by_ref().take(at_once.max(1)).collect();
    while let Some(made) = on_their_way.next().await {
        match made {
            Ok(tag) => tags.push(tag),
            Err(failure) => failed = failed.or(Some(failure)),
        }
        if failed.is_none() {
            on_their_way.extend(waiting.next());
        }
    }
    failed.map_or(Ok(tags), Err)
}

/// Throws parts away. That there is no such upload is fine.
pub(crate) async fn abort(bucket: &Bucket, key: &str, upload: &str) -> Result<(), Failure> {
    match bucket.abort_multipart(key, upload).send().await.map_err(Failure::from) {
        Err(failure) if !failure.is_not_found() => Err(failure),
        _ => Ok(()),
    }
}

/// The tag of a part, without which it cannot be named.
pub(crate) fn usable_tag(tag: Option<String>) -> Result<String, Failure> {
    tag.filter(|tag| fits_a_line(tag)).ok_or_else(|| unexpected("the store gave a part no usable entity tag"))
}

/// What a file is made of is gone: someone else was faster.
pub(crate) fn gone_is_changed(mut failure: Failure) -> Failure {
    if failure.is_not_found() {
        failure.kind = ErrorKind::Changed;
    }
    failure
}

/// The tag of an object that is made of parts, where those of the parts are plain MD5.
fn joint_tag(etags: &[String]) -> Option<String> {
    let mut all = Md5::new();
    for etag in etags {
        let etag = etag.trim_matches('"');
        if etag.len() != 32 || !etag.is_ascii() {
            return None;
        }
        for index in (0..32).step_by(2) {
            all.update([u8::from_str_radix(&etag[index..index + 2], 16).ok()?]);
        }
    }
    let hash: String = all.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(format!("{hash}-{}", etags.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_an_object_is_made_from_those_of_its_parts() {
        let etags =
            ["\"0cc175b9c0f1b6a831c399e269772661\"", "92eb5ffee6ae2fec3ad71c777531578f"].map(str::to_owned);
        assert_eq!(joint_tag(&etags).as_deref(), Some("96e024ba2074fe77e8e965ba43a704be-2"));
        for opaque in
            ["opaque", "zzc175b9c0f1b6a831c399e269772661", "", "0cc175b9c0f1b6a831c399e26977266\u{df}"]
        {
            assert_eq!(joint_tag(&[opaque.to_owned()]), None, "{opaque}");
        }
    }
}
