//! Keeps the list of AWS's addresses while the wrapper lives.
//!
//! One task reads the list at once and then again and again; whoever asks meanwhile uses the last good one. A list that
//! cannot be read is asked for again sooner than a good one, and a complaint that repeats itself is not logged again.

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tracing::{info, warn};
use wharf_http_client::HttpClient;

use crate::ranges::{Ranges, RangesError};
use crate::{Error, IpFilter, RangesSource};

/// The largest list that is read, in bytes. The real one has about two million.
pub const MAX_RANGES_BYTES: usize = 32 << 20;

/// How long fetching the list may take from its first byte to its last.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a file is looked at, if the update frequency does not say more often.
pub const FILE_CHECK: Duration = Duration::from_secs(10);

/// The most often that a list is fetched.
pub const MIN_UPDATE_FREQUENCY: Duration = Duration::from_secs(1);

/// How soon a list is asked for again when it could not be had; twice that the next time, up to the update frequency.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The list as it is known now, refreshed until this is dropped.
pub(crate) struct Addresses {
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Default)]
struct Shared {
    ranges: RwLock<Option<Ranges>>,
    missed: AtomicBool,
}

/// Why there is no new list.
#[derive(Debug, thiserror::Error)]
enum RefreshError {
    #[error("the server answered {0}")]
    Status(http::StatusCode),
    #[error("it did not arrive within {FETCH_TIMEOUT:?}")]
    Timeout,
    #[error("it could not be fetched: {0}")]
    Fetch(String),
    #[error("it could not be read: {0}")]
    Read(#[from] io::Error),
    #[error("{0}")]
    Content(#[from] RangesError),
}

impl Addresses {
    /// Begins to keep the list.
    pub(crate) fn keep(
        source: RangesSource,
        filter: IpFilter,
        frequency: Duration,
        http: HttpClient,
    ) -> Result<Self, Error> {
        let source = match source {
            RangesSource::File(path) => Source::File { path, mark: None },
            RangesSource::Url(url) => match url.parse::<http::Uri>() {
                Ok(uri) if matches!(uri.scheme_str(), Some("http" | "https")) => {
                    Source::Url { uri, http: Box::new(http) }
                }
                _ => return Err(Error::RangesUrl(url)),
            },
        };
        let runtime = Handle::try_current().map_err(|_| Error::NoRuntime)?;
        let shared = Arc::new(Shared::default());
        let keeper = Keeper { source, filter, frequency, shared: Arc::clone(&shared), complaint: None };
        Ok(Self { shared, task: runtime.spawn(keeper.run()).abort_handle() })
    }

    /// Whether an address is in the list. As long as there is none, no address is.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        let ranges = self.shared.ranges.read().unwrap_or_else(PoisonError::into_inner);
        if ranges.is_none() && !self.shared.missed.swap(true, Ordering::Relaxed) {
            warn!("the address ranges of AWS are not known yet, so every client is sent to CloudFront");
        }
        ranges.as_ref().is_some_and(|ranges| ranges.contains(address))
    }
}

impl Drop for Addresses {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What the task works with.
struct Keeper {
    source: Source,
    filter: IpFilter,
    frequency: Duration,
    shared: Arc<Shared>,
    complaint: Option<String>,
}

impl Keeper {
    async fn run(mut self) {
        let mut retry = RETRY_AFTER;
        loop {
            let outcome = self.refresh().await;
            let frequency = self.source.pause(self.frequency);
            let pause = match outcome {
                Ok(()) => {
                    (retry, self.complaint) = (RETRY_AFTER, None);
                    frequency
                }
                Err(error) => {
                    self.complain(error.to_string());
                    let pause = retry.min(frequency);
                    retry = retry.saturating_mul(2);
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn refresh(&mut self) -> Result<(), RefreshError> {
        let Some(text) = self.source.read().await? else { return Ok(()) };
        let filter = self.filter.clone();
        let parsed = tokio::task::spawn_blocking(move || Ranges::parse(&text, &filter));
        let ranges = parsed.await.map_err(io::Error::other)??;
        if ranges.len() == 0 {
            warn!(filter = ?self.filter, "no address range of AWS passes the filter, so every client is sent to CloudFront");
        }
        info!(networks = ranges.len(), "the address ranges of AWS were read");
        *self.shared.ranges.write().unwrap_or_else(PoisonError::into_inner) = Some(ranges);
        Ok(())
    }

    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            warn!(
                "the address ranges of AWS could not be refreshed from {}: {complaint}",
                self.source.name()
            );
            self.complaint = Some(complaint);
        }
    }
}

/// Where lists come from.
enum Source {
    Url { uri: http::Uri, http: Box<HttpClient> },
    File { path: PathBuf, mark: Option<Mark> },
}

/// What tells one state of a file from another.
type Mark = (Option<SystemTime>, u64);

impl Source {
    /// The list; none when it is the last one still.
    async fn read(&mut self) -> Result<Option<Bytes>, RefreshError> {
        match self {
            Self::Url { uri, http } => fetch(uri.clone(), http).await.map(Some),
            Self::File { path, mark } => {
                let (path, last) = (path.clone(), *mark);
                let task = tokio::task::spawn_blocking(move || read_if_changed(&path, last));
                let Some((new_mark, text)) = task.await.map_err(io::Error::other)?? else { return Ok(None) };
                *mark = Some(new_mark);
                Ok(Some(text))
            }
        }
    }

    fn pause(&self, frequency: Duration) -> Duration {
        match self {
            Self::Url { .. } => frequency.max(MIN_UPDATE_FREQUENCY),
            Self::File { .. } => frequency.clamp(MIN_UPDATE_FREQUENCY, FILE_CHECK),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Url { uri, .. } => uri.to_string(),
            Self::File { path, .. } => path.display().to_string(),
        }
    }
}

async fn fetch(uri: http::Uri, http: &HttpClient) -> Result<Bytes, RefreshError> {
    let failed = |error: &dyn std::error::Error| RefreshError::Fetch(with_causes(error));
    let fetching = async {
        let mut request = http::Request::new(wharf_http_client::empty());
        *request.uri_mut() = uri;
        let response = http.send(request).await.map_err(|error| failed(&error))?;
        if response.status() != http::StatusCode::OK {
            return Err(RefreshError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_RANGES_BYTES).collect().await;
        Ok(body.map_err(|error| failed(&*error))?.to_bytes())
    };
    tokio::time::timeout(FETCH_TIMEOUT, fetching).await.unwrap_or(Err(RefreshError::Timeout))
}

fn read_if_changed(path: &Path, last: Option<Mark>) -> io::Result<Option<(Mark, Bytes)>> {
    let metadata = std::fs::metadata(path)?;
    let mark = (metadata.modified().ok(), metadata.len());
    if last == Some(mark) {
        return Ok(None);
    }
    if metadata.len() > MAX_RANGES_BYTES as u64 {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the file is too large"));
    }
    Ok(Some((mark, std::fs::read(path)?.into())))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::ranges::tests::LIST;

    const INSIDE: &str = "3.5.140.2";
    const FREQUENTLY: Duration = Duration::ZERO;

    fn keep(source: RangesSource) -> Addresses {
        let http = HttpClient::new(wharf_http_client::Options::default()).unwrap();
        Addresses::keep(source, IpFilter::Aws, FREQUENTLY, http).unwrap()
    }

    async fn becomes(addresses: &Addresses, address: &str, expected: bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while addresses.contain(address.parse().unwrap()) != expected {
            assert!(tokio::time::Instant::now() < deadline, "{address} never was {expected}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[derive(Clone)]
    struct Server {
        url: String,
        answer: Arc<Mutex<String>>,
        requests: Arc<Mutex<usize>>,
    }

    impl Server {
        async fn start(answer: String) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/ip-ranges.json", listener.local_addr().unwrap());
            let server = Self { url, answer: Arc::new(Mutex::new(answer)), requests: Arc::default() };
            let serving = server.clone();
            tokio::spawn(async move {
                loop {
                    let (mut socket, _) = listener.accept().await.unwrap();
                    let mut head = [0; 4096];
                    let read = socket.read(&mut head).await.unwrap();
                    assert!(head[..read].starts_with(b"GET /ip-ranges.json HTTP/1.1\r\n"));
                    *serving.requests.lock().unwrap() += 1;
                    let answer = serving.answer.lock().unwrap().clone();
                    socket.write_all(answer.as_bytes()).await.unwrap();
                }
            });
            server
        }
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_list_is_fetched_and_followed() {
        let server = Server::start(answer("503 Service Unavailable", LIST)).await;
        let addresses = keep(RangesSource::Url(server.url.clone()));
        tokio::time::sleep(Duration::from_millis(300)).await;
        becomes(&addresses, INSIDE, false).await;
        *server.answer.lock().unwrap() = answer("200 OK", LIST);
        becomes(&addresses, INSIDE, true).await;
        *server.answer.lock().unwrap() = answer("200 OK", &LIST.replace("3.5.140.0/22", "4.4.4.0/24"));
        becomes(&addresses, "4.4.4.4", true).await;
        becomes(&addresses, INSIDE, false).await;
    }

    #[tokio::test]
    async fn a_broken_list_keeps_the_last_one() {
        let server = Server::start(answer("200 OK", LIST)).await;
        let addresses = keep(RangesSource::Url(server.url.clone()));
        becomes(&addresses, INSIDE, true).await;
        *server.answer.lock().unwrap() = answer("200 OK", &LIST[..LIST.len() / 2]);
        let asked = *server.requests.lock().unwrap();
        while *server.requests.lock().unwrap() < asked + 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        becomes(&addresses, INSIDE, true).await;
    }

    #[tokio::test]
    async fn a_file_is_read_again_when_it_changes_and_a_broken_one_keeps_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ip-ranges.json");
        let addresses = keep(RangesSource::File(file.clone()));
        tokio::time::sleep(Duration::from_millis(100)).await;
        becomes(&addresses, INSIDE, false).await;
        std::fs::write(&file, LIST).unwrap();
        becomes(&addresses, INSIDE, true).await;
        std::fs::write(&file, &LIST[..100]).unwrap();
        tokio::time::sleep(MIN_UPDATE_FREQUENCY * 2).await;
        becomes(&addresses, INSIDE, true).await;
        std::fs::remove_file(&file).unwrap();
        tokio::time::sleep(MIN_UPDATE_FREQUENCY * 2).await;
        becomes(&addresses, INSIDE, true).await;
        std::fs::write(&file, LIST.replace("3.5.140.0/22", "4.4.4.0/24")).unwrap();
        becomes(&addresses, INSIDE, false).await;
    }

    #[tokio::test]
    async fn nothing_is_fetched_once_nobody_wants_it() {
        let server = Server::start(answer("200 OK", LIST)).await;
        let addresses = keep(RangesSource::Url(server.url.clone()));
        becomes(&addresses, INSIDE, true).await;
        let shared = Arc::downgrade(&addresses.shared);
        drop(addresses);
        let asked = *server.requests.lock().unwrap();
        tokio::time::sleep(MIN_UPDATE_FREQUENCY * 2).await;
        assert!(*server.requests.lock().unwrap() <= asked + 1, "at most one was on its way");
        assert!(shared.upgrade().is_none(), "the task is gone");
    }

    #[tokio::test]
    async fn a_list_that_is_nowhere_is_refused() {
        let http = HttpClient::new(wharf_http_client::Options::default()).unwrap();
        for url in ["", "ftp://host/x", "/path", "not a url"] {
            let source = RangesSource::Url(url.to_owned());
            let refused = Addresses::keep(source, IpFilter::Aws, FREQUENTLY, http.clone());
            assert!(matches!(refused, Err(Error::RangesUrl(_))), "{url}");
        }
    }
}
