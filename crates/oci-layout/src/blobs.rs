//! Blobs: files named by their digest.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use wharf_content::{ByteStream, Content, FileRange};
use wharf_digest::{Digest, VerifyingStream};
use wharf_manifest::{Descriptor, media_type};
use wharf_reference::RepositoryName;
use wharf_registry::{Blob, Blobs, Error as RegistryError, Mount, Redirect};

use crate::layout::{OciLayout, path_in};

#[async_trait]
impl Blobs for OciLayout {
    async fn open(&self, digest: &Digest) -> Result<Box<dyn Blob>, RegistryError> {
        match self.file(digest).await? {
            Some((file, size)) => {
                let descriptor = Descriptor::new(media_type::OCTET_STREAM, *digest, size);
                Ok(Box::new(LayoutBlob { file: Arc::new(file), descriptor }))
            }
            None => Err(RegistryError::BlobUnknown(*digest)),
        }
    }

    /// Never from another place: a layout is alone.
    async fn mount(&self, _: &Digest, _: Option<&RepositoryName>) -> Result<Mount, RegistryError> {
        Ok(Mount::NotFound)
    }

    async fn delete(&self, digest: &Digest) -> Result<(), RegistryError> {
        let wanted = *digest;
        let gone = self.run(move |folder| found(fs::remove_file(path_in(folder, &wanted)))).await?;
        gone.ok_or(RegistryError::BlobUnknown(*digest))
    }
}

impl OciLayout {
    /// The file of a blob and its size.
    pub(crate) async fn file(&self, digest: &Digest) -> Result<Option<(File, u64)>, RegistryError> {
        let path = self.path(digest);
        self.run(move |_| {
            let Some(file) = found(File::open(path))? else { return Ok(None) };
            let metadata = file.metadata()?;
            Ok(metadata.is_file().then_some((file, metadata.len())))
        })
        .await
    }
}

/// What is there, or nothing.
pub(crate) fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

struct LayoutBlob {
    file: Arc<File>,
    descriptor: Descriptor,
}

#[async_trait]
impl Blob for LayoutBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn read(&self, range: Range<u64>) -> Result<Content, RegistryError> {
        let Descriptor { digest, size, .. } = self.descriptor;
        let end = range.end.min(size);
        let start = range.start.min(end);
        let content = FileRange::new(Arc::clone(&self.file), start..end);
        // A part of a file proves nothing, and the size is what is asked for: a file that became longer is wrong.
        if start > 0 || range.end < size {
            return Ok(Content::File(content));
        }
        let verified = VerifyingStream::with_size(content.into_stream(), digest, range.end.min(size));
        Ok(Content::Stream(ByteStream::new(Some(size), verified)))
    }

    async fn redirect(&self, _: &Redirect) -> Result<Option<String>, RegistryError> {
        Ok(None)
    }
}
