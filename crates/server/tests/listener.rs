//! The listener through real sockets: files as files, two protocols on one port, limits that bite, a drain that waits.
#![cfg(feature = "filesystem")]
#![expect(clippy::unwrap_used, reason = "a test stops at the first failure")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use wharf_api_v2::{Api, Options};
use wharf_cache::NoCache;
use wharf_content::ByteStream;
use wharf_digest::{Algorithm, Digest};
use wharf_registry::Namespace;
use wharf_server::listen::{Cleartext, Limits, Listener};
use wharf_storage::Storage;
use wharf_storage_driver_fs::{Config, FsDriver};

struct Server {
    address: SocketAddr,
    storage: Storage,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let driver = FsDriver::new(Config::new(folder.path())).unwrap();
        let storage = Storage::new(Arc::new(driver), Arc::new(NoCache), wharf_storage::Options::default());
        let api = Api::new(Arc::new(storage.clone()), Options::default());
        let listener = Listener::bind("127.0.0.1:0", limits).await.unwrap();
        let listener = listener.with_cleartext(Cleartext::Http2);
        let address = listener.local_address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move { drop(stopped.await) };
        let task = tokio::spawn(listener.serve(api, stopped, Duration::from_secs(5)));
        Self { address, storage, stop: Some(stop), task, _folder: folder }
    }

    async fn blob(&self, bytes: &Bytes) -> Digest {
        let digest = Algorithm::Sha256.digest(bytes);
        let repository = self.storage.repository(&"files".parse().unwrap());
        let body = ByteStream::new(None, stream::iter([Ok(bytes.clone())]));
        repository.uploads().put(&digest, body).await.unwrap();
        digest
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads one answer that says how long it is.
async fn answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    (head, body)
}

fn get(digest: &Digest, more: &str) -> String {
    format!("GET /v2/files/blobs/{digest} HTTP/1.1\r\nHost: a\r\n{more}\r\n")
}

