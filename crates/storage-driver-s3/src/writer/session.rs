//! Bytes on their way from one writer into the store.
//!
//! They are collected until there is a full part, which is sent while the next is collected; several may be on their way. A
//! full part waits until there is another byte, since only then it is known not to be the end of the file. Where the parts
//! go depends on what earlier sessions left; see `journal.rs`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;
use uuid::Uuid;
use wharf_storage_driver::ErrorKind;

use crate::bucket::Bucket;
use crate::config::MAX_PARTS;
use crate::failure::Failure;
use crate::journal::Journal;
use crate::lookup::unexpected;
use crate::memory::{FIRST_BYTES, Reservation};
use crate::multipart::usable_tag;
use crate::unclaimed::Unclaimed;
use crate::writer::segments::Segments;

/// How long whoever throws a file away waits for what is on its way; after that it is thrown away behind their back.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// What one writer sends.
#[derive(Debug)]
pub(crate) struct Session {
    bucket: Arc<Bucket>,
    key: String,
    part_bytes: u64,
    /// How many full parts earlier sessions have stored.
    parts_before: u64,
    target: Target,
    buffer: Segments,
    room: Option<Reservation>,
    sending: JoinSet<Result<Arrived, Failure>>,
    failed: Option<ErrorKind>,
}

/// Where full parts go, and those that went there.
#[derive(Debug)]
pub(crate) enum Target {
    /// To a multipart upload of this session, once there is one.
    Multipart { begun: Option<Arc<Unclaimed>>, etags: Vec<String> },
    /// To objects, for there is a multipart upload already.
    Pieces(Vec<Arc<Unclaimed>>),
}

/// A part that the store has.
#[derive(Debug)]
struct Arrived {
    index: usize,
    etag: String,
}

/// Why a file cannot go on.
#[derive(Debug, thiserror::Error)]
#[error(
    "an object has at most {MAX_PARTS} parts, of {part_bytes} bytes as this upload began: it needs a larger chunksize"
)]
struct TooManyParts {
    part_bytes: u64,
}

impl Session {
    /// Goes on from what a journal says.
    pub(crate) fn after(
        bucket: &Arc<Bucket>,
        key: &str,
        journal: &mut Journal,
        room: Option<Reservation>,
    ) -> Self {
        let buffer = Segments::of(std::mem::take(&mut journal.tail));
        let target = match journal.multipart {
            Some(_) => Target::Pieces(Vec::new()),
            None => Target::Multipart { begun: None, etags: Vec::new() },
        };
        Self {
            bucket: Arc::clone(bucket),
            key: key.to_owned(),
            part_bytes: journal.part_bytes,
            parts_before: journal.parts(),
            target,
            buffer,
            room,
            sending: JoinSet::new(),
            failed: None,
        }
    }

    /// How many bytes the file has, with those of earlier sessions.
    pub(crate) fn offset(&self) -> u64 {
        (self.parts_before + self.parts()) * self.part_bytes + self.buffer.len()
    }

    /// Takes bytes, and sends what is full.
    pub(crate) async fn write(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.check()?;
        // Whoever gives up waiting has lost bytes.
        self.failed = Some(ErrorKind::Other);
        let result = self.take(bytes).await;
        self.failed = result.as_ref().err().map(|failure| failure.kind);
        result
    }

    async fn take(&mut self, mut bytes: Bytes) -> Result<(), Failure> {
        while let Some(done) = self.sending.try_join_next() {
            self.arrived(done)?;
        }
        if self.offset().saturating_add(bytes.len() as u64) > self.part_bytes * MAX_PARTS {
            let cause = TooManyParts { part_bytes: self.part_bytes };
            return Err(Failure::new(ErrorKind::TooLarge).because(cause));
        }
        while !bytes.is_empty() {
            if self.buffer.len() == self.part_bytes {
                self.send().await?;
            }
            let room = self.part_bytes - self.buffer.len();
            let taken = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
            self.reserve(self.buffer.len() + taken as u64).await;
            self.buffer.push(&bytes.split_to(taken));
        }
        Ok(())
    }

    /// Waits until everything is stored that makes a full part.
    pub(crate) async fn settle(&mut self) -> Result<(), Failure> {
        self.check()?;
        if self.buffer.len() == self.part_bytes && self.has_begun() {
            self.send().await?;
        }
        while !self.sending.is_empty() {
            self.next_arrival().await?;
        }
        Ok(())
    }

    /// Sends what is left to a multipart upload, as its last part.
    pub(crate) async fn send_rest(&mut self) -> Result<(), Failure> {
        if !self.buffer.is_empty() {
            self.send().await?;
        }
        self.settle().await
    }

