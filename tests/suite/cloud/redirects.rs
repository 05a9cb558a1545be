//! Clients that are sent to the store for the bytes of a blob: what they find there, and that real ones go.

use wharf_tests::{Answer, Connection, Request, Server, Settings, noise, scratch};

use crate::clients::crane::Crane;
use crate::clients::skopeo::Skopeo;
use crate::clients::{assert_same_content, images};

over!(minio: a_client_is_sent_to_the_store, skopeo_and_crane_get_back_what_the_other_pushed);
over!(versitygw: a_client_is_sent_to_the_store);
over!(ceph: a_client_is_sent_to_the_store);
over!(azurite: a_client_is_sent_to_the_store, skopeo_and_crane_get_back_what_the_other_pushed);

/// Asks for a URL, wherever it leads, without a word about who asks.
fn follow(url: &str, method: &str, range: Option<&str>) -> Answer {
    let host = url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("a URL");
    let mut connection = Connection::open(host.parse().unwrap()).unwrap();
    let mut request = Request::new(method, &wharf_tests::path_of(url));
    if let Some(range) = range {
        request = request.header("Range", range);
    }
    connection.send(&request).unwrap();
    connection.answer(method).unwrap()
}

fn a_client_is_sent_to_the_store(settings: &Settings) {
    let server = Server::wharf(&settings.clone().redirecting());
    let bytes = noise(1, 300_000);
    let target = format!("/v2/a/b/blobs/{}", server.push_blob("a/b", bytes.clone()));
    let answer = server.get(&target).expect(307);
    assert!(answer.body.is_empty());
    let url = answer.the("location").to_owned();
    assert!(url.starts_with(&format!("http://{}/", server.room().place().address)), "{url}");
    assert!(follow(&url, "GET", None).expect(200).body == bytes);
    assert!(follow(&url, "GET", Some("bytes=1000-1999")).expect(206).body == bytes[1_000..2_000]);
    // Whoever changes a letter gets nothing.
    let last = if url.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{last}", &url[..url.len() - 1]);
    follow(&forged, "GET", None).assert_status(403);
    // The specification wants digest and size of a HEAD, and a store would not tell the first.
    server.head(&target).assert_status(200);
    let unknown = format!("/v2/a/b/blobs/{}", wharf_tests::sha256(b"unknown"));
    server.get(&unknown).assert_error(404, "BLOB_UNKNOWN");
}

fn skopeo_and_crane_get_back_what_the_other_pushed(settings: &Settings) {
    let (Some(skopeo), Some(crane)) = (Skopeo::installed(), Crane::installed()) else { return };
    let server = Server::wharf(&settings.clone().redirecting());
    for (repository, image) in images() {
        let scratch = scratch();
        let layout = image.write_layout(&scratch.path().join("pushed"), "latest");
        let reference = |client: &str| format!("{}/{repository}:{client}", server.address());
        skopeo.push(&layout, &reference("skopeo"));
        crane.push(&layout, &reference("crane"));
        for (number, (one, other)) in [("skopeo", "crane"), ("crane", "skopeo")].into_iter().enumerate() {
            let pulled = scratch.path().join(format!("pulled-{number}"));
            if other == "crane" {
                crane.pull(&reference(one), &pulled);
            } else {
                skopeo.pull(&reference(one), &pulled);
            }
            assert_same_content(&layout.folder, &pulled);
        }
    }
}
