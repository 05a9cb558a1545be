//! Blobs of a registry from afar: found, read, mounted, deleted.

use std::ops::Range;

use async_trait::async_trait;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{Method, StatusCode};
use wharf_content::Content;
use wharf_digest::Digest;
use wharf_manifest::{Descriptor, media_type};
use wharf_protocol::{Query, Route};
use wharf_reference::RepositoryName;
use wharf_registry::{Blob, Blobs, Error as RegistryError, Mount, Redirect};

use crate::auth::Scopes;
use crate::call::{Call, Repeat};
use crate::download::{begin, unknown};
use crate::registry::{RemoteRepository, digest_of};
use crate::session::Session;
use crate::{Error, ErrorKind};

#[async_trait]
impl Blobs for RemoteRepository {
    async fn open(&self, digest: &Digest) -> Result<Box<dyn Blob>, RegistryError> {
        let descriptor = self.blob(digest).await.map_err(|error| unknown(error, digest))?;
        Ok(Box::new(RemoteBlob { repository: self.clone(), descriptor }))
    }

    async fn fetch(&self, descriptor: &Descriptor) -> Result<Content, RegistryError> {
        begin(self, &descriptor.digest, descriptor.size, 0..descriptor.size).await
    }

    async fn mount(&self, digest: &Digest, from: Option<&RepositoryName>) -> Result<Mount, RegistryError> {
        let text = digest.to_string();
        let source = from.map(|name| ("from", name.as_str()));
        let query: Query = [("mount", text.as_str())].into_iter().chain(source).collect();
        let mut scopes = Scopes::push(&self.name);
        if let Some(from) = from {
            scopes = scopes.and(&Scopes::pull(from));
        }
        let url = self.url(&Route::Uploads(self.name.clone()), &query.to_string())?;
        let answer = self.transport().send(Call::new(Method::POST, url, scopes)).await?;
        if answer.response.status() != StatusCode::CREATED {
            // It began an upload instead, which is what comes next anyway.
            let session = Session::begun(&self.transport().endpoint, &answer)?;
            self.remote.unmounted.insert((self.name.clone(), *digest), session.url);
            return Ok(Mount::NotFound);
        }
        let descriptor = self.blob(digest).await.map_err(|error| unknown(error, digest))?;
        Ok(Mount::Mounted(descriptor, from.cloned()))
    }

    async fn delete(&self, digest: &Digest) -> Result<(), RegistryError> {
        let url = self.url(&Route::Blob(self.name.clone(), *digest), "")?;
        let call = Call::new(Method::DELETE, url, Scopes::delete(&self.name)).repeat(Repeat::Undone);
        self.transport().send(call).await.map_err(|error| unknown(error, digest))?;
        Ok(())
    }
}

impl RemoteRepository {
    /// Asks for the head of a blob.
    async fn blob(&self, digest: &Digest) -> Result<Descriptor, Error> {
        let url = self.url(&Route::Blob(self.name.clone(), *digest), "")?;
        let answer = self.transport().send(Call::new(Method::HEAD, url, Scopes::pull(&self.name))).await?;
        let nonsense = |detail| Error::new(ErrorKind::Nonsense, &Method::HEAD, &answer.url, detail);
        if digest_of(&answer.response)
            .is_some_and(|said| said.algorithm() == digest.algorithm() && said != *digest)
        {
            return Err(nonsense("it is about another blob"));
        }
        let size = answer.header(&CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let size = size.ok_or_else(|| nonsense("it says not how large the blob is"))?;
        let media_type = answer.header(&CONTENT_TYPE).unwrap_or(media_type::OCTET_STREAM);
        Ok(Descriptor::new(media_type, *digest, size))
    }
}

/// A blob that was found.
struct RemoteBlob {
    repository: RemoteRepository,
    descriptor: Descriptor,
}

#[async_trait]
impl Blob for RemoteBlob {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn read(&self, range: Range<u64>) -> Result<Content, RegistryError> {
        begin(&self.repository, &self.descriptor.digest, self.descriptor.size, range).await
    }

    /// Never: where a client of ours could go is for the registry to say.
    async fn redirect(&self, _: &Redirect) -> Result<Option<String>, RegistryError> {
        Ok(None)
    }
}
