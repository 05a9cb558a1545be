//! What was acknowledged is there after a crash, and whole; what was not is absent or whole.
//!
//! A journal takes down everything that a client asks for before it asks, and every acknowledgement when it comes. After
//! the crash the server is asked for all of it.

mod faults;
mod kill;
mod power;

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, sleep};
use std::time::Duration;

use bytes::Bytes;
use wharf_tests::{
    Answer, Blob, Connection, Image, OCI_MANIFEST, Request, Server, noise, sha256, with_query,
};

/// How many clients push at the same time.
const CLIENTS: usize = 8;

/// Is one image with where it is to go.
struct Push {
    repository: String,
    tag: String,
    image: Image,
}

impl Push {
    /// Makes one with layers of different sizes: some fit into one request of a store, some do not. Every fourth repository
    /// is the same.
    fn new(n: usize) -> Push {
        let bytes = [1_000, 200_000, 900_000][n % 3];
        let image = Image::new(7_000 + n as u64, 2, bytes);
        Push { repository: format!("crash/{}", n % 4), tag: format!("push-{n}"), image }
    }
}

/// Is something that a client asked for: a path to get it at, and what has to come.
struct Tried {
    bytes: Bytes,
    acknowledged: bool,
}

/// Knows what was tried and what was acknowledged.
#[derive(Default)]
struct Journal {
    tried: Mutex<BTreeMap<String, Tried>>,
    acknowledgements: AtomicUsize,
    /// Answers that were neither an acknowledgement nor cut off.
    refusals: Mutex<Vec<String>>,
    /// Set when what is said from now on counts no more.
    closed: AtomicBool,
}

impl Journal {
    fn try_it(&self, target: &str, bytes: &Bytes) {
        let tried = Tried { bytes: bytes.clone(), acknowledged: false };
        self.tried.lock().unwrap().entry(target.to_owned()).or_insert(tried);
    }

    fn acknowledge(&self, target: &str) {
        if self.closed.load(Ordering::SeqCst) {
            return;
        }
        self.tried.lock().unwrap().get_mut(target).expect("it was tried").acknowledged = true;
        self.acknowledgements.fetch_add(1, Ordering::Relaxed);
    }

    /// Fails the test unless everything that was acknowledged is there and whole, and nothing is there that is not whole.
    #[track_caller]
    fn assert_kept(&self, server: &Server) {
        let mut connection = server.connect();
        for (target, tried) in &*self.tried.lock().unwrap() {
            let answer = tell(&mut connection, &get(target)).unwrap();
            match answer.status {
                200 => assert!(answer.body == tried.bytes, "{target} is broken: {answer:?}"),
                404 => assert!(!tried.acknowledged, "{target} was acknowledged and is gone"),
                _ => panic!("{target}: {answer:?}"),
            }
        }
    }
}

/// Fails the test unless every tag that is listed can be pulled, to the last layer.
#[track_caller]
fn assert_every_tag_can_be_pulled(server: &Server) {
    let mut connection = server.connect();
    let mut ask = |target: &str| tell(&mut connection, &get(target)).unwrap().expect(200);
    let catalog = ask("/v2/_catalog?n=1000").json();
    for repository in catalog["repositories"].as_array().unwrap() {
        let repository = repository.as_str().unwrap();
        let tags = ask(&format!("/v2/{repository}/tags/list")).json();
        for tag in tags["tags"].as_array().into_iter().flatten() {
            let manifest = ask(&format!("/v2/{repository}/manifests/{}", tag.as_str().unwrap()));
            assert_eq!(manifest.the("docker-content-digest"), sha256(&manifest.body));
            let manifest = manifest.json();
            for blob in manifest["layers"].as_array().unwrap().iter().chain([&manifest["config"]]) {
                let digest = blob["digest"].as_str().unwrap();
                let content = ask(&format!("/v2/{repository}/blobs/{digest}")).body;
                assert!(sha256(&content) == digest, "{digest} of {repository} is broken");
            }
        }
    }
}

/// Fails the test when a server has complained about something.
#[track_caller]
fn assert_clean(server: &Server) {
    let log = server.log();
    let complains =
        |line: &&str| ["ERROR", "WARN", "panic", "=error", "=warn"].iter().any(|word| line.contains(word));
    let complaints: Vec<&str> = log.lines().filter(complains).collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

/// Lets clients push what is left of the pushes until something ends them, which `crash` does after so many further
/// acknowledgements and a moment. What did not succeed is left for the next round, as clients try again.
fn push_until_crash(
    address: SocketAddr,
    pushes: &Mutex<VecDeque<Push>>,
    journal: &Journal,
    moment: &Moment,
    crash: impl FnOnce(),
) {
    let until = journal.acknowledgements.load(Ordering::Relaxed) + moment.acknowledgements;
    let working = AtomicUsize::new(CLIENTS);
    let client = || {
        push_until_failure(address, pushes, journal);
        working.fetch_sub(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(client);
        }
        while journal.acknowledgements.load(Ordering::Relaxed) < until && working.load(Ordering::Relaxed) > 0
        {
            sleep(Duration::from_micros(100));
        }
        sleep(moment.delay);
        crash();
    });
    let refusals = journal.refusals.lock().unwrap();
    assert!(refusals.is_empty(), "{refusals:#?}");
}

