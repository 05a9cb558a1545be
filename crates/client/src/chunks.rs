//! A blob in pieces: each says where it belongs, and is sent again from where the registry says that it is.

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE};
use http::{HeaderValue, Method};
use wharf_content::ByteStream;
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_protocol::UploadRange;
use wharf_registry::Error as RegistryError;

use crate::body::Payload;
use crate::call::{Call, Repeat};
use crate::registry::{RemoteRepository, octet_stream};
use crate::retry::wait;
use crate::session::Session;
use crate::uploads::described;

impl RemoteRepository {
    /// Pushes a blob in chunks, each sent again from where the registry says that it is.
    pub(crate) async fn put_chunks(
        &self,
        digest: &Digest,
        mut body: ByteStream,
        chunk: usize,
    ) -> Result<Descriptor, RegistryError> {
        let mut session = self.begin("").await?;
        let chunk = chunk.max(usize::try_from(session.chunk_min).unwrap_or(usize::MAX));
        let mut waiting = BytesMut::new();
        while let Some(piece) = body.next().await {
            waiting.extend_from_slice(&piece.map_err(RegistryError::Body)?);
            while waiting.len() >= chunk {
                let next = waiting.split_to(chunk).freeze();
                self.push_chunk(&mut session, next).await?;
            }
        }
        if !waiting.is_empty() {
            self.push_chunk(&mut session, waiting.freeze()).await?;
        }
        let meter = self.meter();
        let put = self.close(&session.url, Payload::Empty, &meter, digest, Repeat::Undone).await;
        put.map_err(|error| self.refused(error, &meter, None, digest))?;
        Ok(described(digest, session.offset))
    }

    /// Sends a chunk until the registry has all of it.
    async fn push_chunk(&self, session: &mut Session, chunk: Bytes) -> Result<(), RegistryError> {
        let options = &self.transport().options;
        let (start, end) = (session.offset, session.offset + chunk.len() as u64);
        let mut attempt = 1;
        loop {
            let rest = chunk.slice((session.offset - start) as usize..);
            let error = match self.patch(session, Payload::Bytes(rest), Repeat::Undone).await {
                Ok(()) if session.offset == end => return Ok(()),
                // It took less than it was given, which it may.
                Ok(()) if (start..end).contains(&session.offset) => {
                    RegistryError::UploadOffset { given: end, actual: session.offset }
                }
                Ok(()) => return Err(RegistryError::UploadOffset { given: end, actual: session.offset }),
                Err(error) => error,
            };
            let pause = wait(options, attempt, None).filter(|_| attempt < options.attempts.get());
            let Some(pause) = pause else { return Err(error) };
            tokio::time::sleep(pause).await;
            let call = Call::new(Method::GET, session.url.clone(), self.scopes());
            let Ok(answer) = self.transport().send(call).await else { return Err(error) };
            session.update(&self.transport().endpoint, &answer);
            if !(start..=end).contains(&session.offset) {
                return Err(RegistryError::UploadOffset { given: start, actual: session.offset });
            }
            if session.offset == end {
                return Ok(());
            }
            attempt += 1;
        }
    }

    /// Adds bytes to an upload, and takes in where it is then.
    pub(crate) async fn patch(
        &self,
        session: &mut Session,
        payload: Payload,
        repeat: Repeat,
    ) -> Result<(), RegistryError> {
        let len = match &payload {
            Payload::Stream(Some(stream)) => stream.len(),
            Payload::Bytes(bytes) => Some(bytes.len() as u64),
            Payload::Empty | Payload::Stream(None) => Some(0),
        };
        let meter = self.meter();
        let mut call = Call::new(Method::PATCH, session.url.clone(), self.scopes())
            .payload(payload, octet_stream())
            .meter(meter.clone())
            .repeat(repeat);
        if let Some(len) = len.filter(|len| *len > 0) {
            let range = UploadRange { first: session.offset, last: session.offset + len - 1 };
            call = call
                .header(CONTENT_RANGE, text(&range.to_string()))
                .header(CONTENT_LENGTH, text(&len.to_string()));
        }
        let answer =
            self.transport().send(call).await.map_err(|error| self.out_of_place(error, session, &meter))?;
        // The meter has seen every attempt.
        session.offset += len.unwrap_or_else(|| meter.sent());
        session.update(&self.transport().endpoint, &answer);
        self.keep(session.clone());
        Ok(())
    }
}

/// A header that holds digits and dashes only.
fn text(digits: &str) -> HeaderValue {
    HeaderValue::from_str(digits).unwrap_or_else(|_| HeaderValue::from_static(""))
}
