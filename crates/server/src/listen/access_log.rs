//! One line for each request, in Apache's combined format, written by a thread of its own.
//!
//! No request waits for whoever reads the lines: when more of them are under way than a limit allows, the rest is counted and
//! left out. Values in the query of a request are left out unless they are known to be harmless: the state of an upload is
//! one that lets whoever has it go on with it.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Request, Version, header};
use jiff::Timestamp;
use tracing::warn;
use wharf_api_v2::Peer;

/// Where lines go.
#[derive(Debug)]
pub struct AccessLog {
    lines: Mutex<Option<SyncSender<String>>>,
    done: Mutex<Receiver<()>>,
    lost: AtomicU64,
}

impl AccessLog {
    /// Writes lines to `writer` until the value is dropped.
    pub fn to(writer: impl Write + Send + 'static) -> Arc<Self> {
        let (lines, queue) = sync_channel(QUEUE);
        let (finished, done) = sync_channel(1);
        std::thread::spawn(move || {
            write(&queue, writer);
            let _nobody_waits = finished.send(());
        });
        Arc::new(Self { lines: Mutex::new(Some(lines)), done: Mutex::new(done), lost: AtomicU64::new(0) })
    }

    fn push(&self, line: String) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = lines.as_ref().is_some_and(|lines| lines.try_send(line).is_ok());
        if sent {
            return;
        }
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        if lost.is_power_of_two() {
            warn!(lost, "lines of the access log were left out: nobody reads them fast enough");
        }
    }
}

impl Drop for AccessLog {
    /// Lets the last lines out, if somebody takes them.
    fn drop(&mut self) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = done.recv_timeout(LAST_LINES);
    }
}

fn write(queue: &Receiver<String>, mut writer: impl Write) {
    let mut batch = String::new();
    while let Ok(line) = queue.recv() {
        batch.push_str(&line);
        while batch.len() < BATCH_BYTES
            && let Ok(line) = queue.try_recv()
        {
            batch.push_str(&line);
        }
        // Where nobody can read the lines, nobody can be told so.
        let _ = writer.write_all(batch.as_bytes()).and_then(|()| writer.flush());
        batch.clear();
    }
}

/// A request that will be a line.
#[derive(Debug)]
pub(super) struct Entry {
    log: Arc<AccessLog>,
    /// The line up to the status, but for the user.
    peer: String,
    began: Timestamp,
    asked: String,
    /// What follows the number of bytes.
    client: String,
    user: Option<String>,
    status: u16,
    bytes: u64,
}

impl Entry {
    /// Takes note of a request as it comes in; `target` is its [`target`].
    pub(super) fn of<B>(log: &Arc<AccessLog>, peer: Peer, request: &Request<B>, target: &str) -> Self {
        let mut asked = String::new();
        push_quoted(&mut asked, &format!("{} {target} {}", request.method(), version(request)));
        let mut client = String::new();
        push_header(&mut client, request.headers(), header::REFERER);
        client.push(' ');
        push_header(&mut client, request.headers(), header::USER_AGENT);
        Self {
            log: Arc::clone(log),
            peer: peer.address.map_or_else(|| "-".to_owned(), |address| address.ip().to_string()),
            began: Timestamp::now(),
            asked,
            client,
            user: None,
            status: 0,
            bytes: 0,
        }
    }

    /// Takes note of how it is answered.
    pub(super) fn answered(&mut self, status: u16, user: Option<String>) {
        (self.status, self.user) = (status, user);
    }

    /// Takes note that this many bytes of the answer's body were given out.
    pub(super) fn moved(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    fn line(&self) -> String {
        let user: String = match self.user.as_deref() {
            None | Some("") => "-".to_owned(),
            Some(user) => user
                .chars()
                .map(|next| if next.is_ascii_graphic() && next != '"' { next } else { '_' })
                .collect(),
        };
        let time = self.began.strftime("%d/%b/%Y:%H:%M:%S +0000");
        let Self { peer, asked, client, status, bytes, .. } = self;
        format!("{peer} - {user} [{time}] {asked} {status} {bytes} {client}\n")
    }
}

impl Drop for Entry {
    /// Writes the line when the answer has been sent, or given up. A request without an answer has none.
    fn drop(&mut self) {
        if self.status != 0 {
            self.log.push(self.line());
        }
    }
}

fn version<B>(request: &Request<B>) -> &'static str {
    match request.version() {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// The path, and the query without values that could be secrets.
pub(super) fn target<B>(request: &Request<B>) -> String {
    let mut target = request.uri().path().to_owned();
    let Some(query) = request.uri().query() else { return target };
    for (index, pair) in query.split('&').enumerate() {
        target.push(if index == 0 { '?' } else { '&' });
        match pair.split_once('=') {
            Some((key, value)) if !HARMLESS.contains(&key) && !value.is_empty() => {
                target.push_str(key);
                target.push_str("=(hidden)");
            }
            _ => target.push_str(pair),
        }
    }
    target
}

fn push_header(line: &mut String, headers: &HeaderMap, name: header::HeaderName) {
    let text = headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    push_quoted(line, text.as_deref().unwrap_or_default());
}

fn push_quoted(line: &mut String, text: &str) {
    line.push('"');
    for next in text.chars() {
        match next {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            next if next.is_control() => {
                let _ = write!(line, "\\x{:02x}", u32::from(next));
            }
            next => line.push(next),
        }
    }
    line.push('"');
}

/// Keys of queries whose values anybody may know.
const HARMLESS: [&str; 9] =
    ["n", "last", "digest", "mount", "from", "tag", "artifactType", "digest-algorithm", "service"];
/// How many lines may wait to be written.
const QUEUE: usize = 16 * 1024;
/// How much is written at once, in bytes, unless a line is longer.
const BATCH_BYTES: usize = 64 * 1024;
/// How long the last lines may take when the program ends.
const LAST_LINES: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// What was written, for tests to look at.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(request: Request<()>, user: Option<&str>) -> String {
        let written = Written::default();
        let log = AccessLog::to(written.clone());
        let peer = Peer { address: Some(([192, 0, 2, 1], 4711).into()), tls: false };
        let mut entry = Entry::of(&log, peer, &request, &target(&request));
        entry.began = Timestamp::from_second(1_700_000_000).unwrap();
        entry.answered(200, user.map(str::to_owned));
        entry.moved(3);
        entry.moved(4);
        drop((entry, log));
        String::from_utf8(written.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_request_is_a_line_in_the_combined_format() {
        let request =
            Request::get("/v2/a/tags/list?n=3").header("User-Agent", "crane \"1\"").body(()).unwrap();
        let expected = "192.0.2.1 - - [14/Nov/2023:22:13:20 +0000] \"GET /v2/a/tags/list?n=3 HTTP/1.1\" 200 7 \"\" \"crane \\\"1\\\"\"\n";
        assert_eq!(line(request, None), expected);
    }

    #[test]
    fn what_lets_others_go_on_with_an_upload_is_left_out() {
        let request = Request::put("/v2/a/blobs/uploads/1?_state=abc&digest=sha256:00&x").body(()).unwrap();
        let line = line(request, Some("eve\n\"root"));
        assert!(line.contains("?_state=(hidden)&digest=sha256:00&x HTTP/1.1"), "{line}");
        assert!(line.contains(" - eve__root ["), "{line}");
    }
}
