//! Memory is bounded by configuration, not by clients: resident memory while idle, while many push, while many pull slowly.
//!
//! What is held against a limit is all resident memory (`VmRSS`, at its peak `VmHWM`), pages of the program itself included;
//! the anonymous part of it (`RssAnon`) is printed beside it. The page cache, which holds the files, belongs to nobody.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use wharf_tests::{Connection, Request, Server, Settings, noise, with_query};

const IDLE_LIMIT: u64 = 20_000_000;

const PUSHES: usize = 64;
const PUSHED_BYTES: usize = 50_000_000;
const PUSHES_LIMIT: u64 = 50_000_000;

const PULLS: usize = 200;
const PULLED_BYTES: usize = 10_000_000;
const PULLS_LIMIT: u64 = 20_000_000;
/// How much each slow client reads at a time, and how long it waits in between: 2.6 MB/s.
const SIP_BYTES: usize = 64 << 10;
const SIP_PAUSE: Duration = Duration::from_millis(25);

/// Is resident memory of a process, in bytes.
#[derive(Clone, Copy)]
struct Resident {
    all: u64,
    peak: u64,
    anonymous: u64,
}

impl Resident {
    fn of(server: &Server) -> Resident {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
        };
        Resident { all: field("VmRSS:"), peak: field("VmHWM:"), anonymous: field("RssAnon:") }
    }
}

/// Does something to a server and fails the test when it added more resident memory than its limit.
#[track_caller]
fn assert_adds_at_most(limit: u64, what: &str, server: &Server, work: impl FnOnce()) {
    let before = Resident::of(server);
    // What was there at most before counts no more.
    fs::write(format!("/proc/{}/clear_refs", server.pid()), "5").unwrap();
    let done = AtomicBool::new(false);
    let most_anonymous = thread::scope(|scope| {
        let sampling = scope.spawn(|| {
            let mut most = 0;
            while !done.load(Ordering::Relaxed) {
                most = most.max(Resident::of(server).anonymous);
                sleep(Duration::from_millis(5));
            }
            most
        });
        // Also after a panic: else the sampling never ends.
        let result = catch_unwind(AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| resume_unwind(panic));
        sampling.join().unwrap()
    });
    let after = Resident::of(server);
    let added = after.peak.saturating_sub(before.all);
    let [added_mb, idle, peak, left] = [added, before.all, after.peak, after.all].map(megabytes);
    let [idle_anonymous, most_anonymous] = [before.anonymous, most_anonymous].map(megabytes);
    println!("MEMORY {what}: +{added_mb} MB, from {idle} to {peak} and back to {left} MB");
    println!("MEMORY {what}: anonymous of it from {idle_anonymous} to {most_anonymous} MB");
    assert!(added <= limit, "{what} added {added_mb} MB");
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

#[test]
fn an_idle_server_takes_less_than_20_mb() {
    let server = Server::wharf(&Settings::filesystem());
    server.get("/v2/").assert_status(200);
    sleep(Duration::from_millis(500));
    let idle = Resident::of(&server);
    println!("MEMORY idle: {} MB, {} of it anonymous", megabytes(idle.all), megabytes(idle.anonymous));
    assert!(idle.peak < IDLE_LIMIT, "{} MB", megabytes(idle.peak));
}

#[test]
fn sixty_four_pushes_of_50_mb_at_once_add_at_most_50_mb() {
    let server = Server::wharf(&Settings::filesystem());
    server.get("/v2/").assert_status(200);
    // Every blob is another one, but only by its end: one is made, and hashed up to there.
    let body = noise(1, PUSHED_BYTES - 8);
    let hash = Sha256::new().chain_update(&body);
    let uploads: Vec<String> = (0..PUSHES).map(|_| server.open_upload("memory/pushes")).collect();
    let push_all = || {
        thread::scope(|scope| {
            for (client, at) in uploads.iter().enumerate() {
                let (server, body, hash) = (&server, &body, hash.clone());
                scope.spawn(move || {
                    let end = client.to_le_bytes();
                    let hash = hash.chain_update(end).finalize();
                    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
                    push(server, at, &format!("sha256:{hex}"), &[body, &end], client.is_multiple_of(2));
                });
            }
        });
    };
    assert_adds_at_most(PUSHES_LIMIT, "64 pushes of 50 MB", &server, push_all);
}

/// Sends a body to an upload in one request, or in one that appends and one that closes.
fn push(server: &Server, at: &str, digest: &str, body: &[&[u8]], one_request: bool) {
    let mut connection = server.connect();
    let close = |at: &str| with_query(at, &format!("digest={digest}"));
    let length = body.iter().map(|part| part.len()).sum::<usize>().to_string();
    let request = if one_request { Request::new("PUT", &close(at)) } else { Request::new("PATCH", at) };
    connection.send(&request.header("Content-Length", length)).unwrap();
    for part in body {
        connection.raw(part).unwrap();
    }
    let answer = connection.answer("PUT").unwrap();
    if one_request {
        return answer.assert_status(201);
    }
    let location = answer.expect(202).location();
    server.send(&Request::put(&close(&location))).assert_status(201);
}

#[test]
fn two_hundred_slow_pulls_of_10_mb_at_once_add_at_most_20_mb() {
    let server = Server::wharf(&Settings::filesystem());
    let blob = noise(2, PULLED_BYTES);
    let digest = server.push_blob("memory/pulls", blob.clone());
    let target = format!("/v2/memory/pulls/blobs/{digest}");
    assert_adds_at_most(PULLS_LIMIT, "200 slow pulls of 10 MB", &server, || {
        pull_slowly(&server, &target, &blob)
    });
}

/// Lets many clients pull the same at once, in small sips, and compares every byte.
fn pull_slowly(server: &Server, target: &str, blob: &[u8]) {
    let mut connections: Vec<Connection> = (0..PULLS).map(|_| server.connect()).collect();
    for connection in &mut connections {
        connection.send(&Request::get(target)).unwrap();
    }
    for connection in &mut connections {
        let head = connection.answer_head().unwrap().expect(200);
        assert_eq!(head.the("content-length"), blob.len().to_string());
    }
    let mut sip = [0; SIP_BYTES];
    for expected in blob.chunks(SIP_BYTES) {
        for connection in &mut connections {
            let sip = &mut sip[..expected.len()];
            read_exactly(connection, sip);
            assert!(sip == expected, "other bytes came");
        }
        sleep(SIP_PAUSE);
    }
}

fn read_exactly(connection: &mut Connection, mut into: &mut [u8]) {
    while !into.is_empty() {
        let read = connection.read(into).unwrap();
        assert!(read > 0, "the answer ended early");
        into = &mut into[read..];
    }
}
