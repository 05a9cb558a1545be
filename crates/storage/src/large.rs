//! Uploads that outgrew their record: a writer holds their bytes, the record the hashes over them.
//!
//! The hashes are trusted when the upload is finished, so nobody may be able to change bytes under them, not
//! even a client that sends two things at once to two processes. Not every store can lock a path across
//! processes. The rule is therefore:
//!
//! 1. open the writer, which waits for others where the store can tell;
//! 2. replace the record that was read by one without hashes, which only one of those who read it can do;
//! 3. write, and close so that a power cut takes nothing;
//! 4. replace the record of step 2 by one with the hashes.
//!
//! Whoever comes between 2 and 4 takes the hashes away again, so that 4 fails. And as the writer was opened
//! before the record was found to be unchanged, what a record with hashes vouches for is what the writer
//! began with. Without hashes the bytes are sealed, where no writer reaches them, and read again.

use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_registry::{Error, UploadId};
use wharf_storage_driver::{ErrorKind, Stored, Sync, Version, Writer, WriterStart};

use crate::body::Body;
use crate::error::{broken, failed, found};
use crate::hashing::Hashers;
use crate::layout;
use crate::namespace::StoredRepository;
use crate::record::{Finishing, Record, Recorded};
use crate::uploads::{Held, check_offset};

/// How long to wait before looking again whether another request is done.
const POLL: std::time::Duration = std::time::Duration::from_millis(50);

/// An upload that is being written to, by this request alone.
struct Large {
    id: UploadId,
    record: Record,
    version: Version,
    writer: Box<dyn Writer>,
    /// Over everything that the writer holds; none when some of it would have to be read.
    hashers: Option<Hashers>,
}

/// What an upload's bytes were found to be.
enum Opened {
    Writing(Large),
    /// Closed to writers, to be read again.
    Sealed(Held, Stored),
    /// Moved to its place by a request that then failed.
    Placed(Finishing),
}

/// Why a body was not taken to its end.
enum Stopped {
    /// It broke off; what came can be kept.
    Body(Error),
    /// The store would not take it.
    Store(Error),
}

impl StoredRepository {
    /// Turns a small upload into a large one: `all` is what it held and more, and more is to come.
    pub(crate) async fn outgrow(
        &self,
        id: &UploadId,
        held: &Held,
        all: Bytes,
        mut body: Body,
    ) -> Result<Record, Error> {
        let mut large = self.begin(id, held).await?;
        large.write(all).await?;
        match large.take(&mut body).await {
            Ok(()) => self.keep(large).await,
            Err(stopped) => Err(self.interrupted(large, stopped).await),
        }
    }

    pub(crate) async fn append_large(
        &self,
        id: &UploadId,
        held: Held,
        at: Option<u64>,
        mut body: Body,
    ) -> Result<Record, Error> {
        let mut large = match self.open(id, held, at, None).await? {
            Opened::Writing(large) => large,
            Opened::Sealed(held, stored) => self.unseal(id, &held, stored).await?,
            Opened::Placed(..) => return Err(Error::UploadUnknown(id.clone())),
        };
        match large.take(&mut body).await {
            Ok(()) => self.keep(large).await,
            Err(stopped) => Err(self.interrupted(large, stopped).await),
        }
    }

    pub(crate) async fn finish_large(
        &self,
        id: &UploadId,
        held: Held,
        at: Option<u64>,
        mut body: Body,
        digest: &Digest,
    ) -> Result<Descriptor, Error> {
        let whole = body.is_at_end().await?.then_some(digest);
        let mut large = match self.open(id, held, at, whole).await? {
            Opened::Writing(large) => large,
            Opened::Placed(placed) => {
                if placed.digest != *digest || !body.is_at_end().await? {
                    return Err(Error::UploadUnknown(id.clone()));
                }
                return self.take_in(digest, placed.canonical, placed.size).await;
            }
            Opened::Sealed(held, stored) => {
                if body.is_at_end().await? {
                    return self.finish_sealed(id, held, stored, digest).await;
                }
                self.unseal(id, &held, stored).await?
            }
        };
        if let Err(stopped) = large.take(&mut body).await {
            return Err(self.interrupted(large, stopped).await);
        }
        match large.hashers.as_ref().and_then(|hashers| hashers.verified(digest)) {
            Some(Ok(canonical)) => {
                let size = large.writer.offset();
                let Large { id, record, version, writer, .. } = large;
                self.announce(&id, Held { record, version }, Finishing { digest: *digest, canonical, size })
                    .await?;
                writer.commit(&layout::blob_data(&canonical)).await.map_err(|error| ended(&id, error))?;
                self.take_in(digest, canonical, size).await
            }
            Some(Err(mismatch)) => {
                self.keep(large).await?;
                Err(mismatch)
            }
            None => {
                let sealed = self.layout.upload_sealed(id);
                large.writer.commit(&sealed).await.map_err(|error| ended(id, error))?;
                let stored = self.sealed(id).await?.ok_or_else(|| Error::UploadUnknown(id.clone()))?;
                let held = Held { record: large.record, version: large.version };
                self.finish_sealed(id, held, stored, digest).await
            }
        }
    }

