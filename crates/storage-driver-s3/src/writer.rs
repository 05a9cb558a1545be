//! Large files on their way into the bucket.
//!
//! Parts go up while the next bytes arrive, several at once, and nothing is asked of the store before the first of them is
//! full: a small file is one request, when it is committed. What a request leaves unfinished is written down by
//! [`close`](Writer::close), in one object beside the file, from which any server goes on; `journal.rs` says how, and why a
//! session never touches what an earlier one has acknowledged. So when a part fails, the request fails, and the next one
//! goes on from where the last was closed.
//!
//! Of two servers that go on from one journal, the one that closes first wins: the other finds it changed. Should both
//! commit, each puts together what was acknowledged and what itself has, and the later replaces the whole file of the other.
//! Both complete an object at one key for that, so each copies only the version that it has completed. Ceph does not mind
//! that condition: there only whoever calls can see to it that two do not commit at once, as the registry does by its records.
//!
//! A file that begins anew at a path where one was begun does not ask: what was left is found when it closes, when
//! it is thrown away, or when it is committed elsewhere. Committed where it was begun it costs no request for that, and
//! a journal that lay there stays until the folder is deleted.
//!
//! A large file that is committed elsewhere is an object at its own key first. A file that was at that path is lost by it:
//! whoever writes to commit elsewhere writes where nothing is.

mod assembly;
mod holds;
mod journals;
mod segments;
mod session;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wharf_storage_driver::{Error, ErrorKind, StoragePath, Sync, Version, Writer, WriterStart};

use crate::bucket::Bucket;
use crate::failure::Failure;
use crate::journal::{Journal, Parts};
use crate::memory::Reservation;
use crate::multipart::{self, Proof};
use crate::unclaimed::Unclaimed;
use crate::{copy, keys, remove};

pub(crate) use holds::Holds;

use assembly::Rest;
use holds::Hold;
use journals::{Fate, Known};
use segments::Segments;
use session::{Session, Target, piece_key};

/// Begins to write a file, or goes on with one that was begun.
pub(crate) async fn open(
    bucket: Arc<Bucket>,
    path: &StoragePath,
    start: WriterStart,
) -> Result<Box<dyn Writer>, Error> {
    let opened = S3Writer::open(bucket, path, start).await;
    opened.map(|writer| Box::new(writer) as Box<dyn Writer>).map_err(|failure| failure.at(path))
}

/// A file that is being written, by nobody else of this driver.
#[derive(Debug)]
struct S3Writer {
    bucket: Arc<Bucket>,
    path: StoragePath,
    key: String,
    /// What this writer goes on from, without its last bytes.
    earlier: Journal,
    /// Which version of the journal that was; none when there was none.
    version: Option<Version>,
    /// How many bytes there were when this writer began.
    began_at: u64,
    session: Session,
    _hold: Hold,
}

impl S3Writer {
    async fn open(bucket: Arc<Bucket>, path: &StoragePath, start: WriterStart) -> Result<Self, Failure> {
        let key = bucket.keys.of(path);
        let hold = bucket.holds.take(&key).ok_or_else(|| Failure::new(ErrorKind::Busy))?;
        let (mut earlier, version, room) = match start {
            WriterStart::New => {
                let part_bytes = bucket.config.chunk_bytes;
                (Journal { part_bytes, multipart: None, pieces: Vec::new(), tail: Bytes::new() }, None, None)
            }
            WriterStart::Resume => {
                let (known, room) = resume(&bucket, &key).await?;
                (known.journal, Some(known.version), room)
            }
        };
        let began_at = earlier.offset();
        let session = Session::after(&bucket, &key, &mut earlier, room);
        Ok(Self { bucket, path: path.clone(), key, earlier, version, began_at, session, _hold: hold })
    }

    /// Stores what is not yet stored, and says so in the journal.
    async fn finish_session(mut self) -> Result<(), Failure> {
        if self.version.is_some() && self.session.offset() == self.began_at {
            return Ok(());
        }
        self.session.settle().await?;
        let (tail, _room) = self.session.take_rest();
        let file = self.journal(tail);
        // From now on the journal may name it, whatever we hear of that.
        let unclaimed = self.session.unclaimed();
        unclaimed.iter().for_each(|one| one.claim());
        let written = match &self.version {
            Some(version) => journals::replace(&self.bucket, &self.key, file.clone(), version).await,
            None => journals::create(&self.bucket, &self.key, file.clone()).await,
        };
        let Err(failure) = written else { return Ok(()) };
        match journals::fate(&self.bucket, &self.key, &file, self.version.as_ref()).await {
            Ok(Fate::Written) => return Ok(()),
            Ok(Fate::Open) if failure.may_have_happened() => {}
            Ok(Fate::Open | Fate::Lost) => unclaimed.iter().for_each(|one| one.disclaim()),
            Err(_) => {}
        }
        Err(failure)
    }

    /// The journal of all that is stored, with the last bytes.
    fn journal(&self, tail: Segments) -> Bytes {
        let mut journal = self.earlier.clone();
        match self.session.target() {
            Target::Multipart { begun: Some(begun), etags } => {
                journal.multipart = Some(Parts { id: begun.id().to_owned(), etags: etags.clone() });
            }
            Target::Multipart { begun: None, .. } => {}
            Target::Pieces(pieces) => {
                let prefix = piece_key(&self.key, "").len();
                journal.pieces.extend(pieces.iter().map(|piece| piece.key()[prefix..].to_owned()));
            }
        }
        let head = journal.head(tail.len());
        tail.joined_to(&head)
    }

