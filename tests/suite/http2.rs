//! HTTP/2 with prior knowledge: the same registry over other frames.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use wharf_tests::{Image, Server, Settings, noise, path_of, sha256, with_query};

over_local_drivers![
    a_blob_is_pushed_and_pulled,
    many_requests_share_one_connection,
    answers_are_those_of_http_1,
    a_stream_that_is_given_up_harms_no_other,
    a_download_under_way_ends_whole_when_the_program_does,
    a_head_that_is_too_large_harms_no_other,
];

/// A server that speaks HTTP/2 though nothing is encrypted.
fn over_frames(settings: &Settings) -> Server {
    Server::wharf(&settings.clone().with("http.h2c.enabled", true))
}

type Sender = SendRequest<Full<Bytes>>;

async fn connect(server: &Server) -> Sender {
    let stream = TcpStream::connect(server.address()).await.unwrap();
    let (sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn block_on(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

async fn send(sender: &Sender, server: &Server, method: &str, path: &str, body: Bytes) -> Response<Bytes> {
    let request =
        Request::builder().method(method).uri(format!("{}{path}", server.url())).body(Full::new(body));
    let mut sender = sender.clone();
    let (head, body) = sender.send_request(request.unwrap()).await.unwrap().into_parts();
    Response::from_parts(head, body.collect().await.unwrap().to_bytes())
}

async fn push(sender: &Sender, server: &Server, bytes: Bytes) -> String {
    let digest = sha256(&bytes);
    let opened = send(sender, server, "POST", "/v2/a/b/blobs/uploads/", Bytes::new()).await;
    assert_eq!(opened.status(), StatusCode::ACCEPTED);
    let location = path_of(opened.headers()["location"].to_str().unwrap());
    let closing = with_query(&location, &format!("digest={digest}"));
    assert_eq!(send(sender, server, "PUT", &closing, bytes).await.status(), StatusCode::CREATED);
    format!("/v2/a/b/blobs/{digest}")
}

fn a_blob_is_pushed_and_pulled(settings: &Settings) {
    let server = over_frames(settings);
    block_on(async {
        let sender = connect(&server).await;
        let bytes = Bytes::from(noise(1, 20_000_000));
        let path = push(&sender, &server, bytes.clone()).await;
        let answer = send(&sender, &server, "GET", &path, Bytes::new()).await;
        assert_eq!(answer.headers()["content-length"], bytes.len().to_string().as_str());
        assert!(*answer.body() == bytes);
        assert!(server.get(&path).expect(200).body == bytes, "and over HTTP/1.1");
    });
}

fn many_requests_share_one_connection(settings: &Settings) {
    let server = over_frames(settings);
    block_on(async {
        let sender = connect(&server).await;
        let blobs: Vec<Bytes> = (0..40).map(|seed| Bytes::from(noise(seed, 100_000))).collect();
        let pushes = blobs.iter().map(|bytes| push(&sender, &server, bytes.clone()));
        let paths = join_all(pushes).await;
        let pulls = paths.iter().map(|path| send(&sender, &server, "GET", path, Bytes::new()));
        for (answer, bytes) in join_all(pulls).await.iter().zip(&blobs) {
            assert!(answer.body() == bytes);
        }
    });
}

async fn join_all<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<T>> = pending.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, value) in pending.iter_mut().zip(&mut done).filter(|(_, value)| value.is_none()) {
            if let std::task::Poll::Ready(ready) = future.as_mut().poll(context) {
                *value = Some(ready);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

fn answers_are_those_of_http_1(settings: &Settings) {
    let server = over_frames(settings);
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    block_on(async {
        let sender = connect(&server).await;
        let layer = format!("/v2/a/b/blobs/{}", image.layers[0].digest);
        let targets = ["/v2/", "/v2/_catalog", "/v2/a/b/manifests/v1", "/v2/a/b/manifests/unknown", &layer];
        for (method, target) in targets.iter().flat_map(|target| [("GET", target), ("HEAD", target)]) {
            let over_2 = send(&sender, &server, method, target, Bytes::new()).await;
            let over_1 = server.send(&wharf_tests::Request::new(method, target));
            assert_eq!(over_2.status(), over_1.status, "{method} {target}");
            assert_eq!(*over_2.body(), over_1.body, "{method} {target}");
            let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap().to_owned();
            let headers = over_2.headers().iter().map(|(name, value)| (name.to_string(), text(value)));
            let mut headers: Vec<_> =
                headers.filter(|(name, _)| !["date", "x-request-id"].contains(&&**name)).collect();
            headers.sort();
            assert_eq!(headers, over_1.steady_headers(), "{method} {target}");
        }
    });
}

fn a_stream_that_is_given_up_harms_no_other(settings: &Settings) {
    let server = over_frames(settings);
    block_on(async {
        let sender = connect(&server).await;
        let bytes = Bytes::from(noise(2, 10_000_000));
        let path = push(&sender, &server, bytes.clone()).await;
        for _ in 0..20 {
            let request = Request::get(format!("{}{path}", server.url())).body(Full::default()).unwrap();
            let mut answer = sender.clone().send_request(request).await.unwrap().into_body();
            answer.frame().await.unwrap().unwrap();
        }
        assert!(*send(&sender, &server, "GET", &path, Bytes::new()).await.body() == bytes);
    });
}

fn a_download_under_way_ends_whole_when_the_program_does(settings: &Settings) {
    let mut server = over_frames(settings);
    let bytes = Bytes::from(noise(3, 30_000_000));
    block_on(async {
        let sender = connect(&server).await;
        let path = push(&sender, &server, bytes.clone()).await;
        let request = Request::get(format!("{}{path}", server.url())).body(Full::default()).unwrap();
        let mut answer = sender.clone().send_request(request).await.unwrap().into_body();
        let first = answer.frame().await.unwrap().unwrap().into_data().unwrap();
        server.signal(rustix::process::Signal::TERM);
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        let rest = answer.collect().await.unwrap().to_bytes();
        assert!([first, rest].concat() == bytes);
    });
    assert!(server.wait().success(), "{}", server.log());
}

fn a_head_that_is_too_large_harms_no_other(settings: &Settings) {
    let server = over_frames(settings);
    block_on(async {
        let sender = connect(&server).await;
        for length in [70_000, 1_000_000] {
            let request = Request::get(format!("{}/v2/", server.url())).header("x-large", "x".repeat(length));
            let answer = sender.clone().send_request(request.body(Full::default()).unwrap()).await;
            assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 431), "{length} bytes");
        }
        assert_eq!(
            send(&connect(&server).await, &server, "GET", "/v2/", Bytes::new()).await.status(),
            StatusCode::OK
        );
    });
}