    /// Closes an upload to writers, so that it can be read.
    pub(crate) async fn seal(&self, id: &UploadId, held: Held) -> Result<Stored, Error> {
        let sealed = match self.open(id, held, None, None).await? {
            Opened::Writing(large) => {
                let sealed = self.layout.upload_sealed(id);
                large.writer.commit(&sealed).await.map_err(|error| ended(id, error))?;
                self.sealed(id).await?
            }
            Opened::Sealed(_, stored) => Some(stored),
            Opened::Placed(..) => None,
        };
        sealed.ok_or_else(|| Error::UploadUnknown(id.clone()))
    }

    /// How many bytes an upload holds whose record does not vouch for it, in bytes.
    pub(crate) async fn large_offset(&self, id: &UploadId, record: &Record) -> Result<u64, Error> {
        match self.driver().writer(&self.layout.upload_data(id), WriterStart::Resume).await {
            Ok(writer) => Ok(writer.offset()),
            Err(error) if error.kind() == ErrorKind::Busy => Ok(record.offset()),
            Err(error) if error.is_not_found() => {
                let sealed = found(self.driver().stat(&self.layout.upload_sealed(id)).await)?;
                match sealed {
                    Some(stat) => Ok(stat.size),
                    None => match self.placed(record).await? {
                        Some(placed) => Ok(placed.size),
                        None if record.offset() == 0 => Ok(0),
                        None => Err(Error::UploadUnknown(id.clone())),
                    },
                }
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Opens an upload for writing, waiting for others for as long as is allowed. When all bytes are there already, what
    /// they were found to be goes into the record, so that a request that places the bytes and then fails can be repeated.
    async fn open(
        &self,
        id: &UploadId,
        mut held: Held,
        at: Option<u64>,
        whole: Option<&Digest>,
    ) -> Result<Opened, Error> {
        let until = Instant::now() + self.options().upload_wait;
        loop {
            match self.driver().writer(&self.layout.upload_data(id), WriterStart::Resume).await {
                Ok(writer) => {
                    check_offset(at, writer.offset())?;
                    let offset = writer.offset();
                    let mut record = held.record.next(Recorded::Large { offset, hashers: None });
                    record.finishing = whole.and_then(|digest| verified(&held.record, offset, digest));
                    if let Some(version) = self.replace(id, &held.version, &record, Sync::Relaxed).await? {
                        let hashers = vouched_for(held.record, offset);
                        return Ok(Opened::Writing(Large {
                            id: id.clone(),
                            record,
                            version,
                            writer,
                            hashers,
                        }));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Busy => {}
                Err(error) if error.is_not_found() => return self.open_unwritten(id, held, at).await,
                Err(error) => return Err(failed(error)),
            }
            if Instant::now() >= until {
                return Err(Error::UploadBusy(id.clone()));
            }
            tokio::time::sleep(POLL).await;
            held = self.record(id).await?;
        }
    }

    /// Opens an upload that no writer holds anything of: it is sealed, or was never written to.
    async fn open_unwritten(&self, id: &UploadId, held: Held, at: Option<u64>) -> Result<Opened, Error> {
        match self.sealed(id).await? {
            Some(stored) => {
                check_offset(at, stored.size)?;
                Ok(Opened::Sealed(held, stored))
            }
            None => match self.placed(&held.record).await? {
                Some(placed) => {
                    check_offset(at, placed.size)?;
                    Ok(Opened::Placed(placed))
                }
                None if held.record.offset() == 0 => {
                    check_offset(at, 0)?;
                    Ok(Opened::Writing(self.begin(id, &held).await?))
                }
                None => Err(Error::UploadUnknown(id.clone())),
            },
        }
    }

    /// What an upload has become, if its record says so and the store agrees.
    async fn placed(&self, record: &Record) -> Result<Option<Finishing>, Error> {
        let Some(finishing) = record.finishing else { return Ok(None) };
        let stat = found(self.driver().stat(&layout::blob_data(&finishing.canonical)).await)?;
        Ok(stat.filter(|stat| stat.size == finishing.size).map(|_| finishing))
    }

    /// Says what the bytes are that are about to be moved to their place, unless the record already does.
    async fn announce(&self, id: &UploadId, held: Held, finishing: Finishing) -> Result<(), Error> {
        if held.record.finishing == Some(finishing) {
            return Ok(());
        }
        let mut record = held.record.next(held.record.content.clone());
        record.finishing = Some(finishing);
        let replaced = self.replace(id, &held.version, &record, Sync::Relaxed).await?;
        replaced.map(|_| ()).ok_or_else(|| Error::UploadBusy(id.clone()))
    }

    /// Begins to write where nobody has, or where what was written does not count.
    async fn begin(&self, id: &UploadId, held: &Held) -> Result<Large, Error> {
        // Bytes that were acknowledged stay in the record until they are stored elsewhere. While there are
        // none, others may as well see that the upload is large, so that they wait for it.
        let content = match &held.record.content {
            Recorded::Small(bytes) if !bytes.is_empty() => Recorded::Small(bytes.clone()),
            content => Recorded::Large { offset: content.offset(), hashers: None },
        };
        let record = held.record.next(content);
        let Some(version) = self.replace(id, &held.version, &record, Sync::Durable).await? else {
            return Err(self.overtaken(id, held.record.offset()).await);
        };
        let until = Instant::now() + self.options().upload_wait;
        let writer = loop {
            match self.driver().writer(&self.layout.upload_data(id), WriterStart::New).await {
                Ok(writer) => break writer,
                Err(error) if error.kind() != ErrorKind::Busy => return Err(failed(error)),
                Err(_) if Instant::now() >= until => return Err(Error::UploadBusy(id.clone())),
                Err(_) => tokio::time::sleep(POLL).await,
            }
        };
        let hashers = Some(Hashers::new(record.algorithm));
        Ok(Large { id: id.clone(), record, version, writer, hashers })
    }

    /// Ends the writing of a request: stores what came, then says so.
    async fn keep(&self, large: Large) -> Result<Record, Error> {
        let offset = large.writer.offset();
        large.writer.close(Sync::Durable).await.map_err(|error| ended(&large.id, error))?;
        let record = large.record.next(Recorded::Large { offset, hashers: large.hashers });
        match self.replace(&large.id, &large.version, &record, Sync::Relaxed).await? {
            Some(_) => Ok(record),
            None => Err(Error::UploadBusy(large.id)),
        }
    }

    /// Ends the writing of a request whose body was not taken to its end.
    async fn interrupted(&self, large: Large, stopped: Stopped) -> Error {
        match stopped {
            Stopped::Body(error) => self.keep(large).await.err().unwrap_or(error),
            Stopped::Store(error) => error,
        }
    }

    async fn sealed(&self, id: &UploadId) -> Result<Option<Stored>, Error> {
        found(self.driver().read(&self.layout.upload_sealed(id), 0..u64::MAX).await)
    }

    /// Makes an upload writable again that was sealed for a digest that turned out to be wrong.
    async fn unseal(&self, id: &UploadId, held: &Held, stored: Stored) -> Result<Large, Error> {
        let mut large = self.begin(id, held).await?;
        let mut pieces = stored.content.into_stream();
        while let Some(piece) = pieces.next().await {
            large.write(piece.map_err(broken)?).await?;
        }
        Ok(large)
    }

    /// Reads what was sealed, and makes it a blob if it is what the digest says.
    async fn finish_sealed(
        &self,
        id: &UploadId,
        held: Held,
        stored: Stored,
        digest: &Digest,
    ) -> Result<Descriptor, Error> {
        let mut hashers = Hashers::new(digest.algorithm());
        let mut pieces = stored.content.into_stream();
        while let Some(piece) = pieces.next().await {
            hashers.update(&piece.map_err(broken)?).await;
        }
        let unread = || Error::internal("the hash of an upload was not begun");
        let canonical = hashers.verified(digest).ok_or_else(unread)??;
        let size = hashers.len();
        self.announce(id, held, Finishing { digest: *digest, canonical, size }).await?;
        let data = layout::blob_data(&canonical);
        self.driver().rename(&self.layout.upload_sealed(id), &data).await.map_err(failed)?;
        self.take_in(digest, canonical, size).await
    }
}

impl Large {
    async fn take(&mut self, body: &mut Body) -> Result<(), Stopped> {
        while let Some(piece) = body.next().await.map_err(Stopped::Body)? {
            self.write(piece).await.map_err(Stopped::Store)?;
        }
        Ok(())
    }

    async fn write(&mut self, piece: Bytes) -> Result<(), Error> {
        if let Some(hashers) = &mut self.hashers {
            hashers.update(&piece).await;
        }
        self.writer.write(piece).await.map_err(failed)
    }
}

/// Why writing to an upload did not end well. Where nobody can lock it, another server may have been faster.
fn ended(id: &UploadId, error: wharf_storage_driver::Error) -> Error {
    if error.kind() == ErrorKind::Changed { Error::UploadBusy(id.clone()) } else { failed(error) }
}

/// What the hashes of a record say of so many bytes, when that is what the client says.
fn verified(record: &Record, offset: u64, digest: &Digest) -> Option<Finishing> {
    let Recorded::Large { hashers: Some(hashers), .. } = &record.content else { return None };
    let canonical = hashers.verified(digest)?.ok().filter(|_| hashers.len() == offset)?;
    Some(Finishing { digest: *digest, canonical, size: offset })
}

/// The hashes of a record, when they are over exactly so many bytes.
fn vouched_for(record: Record, offset: u64) -> Option<Hashers> {
    match record.content {
        Recorded::Large { hashers, .. } => hashers.filter(|hashers| hashers.len() == offset),
        Recorded::Small(_) => None,
    }
}