    /// Makes the file appear, and deletes what it was made of. By then it is there, so a failure of that is for the log.
    async fn finish_file(mut self, to: &str) -> Result<(), Failure> {
        let mut left = match (self.own_upload(), self.earlier.multipart.take()) {
            (Some(upload), _) => self.finish_upload(&upload, to).await?,
            (None, Some(parts)) => self.finish_parts(&parts, to).await?,
            (None, None) => self.put_whole(to).await?,
        };
        let is_begun_anew = self.version.is_none();
        if !is_begun_anew {
            left.push(keys::journal(&self.key));
        }
        let mut removed = remove::remove_known(&self.bucket, left).await;
        if removed.is_ok() {
            self.session.unclaimed().iter().for_each(|one| one.claim());
        }
        if is_begun_anew && to != self.key {
            removed = removed.and(journals::forget(&self.bucket, &self.key).await);
        }
        if let Err(failure) = removed {
            tracing::warn!(error = %failure.into_error(), key = self.key, "what a committed file was made of stays");
        }
        Ok(())
    }

    /// The multipart upload that this session has begun.
    fn own_upload(&self) -> Option<Arc<Unclaimed>> {
        match self.session.target() {
            Target::Multipart { begun, .. } => begun.clone(),
            Target::Pieces(_) => None,
        }
    }

    /// A file that is not larger than a part is written whole, where it is to be.
    async fn put_whole(&mut self, to: &str) -> Result<Vec<String>, Failure> {
        self.session.settle().await?;
        let (rest, _room) = self.session.take_rest();
        let bytes = rest.len();
        let request = self.bucket.put_object(to).body(rest.joined_to(b"").into());
        self.bucket.sending_object(request, bytes).send().await?;
        Ok(Vec::new())
    }

    /// A file all parts of which are this session's becomes an object at its own key, and a copy of that elsewhere.
    async fn finish_upload(&mut self, upload: &Unclaimed, to: &str) -> Result<Vec<String>, Failure> {
        let size = self.session.offset();
        self.session.send_rest().await?;
        let Target::Multipart { etags, .. } = self.session.target() else { return Ok(Vec::new()) };
        let version = multipart::complete(&self.bucket, &self.key, upload.id(), etags, Proof::Parts).await?;
        upload.claim();
        if to == self.key {
            return Ok(Vec::new());
        }
        let own = Unclaimed::object(&self.bucket, self.key.clone());
        let copied = copy::copy(&self.bucket, &self.key, version.as_ref(), to, size).await;
        let copied = copied.map_err(multipart::gone_is_changed);
        // Another server's object may lie there by now, which is about to be copied, too.
        if copied.as_ref().err().is_none_or(|failure| failure.kind == ErrorKind::Changed) {
            own.claim();
        }
        copied.map(|()| vec![self.key.clone()])
    }

    /// A file whose first parts an earlier session has sent.
    async fn finish_parts(&mut self, parts: &Parts, to: &str) -> Result<Vec<String>, Failure> {
        self.session.settle().await?;
        let (tail, _room) = self.session.take_rest();
        let own = match self.session.target() {
            Target::Pieces(pieces) => pieces.as_slice(),
            Target::Multipart { .. } => &[],
        };
        let earlier = self.earlier.pieces.iter().map(|name| piece_key(&self.key, name));
        let mut left: Vec<_> = earlier.chain(own.iter().map(|piece| piece.key().to_owned())).collect();
        let rest = Rest { pieces: left.iter().map(String::as_str).collect(), tail: tail.seal() };
        let part_bytes = self.earlier.part_bytes;
        if to == self.key {
            assembly::extend(&self.bucket, to, parts, &rest).await?;
        } else {
            assembly::assemble(&self.bucket, &self.key, parts, part_bytes, &rest, to).await?;
            left.push(self.key.clone());
        }
        Ok(left)
    }

    /// Throws away what this session has stored, and what earlier ones have.
    async fn throw_away(mut self) -> Result<(), Failure> {
        let is_quiet = self.session.stop().await;
        let earlier = match self.version {
            Some(_) => journals::forget_known(&self.bucket, &self.key, &self.earlier).await,
            None => journals::forget(&self.bucket, &self.key).await,
        };
        let mut result = earlier;
        // What something is still on its way to goes after that.
        for one in self.session.unclaimed().iter().filter(|_| is_quiet) {
            result = result.and(one.undo().await);
        }
        result
    }
}

#[async_trait]
impl Writer for S3Writer {
    fn offset(&self) -> u64 {
        self.session.offset()
    }

    async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.session.write(bytes).await.map_err(|failure| failure.at(&self.path))
    }

    async fn close(self: Box<Self>, _sync: Sync) -> Result<(), Error> {
        let path = self.path.clone();
        self.finish_session().await.map_err(|failure| failure.at(&path))
    }

    async fn commit(self: Box<Self>, to: &StoragePath) -> Result<(), Error> {
        let (path, target) = (self.path.clone(), self.bucket.keys.of(to));
        self.finish_file(&target).await.map_err(|failure| failure.at(&path))
    }

    async fn cancel(self: Box<Self>) -> Result<(), Error> {
        let path = self.path.clone();
        self.throw_away().await.map_err(|failure| failure.at(&path))
    }
}

/// What was begun, and room for its last bytes. They come in one piece with the journal, so the room is taken first.
async fn resume(bucket: &Bucket, key: &str) -> Result<(Known, Option<Reservation>), Failure> {
    let mut room = bucket.memory.part(bucket.config.chunk_bytes).await;
    let known = journals::load(bucket, key).await?.ok_or_else(Failure::not_found)?;
    let part_bytes = known.journal.part_bytes;
    if !room.covers(part_bytes) {
        // Other settings than ours. To wait for more while one holds some would be to wait for each other.
        drop(room);
        room = bucket.memory.part(part_bytes).await;
    }
    let room = (!known.journal.tail.is_empty()).then_some(room);
    Ok((known, room))
}
