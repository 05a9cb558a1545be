//! Blobs on their way in: a file aside that grows, hashed as it does, renamed when it is what it should be.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::SystemTime;

use async_trait::async_trait;
use futures_util::StreamExt;
use uuid::Uuid;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest, Hasher};
use wharf_manifest::{Descriptor, media_type};
use wharf_registry::{Error as RegistryError, UploadId, UploadStatus, Uploads};

use crate::blobs::found;
use crate::layout::{OciLayout, path_in};
use crate::publish::{create, publish};

/// How much of a file is hashed in one step, in bytes.
const STEP_BYTES: usize = 256 * 1024;

#[async_trait]
impl Uploads for OciLayout {
    async fn start(&self, algorithm: Option<Algorithm>) -> Result<UploadStatus, RegistryError> {
        let id: UploadId = Uuid::new_v4().to_string().parse().map_err(RegistryError::internal)?;
        let name = id.to_string();
        self.run(move |folder| create(&folder.join("ingest").join(name)).map(drop)).await?;
        self.remember(&id, Hasher::new(algorithm.unwrap_or(Algorithm::Sha256)));
        Ok(UploadStatus { id, offset: 0, started_at: SystemTime::now() })
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus, RegistryError> {
        let (unknown, name) = (RegistryError::UploadUnknown(id.clone()), id.to_string());
        let metadata = self.run(move |folder| found(fs::metadata(folder.join("ingest").join(name)))).await?;
        let metadata = metadata.ok_or(unknown)?;
        let started_at =
            metadata.created().or_else(|_| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        Ok(UploadStatus { id: id.clone(), offset: metadata.len(), started_at })
    }

    async fn append(
        &self,
        id: &UploadId,
        at: Option<u64>,
        mut body: ByteStream,
    ) -> Result<UploadStatus, RegistryError> {
        let status = self.status(id).await?;
        if let Some(given) = at.filter(|at| *at != status.offset) {
            return Err(RegistryError::UploadOffset { given, actual: status.offset });
        }
        let path = self.ingest(id);
        let mut file = self.run(move |_| OpenOptions::new().append(true).open(path)).await?;
        // A hash of something else is started anew when the upload is finished.
        let mut hasher = self.recall(id).filter(|hasher| hasher.len() == status.offset);
        let mut broken = None;
        let mut offset = status.offset;
        while let Some(piece) = body.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            };
            offset += piece.len() as u64;
            (file, hasher) = self
                .run(move |_| {
                    file.write_all(&piece)?;
                    if let Some(hasher) = &mut hasher {
                        hasher.update(&piece);
                    }
                    Ok((file, hasher))
                })
                .await?;
        }
        if let Some(hasher) = hasher {
            self.remember(id, hasher);
        }
        match broken {
            Some(error) => Err(RegistryError::Body(error)),
            None => Ok(UploadStatus { offset, ..status }),
        }
    }

    async fn finish(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
    ) -> Result<Descriptor, RegistryError> {
        let status = self.append(id, at, body).await?;
        let ready = self.recall(id).filter(|hasher| hasher.len() == status.offset);
        let (path, expected) = (self.ingest(id), *digest);
        let actual = self
            .run(move |folder| {
                let actual = match ready.filter(|hasher| hasher.algorithm() == expected.algorithm()) {
                    Some(hasher) => hasher.finish(),
                    None => hash(&path, expected.algorithm())?,
                };
                if actual == expected {
                    publish(&File::open(&path)?, &path, &path_in(folder, &expected))?;
                }
                Ok(actual)
            })
            .await?;
        if actual != *digest {
            return Err(RegistryError::DigestMismatch { expected: *digest, actual });
        }
        Ok(Descriptor::new(media_type::OCTET_STREAM, *digest, status.offset))
    }

    async fn cancel(&self, id: &UploadId) -> Result<(), RegistryError> {
        let path = self.ingest(id);
        let _forgotten = self.recall(id);
        let gone = self.run(move |_| found(fs::remove_file(path))).await?;
        gone.ok_or_else(|| RegistryError::UploadUnknown(id.clone()))
    }

    async fn put(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, RegistryError> {
        let upload = self.start(Some(digest.algorithm())).await?;
        let finished = self.finish(&upload.id, Some(0), body, digest).await;
        if finished.is_err() {
            let _already_gone = self.cancel(&upload.id).await;
        }
        finished
    }
}

impl OciLayout {
    fn ingest(&self, id: &UploadId) -> PathBuf {
        self.inner.folder.join("ingest").join(id.as_str())
    }

    fn remember(&self, id: &UploadId, hasher: Hasher) {
        self.inner.hashers.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), hasher);
    }

    fn recall(&self, id: &UploadId) -> Option<Hasher> {
        self.inner.hashers.lock().unwrap_or_else(PoisonError::into_inner).remove(id)
    }
}

fn hash(path: &Path, algorithm: Algorithm) -> io::Result<Digest> {
    let (mut file, mut hasher) = (File::open(path)?, Hasher::new(algorithm));
    let mut step = vec![0; STEP_BYTES];
    loop {
        match file.read(&mut step)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&step[..count]),
        }
    }
}
