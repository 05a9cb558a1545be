//! Redis is killed, frozen, started again: every answer is right, none is late, and what was deleted stays so.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use wharf_tests::{Image, Redis, Server, Settings, scratch};

use super::two;

/// How long a server may take to find that Redis is back.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a server has said that Redis is gone, and that it is back.
fn said(server: &Server) -> (usize, usize) {
    let log = server.log();
    (log.matches("going on without it").count(), log.matches("answers again").count())
}

/// Waits until a server says that Redis is back as often as it said that it is gone, and that was said at all.
#[track_caller]
fn wait_until_used_again(server: &Server) {
    let until = Instant::now() + PATIENCE;
    loop {
        let (gone, back) = said(server);
        if gone > 0 && gone == back {
            return;
        }
        assert!(Instant::now() < until, "redis is not used again\n{}", server.log());
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn with_redis_killed_and_frozen_in_the_middle_of_pushes_and_pulls_every_answer_is_right() {
    let Some(mut redis) = Redis::start() else { return };
    let folder = scratch();
    let replicas = two(&redis.impatient(Settings::filesystem_at(folder.path())));
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for client in 0..2_u64 {
            let (replicas, stop, rounds) = (&replicas, &stop, &rounds);
            scope.spawn(move || {
                let mut seed = client * 1_000_000;
                while !stop.load(Ordering::Relaxed) {
                    seed += 1;
                    push_pull_delete(replicas, client, seed);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for turn in 0..8 {
            thread::sleep(Duration::from_millis(500));
            if turn % 2 == 0 {
                redis.kill();
                thread::sleep(Duration::from_millis(500));
                redis.start_again();
            } else {
                redis.freeze();
                thread::sleep(Duration::from_millis(500));
                redis.thaw();
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(rounds.load(Ordering::Relaxed) > 0);
    for replica in &replicas {
        wait_until_used_again(replica);
    }
}

/// Everything through one of two servers is seen as it is; nothing is an error. Only the one that deletes is asked whether it
/// is gone: the other may believe Redis until it is told.
fn push_pull_delete(replicas: &[Server; 2], client: u64, seed: u64) {
    let repository = format!("client/{client}");
    let image = Image::tiny(seed);
    let (here, there) = (&replicas[seed as usize % 2], &replicas[(seed as usize + 1) % 2]);
    here.push_image(&repository, "latest", &image);
    there.assert_holds(&repository, "latest", &image);
    here.assert_holds(&repository, &image.manifest.digest, &image);
    let manifest = format!("/v2/{repository}/manifests/{}", image.manifest.digest);
    there.delete(&manifest).assert_status(202);
    there.head(&manifest).assert_status(404);
    here.get_manifest(&repository, "latest").assert_status(404);
    let layer = format!("/v2/{repository}/blobs/{}", image.layers[0].digest);
    there.delete(&layer).assert_status(202);
    there.head(&layer).assert_status(404);
}

#[test]
fn a_deletion_while_redis_is_gone_works_and_is_told_when_it_is_back() {
    let Some(mut redis) = Redis::start() else { return };
    let folder = scratch();
    let [here, there] = two(&redis.impatient(Settings::filesystem_at(folder.path())));
    for round in 0..6 {
        let image = Image::tiny(round);
        here.push_image("a/b", "latest", &image);
        there.assert_holds("a/b", "latest", &image);
        if round % 2 == 0 {
            redis.freeze();
        } else {
            // It comes back with what it knew before the deletion.
            redis.ask(&["SAVE"]);
            redis.kill();
        }
        let blobs = image.blobs().map(|blob| format!("/v2/a/b/blobs/{}", blob.digest));
        let manifest = format!("/v2/a/b/manifests/{}", image.manifest.digest);
        let gone: Vec<String> = blobs.chain([manifest]).collect();
        for target in &gone {
            here.delete(target).assert_status(202);
        }
        for target in &gone {
            here.head(target).assert_status(404);
            there.head(target).assert_status(404);
        }
        if round % 2 == 0 {
            redis.thaw();
        } else {
            redis.start_again();
        }
        wait_until_used_again(&here);
        for target in &gone {
            there.head(target).assert_status(404);
            here.head(target).assert_status(404);
        }
        wait_until_used_again(&there);
        for target in &gone {
            there.head(target).assert_status(404);
        }
    }
}

#[test]
fn a_frozen_redis_costs_one_request_the_deadline_and_the_others_nothing() {
    let Some(redis) = Redis::start() else { return };
    let deadline = Duration::from_secs(1);
    let settings = redis.caching(Settings::filesystem()).with("storage.cache.deadline", "1s");
    let server = Server::wharf(&settings.with("redis.minretrybackoff", "100s"));
    let digest = server.push_blob("a", "a layer");
    let target = format!("/v2/a/blobs/{digest}");
    redis.freeze();
    let started = Instant::now();
    for _ in 0..20 {
        server.head(&target).assert_status(200);
    }
    let took = started.elapsed();
    redis.thaw();
    assert!(took >= deadline && took < 10 * deadline, "{took:?}");
    assert_eq!(said(&server).0, 1, "{}", server.log());
}

#[test]
fn a_server_starts_without_its_redis_and_with_the_file_of_release_2() {
    let Some(mut redis) = Redis::start() else { return };
    redis.kill();
    let settings =
        redis.impatient(Settings::filesystem()).without("redis.addrs").with("redis.pool.maxidle", 16);
    let server = Server::wharf(&settings);
    let digest = server.push_blob("a", "a layer");
    server.head(&format!("/v2/a/blobs/{digest}")).assert_status(200);
    assert!(said(&server).0 == 1, "{}", server.log());
    redis.start_again();
    wait_until_used_again(&server);
    server.head(&format!("/v2/a/blobs/{digest}")).assert_status(200);
    assert_eq!(redis.ask(&["SCARD", "repository::a::blobs"]), "1");
}
