//! What is left when something fails, and what is not.

use std::time::{Duration, SystemTime};

use wharf_storage_driver::{ErrorKind, PutOptions, StorageDriver, Sync, WriterStart};

use crate::faults::{Fault, Seen};
use crate::stage::{PART, Stage, assert_holds, begin, path, resume, some, store, write};

const HOUR: Duration = Duration::from_secs(3600);

pub(crate) async fn a_failed_part_fails_the_write_and_takes_nothing_back(stage: &Stage) {
    let driver = stage.driver().await;
    let all = some(40, 9 * PART);
    for (index, fault) in [Fault::Status(503), Fault::Refused, Fault::Torn].into_iter().enumerate() {
        let kept = 2 * PART + 100 * index + 1;
        store(&driver, "/u/data", WriterStart::New, &all.slice(..kept)).await.unwrap();
        for good_parts in [0, 1, 3] {
            let mut parts = 0;
            stage.faults().choose(move |seen| {
                parts += usize::from(seen.is_part());
                (seen.is_part() && parts > good_parts).then_some(fault)
            });
            let failed =
                store(&driver, "/u/data", WriterStart::Resume, &all.slice(kept..)).await.unwrap_err();
            assert_eq!((failed.kind(), failed.path()), (ErrorKind::Unavailable, Some(&path("/u/data"))));
            stage.faults().end();
            assert_eq!(resume(&driver, "/u/data").await.offset(), kept as u64);
        }
        let mut writer = resume(&driver, "/u/data").await;
        write(&mut writer, &all.slice(kept..)).await.unwrap();
        writer.commit(&path("/f/data")).await.unwrap();
        assert_holds(&driver, "/f/data", &[&all]).await;
        stage.holds_only(&["/f/data"]).await;
    }
}

pub(crate) async fn a_part_that_fails_once_is_sent_again(stage: &Stage) {
    let driver = stage.driver().await;
    for fault in [Fault::Status(503), Fault::Refused, Fault::Torn, Fault::Unheard] {
        let mut failed = std::collections::HashSet::new();
        stage.faults().choose(move |seen| {
            let place = seen.target.split("uploadId").next().unwrap_or_default().to_owned();
            (seen.is_part() && failed.insert(place)).then_some(fault)
        });
        store(&driver, "/u/data", WriterStart::New, &some(41, 2 * PART + 1)).await.unwrap();
        let mut writer = resume(&driver, "/u/data").await;
        write(&mut writer, &some(42, 2 * PART)).await.unwrap();
        writer.commit(&path("/f/data")).await.unwrap();
        assert_holds(&driver, "/f/data", &[&some(41, 2 * PART + 1), &some(42, 2 * PART)]).await;
    }
    stage.holds_only(&["/f/data"]).await;
}

/// The answer to the first attempt is lost, or to each of them; in place, elsewhere, and after a close.
pub(crate) async fn a_completion_that_nobody_heard_of_counts(stage: &Stage) {
    let driver = stage.driver().await;
    for lost in [1, usize::MAX] {
        for (from, to, is_closed) in
            [("/f/1", "/f/1", false), ("/u/data", "/f/2", false), ("/u/data", "/f/3", true)]
        {
            let all = some(43 + to.len(), 2 * PART + 5);
            let mut writer = begin(&driver, from).await;
            write(&mut writer, &all).await.unwrap();
            if is_closed {
                writer.close(Sync::Durable).await.unwrap();
                writer = resume(&driver, from).await;
            }
            let mut left = lost;
            stage.faults().choose(move |seen| {
                let is_lost = seen.is_completion() && left > 0;
                left -= usize::from(is_lost);
                is_lost.then_some(Fault::Unheard)
            });
            stage.faults().seen();
            let done = writer.commit(&path(to)).await;
            done.unwrap_or_else(|error| panic!("{to}, {lost} lost: {error:?} {:?}", stage.faults().seen()));
            stage.faults().end();
            assert_holds(&driver, to, &[&all]).await;
        }
    }
    stage.holds_only(&["/f/1", "/f/2", "/f/3"]).await;
}

