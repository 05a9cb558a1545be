//! The client: one pool of connections for everyone who has a clone of it.

use std::fmt;

use http::header::PROXY_AUTHORIZATION;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

use crate::body::Body;
use crate::connect::{Connector, connector};
use crate::proxies::Proxies;
use crate::{Error, ErrorKind, Options};

/// How much of an answer is read in one step, and so the largest piece of a body, in bytes. Smaller pieces cost more of a
/// core for each GB, larger ones less, but one slow reader may hold two of them.
const BUFFER_BYTES: usize = 512 * 1024;

/// Sends requests, over connections that are kept and shared. Cheap to clone: all clones have one pool.
///
/// It speaks HTTP/1.1, follows no redirect and repeats nothing, except a request that could not go out because the other
/// end had just closed a kept connection.
#[derive(Clone)]
pub struct HttpClient {
    pool: Client<Connector, Body>,
    proxies: Proxies,
}

impl HttpClient {
    /// Sets up a client; it connects when it is first needed.
    ///
    /// # Errors
    ///
    /// [`Options`](crate::ErrorKind::Options) when roots cannot be read or a proxy cannot be used.
    pub fn new(options: Options) -> Result<Self, Error> {
        let proxies = Proxies::new(&options.proxy)?;
        let connector = connector(&options, proxies.clone())?;
        Ok(Self { pool: pool(&options).build(connector), proxies })
    }

    /// Sends a request and waits for the head of the answer, as long as it takes: whoever calls sets the limit.
    ///
    /// # Errors
    ///
    /// When no answer began; see [`ErrorKind`](crate::ErrorKind). An answer of any status is an answer.
    pub async fn send(&self, mut request: Request<Body>) -> Result<Response<Incoming>, Error> {
        if request.uri().host().is_none() {
            return Err(Error::new(ErrorKind::Request, "the URI has no host"));
        }
        if let Some(authorization) = self.proxies.authorization(request.uri()) {
            request.headers_mut().insert(PROXY_AUTHORIZATION, authorization);
        }
        Ok(self.pool.request(request).await?)
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpClient").field("proxies", &self.proxies).finish_non_exhaustive()
    }
}

fn pool(options: &Options) -> hyper_util::client::legacy::Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(options.idle_timeout)
        .pool_max_idle_per_host(options.idle_per_host)
        .http1_max_buf_size(BUFFER_BYTES);
    builder
}

#[cfg(test)]
mod tests {
    use std::future::{Ready, ready};
    use std::io::{self, IoSlice};
    use std::ops::Range;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use bytes::Bytes;
    use http::Uri;
    use hyper::rt::{Read, ReadBufCursor, Write};
    use hyper_util::client::legacy::connect::{Connected, Connection};
    use tower_service::Service;

    use super::*;
    use crate::segments;

    /// Remembers where in memory lay what it was given to write, in order; answers when it has it all.
    #[derive(Clone)]
    struct Memo {
        written: Arc<Mutex<Vec<Range<usize>>>>,
        wanted: usize,
    }

    impl Memo {
        fn take(&self, buffers: &[IoSlice<'_>]) -> usize {
            let mut written = self.written.lock().unwrap();
            for buffer in buffers.iter().filter(|buffer| !buffer.is_empty()) {
                let start = buffer.as_ptr().addr();
                written.push(start..start + buffer.len());
            }
            buffers.iter().map(|buffer| buffer.len()).sum()
        }

        fn bytes(&self) -> usize {
            self.written.lock().unwrap().iter().map(Range::len).sum()
        }
    }

    impl Service<Uri> for Memo {
        type Response = Self;
        type Error = io::Error;
        type Future = Ready<io::Result<Self>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Uri) -> Self::Future {
            ready(Ok(self.clone()))
        }
    }

    impl Connection for Memo {
        fn connected(&self) -> Connected {
            Connected::new()
        }
    }

    impl Read for Memo {
        fn poll_read(
            self: Pin<&mut Self>,
            context: &mut Context<'_>,
            mut buffer: ReadBufCursor<'_>,
        ) -> Poll<io::Result<()>> {
            if self.bytes() < self.wanted {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            buffer.put_slice(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
            Poll::Ready(Ok(()))
        }
    }

    impl Write for Memo {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(self.take(&[IoSlice::new(buffer)])))
        }

        fn poll_write_vectored(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffers: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(self.take(buffers)))
        }

        fn is_write_vectored(&self) -> bool {
            true
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_large_body_of_many_buffers_is_not_copied() {
        let pieces: Vec<Bytes> = (1..=400).map(|n| Bytes::from(vec![0; 200 * n])).collect();
        let total = pieces.iter().map(Bytes::len).sum();
        let memo = Memo { written: Arc::default(), wanted: total };
        let client: Client<Memo, Body> = pool(&Options::default()).build(memo.clone());
        let request = Request::put("http://store.test/a").body(segments(pieces.clone())).unwrap();
        assert_eq!(client.request(request).await.unwrap().status(), 200);
        let places: Vec<Range<usize>> = pieces.iter().map(range).collect();
        let written = memo.written.lock().unwrap();
        // The head is the client's own; all else is the caller's memory, the same bytes at the same place.
        assert_eq!(written[1..], places);
    }

    fn range(piece: &Bytes) -> Range<usize> {
        let start = piece.as_ptr().addr();
        start..start + piece.len()
    }
}
