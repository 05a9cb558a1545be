//! Pushing blobs: in one request where the registry takes that, in two, or through an upload that goes on after a fault.
//!
//! A small blob is held in memory, so whatever fails can be done again from the start. The first small blob is sent in a single
//! POST; a registry that answers with an upload instead does not do that, and is not tried again. A large blob passes once, unless
//! the options ask for chunks.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, Uri};
use wharf_content::{ByteStream, Content};
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Descriptor, media_type};
use wharf_protocol::{ErrorCode, Query, Route};
use wharf_registry::{Error as RegistryError, UploadId, UploadStatus, Uploads};

use crate::auth::Scopes;
use crate::body::{Meter, Payload};
use crate::call::{Call, Repeat};
use crate::endpoint::with_parameter;
use crate::registry::{RemoteRepository, digest_of, octet_stream};
use crate::retry::wait;
use crate::session::Session;
use crate::transport::Answer;
use crate::{Error, ErrorKind};

/// What is known of a registry and single POSTs.
const UNTRIED: u8 = 0;
const TAKES_A_SINGLE_POST: u8 = 1;
const TAKES_NO_SINGLE_POST: u8 = 2;

#[async_trait]
impl Uploads for RemoteRepository {
    async fn start(&self, algorithm: Option<Algorithm>) -> Result<UploadStatus, RegistryError> {
        // What every registry assumes by itself need not be said.
        let hint = algorithm.filter(|algorithm| *algorithm != Algorithm::Sha256);
        let query: Query =
            hint.map(|algorithm| ("digest-algorithm", algorithm.as_str())).into_iter().collect();
        let session = self.begin(&query.to_string()).await?;
        let status = session.status();
        self.keep(session);
        Ok(status)
    }

    async fn status(&self, id: &UploadId) -> Result<UploadStatus, RegistryError> {
        let mut session = self.session(id)?;
        let call = Call::new(Method::GET, session.url.clone(), self.scopes());
        let answer = self.transport().send(call).await.map_err(|error| self.gone(error, id))?;
        session.update(&self.transport().endpoint, &answer);
        let status = session.status();
        self.keep(session);
        Ok(status)
    }

    async fn append(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
    ) -> Result<UploadStatus, RegistryError> {
        let _turn = self.turn().await;
        let mut session = self.session(id)?;
        check_offset(&session, at)?;
        self.patch(&mut session, Payload::Stream(Some(body)), Repeat::Never).await?;
        Ok(session.status())
    }

    async fn finish(
        &self,
        id: &UploadId,
        at: Option<u64>,
        body: ByteStream,
        digest: &Digest,
    ) -> Result<Descriptor, RegistryError> {
        let _turn = self.turn().await;
        let session = self.session(id)?;
        check_offset(&session, at)?;
        let meter = self.meter();
        let (payload, repeat) = match body.is_empty() {
            true => (Payload::Empty, Repeat::Undone),
            false => (Payload::Stream(Some(body)), Repeat::Never),
        };
        let put = self.close(&session.url, payload, &meter, digest, repeat).await;
        put.map_err(|error| self.refused(error, &meter, Some(id), digest))?;
        self.remote.sessions.remove(&(self.name.clone(), id.to_string()));
        Ok(described(digest, session.offset + meter.sent()))
    }

    async fn cancel(&self, id: &UploadId) -> Result<(), RegistryError> {
        let session = self.session(id)?;
        let call = Call::new(Method::DELETE, session.url, self.scopes()).repeat(Repeat::Undone);
        self.transport().send(call).await.map_err(|error| self.gone(error, id))?;
        self.remote.sessions.remove(&(self.name.clone(), id.to_string()));
        Ok(())
    }