/// Is one client: it goes on until a push fails, or none is left.
fn push_until_failure(address: SocketAddr, pushes: &Mutex<VecDeque<Push>>, journal: &Journal) {
    let Ok(mut connection) = Connection::open(address) else { return };
    loop {
        let Some(push) = pushes.lock().unwrap().pop_front() else { return };
        let Err(error) = push_one(&mut connection, &push, journal) else { continue };
        pushes.lock().unwrap().push_front(push);
        if error.kind() == ErrorKind::Other && !journal.closed.load(Ordering::SeqCst) {
            journal.refusals.lock().unwrap().push(error.to_string());
        }
        return;
    }
}

/// Is when a crash comes: after so many acknowledgements, and then this much later.
struct Moment {
    acknowledgements: usize,
    delay: Duration,
}

impl Moment {
    /// Draws one. The same seed draws the same moment, as far as a machine can repeat it.
    fn draw(seed: u64, most: usize) -> Moment {
        let luck = noise(seed, 16);
        let number = |at: usize| usize::from(luck[at]) << 8 | usize::from(luck[at + 1]);
        Moment { acknowledgements: number(0) % most, delay: Duration::from_micros(number(2) as u64 % 4_000) }
    }
}

/// Pushes an image and takes down what the server says. An answer that is no acknowledgement ends it.
fn push_one(connection: &mut Connection, push: &Push, journal: &Journal) -> io::Result<()> {
    let repository = &push.repository;
    for blob in push.image.blobs() {
        let target = format!("/v2/{repository}/blobs/{}", blob.digest);
        journal.try_it(&target, &blob.bytes);
        send_blob(connection, repository, blob)?;
        journal.acknowledge(&target);
        let mounted = format!("/v2/crash/mounted/blobs/{}", blob.digest);
        journal.try_it(&mounted, &blob.bytes);
        let mount = format!("/v2/crash/mounted/blobs/uploads/?mount={}&from={repository}", blob.digest);
        acknowledged(tell(connection, &Request::post(&mount))?, 201)?;
        journal.acknowledge(&mounted);
    }
    let manifest = &push.image.manifest;
    let targets =
        [&push.tag, &manifest.digest].map(|reference| format!("/v2/{repository}/manifests/{reference}"));
    for target in &targets {
        journal.try_it(target, &manifest.bytes);
    }
    let put = Request::put(&targets[0]).header("Content-Type", manifest.media_type);
    acknowledged(tell(connection, &put.body(manifest.bytes.clone()))?, 201)?;
    for target in &targets {
        journal.acknowledge(target);
    }
    Ok(())
}

/// Uploads a blob in one of the four ways to do it, which its digest draws.
fn send_blob(connection: &mut Connection, repository: &str, blob: &Blob) -> io::Result<()> {
    let start = format!("/v2/{repository}/blobs/uploads/");
    let digest = format!("digest={}", blob.digest);
    let way = blob.digest.as_bytes()["sha256:".len()] % 4;
    if way == 0 {
        let post = Request::post(&with_query(&start, &digest)).body(blob.bytes.clone());
        return acknowledged(tell(connection, &post)?, 201).map(drop);
    }
    let mut at = acknowledged(tell(connection, &Request::post(&start))?, 202)?.location();
    let mut rest = blob.bytes.clone();
    // All in the closing request, nothing there, or something in each.
    let before = [0, rest.len(), rest.len() / 3][usize::from(way) - 1];
    if before > 0 {
        let patch = Request::patch(&at).body(rest.split_to(before));
        at = acknowledged(tell(connection, &patch)?, 202)?.location();
    }
    let close = Request::put(&with_query(&at, &digest)).body(rest);
    acknowledged(tell(connection, &close)?, 201).map(drop)
}

/// Turns an answer that is no acknowledgement into an error of a kind that no socket has.
fn acknowledged(answer: Answer, status: u16) -> io::Result<Answer> {
    if answer.status == status { Ok(answer) } else { Err(io::Error::other(format!("{answer:?}"))) }
}

/// Asks for something, manifests in the format that they have.
fn get(target: &str) -> Request {
    Request::get(target).header("Accept", OCI_MANIFEST)
}

fn tell(connection: &mut Connection, request: &Request) -> io::Result<Answer> {
    connection.send(request)?;
    connection.answer(request.method())
}
