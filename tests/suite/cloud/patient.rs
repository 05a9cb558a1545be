//! A client that does what a decent one does when a registry falters: it waits, asks how far it got, goes on from there,
//! and believes nothing that it has not compared.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bytes::Bytes;
use wharf_tests::{Answer, Connection, Image, Request, Server, sha256, with_query};

/// How often anything is tried before it is given up.
const TRIES: usize = 100;

/// How long it waits between. `Retry-After` is for those who have the time.
const PAUSE: Duration = Duration::from_millis(50);

/// Is such a client. It fails its test when the registry does what no registry may do, however its store falters.
pub(super) struct Patient<'a> {
    server: &'a Server,
    /// The longest that any request may take.
    limit: Duration,
    longest: Mutex<Duration>,
    troubles: AtomicUsize,
}

impl Patient<'_> {
    pub(super) fn new(server: &Server, limit: Duration) -> Patient<'_> {
        Patient { server, limit, longest: Mutex::default(), troubles: AtomicUsize::new(0) }
    }

    /// Says how often it had to be patient, and how long the longest request took.
    pub(super) fn told(&self) -> String {
        let longest = *self.longest.lock().unwrap();
        format!("{} times patient, {longest:.1?} at most", self.troubles.load(Ordering::Relaxed))
    }

    /// Asks once. No answer: the registry wants it to come again.
    #[track_caller]
    pub(super) fn once(&self, request: &Request) -> Option<Answer> {
        let began = Instant::now();
        let answer = self.server.send(request);
        self.took(began, request);
        if matches!(answer.status, 429 | 503) {
            let after = answer.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
            assert!(
                after.is_some_and(|seconds| seconds > 0),
                "{request:?}: when may one come again? {answer:?}"
            );
            self.trouble();
            return None;
        }
        assert!(answer.status < 500, "{request:?}: {answer:?}\n{}", self.server.log());
        Some(answer)
    }

    /// Asks until there is an answer.
    #[track_caller]
    pub(super) fn tell(&self, request: &Request) -> Answer {
        let answer = (0..TRIES).find_map(|_| self.once(request));
        answer.unwrap_or_else(|| panic!("{request:?} was never answered\n{}", self.server.log()))
    }

    /// Pushes a blob in chunks of so many bytes, the last of them with the request that closes the upload.
    #[track_caller]
    pub(super) fn push_blob(&self, repository: &str, bytes: &Bytes, chunk: usize) {
        let digest = sha256(bytes);
        let mut at =
            self.tell(&Request::post(&format!("/v2/{repository}/blobs/uploads/"))).expect(202).location();
        let mut acknowledged = 0;
        for _ in 0..TRIES {
            let end = bytes.len().min(acknowledged + chunk);
            let is_last = end == bytes.len();
            let request = next_chunk(&at, &digest, bytes, acknowledged, end);
            match self.once(&request) {
                Some(answer) if is_last && answer.status == 201 => return,
                Some(answer) if !is_last && answer.status == 202 => {
                    assert_eq!(answer.the("range"), format!("0-{}", end - 1));
                    (at, acknowledged) = (answer.location(), end);
                    continue;
                }
                Some(answer) => assert!([404, 416].contains(&answer.status), "{request:?}: {answer:?}"),
                None => {}
            }
            let status = self.tell(&Request::get(&at));
            if status.status == 404 {
                // It was closed, only that nobody heard of it.
                let held =
                    self.tell(&Request::head(&format!("/v2/{repository}/blobs/{digest}"))).status == 200;
                assert!(is_last && held, "{at} with {acknowledged} bytes is gone\n{}", self.server.log());
                return;
            }
            let received = received(&status.clone().expect(204));
            assert!((acknowledged..=end).contains(&received), "{received} of {acknowledged} to {end}");
            (at, acknowledged) = (status.location(), received);
        }
        panic!("{digest} was never taken\n{}", self.server.log());
    }

    /// Pushes an image under a tag.
    #[track_caller]
    pub(super) fn push_image(&self, repository: &str, tag: &str, image: &Image) {
        for blob in image.blobs() {
            self.push_blob(repository, &blob.bytes, blob.bytes.len());
        }
        let put = Request::put(&format!("/v2/{repository}/manifests/{tag}"));
        let put = put.header("Content-Type", image.manifest.media_type).body(image.manifest.bytes.clone());
        self.tell(&put).assert_status(201);
    }

    /// Pulls an image by its tag and compares every byte.
    #[track_caller]
    pub(super) fn pull_image(&self, repository: &str, tag: &str, image: &Image) {
        let get = Request::get(&format!("/v2/{repository}/manifests/{tag}"));
        let answer = self.tell(&get.header("Accept", image.manifest.media_type)).expect(200);
        assert_eq!(answer.body, image.manifest.bytes);
        for blob in image.blobs() {
            self.pull_blob(repository, &blob.bytes);
        }
    }

    /// Pulls a blob: goes on where an answer broke off, and begins again when it is not what was asked for.
    #[track_caller]
    pub(super) fn pull_blob(&self, repository: &str, expected: &[u8]) {
        let target = format!("/v2/{repository}/blobs/{}", sha256(expected));
        let mut pulled = Vec::new();
        for _ in 0..TRIES {
            let began = Instant::now();
            let request = Request::get(&target);
            let request = match pulled.len() {
                0 => request,
                from => request.header("Range", format!("bytes={from}-")),
            };
            self.pull(&request, &mut pulled);
            self.took(began, &request);
            if pulled.len() == expected.len() {
                if pulled == expected {
                    return;
                }
                pulled.clear();
            }
            assert!(pulled.len() < expected.len(), "more than there is");
            self.trouble();
        }
        panic!("{target} never came whole\n{}", self.server.log());
    }

    /// Adds to what was pulled as much as comes.
    fn pull(&self, request: &Request, pulled: &mut Vec<u8>) {
        let mut connection = Connection::open(self.server.address()).unwrap();
        connection.send(request).unwrap();
        let head = connection.answer_head().unwrap_or_else(|error| panic!("{error}\n{}", self.server.log()));
        match head.status {
            429 | 503 => return assert!(head.header("retry-after").is_some(), "{head:?}"),
            status => assert_eq!(
                status,
                if pulled.is_empty() { 200 } else { 206 },
                "{request:?} {head:?}\n{}",
                self.server.log()
            ),
        }
        let mut left: usize = head.the("content-length").parse().unwrap();
        let mut piece = vec![0; 64 << 10];
        while left > 0 {
            let room = left.min(piece.len());
            match connection.read(&mut piece[..room]) {
                Ok(0) | Err(_) => return,
                Ok(read) => {
                    pulled.extend_from_slice(&piece[..read]);
                    left -= read;
                }
            }
        }
    }

    #[track_caller]
    fn took(&self, began: Instant, request: &Request) {
        let took = began.elapsed();
        let mut longest = self.longest.lock().unwrap();
        *longest = took.max(*longest);
        assert!(took < self.limit, "{request:?} took {took:?}\n{}", self.server.log());
    }

    fn trouble(&self) {
        self.troubles.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE);
    }
}

fn next_chunk(at: &str, digest: &str, bytes: &Bytes, from: usize, end: usize) -> Request {
    let closes = end == bytes.len();
    let request =
        if closes { Request::put(&with_query(at, &format!("digest={digest}"))) } else { Request::patch(at) };
    if from == end {
        return request;
    }
    request.header("Content-Range", format!("{from}-{}", end - 1)).body(bytes.slice(from..end))
}

/// Reads how many bytes an upload has. `0-0` stands for none, too: whoever sends single bytes has to look twice.
pub(super) fn received(status: &Answer) -> usize {
    let last: usize = status.the("range").strip_prefix("0-").and_then(|last| last.parse().ok()).unwrap();
    if last == 0 { 0 } else { last + 1 }
}