/// Not even when a file of the same size is there.
pub(crate) async fn a_completion_that_did_not_happen_changes_nothing(stage: &Stage) {
    let driver = stage.driver().await;
    let old = some(50, 2 * PART + 5);
    for fault in [Fault::Refused, Fault::Status(500)] {
        for (from, to) in [("/f/data", "/f/data"), ("/u/data", "/f/data")] {
            driver.put(&path(to), old.clone(), PutOptions::default()).await.unwrap();
            let mut writer = begin(&driver, from).await;
            write(&mut writer, &some(51, 2 * PART + 5)).await.unwrap();
            stage.faults().choose(move |seen| seen.is_completion().then_some(fault));
            let error = writer.commit(&path(to)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            stage.faults().end();
            assert_holds(&driver, to, &[&old]).await;
            stage.holds_only(&["/f/data"]).await;
        }
    }
}

/// Whatever step of it fails: the file that was closed can be committed again, or can grow.
pub(crate) async fn a_failed_commit_can_be_tried_again(stage: &Stage) {
    let driver = stage.driver().await;
    let all = some(52, 6 * PART + 5);
    let steps: [fn(&Seen) -> bool; 4] = [
        |seen| seen.method == "POST" && seen.target.contains("/f/data?uploads"),
        |seen| seen.is_copy,
        |seen| seen.is_completion() && seen.target.contains("/u/data"),
        |seen| seen.is_completion() && seen.target.contains("/f/data"),
    ];
    for (index, step) in steps.into_iter().enumerate() {
        for fault in [Fault::Status(503), Fault::Unheard] {
            let closed = 2 * PART + 1;
            store(&driver, "/u/data", WriterStart::New, &all.slice(..closed)).await.unwrap();
            store(&driver, "/u/data", WriterStart::Resume, &all.slice(closed..2 * closed)).await.unwrap();
            let mut writer = resume(&driver, "/u/data").await;
            write(&mut writer, &all.slice(2 * closed..)).await.unwrap();
            stage.faults().choose(move |seen| step(seen).then_some(fault));
            let committed = writer.commit(&path("/f/data")).await;
            stage.faults().end();
            if let Err(error) = committed {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "step {index}, {fault:?}");
                store(&driver, "/u/data", WriterStart::Resume, &all.slice(2 * closed..3 * closed))
                    .await
                    .unwrap();
                let mut writer = resume(&driver, "/u/data").await;
                assert_eq!(writer.offset(), 3 * closed as u64);
                write(&mut writer, &all.slice(3 * closed..)).await.unwrap();
                writer.commit(&path("/f/data")).await.unwrap();
            } else {
                assert_eq!(fault, Fault::Unheard, "step {index}");
            }
            assert_holds(&driver, "/f/data", &[&all]).await;
            driver.delete(&path("/f/data")).await.unwrap();
            // A store may have begun what nobody heard of; that is for a sweep.
            driver.sweep(SystemTime::now() + HOUR).await.unwrap();
            stage.holds_only(&[]).await;
        }
    }
}

pub(crate) async fn a_close_that_nobody_heard_of_counts(stage: &Stage) {
    let driver = stage.driver().await;
    store(&driver, "/u/first/data", WriterStart::New, &some(53, 1)).await.unwrap();
    let all = some(54, 4 * PART);
    for (start, from, to) in [(WriterStart::New, 0, PART + 7), (WriterStart::Resume, PART + 7, 3 * PART)] {
        stage
            .faults()
            .choose(|seen| (seen.method == "PUT" && seen.is_of_journal()).then_some(Fault::Unheard));
        store(&driver, "/u/data", start, &all.slice(from..to)).await.unwrap();
        stage.faults().end();
        assert_eq!(resume(&driver, "/u/data").await.offset(), to as u64);
    }
    let mut writer = resume(&driver, "/u/data").await;
    write(&mut writer, &all.slice(3 * PART..)).await.unwrap();
    writer.commit(&path("/f/data")).await.unwrap();
    assert_holds(&driver, "/f/data", &[&all]).await;
}

