//! How the service in memory answers.

use std::io;

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;

use super::Fake;
use crate::failure::{Failure, FailureKind};
use crate::segments::Segments;
use crate::service::{
    BlockId, Condition, CopyState, CopyStatus, DelegationKey, Download, Etag, ListQuery, Page, Properties,
    Service, Signing, Span, Window,
};

#[async_trait]
impl Service for Fake {
    async fn put(&self, key: &str, body: Segments, condition: Condition) -> Result<Etag, Failure> {
        self.call("put", |state| {
            state.check(key, &condition)?;
            state.check_type(key)?;
            Ok(state.write(key, body.into_pieces().concat().into()))
        })
        .await
    }

    async fn stage_block(&self, key: &str, id: BlockId, body: Segments) -> Result<(), Failure> {
        self.call("stage_block", |state| {
            state.check_type(key)?;
            let blocks = state.waiting.entry(key.to_owned()).or_default();
            blocks.push((id, body.into_pieces().concat().into()));
            Ok(())
        })
        .await
    }

    async fn commit_blocks(&self, key: &str, blocks: &[BlockId]) -> Result<(), Failure> {
        self.call("commit_blocks", |state| state.commit(key, blocks)).await
    }

    async fn get(&self, key: &str, span: Span, condition: Condition) -> Result<Download, Failure> {
        self.call("get", |state| {
            state.check(key, &condition)?;
            let breaks_after = (state.breaks.0 > 0).then_some(state.breaks.1);
            state.breaks.0 = state.breaks.0.saturating_sub(1);
            let blob = state.blob(key)?;
            let size = blob.bytes.len();
            let at = |index: u64| usize::try_from(index).unwrap_or(usize::MAX).min(size);
            let bytes = match span {
                Span::Whole => blob.bytes.clone(),
                Span::Part(start, _) | Span::From(start) if start >= size as u64 => {
                    return Err(Failure::new(FailureKind::OutOfRange));
                }
                Span::Part(start, end) => blob.bytes.slice(at(start)..at(end)),
                Span::From(start) => blob.bytes.slice(at(start)..),
            };
            let body = match breaks_after {
                None => vec![Ok(bytes)],
                Some(len) => {
                    vec![Ok(bytes.slice(..len.min(bytes.len()))), Err(io::ErrorKind::ConnectionReset.into())]
                }
            };
            Ok(Download {
                size: size as u64,
                etag: blob.etag.clone(),
                is_incomplete: blob.copy.as_ref().is_some_and(|copy| copy.status != CopyStatus::Success),
                body: stream::iter(body).boxed(),
            })
        })
        .await
    }

    async fn properties(&self, key: &str) -> Result<Properties, Failure> {
        self.call("properties", |state| {
            let blob = state.blob(key)?;
            let properties = Properties {
                size: blob.bytes.len() as u64,
                etag: blob.etag.clone(),
                modified: blob.modified,
                copy: blob.copy.clone(),
            };
            blob.look();
            Ok(properties)
        })
        .await
    }

    async fn list(&self, query: ListQuery<'_>) -> Result<Page, Failure> {
        self.call("list", |state| state.page(&query)).await
    }

    async fn copy(&self, from: &str, to: &str) -> Result<CopyState, Failure> {
        self.call("copy", |state| {
            let bytes = state.blob(from)?.bytes.clone();
            if let Some(blob) = state.blobs.get_mut(to) {
                blob.look();
            }
            state.check_type(to)?;
            state.write(to, bytes.clone());
            let id = state.versions.to_string();
            let looks = state.pending_looks;
            let blob = state.blob(to)?;
            let status = if looks > 0 { CopyStatus::Pending } else { CopyStatus::Success };
            blob.becomes = (looks > 0).then(|| (std::mem::take(&mut blob.bytes), looks));
            let copy = CopyState { id, status };
            blob.copy = Some(copy.clone());
            Ok(copy)
        })
        .await
    }

    async fn abort_copy(&self, to: &str, id: &str) -> Result<(), Failure> {
        self.call("abort_copy", |state| {
            let blob = state.blob(to)?;
            match &mut blob.copy {
                Some(copy) if copy.id == id && copy.status == CopyStatus::Pending => {
                    copy.status = CopyStatus::Aborted;
                    blob.becomes = None;
                    Ok(())
                }
                _ => Err(Failure::new(FailureKind::NoCopy)),
            }
        })
        .await
    }

    async fn delete(&self, key: &str, condition: Condition) -> Result<(), Failure> {
        self.call("delete", |state| {
            state.blob(key)?;
            state.check(key, &condition)?;
            state.blobs.remove(key);
            state.waiting.remove(key);
            Ok(())
        })
        .await
    }

    fn signing(&self) -> Signing {
        self.state().signing.map_or(Signing::OwnKey, |(signing, _)| signing)
    }

    async fn delegation_key(&self, window: Window) -> Result<DelegationKey, Failure> {
        self.call("delegation_key", |state| {
            let lifetime = state.signing.map(|(_, lifetime)| lifetime).unwrap_or_default();
            Ok(DelegationKey {
                object: String::new(),
                tenant: String::new(),
                window: Window { end: window.start + lifetime, ..window },
                service: "b".to_owned(),
                version: String::new(),
                secret: String::new(),
            })
        })
        .await
    }

    fn sign_url(&self, key: &str, _: Window, _: Option<&DelegationKey>) -> Result<String, Failure> {
        Ok(format!("https://fake/{key}?sig"))
    }
}
