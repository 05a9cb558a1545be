//! What a process that is killed leaves behind.
//!
//! The child is this same test program, running one ignored test in the folder that it is to write in. It says what was
//! acknowledged; after it was killed, all of that must be there.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use wharf_storage_driver::{ListOptions, PutOptions, StorageDriver, StoragePath, Sync, WriterStart};
use wharf_storage_driver_fs::{Config, FsDriver};

/// Without this file in its folder the child does nothing.
const PERMIT: &str = "a-child-may-write-here";
/// How much the child does at most, should nobody kill it.
const MAX_ROUNDS: usize = 100_000;
const PIECE: usize = 50_000;

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

/// What the file holds in a round: its size tells the round, and every byte of it is the same.
fn content(round: usize) -> Bytes {
    vec![round as u8; 1000 + round].into()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of other tests"]
async fn child_puts_until_it_is_killed() {
    if !Path::new(PERMIT).exists() {
        return;
    }
    let driver = FsDriver::new(Config::new(".")).unwrap();
    for round in 0..MAX_ROUNDS {
        driver.put(&path("/f/link"), content(round), PutOptions::default()).await.unwrap();
        println!("\nacknowledged {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "the child of other tests"]
async fn child_writes_until_it_is_killed() {
    if !Path::new(PERMIT).exists() {
        return;
    }
    let driver = FsDriver::new(Config::new(".")).unwrap();
    driver.writer(&path("/u/data"), WriterStart::New).await.unwrap().close(Sync::Durable).await.unwrap();
    for round in 0..MAX_ROUNDS {
        let mut writer = driver.writer(&path("/u/data"), WriterStart::Resume).await.unwrap();
        writer.write(vec![round as u8; PIECE].into()).await.unwrap();
        writer.close(Sync::Durable).await.unwrap();
        println!("\nacknowledged {round}");
    }
}

/// Runs a child until it has acknowledged so many rounds, kills it, and says the last round it acknowledged.
fn killed_after(rounds: usize, child: &str, folder: &Path) -> usize {
    std::fs::write(folder.join(PERMIT), "").unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", child])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut last = None;
    let mut is_killed = false;
    for line in lines {
        if let Some(round) = line.strip_prefix("acknowledged ").and_then(|round| round.parse().ok()) {
            last = Some(round);
        }
        if !is_killed && last >= Some(rounds) {
            child.kill().unwrap();
            is_killed = true;
        }
    }
    child.wait().unwrap();
    last.unwrap()
}

#[tokio::test]
async fn after_a_kill_a_file_is_whole_and_not_older_than_acknowledged() {
    for rounds in [1, 7, 20, 33, 50] {
        let root = tempfile::tempdir().unwrap();
        let last = killed_after(rounds, "child_puts_until_it_is_killed", root.path());
        let driver = FsDriver::new(Config::new(root.path())).unwrap();
        let bytes = driver.get(&path("/f/link"), 1 << 20).await.unwrap().bytes;
        let round = bytes.len() - 1000;
        assert!(round == last || round == last + 1, "{round} is there after {last} was acknowledged");
        assert_eq!(bytes, content(round));
        let options = ListOptions { start_after: None, limit: 10, holding: None };
        let names = driver.list(&path("/f"), options).await.unwrap().entries;
        assert_eq!(names.len(), 1, "what the kill left unfinished is not listed: {names:?}");
    }
}

#[tokio::test]
async fn after_a_kill_a_writer_goes_on_from_what_is_there() {
    for rounds in [1, 10, 30] {
        let root = tempfile::tempdir().unwrap();
        let last = killed_after(rounds, "child_writes_until_it_is_killed", root.path());
        let driver = FsDriver::new(Config::new(root.path())).unwrap();
        assert!(driver.stat(&path("/u/data")).await.unwrap_err().is_not_found());
        let writer = driver.writer(&path("/u/data"), WriterStart::Resume).await.unwrap();
        let offset = usize::try_from(writer.offset()).unwrap();
        assert!(((last + 1) * PIECE..=(last + 2) * PIECE).contains(&offset), "{offset} after {last}");
        writer.commit(&path("/f/data")).await.unwrap();
        let bytes = driver.get(&path("/f/data"), 1 << 30).await.unwrap().bytes;
        assert!(
            bytes
                .chunks(PIECE)
                .enumerate()
                .all(|(round, piece)| piece.iter().all(|byte| *byte == round as u8))
        );
        assert_eq!(bytes.len(), offset);
    }
}

#[tokio::test]
async fn a_writer_goes_on_from_the_size_that_the_file_really_has() {
    let root = tempfile::tempdir().unwrap();
    let driver = FsDriver::new(Config::new(root.path())).unwrap();
    let mut writer = driver.writer(&path("/u/data"), WriterStart::New).await.unwrap();
    writer.write(vec![1; 10_000].into()).await.unwrap();
    writer.close(Sync::Relaxed).await.unwrap();
    let begun = std::fs::read_dir(root.path().join("u")).unwrap().next().unwrap().unwrap().path();
    std::fs::File::options().write(true).open(begun).unwrap().set_len(4_321).unwrap();
    let mut writer = driver.writer(&path("/u/data"), WriterStart::Resume).await.unwrap();
    assert_eq!(writer.offset(), 4_321);
    writer.write(vec![2; 10].into()).await.unwrap();
    writer.commit(&path("/u/data")).await.unwrap();
    let expected = [vec![1; 4_321], vec![2; 10]].concat();
    assert_eq!(driver.get(&path("/u/data"), 1 << 20).await.unwrap().bytes, expected);
}
