//! A connection's socket as hyper sees it: it sends files as files, and it does not wait for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use rustix::io::{Errno, ReadWriteFlags};
use rustix::net::{SendAncillaryBuffer, SendFlags};
use tokio::io::Interest;
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep};
use wharf_content::FileRange;

use super::activity::Activity;
use super::limits::Limits;
use super::linger::Linger;
use super::pace::Pace;
use super::stream::{Plain, Stream};
use super::wire::{Files, is_stand_in};

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    /// HTTP/1.1: one request after another, files as files.
    Http1,
    /// HTTP/2: many at once, in frames.
    Http2,
}

/// A connection with its limits.
pub(super) struct Socket {
    stream: TokioIo<Stream>,
    files: Arc<Files>,
    activity: Arc<Activity>,
    limits: Arc<Limits>,
    protocol: Protocol,
    /// When the head that is arriving began to.
    head_began: Option<Instant>,
    read_timer: Pin<Box<Sleep>>,
    pace: Pace,
    last_write: Option<Instant>,
    /// Set while the connection is being closed.
    linger: Option<Linger>,
    /// Set while a part of a file that was not in memory is being fetched.
    fetching: Option<JoinHandle<()>>,
}

impl Socket {
    pub(super) fn new(
        stream: Stream,
        files: Arc<Files>,
        activity: Arc<Activity>,
        limits: Arc<Limits>,
        protocol: Protocol,
    ) -> Self {
        let now = Instant::now();
        let read_timer = Box::pin(tokio::time::sleep_until(now + limits.header));
        let stream = TokioIo::new(stream);
        Self {
            stream,
            files,
            activity,
            limits,
            protocol,
            head_began: Some(now),
            read_timer,
            pace: Pace::default(),
            last_write: None,
            linger: None,
            fetching: None,
        }
    }

    /// The socket itself, past any encryption: files can be sent through it where there is none.
    fn plain(&self) -> &Plain {
        self.stream.inner().plain()
    }

    /// Takes note that bytes came in: between two requests, they begin a head.
    fn note_arrival(&mut self) {
        let Some(idle_since) = self.activity.idle_since() else { return };
        if self.protocol == Protocol::Http1 && self.head_began.is_none_or(|began| began < idle_since) {
            self.head_began = Some(Instant::now());
        }
    }

