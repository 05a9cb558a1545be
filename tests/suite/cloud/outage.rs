//! A store that is down: everybody is told so, by when to come again, and afterwards everything goes on.

use std::time::{Duration, Instant};

use bytes::Bytes;
use wharf_tests::{Answer, Chance, Fault, Image, Part, Request, Rule, Server, noise, sha256, with_query};

use super::Watched;
use super::faults::hurried;
use super::patient::received;

#[test]
fn a_store_that_is_too_busy_for_anything_is_told_as_503_and_then_all_goes_on() {
    go_down_and_come_back(Part::Minio, Fault::Refused(503, "SlowDown"));
}

#[test]
fn a_store_that_fails_at_everything_is_told_as_503_and_then_all_goes_on() {
    go_down_and_come_back(Part::Minio, Fault::Refused(500, "InternalError"));
}

#[test]
fn a_store_that_counts_requests_is_told_as_503_and_then_all_goes_on() {
    go_down_and_come_back(Part::Minio, Fault::Refused(429, "TooManyRequests"));
}

#[test]
fn a_store_that_hangs_up_is_told_as_503_and_then_all_goes_on() {
    go_down_and_come_back(Part::Minio, Fault::ResetInRequest);
}

#[test]
fn an_azure_that_is_too_busy_for_anything_is_told_as_503_and_then_all_goes_on() {
    go_down_and_come_back(Part::Azurite, Fault::Refused(503, "ServerBusy"));
}

#[track_caller]
fn assert_told(answer: &Answer, server: &Server) {
    assert!([429, 503].contains(&answer.status), "{answer:?}\n{}", server.log());
    let after: Option<u32> = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
    assert!(after.is_some_and(|seconds| seconds > 0), "{answer:?}");
}

fn go_down_and_come_back(part: Part, fault: Fault) {
    let Some(watched) = Watched::new(part) else { return };
    let server = Server::wharf(&hurried(watched.settings(), part));
    let image = Image::tiny(1);
    server.push_image("a/b", "v1", &image);
    // One upload with parts in the store, one without.
    let uploads = [(noise(1, 30_000_000), 25_000_000), (noise(2, 100_000), 50_000)]
        .map(|(bytes, sent)| Begun::new(&server, bytes.into(), sent));
    // Nobody asks a store for what is remembered, so some things are asked for by one who remembers nothing.
    let cold = Server::wharf(&hurried(watched.settings(), part));
    watched.proxy.break_by(vec![Rule::new(&[], Chance::Always, fault)]);
    let blob = format!("/v2/a/b/blobs/{}", image.layers[0].digest);
    let put = Request::put("/v2/a/b/manifests/v2").header("Content-Type", image.manifest.media_type);
    let requests = [
        Request::get(&blob),
        Request::head(&blob),
        Request::get("/v2/a/b/manifests/v1"),
        Request::get("/v2/a/b/tags/list"),
        Request::get("/v2/_catalog"),
        put.body(image.manifest.bytes.clone()),
        Request::delete("/v2/a/b/manifests/v1"),
        Request::post(&format!("/v2/a/b/blobs/uploads/?digest={}", sha256(b"x"))).body("x"),
    ];
    for request in &requests {
        assert_told(&cold.send(request), &cold);
    }
    for upload in &uploads {
        assert_told(&server.send(&upload.next()), &server);
        assert_told(&server.send(&upload.closing(upload.sent)), &server);
    }

    watched.proxy.break_by(Vec::new());
    for upload in &uploads {
        upload.go_on(&server);
    }
    server.assert_holds("a/b", "v1", &image);
    cold.assert_holds("a/b", "v1", &image);
}

/// Is an upload of which some was acknowledged.
struct Begun {
    bytes: Bytes,
    sent: usize,
    at: String,
}

impl Begun {
    fn new(server: &Server, bytes: Bytes, sent: usize) -> Begun {
        let patch = Request::patch(&server.open_upload("a/b")).body(bytes.slice(..sent));
        let at = server.send(&patch).expect(202).location();
        Begun { bytes, sent, at }
    }

    fn next(&self) -> Request {
        let range = format!("{}-{}", self.sent, self.bytes.len() - 1);
        Request::patch(&self.at).header("Content-Range", range).body(self.bytes.slice(self.sent..))
    }

    fn closing(&self, from: usize) -> Request {
        let at = with_query(&self.at, &format!("digest={}", sha256(&self.bytes)));
        let range = format!("{from}-{}", self.bytes.len() - 1);
        Request::put(&at).header("Content-Range", range).body(self.bytes.slice(from..))
    }

    /// Asks how far it is and sends the rest.
    #[track_caller]
    fn go_on(&self, server: &Server) {
        let status = server.get(&self.at).expect(204);
        let received = received(&status);
        assert!((self.sent..=self.bytes.len()).contains(&received), "{received} of {}", self.sent);
        let closing = with_query(&status.location(), &format!("digest={}", sha256(&self.bytes)));
        let rest = Request::put(&closing).body(self.bytes.slice(received..));
        server.send(&rest).assert_status(201);
        let pulled = server.get(&format!("/v2/a/b/blobs/{}", sha256(&self.bytes))).expect(200);
        assert!(pulled.body == self.bytes, "it is something else");
    }
}

#[test]
fn a_store_that_never_answers_is_told_as_503_within_the_named_times() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let settings = hurried(watched.settings(), Part::Minio);
    Server::wharf(&settings).push_image("a/b", "v1", &Image::tiny(1));
    let cold = Server::wharf(&settings);
    let stall = Fault::StallBeforeAnswer(Duration::from_secs(300));
    watched.proxy.break_by(vec![Rule::new(&[], Chance::Always, stall)]);
    let began = Instant::now();
    assert_told(&cold.get("/v2/a/b/manifests/v1"), &cold);
    let took = began.elapsed();
    println!("\nFAULTS a store that never answers is given up after {took:.1?}");
    // Three attempts of two seconds, and what lies between.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
