//! A store that falters: whatever goes wrong on the way there, a patient client gets everything through, nothing that was
//! acknowledged is lost, nobody is kept waiting without end, and nothing is left behind.

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use bytes::Bytes;
use wharf_tests::{Chance, Fault, Image, Part, Rule, Server, Settings, noise};

use super::Watched;
use super::patient::Patient;

/// How many clients push and pull at once.
const CLIENTS: u64 = 4;

/// How long a store that stalls does so: longer than anybody waits for it.
const STALL: Duration = Duration::from_secs(60);

/// The longest that a request may take here: every attempt that is configured, each with its whole time.
const LIMIT: Duration = Duration::from_secs(40);

#[test]
fn requests_that_the_store_fails_are_tried_again() {
    endure(Part::Minio, Fault::Refused(500, "InternalError"), 5);
}

#[test]
fn requests_that_the_store_is_too_busy_for_are_tried_again() {
    endure(Part::Minio, Fault::Refused(503, "SlowDown"), 3);
}

#[test]
fn connections_that_break_in_a_request_are_survived() {
    endure(Part::Minio, Fault::ResetInRequest, 5);
}

#[test]
fn connections_that_break_before_an_answer_are_survived() {
    endure(Part::Minio, Fault::ResetBeforeAnswer, 5);
}

#[test]
fn connections_that_break_in_an_answer_are_survived() {
    endure(Part::Minio, Fault::ResetInAnswer, 4);
}

#[test]
fn a_store_that_stops_listening_is_not_waited_for() {
    endure(Part::Minio, Fault::StallInRequest(STALL), 25);
}

#[test]
fn a_store_that_does_not_answer_is_not_waited_for() {
    endure(Part::Minio, Fault::StallBeforeAnswer(STALL), 25);
}

#[test]
fn a_store_that_falls_silent_in_an_answer_is_not_waited_for() {
    endure(Part::Minio, Fault::StallInAnswer(STALL), 25);
}

#[test]
fn a_slow_store_is_waited_for() {
    endure(Part::Minio, Fault::Slow(8_000_000), 1);
}

#[test]
fn answers_that_end_early_are_noticed() {
    endure(Part::Minio, Fault::ShortAnswer, 4);
}

#[test]
fn answers_that_promise_too_much_are_noticed() {
    endure(Part::Minio, Fault::TooLongPromise(10), 4);
}

/// What is shorter than it should be and says so itself cannot be told from what is broken in the store, so this is only
/// about what is pulled: its size is known.
#[test]
fn answers_that_promise_too_little_are_noticed() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let server = Server::wharf(&hurried(watched.settings(), Part::Minio));
    let patient = Patient::new(&server, LIMIT);
    let bytes = noise(1, 23_000_000);
    server.push_blob("a/b", bytes.clone());
    watched.proxy.break_by(vec![Rule::new(&["GetObject"], Chance::First(3), Fault::TooShortPromise)]);
    for _ in 0..4 {
        patient.pull_blob("a/b", &bytes);
    }
    println!("\nFAULTS {:?} times a short promise, {}", watched.proxy.broken(), patient.told());
}

#[test]
fn a_busy_azure_is_survived() {
    endure(Part::Azurite, Fault::Refused(503, "ServerBusy"), 4);
}

#[test]
fn a_connection_to_azure_that_breaks_before_an_answer_is_survived() {
    endure(Part::Azurite, Fault::ResetBeforeAnswer, 5);
}

#[test]
fn a_connection_to_azure_that_breaks_in_an_answer_is_survived() {
    endure(Part::Azurite, Fault::ResetInAnswer, 5);
}

#[test]
fn a_busy_ceph_is_survived() {
    endure(Part::Ceph, Fault::Refused(503, "SlowDown"), 4);
}

#[test]
fn a_connection_to_ceph_that_breaks_before_an_answer_is_survived() {
    endure(Part::Ceph, Fault::ResetBeforeAnswer, 5);
}

