//! How many requests each operation costs, counted on the wire between Wharf and its store: each is a round trip, and many
//! stores are paid by the request.

use bytes::Bytes;
use serde_json::json;
use wharf_tests::{
    Counts, Image, OCI_MANIFEST, Part, Request, Room, Server, archive, noise, sha256, with_query,
};

use super::Watched;

/// How many tags there are to list a hundred of.
const TAGS: usize = 100_000;

/// How many of them one request puts into the store.
const TAGS_AT_ONCE: usize = 20_000;

/// Is what was counted: an operation, the most that it may cost, what it cost.
pub(super) struct Table {
    part: Part,
    rows: Vec<(String, usize, Counts)>,
}

impl Table {
    pub(super) fn new(part: Part) -> Table {
        Table { part, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, watched: &Watched, what: &str, most: usize, work: impl FnOnce()) {
        let counts = watched.proxy.count(work);
        println!("\nREQUESTS {:?}, {what}: {counts}, at most {most}", self.part);
        self.rows.push((what.to_owned(), most, counts));
    }

    pub(super) fn assert_within(&self) {
        let above: Vec<String> = self
            .rows
            .iter()
            .filter(|(_, most, counts)| counts.all() > *most)
            .map(|(what, most, counts)| {
                format!("{what}: {counts}, not {most}\n{}", counts.requests.join("\n"))
            })
            .collect();
        assert!(above.is_empty(), "{}", above.join("\n"));
    }
}

#[test]
fn each_operation_costs_few_requests_of_minio() {
    count(Part::Minio);
}

#[test]
fn each_operation_costs_few_requests_of_ceph() {
    count(Part::Ceph);
}

fn count(part: Part) {
    let Some(watched) = Watched::new(part) else { return };
    let server = watched.server();
    // What a store can do is found out once, at the first write that needs to know.
    push_in_three(&server, &Bytes::from_static(b"first"));
    let mut table = Table::new(part);
    blobs(&mut table, &watched, &server);
    large_blobs(&mut table, &watched, &server);
    manifests(&mut table, &watched, &server);
    deletes(&mut table, &watched, &server);
    table.assert_within();
}

fn blobs(table: &mut Table, watched: &Watched, server: &Server) {
    let contents = [1, 2, 3].map(|seed| Bytes::from(noise(seed, 4_000)));
    table.row(watched, "small blob by POST, PATCH, PUT", 9, || push_in_three(server, &contents[0]));
    table.row(watched, "small blob by POST, PUT", 5, || drop(server.push_blob("a/b", contents[1].clone())));
    table.row(watched, "small blob by one POST", 5, || push_in_one(server, &contents[2]));
    let blob = format!("/v2/a/b/blobs/{}", sha256(&contents[0]));
    table.row(watched, "HEAD of a blob, warm", 0, || server.head(&blob).assert_status(200));
    table.row(watched, "GET of a small blob, warm", 1, || server.get(&blob).assert_status(200));
    let mount = format!("/v2/a/c/blobs/uploads/?mount={}&from=a/b", sha256(&contents[0]));
    table.row(watched, "mount of a blob, warm", 1, || server.send(&Request::post(&mount)).assert_status(201));
    let cold = watched.server();
    table.row(watched, "HEAD of a blob, cold", 2, || cold.head(&blob).assert_status(200));
    let cold = watched.server();
    table.row(watched, "GET of a small blob, cold", 3, || cold.get(&blob).assert_status(200));
    let unknown = format!("/v2/a/b/blobs/{}", sha256(b"unknown"));
    table.row(watched, "HEAD of a blob that is not there", 3, || server.head(&unknown).assert_status(404));
    table.row(watched, "an upload that is cancelled", 5, || {
        let at = server.open_upload("a/b");
        server.delete(&at).assert_status(204);
    });
}

fn push_in_three(server: &Server, content: &Bytes) {
    let at = server.open_upload("a/b");
    let at = server.send(&Request::patch(&at).body(content.clone())).expect(202).location();
    let closing = with_query(&at, &format!("digest={}", sha256(content)));
    server.send(&Request::put(&closing)).assert_status(201);
}

fn push_in_one(server: &Server, content: &Bytes) {
    let target = format!("/v2/a/b/blobs/uploads/?digest={}", sha256(content));
    server.send(&Request::post(&target).body(content.clone())).assert_status(201);
}

fn large_blobs(table: &mut Table, watched: &Watched, server: &Server) {
    // Three parts of 10 MiB, begun and completed: five requests that nobody can save.
    let contents = [11, 12].map(|seed| Bytes::from(noise(seed, 25_000_000)));
    table.row(watched, "25 MB by POST, PUT", 9, || drop(server.push_blob("a/b", contents[0].clone())));
    table.row(watched, "25 MB by POST, PATCH, PUT", 19, || push_in_three(server, &contents[1]));
    let blob = format!("/v2/a/b/blobs/{}", sha256(&contents[0]));
    table.row(watched, "GET of 25 MB, warm", 1, || server.get(&blob).assert_status(200));
}

fn manifests(table: &mut Table, watched: &Watched, server: &Server) {
    let image = Image::tiny(21);
    for blob in image.blobs() {
        server.push_blob("a/b", blob.bytes.clone());
    }
    let put = |server: &Server, tag: &str| {
        server
            .put_manifest("a/b", tag, image.manifest.media_type, image.manifest.bytes.clone())
            .assert_status(201);
    };
    table.row(watched, "PUT of a manifest with two blobs by tag", 8, || put(server, "v1"));
    table.row(watched, "PUT of the same manifest by another tag", 8, || put(server, "v2"));
    let get = |server: &Server, reference: &str| server.get_manifest("a/b", reference).assert_status(200);
    table.row(watched, "GET of a manifest by tag, warm", 1, || get(server, "v1"));
    table.row(watched, "GET of a manifest by digest, warm", 0, || get(server, &image.manifest.digest));
    let cold = watched.server();
    table.row(watched, "GET of a manifest by tag, cold", 3, || get(&cold, "v1"));
    let cold = watched.server();
    table.row(watched, "GET of a manifest by digest, cold", 2, || get(&cold, &image.manifest.digest));
    let artifact = json!({
        "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "application/vnd.example",
        "config": image.config.descriptor(), "layers": [], "subject": image.manifest.descriptor(),
    });
    table.row(watched, "PUT of a manifest about another by digest", 12, || {
        let digest = sha256(artifact.to_string().as_bytes());
        server.put_manifest("a/b", &digest, OCI_MANIFEST, artifact.to_string()).assert_status(201);
    });
    let referrers = format!("/v2/a/b/referrers/{}", image.manifest.digest);
    // Once for each repository somebody has to look whether there are some from before.
    table.row(watched, "referrers, the first time", 16, || server.get(&referrers).assert_status(200));
    table.row(watched, "referrers", 4, || server.get(&referrers).assert_status(200));
    table.row(watched, "all of two tags", 1, || server.get("/v2/a/b/tags/list").assert_status(200));
}

fn deletes(table: &mut Table, watched: &Watched, server: &Server) {
    let blob = server.push_blob("a/b", noise(31, 4_000));
    table.row(watched, "DELETE of a blob", 4, || {
        server.delete(&format!("/v2/a/b/blobs/{blob}")).assert_status(202);
    });
    table.row(watched, "DELETE of a tag", 3, || server.delete("/v2/a/b/manifests/v2").assert_status(202));
    let image = Image::tiny(21).manifest.digest;
    table.row(watched, "DELETE of a manifest with a tag", 20, || {
        server.delete(&format!("/v2/a/b/manifests/{image}")).assert_status(202);
    });
}

#[test]
fn a_page_of_100_among_100_000_tags_costs_two_requests_wherever_it_begins() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let mut names: Vec<String> = (0..TAGS / 2).map(|n| format!("build-{n:05}")).collect();
    names.extend((0..TAGS / 2).map(|n| format!("v{}.{}.{}", n / 2_500, n / 50 % 50, n % 50)));
    put_tags(&watched.room, &names);
    names.sort();
    let server = watched.server();
    let mut table = Table::new(Part::Minio);
    for start in [0, 1, 777, TAGS / 2 - 50, TAGS / 2, TAGS * 3 / 4, TAGS - 50] {
        let mut target = "/v2/many/tags/list?n=100".to_owned();
        if start > 0 {
            target += &format!("&last={}", names[start - 1]);
        }
        table.row(&watched, &format!("100 of {TAGS} tags from number {start}"), 2, || {
            let tags = server.get(&target).expect(200).json();
            let tags: Vec<&str> =
                tags["tags"].as_array().unwrap().iter().filter_map(|tag| tag.as_str()).collect();
            assert_eq!(tags, names[start..TAGS.min(start + 100)]);
        });
    }
    table.assert_within();
}

/// Puts links of tags into the bucket. One by one would take minutes; MinIO unpacks archives.
fn put_tags(room: &Room, names: &[String]) {
    let folder = room.key("repositories/many/_manifests/tags");
    let headers =
        [("x-amz-meta-minio-snowball-prefix", folder.as_str()), ("x-amz-meta-snowball-auto-extract", "true")];
    let link = sha256(b"a manifest");
    for (number, names) in names.chunks(TAGS_AT_ONCE).enumerate() {
        let files = names.iter().map(|name| (format!("{name}/current/link"), link.as_bytes()));
        room.store().put(&room.key(&format!("archive-{number}.tar")), &headers, archive(files)).unwrap();
    }
    assert_eq!(room.store().keys(&format!("{folder}/build-00000/")).unwrap().len(), 1);
}
