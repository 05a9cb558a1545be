//! Two servers with one upload.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use wharf_storage_driver::{ErrorKind, StorageDriver, Sync, WriterStart};

use crate::stage::{PART, Stage, assert_holds, path, read, resume, some, store, write};

pub(crate) async fn of_two_that_go_on_the_first_to_close_wins(stage: &Stage) {
    let (one, other) = (stage.driver().await, stage.driver().await);
    for len in [10, PART / 2, PART, 3 * PART + 1] {
        let closed = some(70, 2 * PART + 1);
        store(&one, "/u/data", WriterStart::New, &closed).await.unwrap();
        let (mut first, mut second) = (resume(&one, "/u/data").await, resume(&other, "/u/data").await);
        write(&mut second, &some(72, len)).await.unwrap();
        write(&mut first, &some(71, len)).await.unwrap();
        first.close(Sync::Durable).await.unwrap();
        write(&mut second, &some(73, PART)).await.unwrap();
        assert_eq!(second.close(Sync::Durable).await.unwrap_err().kind(), ErrorKind::Changed);
        let writer = resume(&other, "/u/data").await;
        assert_eq!(writer.offset(), (closed.len() + len) as u64);
        writer.commit(&path("/f/data")).await.unwrap();
        assert_holds(&one, "/f/data", &[&closed, &some(71, len)]).await;
        stage.holds_only(&["/f/data"]).await;
    }
}

/// A store may refuse a large journal before it has heard all of it, and close the connection. Without a proxy between.
pub(crate) async fn a_refusal_is_heard_although_there_is_more_to_say(stage: &Stage) {
    let mut config = stage.place.config();
    config.chunk_bytes = 4 * PART as u64;
    let (one, other) = (stage.driver_as(config.clone()).await, stage.driver_as(config).await);
    store(&one, "/u/data", WriterStart::New, &some(76, 10)).await.unwrap();
    let mut slow = resume(&other, "/u/data").await;
    write(&mut slow, &some(77, 4 * PART - 100)).await.unwrap();
    store(&one, "/u/data", WriterStart::Resume, &some(78, 10)).await.unwrap();
    let since = Instant::now();
    assert_eq!(slow.close(Sync::Durable).await.unwrap_err().kind(), ErrorKind::Changed);
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
}

pub(crate) async fn of_many_that_close_at_once_one_wins(stage: &Stage) {
    let mut drivers = Vec::new();
    for _ in 0..6 {
        drivers.push(stage.driver().await);
    }
    let closed = some(74, PART + 1);
    for round in 0..4 {
        store(&drivers[0], "/u/data", WriterStart::New, &closed).await.unwrap();
        let mut writers = Vec::new();
        for (index, driver) in drivers.iter().enumerate() {
            let mut writer = resume(driver, "/u/data").await;
            write(&mut writer, &some(75 + index, 3 + round * PART)).await.unwrap();
            writers.push(writer);
        }
        let results = join_all(writers.into_iter().map(|writer| writer.close(Sync::Durable))).await;
        let winners: Vec<_> = (0..results.len()).filter(|index| results[*index].is_ok()).collect();
        assert_eq!(winners.len(), 1, "{results:?}");
        resume(&drivers[0], "/u/data").await.commit(&path("/f/data")).await.unwrap();
        assert_holds(&drivers[0], "/f/data", &[&closed, &some(75 + winners[0], 3 + round * PART)]).await;
        stage.holds_only(&["/f/data"]).await;
    }
}

pub(crate) async fn two_that_commit_at_once_leave_one_whole_file(stage: &Stage) {
    let (one, other) = (stage.driver().await, stage.driver().await);
    for (round, len) in [5, 5, 2 * PART, 2 * PART, 2 * PART].into_iter().enumerate() {
        for closed in [100, 2 * PART + 100] {
            let closed = some(80, closed);
            store(&one, "/u/data", WriterStart::New, &closed).await.unwrap();
            let (mut first, mut second) = (resume(&one, "/u/data").await, resume(&other, "/u/data").await);
            write(&mut first, &some(81 + round, len)).await.unwrap();
            write(&mut second, &some(91 + round, len)).await.unwrap();
            let to = path("/f/data");
            let (first, second) = tokio::join!(first.commit(&to), second.commit(&to));
            assert!(first.is_ok() || second.is_ok(), "{first:?} {second:?}");
            let found = read(&one, "/f/data").await;
            let wholes = [(first, some(81 + round, len)), (second, some(91 + round, len))];
            let mut wholes = wholes.into_iter().filter(|(result, _)| result.is_ok());
            assert!(wholes.any(|(_, end)| found == [&closed[..], &end].concat()), "round {round}");
            one.delete(&to).await.unwrap();
            stage.holds_only(&[]).await;
        }
    }
}

/// Whoever goes on may fail, be slow or be dropped at any point: what was closed stays, and so does what another closed
/// meanwhile.
pub(crate) async fn what_was_closed_survives_whoever_goes_on_from_it(stage: &Stage) {
    let (one, other) = (stage.driver().await, stage.driver().await);
    let closed = some(82, 2 * PART + 1);
    store(&one, "/u/data", WriterStart::New, &closed).await.unwrap();
    let mut slow = resume(&other, "/u/data").await;
    write(&mut slow, &some(83, 4 * PART)).await.unwrap();
    store(&one, "/u/data", WriterStart::Resume, &some(84, 3 * PART)).await.unwrap();
    write(&mut slow, &some(85, 2 * PART)).await.unwrap();
    drop(slow);
    let writer = resume(&one, "/u/data").await;
    assert_eq!(writer.offset(), (closed.len() + 3 * PART) as u64);
    writer.commit(&path("/f/data")).await.unwrap();
    assert_holds(&other, "/f/data", &[&closed, &some(84, 3 * PART)]).await;
    stage.holds_only(&["/f/data"]).await;
}
