//! A disk that says no: nothing is acknowledged then, nothing is lost, and it works again when the disk does.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use wharf_tests::{
    Client, Image, Mounted, Request, Server, Settings, noise, scratch, sha256, skip_given_from_outside,
    with_query,
};

use super::{Journal, Push, assert_every_tag_can_be_pulled, push_one};

/// Is strace at work on a running server. Dropping the value lets the server go.
struct Trace(Child);

impl Trace {
    /// Lets every attempt to bring something to the disk fail. `None` where strace cannot do it.
    fn no_sync_succeeds(server: &Server, log: &std::path::Path) -> Option<Trace> {
        Client::installed("strace")?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o"]).arg(log);
        strace.args(["-e", "trace=fsync,fdatasync,sync_file_range,syncfs", "-e"]);
        strace.args([
            "inject=fsync,fdatasync,sync_file_range,syncfs:error=EIO",
            "-p",
            &server.pid().to_string(),
        ]);
        let mut trace = Trace(strace.stderr(Stdio::null()).spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(10);
        while !traced(server.pid()) {
            if trace.0.try_wait().unwrap().is_some() || Instant::now() > until {
                skip_given_from_outside("strace may not attach to a process here");
                return None;
            }
            sleep(Duration::from_millis(5));
        }
        Some(trace)
    }

    fn end(mut self) {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _already_dead = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says whether every thread of a process is traced.
fn traced(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.flatten().all(|task| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        status.lines().any(|line| line.strip_prefix("TracerPid:").is_some_and(|tracer| tracer.trim() != "0"))
    })
}

#[test]
fn nothing_is_acknowledged_while_syncs_fail_and_a_later_push_works() {
    let server = Server::wharf(&Settings::filesystem());
    let scratch = scratch();
    let log = scratch.path().join("strace");
    let journal = Journal::default();
    let before = Push::new(0);
    push_one(&mut server.connect(), &before, &journal).unwrap();
    let held_back = Push::new(4);
    for blob in held_back.image.blobs() {
        server.push_blob(&held_back.repository, blob.bytes.clone());
    }
    let Some(trace) = Trace::no_sync_succeeds(&server, &log) else { return };
    for bytes in [100, 30_000, 3_000_000] {
        assert_refused(&server, &noise(bytes as u64, bytes));
    }
    let manifest = &held_back.image.manifest;
    let put = server.put_manifest(&held_back.repository, "late", manifest.media_type, manifest.bytes.clone());
    assert!((500..600).contains(&put.status), "{put:?}");
    trace.end();
    assert!(fs::read_to_string(&log).unwrap().contains("EIO"), "no sync was ever tried");
    journal.assert_kept(&server);
    assert_every_tag_can_be_pulled(&server);
    // The same bytes again, now that the disk works.
    for bytes in [100, 30_000, 3_000_000] {
        let bytes = noise(bytes as u64, bytes);
        let digest = server.push_blob("refused", bytes.clone());
        assert_eq!(server.get(&format!("/v2/refused/blobs/{digest}")).expect(200).body, bytes);
    }
    server.push_image(&held_back.repository, "late", &held_back.image);
    server.assert_holds(&held_back.repository, "late", &held_back.image);
}

/// Tries to upload a blob in each way and fails the test when one of them is acknowledged.
#[track_caller]
fn assert_refused(server: &Server, bytes: &[u8]) {
    let digest = sha256(bytes);
    let single = format!("/v2/refused/blobs/uploads/?digest={digest}");
    let answer = server.send(&Request::post(&single).body(bytes.to_vec()));
    assert!((500..600).contains(&answer.status), "{answer:?}");
    let opened = server.send(&Request::post("/v2/refused/blobs/uploads/"));
    if opened.status == 202 {
        let close = with_query(&opened.location(), &format!("digest={digest}"));
        let answer = server.send(&Request::put(&close).body(bytes.to_vec()));
        assert!((500..600).contains(&answer.status), "{answer:?}");
    } else {
        assert!((500..600).contains(&opened.status), "{opened:?}");
    }
}

#[test]
fn a_full_disk_is_told_as_503_loses_nothing_and_works_again_when_there_is_room() {
    let Some(disk) = Mounted::in_memory(8 << 20) else { return };
    let server = Server::wharf(&Settings::filesystem_at(&disk.path().join("data")));
    let journal = Journal::default();
    for n in 0..6 {
        push_one(&mut server.connect(), &Push::new(n), &journal).unwrap();
    }
    let large = noise(1, 20_000_000);
    let at = with_query(&server.open_upload("full"), &format!("digest={}", sha256(&large)));
    server.send(&Request::put(&at).body(large.clone())).assert_status(503);
    let at = server.open_upload("full");
    server.send(&Request::patch(&at).body(large)).assert_status(503);
    journal.assert_kept(&server);

    // Now to the last byte, so that not even a link finds room.
    let filler = disk.path().join("filler");
    fill(&filler);
    let image = Image::tiny(9_000);
    for blob in image.blobs() {
        let opened = server.send(&Request::post("/v2/full/blobs/uploads/"));
        let answer = if opened.status == 202 {
            let close = with_query(&opened.location(), &format!("digest={}", blob.digest));
            server.send(&Request::put(&close).body(blob.bytes.clone()))
        } else {
            opened
        };
        answer.assert_status(503);
    }
    journal.assert_kept(&server);
    assert_every_tag_can_be_pulled(&server);
    // What had arrived of the large blob may be gone on with, and takes all the room until it is given up.
    fs::remove_file(filler).unwrap();
    server.get(&at).assert_status(204);
    server.delete(&at).assert_status(204);
    server.push_image("full", "v1", &image);
    server.assert_holds("full", "v1", &image);
    journal.assert_kept(&server);
}

/// Writes a file until there is no room for another byte.
fn fill(file: &std::path::Path) {
    use std::io::Write as _;
    let mut file = fs::File::create(file).unwrap();
    for piece in [64 << 10, 4 << 10, 1] {
        while file.write_all(&vec![0; piece]).is_ok() {}
    }
}