    /// Called while there is nothing to read: finds out whether the client has had its time.
    ///
    /// The timer is not moved with each request, which would cost more than the request's own bookkeeping. It goes off
    /// when it was once set to, and only then looks at how long it should have waited.
    fn poll_silent(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        loop {
            ready!(self.read_timer.as_mut().poll(context));
            let now = Instant::now();
            let Some(idle_since) = self.activity.idle_since() else {
                self.read_timer.as_mut().reset(now + self.limits.header);
                continue;
            };
            let (deadline, what) = match self.head_began {
                Some(began) if began >= idle_since => {
                    (began + self.limits.header, "the request head took too long")
                }
                _ => (idle_since + self.limits.idle, "the connection was idle for too long"),
            };
            if deadline <= now {
                return Poll::Ready(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            self.read_timer.as_mut().reset(deadline.min(now + self.limits.header));
        }
    }

    /// Called while the other side takes nothing: finds out whether it took too little for too long.
    fn poll_stuck(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        let stuck = self.pace.poll_stalled(&self.limits, context);
        stuck.map(|()| io::Error::new(io::ErrorKind::TimedOut, "the client takes its answer too slowly"))
    }

    /// Keeps the books of a write of `wanted` bytes.
    fn note_written(
        &mut self,
        context: &mut Context<'_>,
        wanted: usize,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => return self.poll_stuck(context).map(Err),
            Poll::Ready(Ok(count)) if *count < wanted => self.pace.moved(*count),
            Poll::Ready(_) => self.pace.rest(),
        }
        self.last_write = Some(Instant::now());
        written
    }

    /// Sends memory that a file follows, telling the system to put both into the same packets.
    fn poll_send_more(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let stream = self.plain();
        loop {
            ready!(stream.poll_write_ready(context))?;
            let flags = SendFlags::MORE | SendFlags::NOSIGNAL;
            let sent = stream.try_io(Interest::WRITABLE, || {
                Ok(rustix::net::sendmsg(stream, slices, &mut SendAncillaryBuffer::default(), flags)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Sends up to `count` bytes of the next file.
    fn poll_send_file(&mut self, context: &mut Context<'_>, count: usize) -> Poll<io::Result<usize>> {
        let Some(range) = self.files.next().filter(|range| range.len() >= count as u64) else {
            return Poll::Ready(Err(io::Error::other("an answer and its file went out of step")));
        };
        loop {
            if let Some(fetching) = &mut self.fetching {
                let _: Result<(), _> = ready!(Pin::new(fetching).poll(context));
                self.fetching = None;
            } else if !is_in_memory(&range, count) {
                self.fetching = Some(fetch(range.clone(), count));
                continue;
            }
            let stream = self.plain();
            ready!(stream.poll_write_ready(context))?;
            let mut offset = range.offset();
            let sent = stream.try_io(Interest::WRITABLE, || {
                Ok(rustix::fs::sendfile(stream, range.file(), Some(&mut offset), count)?)
            });
            match sent {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) => {
                    return Poll::Ready(Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "a file became shorter",
                    )));
                }
                Ok(sent) => {
                    self.files.sent(sent as u64);
                    return Poll::Ready(Ok(sent));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Whether the last byte of a stretch of a file can be had without waiting for a disk; the ones before it were read ahead
/// with it. When it is not known, sending is tried.
fn is_in_memory(range: &FileRange, count: usize) -> bool {
    let mut byte = [0];
    let last = range.offset() + count.saturating_sub(1) as u64;
    let read = rustix::io::preadv2(
        range.file(),
        &mut [io::IoSliceMut::new(&mut byte)],
        last,
        ReadWriteFlags::NOWAIT,
    );
    !matches!(read, Err(Errno::AGAIN))
}

/// Reads a stretch of a file into the system's memory, on a thread that may wait.
fn fetch(range: FileRange, count: usize) -> JoinHandle<()> {
    tokio::task::spawn_blocking(move || {
        let len = std::num::NonZeroU64::new(count as u64);
        let _ = rustix::fs::fadvise(range.file(), range.offset(), len, rustix::fs::Advice::WillNeed);
        let last = range.offset() + count.saturating_sub(1) as u64;
        let _ = std::os::unix::fs::FileExt::read_at(&**range.file(), &mut [0], last);
    })
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending => this.poll_silent(context).map(Err),
            Poll::Ready(read) => {
                this.note_arrival();
                Poll::Ready(read)
            }
        }
    }
}

impl Write for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let memory = slices.iter().take_while(|slice| !is_stand_in(slice)).count();
        let (wanted, written) = match slices.get(memory) {
            None => {
                let wanted = slices.iter().map(|slice| slice.len()).sum();
                (wanted, Pin::new(&mut self.stream).poll_write_vectored(context, slices))
            }
            Some(file) if slices[..memory].iter().all(|slice| slice.is_empty()) => {
                (file.len(), self.poll_send_file(context, file.len()))
            }
            Some(_) => {
                let wanted = slices[..memory].iter().map(|slice| slice.len()).sum();
                (wanted, self.poll_send_more(context, &slices[..memory]))
            }
        };
        self.note_written(context, wanted, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.stream).poll_flush(context) {
            Poll::Pending => self.poll_stuck(context).map(Err),
            Poll::Ready(flushed) => {
                // What is encrypted waits here for room; what is not has been written already.
                if self.stream.inner().is_encrypted() {
                    self.pace.rest();
                }
                Poll::Ready(flushed)
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.linger.is_none() {
            match Pin::new(&mut this.stream).poll_shutdown(context) {
                Poll::Pending => return this.poll_stuck(context).map(Err),
                Poll::Ready(ended) => ended?,
            }
            this.linger = Linger::begin(this.last_write);
        }
        match &mut this.linger {
            Some(linger) => linger.poll(this.stream.inner().plain(), context).map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }
}