fn content(len: usize) -> Bytes {
    (0..len).map(|index| (index * 7 + index / 251) as u8).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_every_size_arrive_whole_on_one_connection() {
    let server = Server::start(Limits::default()).await;
    let mut stream = server.connect().await;
    for len in [0, 1, 65_536, 65_537, 1 << 20, (1 << 20) + 1, 7_654_321] {
        let bytes = content(len);
        let digest = server.blob(&bytes).await;
        stream.write_all(get(&digest, "").as_bytes()).await.unwrap();
        let (head, body) = answer(&mut stream).await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        assert!(body == bytes, "{len} bytes came back otherwise");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_sent_ahead_are_answered_in_order() {
    let server = Server::start(Limits::default()).await;
    let (large, small) = (content(3_000_000), content(100));
    let (first, second) = (server.blob(&large).await, server.blob(&small).await);
    let mut stream = server.connect().await;
    let ahead =
        [get(&first, ""), get(&second, ""), get(&first, "Range: bytes=100-2000099\r\n"), get(&second, "")]
            .concat();
    stream.write_all(ahead.as_bytes()).await.unwrap();
    assert!(answer(&mut stream).await.1 == large);
    assert!(answer(&mut stream).await.1 == small);
    assert!(answer(&mut stream).await.1 == large[100..2_000_100]);
    assert!(answer(&mut stream).await.1 == small);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_ranges_of_a_file_come_between_their_borders() {
    let server = Server::start(Limits::default()).await;
    let bytes = content(1_000_000);
    let digest = server.blob(&bytes).await;
    let mut stream = server.connect().await;
    stream.write_all(get(&digest, "Range: bytes=0-299999,500000-799999\r\n").as_bytes()).await.unwrap();
    let (head, body) = answer(&mut stream).await;
    assert!(head.contains("206") && head.contains("multipart/byteranges"), "{head}");
    let holds = |part: &[u8]| body.windows(part.len()).any(|window| window == part);
    assert!(holds(&bytes[..300_000]) && holds(&bytes[500_000..800_000]));
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_is_spoken_on_the_same_port() {
    let server = Server::start(Limits::default()).await;
    let bytes = content(2_000_000);
    let digest = server.blob(&bytes).await;
    let stream = hyper_util::rt::TokioIo::new(server.connect().await);
    let executor = hyper_util::rt::TokioExecutor::new();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(executor, stream).await.unwrap();
    tokio::spawn(connection);
    let uri = format!("http://{}/v2/files/blobs/{digest}", server.address);
    let request = http::Request::get(uri).body(http_body_util::Empty::<Bytes>::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.version(), http::Version::HTTP_2);
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    assert!(body == bytes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_takes_too_long_ends_the_connection() {
    let limits = Limits { header: Duration::from_millis(200), ..Limits::default() };
    let server = Server::start(limits).await;
    for begin in ["", "GET /v2/ HT"] {
        let mut stream = server.connect().await;
        stream.write_all(begin.as_bytes()).await.unwrap();
        let read = timeout(Duration::from_secs(5), stream.read(&mut [0; 64])).await.unwrap();
        assert!(matches!(read, Ok(0) | Err(_)), "{begin:?}: {read:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_closed_and_a_busy_one_is_not() {
    let limits =
        Limits { idle: Duration::from_millis(300), header: Duration::from_millis(300), ..Limits::default() };
    let server = Server::start(limits).await;
    let mut stream = server.connect().await;
    for _ in 0..4 {
        stream.write_all(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.0.starts_with("http/1.1 200"));
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    let read = timeout(Duration::from_secs(5), stream.read(&mut [0; 64])).await.unwrap();
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_stops_is_given_up() {
    let limits = Limits { stall: Duration::from_secs(1), min_rate: 512, ..Limits::default() };
    let server = Server::start(limits).await;
    let mut stream = server.connect().await;
    let digest = Algorithm::Sha256.digest(b"never");
    let head = format!(
        "POST /v2/files/blobs/uploads/?digest={digest} HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\nabc"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ended_or_reset = timeout(Duration::from_secs(10), stream.read_to_end(&mut text)).await.unwrap();
    let text = String::from_utf8_lossy(&text);
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stops_is_given_up() {
    let limits = Limits { stall: Duration::from_secs(1), ..Limits::default() };
    let server = Server::start(limits).await;
    let digest = server.blob(&content(40_000_000)).await;
    let mut stream = server.connect().await;
    stream.write_all(get(&digest, "").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(4)).await;
    let mut taken = Vec::new();
    let _ended_or_reset = timeout(Duration::from_secs(10), stream.read_to_end(&mut taken)).await.unwrap();
    assert!(taken.len() < 40_000_000, "the server waited for a reader that had stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_is_finished_after_the_word_to_stop() {
    let mut server = Server::start(Limits::default()).await;
    let bytes = content(40_000_000);
    let digest = server.blob(&bytes).await;
    let mut stream = server.connect().await;
    stream.write_all(get(&digest, "").as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(server.stop.take());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(
        TcpStream::connect(server.address).await.is_err(),
        "a new connection was accepted while draining"
    );
    assert!(answer(&mut stream).await.1 == bytes);
    timeout(Duration::from_secs(5), server.task).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_bytes_arrive_though_the_client_still_talks() {
    let server = Server::start(Limits::default()).await;
    let bytes = content(1_000_000);
    let digest = server.blob(&bytes).await;
    for _ in 0..5 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(32 * 1024).unwrap();
        let mut stream = socket.connect(server.address).await.unwrap();
        stream.write_all(get(&digest, "Connection: close\r\n").as_bytes()).await.unwrap();
        // By now the server has nothing left to write, and the system holds most of the answer.
        tokio::time::sleep(Duration::from_millis(200)).await;
        stream.write_all(b"and another thing").await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(answer(&mut stream).await.1 == bytes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_over_the_limit_is_refused() {
    let server = Server::start(Limits { header_bytes: 16 * 1024, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    let head = format!("GET /v2/ HTTP/1.1\r\nHost: a\r\nX-Large: {}\r\n\r\n", "a".repeat(20_000));
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ended_or_reset = timeout(Duration::from_secs(5), stream.read_to_end(&mut text)).await.unwrap();
    assert!(text.starts_with(b"HTTP/1.1 431"), "{}", String::from_utf8_lossy(&text));
}