    /// Waits until nothing is on its way, but not for long; says whether nothing is.
    ///
    /// What is on its way is not torn off: the store could still take it in after what it belongs to is undone.
    pub(crate) async fn stop(&mut self) -> bool {
        let quiet = async { while self.sending.join_next().await.is_some() {} };
        tokio::time::timeout(STOP_WAIT, quiet).await.is_ok()
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// The bytes that make no full part; whoever takes them needs the room that they have.
    pub(crate) fn take_rest(&mut self) -> (Segments, Option<Reservation>) {
        (std::mem::take(&mut self.buffer), self.room.take())
    }

    /// What this session has put into the store.
    pub(crate) fn unclaimed(&self) -> Vec<Arc<Unclaimed>> {
        match &self.target {
            Target::Multipart { begun, .. } => begun.iter().cloned().collect(),
            Target::Pieces(pieces) => pieces.clone(),
        }
    }

    fn has_begun(&self) -> bool {
        !matches!(self.target, Target::Multipart { begun: None, .. })
    }

    /// How many full parts this session has sent.
    fn parts(&self) -> u64 {
        let parts = match &self.target {
            Target::Multipart { etags, .. } => etags.len(),
            Target::Pieces(pieces) => pieces.len(),
        };
        parts as u64
    }

    /// Whoever lost a part has nothing more to say.
    fn check(&self) -> Result<(), Failure> {
        match self.failed {
            None => Ok(()),
            Some(kind) => Err(Failure::new(kind).because("an earlier part of this file could not be stored")),
        }
    }

    /// Sees to it that there is room for so many bytes of a part.
    async fn reserve(&mut self, bytes: u64) {
        if self.room.as_ref().is_some_and(|room| room.covers(bytes)) {
            return;
        }
        let memory = &self.bucket.memory;
        let is_first = self.room.is_none() && self.parts() == 0 && bytes <= FIRST_BYTES;
        self.room = Some(if is_first { memory.first().await } else { memory.part(self.part_bytes).await });
    }

    /// Sends what is collected as a part of its own.
    async fn send(&mut self) -> Result<(), Failure> {
        while self.sending.len() >= self.bucket.config.upload_concurrency.max(1) {
            self.next_arrival().await?;
        }
        if let Target::Multipart { begun: begun @ None, .. } = &mut self.target {
            *begun = Some(Unclaimed::multipart(&self.bucket, &self.key).await?);
        }
        let (part, room) = self.take_rest();
        let (bucket, bytes) = (Arc::clone(&self.bucket), part.len());
        match &mut self.target {
            Target::Pieces(pieces) => {
                let index = pieces.len();
                let key = piece_key(&self.key, &Uuid::new_v4().to_string());
                let piece = Unclaimed::object(&self.bucket, key);
                pieces.push(Arc::clone(&piece));
                self.sending.spawn(async move {
                    let request = bucket.put_object(piece.key()).body(part.joined_to(b"").into());
                    bucket.sending_object(request, bytes).send().await?;
                    drop(room);
                    Ok(Arrived { index, etag: String::new() })
                });
            }
            Target::Multipart { begun, etags } => {
                let Some(upload) = begun.clone() else {
                    return Err(unexpected("no multipart upload was begun"));
                };
                let (index, part) = (etags.len(), part.seal());
                etags.push(String::new());
                self.sending.spawn(async move {
                    let number = i32::try_from(index + 1).unwrap_or(i32::MAX);
                    let request = bucket.upload_part(upload.key(), upload.id(), number).body(part.body());
                    let answer = bucket.sending_part(request, bytes).send().await?;
                    drop((part, room));
                    Ok(Arrived { index, etag: usable_tag(answer.e_tag)? })
                });
            }
        }
        Ok(())
    }

    /// Waits for one of the parts that are on their way.
    async fn next_arrival(&mut self) -> Result<(), Failure> {
        match self.sending.join_next().await {
            Some(done) => self.arrived(done),
            None => Ok(()),
        }
    }

    fn arrived(
        &mut self,
        done: Result<Result<Arrived, Failure>, tokio::task::JoinError>,
    ) -> Result<(), Failure> {
        let done = done.map_err(|error| unexpected(error.to_string())).and_then(|done| done);
        match done {
            Ok(arrived) => {
                if let Target::Multipart { etags, .. } = &mut self.target {
                    etags[arrived.index] = arrived.etag;
                }
                Ok(())
            }
            Err(failure) => {
                self.failed = Some(failure.kind);
                Err(failure)
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.sending.detach_all();
    }
}

/// The key of a part that is an object of its own.
pub(crate) fn piece_key(key: &str, name: &str) -> String {
    format!("{key}~part-{name}")
}