/// Lets clients push and pull while one of so many requests to the store goes wrong.
fn endure(part: Part, fault: Fault, one_in: u64) {
    let Some(watched) = Watched::new(part) else { return };
    let mut server = Server::wharf(&hurried(watched.settings(), part));
    let chance = match one_in {
        1 => Chance::Always,
        _ => Chance::OneIn(one_in, seed()),
    };
    watched.proxy.break_by(vec![Rule::new(&[], chance, fault)]);
    let patient = Patient::new(&server, LIMIT);
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let patient = &patient;
            scope.spawn(move || push_and_pull(patient, &Work::of(client)));
        }
    });
    let broken = watched.proxy.broken()[0];
    println!("\nFAULTS {part:?}, {fault:?}: {broken} times, {}", patient.told());
    assert!(broken > 3, "{broken}");

    // What was acknowledged is there, also for one who remembers nothing.
    watched.proxy.break_by(Vec::new());
    let another = Server::wharf(&watched.direct());
    for client in 0..CLIENTS {
        Work::of(client).assert_held(&another);
    }
    server.terminate();
    assert_nothing_is_left(&watched);
}

/// Gives a number for each test that is the same in each run.
fn seed() -> u64 {
    let thread = thread::current();
    thread.name().unwrap_or_default().bytes().fold(0, |seed, byte| seed * 31 % 1_000_003 + u64::from(byte))
}

/// Waits for the store less long than one should, so that a test does not have to.
pub(super) fn hurried(settings: Settings, part: Part) -> Settings {
    let driver = if part == Part::Azurite { "storage.azure" } else { "storage.s3" };
    let mut hurry = vec![("requesttimeout", "2s"), ("stalltimeout", "2s"), ("uploadminrate", "4MiB")];
    if part != Part::Azurite {
        hurry.push(("copytimeout", "3s"));
    }
    let settings = settings.with(&format!("{driver}.maxattempts"), 3);
    hurry.iter().fold(settings, |settings, (key, value)| settings.with(&format!("{driver}.{key}"), *value))
}

/// Is what one client pushes and pulls.
struct Work {
    repository: String,
    image: Image,
    /// Blobs with the size of the chunks that they are sent in: one that goes up in parts, one that is appended to.
    blobs: [(Bytes, usize); 2],
}

impl Work {
    fn of(client: u64) -> Work {
        let sizes = [(23_000_000, 23_000_000), (12_000_000, 5_000_000)];
        let mut seed = client * 10;
        let blobs = sizes.map(|(size, chunk)| {
            seed += 1;
            (Bytes::from(noise(seed, size)), chunk)
        });
        Work { repository: format!("clients/number-{client}"), image: Image::new(seed + 1, 3, 30_000), blobs }
    }

    fn assert_held(&self, server: &Server) {
        server.assert_holds(&self.repository, "v1", &self.image);
        for (bytes, _) in &self.blobs {
            let target = format!("/v2/{}/blobs/{}", self.repository, wharf_tests::sha256(bytes));
            let answer = server.get(&target);
            let held = answer.status == 200 && answer.body == *bytes;
            assert!(held, "{target} is something else: {}\n{}", answer.status, server.log());
        }
    }
}

fn push_and_pull(patient: &Patient<'_>, work: &Work) {
    patient.push_image(&work.repository, "v1", &work.image);
    for (bytes, chunk) in &work.blobs {
        patient.push_blob(&work.repository, bytes, *chunk);
    }
    patient.pull_image(&work.repository, "v1", &work.image);
    for (bytes, _) in &work.blobs {
        patient.pull_blob(&work.repository, bytes);
    }
}

/// Lets the purge pass and fails the test unless the store then holds nothing of any upload.
fn assert_nothing_is_left(watched: &Watched) {
    let purging = "storage.maintenance.uploadpurging";
    let settings =
        watched.direct().with(&format!("{purging}.age"), "1s").with(&format!("{purging}.dryrun"), false);
    let _purges = Server::wharf(&settings.with(&format!("{purging}.interval"), "1s"));
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let mut left: Vec<String> = watched.room.store().keys(watched.room.root()).unwrap();
        // What a probe of the store's abilities leaves when even its deletion fails is one object in a folder of its own.
        left.retain(|key| key.contains("/_uploads/") || key.contains("~begun"));
        if !watched.place.azure {
            left.extend(watched.room.unfinished_uploads());
        }
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < until, "{left:#?}");
        sleep(Duration::from_millis(200));
    }
}
