//! The body of an answer on its way to a plain socket, local files as files.
//!
//! hyper writes what a body gives it as memory. To send a file without reading it, the body gives hyper a stand-in: a
//! slice of a reserved stretch of memory that nobody reads, as long as the file's bytes, and puts the file itself into a
//! queue that the connection's socket shares. When hyper asks the socket to write a slice that lies in the reserved
//! stretch, the socket takes the file at the head of the queue and sends that many bytes of it. Both sides go in order and
//! hyper writes every byte that it was given, so they cannot disagree; the socket checks all the same.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use futures_util::Stream;
use http_body::{Body, Frame, SizeHint};
use wharf_api_v2::Payload;
use wharf_content::{ByteStream, Content, FileRange};

use super::access_log::Entry;
use super::activity::Busy;

/// What hyper is given to write.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Bytes.
    Memory(Bytes),
    /// This many bytes of the file that was queued for it.
    File(u64),
}

impl Buf for Chunk {
    fn remaining(&self) -> usize {
        match self {
            Self::Memory(bytes) => bytes.len(),
            Self::File(left) => usize::try_from(*left).unwrap_or(usize::MAX),
        }
    }

    fn chunk(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            Self::File(left) => {
                &STAND_IN[..usize::try_from(*left).map_or(STAND_IN_BYTES, |left| left.min(STAND_IN_BYTES))]
            }
        }
    }

    fn advance(&mut self, count: usize) {
        match self {
            Self::Memory(bytes) => bytes.advance(count),
            Self::File(left) => *left = left.saturating_sub(count as u64),
        }
    }
}

/// The files that the stand-ins in hyper's hands are for, in order.
#[derive(Debug, Default)]
pub(super) struct Files(Mutex<VecDeque<FileRange>>);

impl Files {
    fn push(&self, range: FileRange) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(range);
    }

    /// The file that the next stand-in is for.
    pub(super) fn next(&self) -> Option<FileRange> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).front().cloned()
    }

    /// Takes note that this many bytes of it were sent.
    pub(super) fn sent(&self, count: u64) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(rest) = files.front().map(|range| range.slice(count..u64::MAX)) else { return };
        match files.front_mut() {
            Some(front) if !rest.is_empty() => *front = rest,
            _ => drop(files.pop_front()),
        }
    }
}

/// Whether a slice that hyper wants to write is a stand-in.
pub(super) fn is_stand_in(slice: &[u8]) -> bool {
    !slice.is_empty() && STAND_IN.as_ptr_range().contains(&slice.as_ptr())
}

/// The body of an answer.
pub(super) struct Outbound {
    parts: VecDeque<Content>,
    stream: Option<ByteStream>,
    /// Set when the socket can send files.
    files: Option<Arc<Files>>,
    left: Option<u64>,
    entry: Option<Entry>,
    _busy: Busy,
}

impl Outbound {
    /// Sends `payload`; its local files through `files` where the connection can do that.
    pub(super) fn new(
        payload: Payload,
        files: Option<Arc<Files>>,
        (busy, entry): (Busy, Option<Entry>),
    ) -> Self {
        let parts = match payload {
            Payload::Empty => VecDeque::new(),
            Payload::Content(content) => VecDeque::from([content]),
            Payload::Parts(parts) => parts,
        };
        let left = parts.iter().map(Content::len).sum();
        Self { parts, stream: None, files, left, entry, _busy: busy }
    }

    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Chunk>>> {
        loop {
            if let Some(stream) = &mut self.stream {
                match ready!(Pin::new(stream).poll_next(context)) {
                    Some(piece) => return Poll::Ready(Some(piece.map(Chunk::Memory))),
                    None => self.stream = None,
                }
            }
            let Some(content) = self.parts.pop_front() else { return Poll::Ready(None) };
            match (content, &self.files) {
                (content, _) if content.is_empty() => {}
                (Content::Memory(bytes), _) => return Poll::Ready(Some(Ok(Chunk::Memory(bytes)))),
                (Content::File(range), Some(files)) => {
                    let len = range.len();
                    files.push(range);
                    return Poll::Ready(Some(Ok(Chunk::File(len))));
                }
                (content, _) => self.stream = Some(content.into_stream()),
            }
        }
    }
}

impl Body for Outbound {
    type Data = Chunk;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Chunk>>>> {
        let chunk = ready!(self.poll_chunk(context));
        if let Some(Ok(chunk)) = &chunk {
            let bytes = chunk.remaining() as u64;
            self.left = self.left.map(|left| left.saturating_sub(bytes));
            if let Some(entry) = &mut self.entry {
                entry.moved(bytes);
            }
        }
        Poll::Ready(chunk.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// How long a stand-in is at most, and with it how much of a file one call sends, in bytes: long enough that the calls
/// cost nothing, short enough that a thread is not held for long.
const STAND_IN_BYTES: usize = 1024 * 1024;

/// Memory that is never read nor written, so that the system never has to provide it.
static STAND_IN: LazyLock<Box<[u8]>> = LazyLock::new(|| vec![0; STAND_IN_BYTES].into_boxed_slice());
