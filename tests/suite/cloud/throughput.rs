//! A blob of 1 GB through a bucket: byte by byte the same, in memory that does not grow with it. How fast that is, beside
//! Amazon's own client, `tests/parts/throughput` says.

use std::time::Instant;

use sha2::{Digest as _, Sha256};
use wharf_tests::{Part, Request, Server, Settings, noise, with_query};

const BYTES: usize = 1_000_000_000;

/// The blob is this piece again and again, with its number at its beginning: it is never held whole.
const PIECE: usize = 1_000_000;

/// The most resident memory that the server may ever have, in bytes.
const MEMORY_LIMIT: u64 = 100_000_000;

/// Is a large blob that is made while it is sent.
struct Large {
    piece: Vec<u8>,
}

impl Large {
    fn new(seed: u64) -> Large {
        Large { piece: noise(seed, PIECE) }
    }

    fn each_piece(&self, mut work: impl FnMut(&[u8])) {
        let mut piece = self.piece.clone();
        for number in 0..(BYTES / PIECE) as u64 {
            piece[..8].copy_from_slice(&number.to_le_bytes());
            work(&piece);
        }
    }

    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        self.each_piece(|piece| hash.update(piece));
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

#[test]
fn a_blob_of_1_gb_goes_through_100_mb_of_memory_over_minio() {
    go_through(Part::Minio);
}

#[test]
fn a_blob_of_1_gb_goes_through_100_mb_of_memory_over_azurite() {
    go_through(Part::Azurite);
}

fn go_through(part: Part) {
    let Some(settings) = Settings::part(part) else { return };
    let server = Server::wharf(&settings);
    for (seed, way) in [(1, "POST and PUT"), (2, "POST, PATCH and PUT")] {
        let large = Large::new(seed);
        let digest = large.digest();
        let at = server.open_upload("large");
        measured(&server, part, &format!("pushed by {way}"), || {
            push(&server, &large, &at, &digest, seed == 1)
        });
        measured(&server, part, &format!("pushed by {way}, pulled"), || pull(&server, &large, &digest));
        server.delete(&format!("/v2/large/blobs/{digest}")).assert_status(202);
        server.room().store().delete_all(&server.room().key("blobs/")).unwrap();
    }
}

fn measured(server: &Server, part: Part, what: &str, work: impl FnOnce()) {
    server.forget_peak_memory();
    let began = Instant::now();
    work();
    let rate = BYTES as f64 / 1e6 / began.elapsed().as_secs_f64();
    let peak = server.peak_memory();
    println!("\nTHROUGHPUT {part:?}: 1 GB {what}: {rate:.0} MB/s, {} MB of memory at most", peak / 1_000_000);
    assert!(peak <= MEMORY_LIMIT, "{what} took {peak} bytes of memory");
}

fn push(server: &Server, large: &Large, at: &str, digest: &str, in_one_request: bool) {
    let closing = |at: &str| with_query(at, &format!("digest={digest}"));
    let request = if in_one_request { Request::new("PUT", &closing(at)) } else { Request::new("PATCH", at) };
    let mut connection = server.connect();
    connection.send(&request.header("Content-Length", BYTES.to_string())).unwrap();
    large.each_piece(|piece| connection.raw(piece).unwrap());
    let answer = connection.answer(request_method(in_one_request)).unwrap();
    if in_one_request {
        return answer.assert_status(201);
    }
    let location = answer.expect(202).location();
    server.send(&Request::put(&closing(&location))).assert_status(201);
}

fn request_method(in_one_request: bool) -> &'static str {
    if in_one_request { "PUT" } else { "PATCH" }
}

fn pull(server: &Server, large: &Large, digest: &str) {
    let mut connection = server.connect();
    connection.send(&Request::get(&format!("/v2/large/blobs/{digest}"))).unwrap();
    let head = connection.answer_head().unwrap().expect(200);
    assert_eq!(head.the("content-length"), BYTES.to_string());
    let mut pulled = vec![0; PIECE];
    large.each_piece(|piece| {
        let mut filled = 0;
        while filled < pulled.len() {
            let read = connection.read(&mut pulled[filled..]).unwrap();
            assert!(read > 0, "the answer ended early");
            filled += read;
        }
        assert!(pulled == piece, "other bytes came");
    });
}
