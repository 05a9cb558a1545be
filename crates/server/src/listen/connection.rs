//! One connection from its first byte to its last.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::sync::watch;
use tracing::{Instrument as _, debug};
use wharf_api_v2::{Answered, Api, Peer, RequestId};

use super::access_log::{self, AccessLog, Entry};
use super::activity::Activity;
use super::handshake;
use super::inbound::Inbound;
use super::limits::Limits;
use super::socket::{Protocol, Socket};
use super::stream::{Plain, Stream};
use super::tls::Tls;
use super::wire::{Files, Outbound};

/// How a connection hears that the listener closes, and the listener that the connection is done.
pub(super) struct End {
    /// Lets the request under way finish.
    pub(super) watcher: Watcher,
    /// Changes when the listener closes: a client that has not said anything yet will not be heard.
    pub(super) closing: watch::Receiver<()>,
}

/// What all connections of a listener have in common.
pub(super) struct Manner {
    pub(super) api: Api,
    pub(super) limits: Arc<Limits>,
    /// Set where connections are encrypted.
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) cleartext: Cleartext,
    pub(super) access_log: Option<Arc<AccessLog>>,
}

/// What may be spoken where nothing is encrypted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Cleartext {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2 as well, to clients that begin with it; `http.h2c.enabled`.
    Http2,
}

/// Serves a connection until either side has had enough of it.
pub(super) async fn serve(plain: Plain, manner: Arc<Manner>, end: End) {
    let End { watcher, mut closing } = end;
    let peer = plain.peer();
    let limits = Arc::clone(&manner.limits);
    let served = async {
        plain.prepare()?;
        let greeted = tokio::select! {
            greeted = greet(plain, &manner) => greeted?,
            _ = closing.changed() => return Ok(()),
        };
        let Some((stream, protocol)) = greeted else { return Ok(()) };
        let activity = Activity::new();
        let files = Arc::new(Files::default());
        let tls = stream.is_encrypted();
        let front = Front {
            api: manner.api.clone(),
            access_log: manner.access_log.clone(),
            peer: Peer { address: peer, tls },
            limits: Arc::clone(&limits),
            activity: Arc::clone(&activity),
            files: Arc::clone(&files),
        };
        let socket = Socket::new(stream, files, activity, Arc::clone(&limits), protocol);
        match protocol {
            Protocol::Http1 => watcher.watch(http1(&limits).serve_connection(socket, front)).await,
            Protocol::Http2 => watcher.watch(http2(&limits).serve_connection(socket, front)).await,
        }
        .map_err(io::Error::other)
    };
    if let Err(error) = served.await {
        debug!(?peer, error = &error as &dyn std::error::Error, "a connection ended early");
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(BUFFER_BYTES))
        .half_close(true);
    builder
}

fn http2(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_concurrent_streams(limits.streams)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(limits.header);
    builder
}

/// Agrees with the client on how to speak; none when it only wanted to see how we would.
async fn greet(plain: Plain, manner: &Manner) -> io::Result<Option<(Stream, Protocol)>> {
    let limit = manner.limits.header;
    let Some(tls) = &manner.tls else {
        let protocol = match manner.cleartext {
            Cleartext::Http1 => Protocol::Http1,
            Cleartext::Http2 => tokio::time::timeout(limit, spoken(&plain)).await??,
        };
        return Ok(Some((Stream::Plain(plain), protocol)));
    };
    let Some(encrypted) = handshake::accept(plain, tls, limit).await? else { return Ok(None) };
    let agreed = encrypted.get_ref().1.alpn_protocol();
    let protocol = if agreed == Some(b"h2") { Protocol::Http2 } else { Protocol::Http1 };
    Ok(Some((Stream::Tls(Box::new(encrypted)), protocol)))
}

/// Finds out what the client speaks without taking a byte from it: HTTP/2 begins with a fixed preface.
async fn spoken(stream: &Plain) -> io::Result<Protocol> {
    let mut first = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut first).await?;
        if seen == 0 || first[..seen] != PREFACE[..seen] {
            return Ok(Protocol::Http1);
        }
        if seen == PREFACE.len() {
            return Ok(Protocol::Http2);
        }
        tokio::time::sleep(PREFACE_PAUSE).await;
    }
}

/// The API as one connection's requests see it: told who is asking, with bodies that obey the connection's limits.
struct Front {
    api: Api,
    access_log: Option<Arc<AccessLog>>,
    peer: Peer,
    limits: Arc<Limits>,
    activity: Arc<Activity>,
    files: Arc<Files>,
}

impl Service<Request<Incoming>> for Front {
    type Response = Response<Outbound>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let busy = self.activity.begin();
        let bare = request.version() < Version::HTTP_2 && !self.peer.tls;
        let files = bare.then(|| Arc::clone(&self.files));
        let mut request = request.map(|body| Inbound::new(body, Arc::clone(&self.limits)));
        request.extensions_mut().insert(self.peer);
        let id = RequestId::random();
        let target = access_log::target(&request);
        let span = tracing::error_span!(
            "request",
            http.request.id = %id,
            http.request.method = %request.method(),
            http.request.uri = target,
            http.request.remoteaddr = self.peer.address.map(tracing::field::display),
        );
        request.extensions_mut().insert(id);
        let entry = |log| Entry::of(log, self.peer, &request, &target);
        let mut entry = self.access_log.as_ref().map(entry);
        let answer = self.api.call(request);
        let answered = async move {
            let answer = answer.await?;
            let status = answer.status().as_u16();
            tracing::debug!(http.response.status = status, "response completed");
            if let Some(entry) = &mut entry {
                let user = answer.extensions().get::<Answered>().and_then(|answered| answered.user.clone());
                entry.answered(status, user);
            }
            Ok(answer.map(|body| Outbound::new(body.into_payload(), files, (busy, entry))))
        };
        Box::pin(answered.instrument(span))
    }
}

/// What an HTTP/2 client sends first; RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How long to wait for the rest of a preface that came in pieces.
const PREFACE_PAUSE: Duration = Duration::from_millis(2);
/// The largest piece of a body that a connection reads or queues at once, in bytes. A push holds several of them while they
/// wait for the disk: with 64 KiB, 64 pushes at once take about 25 MB.
const BUFFER_BYTES: usize = 64 * 1024;
/// How much an HTTP/2 client may send ahead on one stream, in bytes: 8 ms of a 1 GB/s line.
const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// How much an HTTP/2 client may send ahead on all streams together, in bytes.
const CONNECTION_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// The largest HTTP/2 frame that is accepted, in bytes.
const FRAME_BYTES: u32 = 64 * 1024;
/// How much of an answer an HTTP/2 stream holds ready, in bytes.
const SEND_BUFFER_BYTES: usize = 512 * 1024;
/// How often a silent HTTP/2 client is asked whether it is still there.
const PING_INTERVAL: Duration = Duration::from_secs(60);