pub(crate) async fn nothing_is_left_of_what_is_given_up(stage: &Stage) {
    let driver = stage.driver().await;
    let all = some(60, 5 * PART);
    for is_begun in [false, true] {
        for how in ["cancel", "drop", "fail and cancel", "fail and drop", "delete the folder"] {
            if is_begun {
                store(&driver, "/u/1/data", WriterStart::New, &all.slice(..PART + 1)).await.unwrap();
                store(&driver, "/u/1/data", WriterStart::Resume, &all.slice(..PART + 1)).await.unwrap();
            }
            let start = if is_begun { WriterStart::Resume } else { WriterStart::New };
            let mut writer = driver.writer(&path("/u/1/data"), start).await.unwrap();
            if how.starts_with("fail") {
                stage.faults().choose(|seen| seen.is_part().then_some(Fault::Torn));
            }
            let written = write(&mut writer, &all).await;
            match how {
                "cancel" => writer.cancel().await.unwrap(),
                "fail and cancel" => {
                    stage.faults().end();
                    writer.cancel().await.unwrap();
                }
                "delete the folder" => writer.close(Sync::Durable).await.unwrap(),
                _ => drop(writer),
            }
            assert!(written.is_ok() || how.starts_with("fail"));
            stage.faults().end();
            if !how.ends_with("cancel") && (is_begun || how == "delete the folder") {
                driver.delete(&path("/u/1")).await.unwrap();
            }
            stage.holds_only(&[]).await;
        }
    }
}

pub(crate) async fn a_new_file_forgets_the_parts_of_the_last(stage: &Stage) {
    let driver = stage.driver().await;
    store(&driver, "/u/data", WriterStart::New, &some(61, 2 * PART)).await.unwrap();
    store(&driver, "/u/data", WriterStart::Resume, &some(62, 2 * PART)).await.unwrap();
    store(&driver, "/u/data", WriterStart::New, &some(63, PART + 1)).await.unwrap();
    assert_eq!((stage.begun().await.len(), stage.keys().await), (1, vec!["/u/data~begun".to_owned()]));
    let mut writer = begin(&driver, "/u/data").await;
    write(&mut writer, &some(64, PART + 2)).await.unwrap();
    writer.commit(&path("/f/data")).await.unwrap();
    assert_holds(&driver, "/f/data", &[&some(64, PART + 2)]).await;
    stage.holds_only(&["/f/data"]).await;
}

pub(crate) async fn a_sweep_takes_what_a_killed_server_left(stage: &Stage) {
    let driver = stage.driver().await;
    store(&driver, "/u/data", WriterStart::New, &some(65, 10)).await.unwrap();
    let bucket = &stage.place.bucket;
    let other = format!("{}-neighbour/data", stage.place.root);
    let mut begun = Vec::new();
    for key in [stage.key("/u/1/data"), stage.key("/f/data"), other.clone()] {
        let answer = stage.client.create_multipart_upload().bucket(bucket).key(key).send().await.unwrap();
        begun.push(answer.upload_id.unwrap());
    }
    assert_eq!(driver.sweep(SystemTime::now() - HOUR).await.unwrap(), 0);
    assert_eq!(driver.sweep(SystemTime::now() + HOUR).await.unwrap(), 2);
    assert_eq!(driver.sweep(SystemTime::now() + HOUR).await.unwrap(), 0);
    stage
        .client
        .abort_multipart_upload()
        .bucket(bucket)
        .key(other)
        .upload_id(&begun[2])
        .send()
        .await
        .unwrap();
    stage.holds_only(&["/u/data~begun"]).await;
}
