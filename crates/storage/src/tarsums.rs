//! Layers by the names that registries of 2014 and 2015 gave them.
//!
//! A tarsum is a link to the digest, and counts only while the digest is a layer of the repository too, as every alias. One
//! that a client brings is computed over what was stored, with nobody able to write to it any more; then the upload is
//! finished by its digest, which checks that it still is the same.

use bytes::Bytes;
use futures_util::StreamExt;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest, Hasher};
use wharf_manifest::Descriptor;
use wharf_registry::{Error, TarSum, UploadId, Uploads};
use wharf_tarsum::Summer;

use crate::error::broken;
use crate::links;
use crate::namespace::StoredRepository;
use crate::options::Schema1;
use crate::record::Recorded;

/// What clients are told where such names are not taken.
const REFUSED: Error = Error::Unsupported("tarsums are not taken here");

/// Says by how much the sum of a layer was missed.
#[derive(Debug, thiserror::Error)]
#[error("content has {0}")]
struct OtherSum(TarSum);

impl StoredRepository {
    /// The digest of a layer of this repository; none when no layer goes by that name.
    pub(crate) async fn layer_of_tarsum(&self, sum: &TarSum) -> Result<Option<Digest>, Error> {
        let target = links::read(self.driver(), &self.layout.tarsum_link(sum)).await?;
        let Some(digest) = target.filter(|target| target.algorithm() == Algorithm::Sha256) else {
            return Ok(None);
        };
        Ok(self.blob(&digest).await?.map(|entry| entry.canonical))
    }

    /// Makes an upload a layer if it has that sum.
    pub(crate) async fn finish_layer(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        sum: &TarSum,
    ) -> Result<Descriptor, Error> {
        if self.options().schema1 == Schema1::Refused {
            return Err(REFUSED);
        }
        let sums = Sums::expecting(sum)?;
        self.append(id, at, body).await?;
        let held = self.record(id).await?;
        let sums = match held.record.content.clone() {
            Recorded::Small(bytes) => sums.take(bytes).await?,
            Recorded::Large { .. } => {
                let mut pieces = self.seal(id, held).await?.content.into_stream();
                let mut sums = sums;
                while let Some(piece) = pieces.next().await {
                    sums = sums.take(piece.map_err(broken)?).await?;
                }
                sums
            }
        };
        let canonical = sums.verify()?;
        // It counts for nothing until the upload is finished.
        links::write(self.driver(), &self.layout.tarsum_link(sum), &canonical).await?;
        self.finish(id, None, ByteStream::empty(), &canonical).await
    }
}

/// Both sums of the same bytes.
struct Sums {
    expected: TarSum,
    summer: Summer,
    hasher: Hasher,
}

impl Sums {
    fn expecting(expected: &TarSum) -> Result<Self, Error> {
        let summer = Summer::verifying(expected).map_err(|error| mismatch(expected, error))?;
        Ok(Self { expected: expected.clone(), summer, hasher: Hasher::new(Algorithm::Sha256) })
    }

    /// Takes the next bytes, on a thread where nobody waits: a file with holes is longer than what is stored of it.
    async fn take(mut self, bytes: Bytes) -> Result<Self, Error> {
        let taken = tokio::task::spawn_blocking(move || {
            self.hasher.update(&bytes);
            self.summer.push(&bytes).map_err(|error| mismatch(&self.expected, error))?;
            Ok(self)
        });
        taken.await.map_err(Error::internal)?
    }

    fn verify(self) -> Result<Digest, Error> {
        let expected = self.expected;
        let sum = self.summer.finish().map_err(|error| mismatch(&expected, error))?;
        if sum == expected { Ok(self.hasher.finish()) } else { Err(mismatch(&expected, OtherSum(sum))) }
    }
}

fn mismatch(expected: &TarSum, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::TarsumMismatch { expected: expected.clone(), source: Box::new(source) }
}