    async fn put(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, RegistryError> {
        let _turn = self.turn().await;
        let options = &self.transport().options;
        if body.len().is_some_and(|len| len <= options.whole_bytes as u64) {
            let content = Content::Stream(body).collect(options.whole_bytes).await;
            return self.put_whole(digest, content.map_err(RegistryError::Body)?).await;
        }
        match options.chunk_bytes {
            Some(chunk) => self.put_chunks(digest, body, chunk.get()).await,
            None => self.put_stream(digest, body).await,
        }
    }
}

impl RemoteRepository {
    /// Pushes bytes that are all here, from the start again when that may help.
    async fn put_whole(&self, digest: &Digest, bytes: Bytes) -> Result<Descriptor, RegistryError> {
        let options = &self.transport().options;
        let mut attempt = 1;
        loop {
            let meter = self.meter();
            let error = match self.put_once(digest, &bytes, &meter).await {
                Ok(()) => return Ok(described(digest, bytes.len() as u64)),
                Err(error) => error,
            };
            // An upload that is gone can be begun anew, like one that broke.
            let pause = wait(options, attempt, error.retry_after())
                .filter(|_| (error.is_passing() || error.is_not_found()) && attempt < options.attempts.get());
            let Some(pause) = pause else {
                let actual = digest.algorithm().digest(&bytes);
                if error.says(ErrorCode::DigestInvalid) && actual != *digest {
                    return Err(RegistryError::DigestMismatch { expected: *digest, actual });
                }
                return Err(self.refused(error, &meter, None, digest));
            };
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn put_once(&self, digest: &Digest, bytes: &Bytes, meter: &Meter) -> Result<(), Error> {
        let key = (self.name.clone(), *digest);
        let url = match self.remote.unmounted.remove(&key) {
            Some(url) => url,
            None if self.remote.single_post.load(Ordering::Relaxed) != TAKES_NO_SINGLE_POST => {
                match self.post(digest, bytes, meter).await? {
                    Some(url) => url,
                    None => return Ok(()),
                }
            }
            None => self.begin("").await?.url,
        };
        self.close(&url, Payload::Bytes(bytes.clone()), meter, digest, Repeat::Undone).await?;
        Ok(())
    }

    /// Pushes a blob by a single POST; where to push it instead, if the registry does not take it that way.
    async fn post(&self, digest: &Digest, bytes: &Bytes, meter: &Meter) -> Result<Option<Uri>, Error> {
        let text = digest.to_string();
        let query: Query = [("digest", text.as_str())].into_iter().collect();
        let url = self.url(&Route::Uploads(self.name.clone()), &query.to_string())?;
        let call = Call::new(Method::POST, url, self.scopes())
            .payload(Payload::Bytes(bytes.clone()), octet_stream())
            .meter(meter.clone());
        let learnt = |what| self.remote.single_post.store(what, Ordering::Relaxed);
        match self.transport().send(call).await {
            Ok(answer) if answer.response.status() == StatusCode::CREATED => {
                learnt(TAKES_A_SINGLE_POST);
                self.check(&answer, digest).map(|()| None)
            }
            Ok(answer) => {
                learnt(TAKES_NO_SINGLE_POST);
                Ok(Some(Session::begun(&self.transport().endpoint, &answer)?.url))
            }
            Err(error) if self.may_want_two(&error) => {
                learnt(TAKES_NO_SINGLE_POST);
                Ok(Some(self.begin("").await?.url))
            }
            Err(error) => Err(error),
        }
    }

    /// Whether a refusal may only mean that the registry takes no single POST.
    fn may_want_two(&self, error: &Error) -> bool {
        let untried = self.remote.single_post.load(Ordering::Relaxed) == UNTRIED;
        let refused = matches!(error.kind(), ErrorKind::Status(status) if status.is_client_error());
        untried
            && refused
            && !error.is_passing()
            && !error.is_not_found()
            && !error.says(ErrorCode::DigestInvalid)
    }

    /// Pushes a blob in one request that passes once.
    async fn put_stream(&self, digest: &Digest, body: ByteStream) -> Result<Descriptor, RegistryError> {
        let url = match self.remote.unmounted.remove(&(self.name.clone(), *digest)) {
            Some(url) => url,
            None => self.begin("").await?.url,
        };
        let meter = self.meter();
        let put = self.close(&url, Payload::Stream(Some(body)), &meter, digest, Repeat::Never).await;
        put.map_err(|error| self.refused(error, &meter, None, digest))?;
        Ok(described(digest, meter.sent()))
    }

    /// Closes an upload with its last bytes.
    pub(crate) async fn close(
        &self,
        url: &Uri,
        payload: Payload,
        meter: &Meter,
        digest: &Digest,
        repeat: Repeat,
    ) -> Result<(), Error> {
        let too_long = || Error::new(ErrorKind::Nonsense, &Method::PUT, url, "the URL is too long");
        let url = with_parameter(url, "digest", &digest.to_string()).ok_or_else(too_long)?;
        let mut call = Call::new(Method::PUT, url, self.scopes()).meter(meter.clone()).repeat(repeat);
        if !matches!(payload, Payload::Empty) {
            call = call.payload(payload, octet_stream());
        }
        let answer = self.transport().send(call).await?;
        self.check(&answer, digest)
    }

    /// Whether a registry stored what it was given.
    fn check(&self, answer: &Answer, digest: &Digest) -> Result<(), Error> {
        match digest_of(&answer.response) {
            Some(said) if said.algorithm() == digest.algorithm() && said != *digest => {
                let detail = format!("it stored {said} instead of {digest}");
                Err(Error::new(ErrorKind::Nonsense, &Method::PUT, &answer.url, detail))
            }
            _ => Ok(()),
        }
    }

    pub(crate) async fn begin(&self, query: &str) -> Result<Session, Error> {
        let url = self.url(&Route::Uploads(self.name.clone()), query)?;
        let answer = self.transport().send(Call::new(Method::POST, url, self.scopes())).await?;
        Session::begun(&self.transport().endpoint, &answer)
    }

    /// An upload that we know, or one that some process began where registries usually put it.
    fn session(&self, id: &UploadId) -> Result<Session, Error> {
        if let Some(session) = self.remote.sessions.get(&(self.name.clone(), id.to_string())) {
            return Ok(session);
        }
        let url = self.url(&Route::Upload(self.name.clone(), id.to_string()), "")?;
        let started_at = std::time::SystemTime::UNIX_EPOCH;
        Ok(Session { id: id.clone(), url, offset: 0, started_at, chunk_min: 0 })
    }

    pub(crate) fn keep(&self, session: Session) {
        self.remote.sessions.insert((self.name.clone(), session.id.to_string()), session);
    }

    pub(crate) fn scopes(&self) -> Scopes {
        Scopes::push(&self.name)
    }

    pub(crate) fn meter(&self) -> Meter {
        Meter::of_blob(&self.transport().options, &self.name)
    }

    async fn turn(&self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        Arc::clone(&self.remote.uploads).acquire_owned().await.ok()
    }

    fn gone(&self, error: Error, id: &UploadId) -> RegistryError {
        if error.is_not_found() { RegistryError::UploadUnknown(id.clone()) } else { error.into() }
    }

    pub(crate) fn out_of_place(&self, error: Error, session: &Session, meter: &Meter) -> RegistryError {
        if let Some(cause) = meter.failure() {
            return RegistryError::Body(cause);
        }
        if error.status() == Some(StatusCode::RANGE_NOT_SATISFIABLE) {
            return RegistryError::UploadOffset { given: session.offset, actual: session.offset };
        }
        self.gone(error, &session.id)
    }

    /// What a refused blob means to whoever pushed it.
    pub(crate) fn refused(
        &self,
        error: Error,
        meter: &Meter,
        id: Option<&UploadId>,
        digest: &Digest,
    ) -> RegistryError {
        if let Some(cause) = meter.failure() {
            return RegistryError::Body(cause);
        }
        match (id, error.status()) {
            (Some(id), Some(StatusCode::NOT_FOUND)) => RegistryError::UploadUnknown(id.clone()),
            (None, Some(StatusCode::NOT_FOUND)) if error.says(ErrorCode::NameUnknown) => {
                RegistryError::RepositoryUnknown(self.name.clone())
            }
            _ => {
                tracing::debug!(%digest, %error, "a blob was refused");
                error.into()
            }
        }
    }
}

fn check_offset(session: &Session, at: Option<u64>) -> Result<(), RegistryError> {
    match at {
        Some(given) if given != session.offset => {
            Err(RegistryError::UploadOffset { given, actual: session.offset })
        }
        _ => Ok(()),
    }
}

pub(crate) fn described(digest: &Digest, size: u64) -> Descriptor {
    Descriptor::new(media_type::OCTET_STREAM, *digest, size)
}
