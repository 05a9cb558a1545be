//! How files become parts, and what that costs.

use bytes::Bytes;
use wharf_storage_driver::{ErrorKind, StorageDriver, Sync, WriterStart};

use crate::faults::Seen;
use crate::stage::{PART, Stage, assert_holds, begin, path, resume, some, store, write};

/// The methods of what was sent, in order, as one text.
fn methods(seen: &[Seen]) -> String {
    seen.iter().map(|seen| seen.method.as_str()).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn a_small_file_is_one_request(stage: &Stage) {
    let driver = stage.driver().await;
    for (len, to) in [(0, "/f/empty"), (1000, "/f/small"), (PART, "/f/part")] {
        let mut writer = begin(&driver, to).await;
        write(&mut writer, &some(1, len)).await.unwrap();
        writer.commit(&path(to)).await.unwrap();
        assert_eq!(methods(&stage.faults().seen()), "PUT", "{len} bytes");
        assert_holds(&driver, to, &[&some(1, len)]).await;
        stage.faults().seen();
    }
}

pub(crate) async fn a_file_in_place_is_its_parts_and_two_requests(stage: &Stage) {
    let driver = stage.driver().await;
    let mut writer = begin(&driver, "/f/data").await;
    write(&mut writer, &some(2, 3 * PART + 1)).await.unwrap();
    writer.commit(&path("/f/data")).await.unwrap();
    assert_eq!(methods(&stage.faults().seen()), "POST PUT PUT PUT PUT POST");
    assert_holds(&driver, "/f/data", &[&some(2, 3 * PART + 1)]).await;
}

pub(crate) async fn closing_what_is_small_is_one_request(stage: &Stage) {
    let driver = stage.driver().await;
    // The first finds out which conditions the store knows.
    store(&driver, "/u/1/data", WriterStart::New, &some(3, 10)).await.unwrap();
    stage.faults().seen();
    store(&driver, "/u/2/data", WriterStart::New, &some(3, 10)).await.unwrap();
    let seen = stage.faults().seen();
    assert!(seen.len() == 1 && seen[0].is_of_journal(), "{seen:?}");
    resume(&driver, "/u/2/data").await.commit(&path("/f/data")).await.unwrap();
    assert_eq!(methods(&stage.faults().seen()), "GET PUT DELETE");
    assert_holds(&driver, "/f/data", &[&some(3, 10)]).await;
}

pub(crate) async fn closing_what_did_not_grow_is_none(stage: &Stage) {
    let driver = stage.driver().await;
    store(&driver, "/u/1/data", WriterStart::New, &some(4, 10)).await.unwrap();
    stage.faults().seen();
    resume(&driver, "/u/1/data").await.close(Sync::Durable).await.unwrap();
    assert_eq!(methods(&stage.faults().seen()), "GET");
}

pub(crate) async fn a_file_of_exactly_full_parts_has_no_empty_one(stage: &Stage) {
    let driver = stage.driver().await;
    for start in [WriterStart::New, WriterStart::Resume] {
        if start == WriterStart::Resume {
            store(&driver, "/f/data", WriterStart::New, &Bytes::new()).await.unwrap();
        }
        let mut writer = driver.writer(&path("/f/data"), start).await.unwrap();
        write(&mut writer, &some(5, 2 * PART)).await.unwrap();
        stage.faults().seen();
        writer.commit(&path("/f/data")).await.unwrap();
        let seen = stage.faults().seen();
        assert_eq!(seen.iter().filter(|seen| seen.is_completion()).count(), 1);
        assert!(!seen.iter().any(|seen| seen.target.contains("partNumber=3")), "{seen:?}");
        assert_holds(&driver, "/f/data", &[&some(5, 2 * PART)]).await;
    }
}

/// Sizes around a part, in two sessions and what is committed with the third.
pub(crate) async fn a_file_goes_on_from_wherever_it_was_closed(stage: &Stage) {
    let driver = stage.driver().await;
    let around = [0, 1, PART - 1, PART, PART + 1, 2 * PART - 1, 2 * PART, 2 * PART + 1];
    let then = [0, 1, PART - 1, PART, PART + 1];
    for (index, first) in around.into_iter().enumerate() {
        for second in then {
            let third = then[(index + second) % then.len()];
            let all = some(6 + index, first + second + third);
            store(&driver, "/u/data", WriterStart::New, &all.slice(..first)).await.unwrap();
            assert_eq!(resume(&driver, "/u/data").await.offset(), first as u64);
            store(&driver, "/u/data", WriterStart::Resume, &all.slice(first..first + second)).await.unwrap();
            let mut writer = resume(&driver, "/u/data").await;
            assert_eq!(writer.offset(), (first + second) as u64, "{first} and {second}");
            write(&mut writer, &all.slice(first + second..)).await.unwrap();
            assert_eq!(writer.offset(), all.len() as u64);
            writer.commit(&path("/f/data")).await.unwrap();
            assert_holds(&driver, "/f/data", &[&all]).await;
            let gone = driver.writer(&path("/u/data"), WriterStart::Resume).await.map(drop).unwrap_err();
            assert!(gone.is_not_found());
        }
    }
    stage.holds_only(&["/f/data"]).await;
}

pub(crate) async fn a_file_may_be_committed_where_it_was_closed(stage: &Stage) {
    let driver = stage.driver().await;
    for lens in [[0, 10], [PART + 1, 1], [PART + 1, 2 * PART], [2 * PART, 0]] {
        let all = some(20, lens[0] + lens[1]);
        store(&driver, "/f/data", WriterStart::New, &all.slice(..lens[0])).await.unwrap();
        let mut writer = resume(&driver, "/f/data").await;
        write(&mut writer, &all.slice(lens[0]..)).await.unwrap();
        writer.commit(&path("/f/data")).await.unwrap();
        assert_holds(&driver, "/f/data", &[&all]).await;
        stage.holds_only(&["/f/data"]).await;
    }
}

pub(crate) async fn a_file_that_is_committed_elsewhere_is_copied_by_the_store_in_parts(stage: &Stage) {
    let driver = stage.driver().await;
    for to in ["/f/1/data", "/f/2/data"] {
        let mut writer = begin(&driver, "/u/data").await;
        write(&mut writer, &some(30, 4 * PART + 7)).await.unwrap();
        if to == "/f/2/data" {
            writer.close(Sync::Durable).await.unwrap();
            writer = resume(&driver, "/u/data").await;
        }
        stage.faults().seen();
        writer.commit(&path(to)).await.unwrap();
        let seen = stage.faults().seen();
        let copies = seen.iter().filter(|seen| seen.is_copy && seen.is_part()).count();
        assert!((4..=5).contains(&copies), "{seen:?}");
        assert_holds(&driver, to, &[&some(30, 4 * PART + 7)]).await;
    }
    stage.holds_only(&["/f/1/data", "/f/2/data"]).await;
}

pub(crate) async fn a_file_of_many_sessions_is_put_together_by_the_store(stage: &Stage) {
    let driver = stage.driver().await;
    let all = some(31, 9 * PART);
    store(&driver, "/u/data", WriterStart::New, &Bytes::new()).await.unwrap();
    let mut rest = all.clone();
    while rest.len() > PART {
        let next = rest.split_to(4 << 20);
        store(&driver, "/u/data", WriterStart::Resume, &next).await.unwrap();
    }
    let mut writer = resume(&driver, "/u/data").await;
    write(&mut writer, &rest).await.unwrap();
    writer.commit(&path("/f/data")).await.unwrap();
    assert_holds(&driver, "/f/data", &[&all]).await;
    stage.holds_only(&["/f/data"]).await;
}

pub(crate) async fn a_file_has_at_most_ten_thousand_parts(stage: &Stage) {
    let driver = stage.driver().await;
    let etags = "etag \"0cc175b9c0f1b6a831c399e269772661\"\n".repeat(9_999);
    let journal = format!("wharf upload 1\npart-bytes {PART}\nmultipart none\n{etags}tail 0\n\n");
    let put = stage.client.put_object().bucket(&stage.place.bucket).key(stage.key("/u/data~begun"));
    put.body(Bytes::from(journal).into()).send().await.unwrap();
    let mut writer = resume(&driver, "/u/data").await;
    assert_eq!(writer.offset(), 9_999 * PART as u64);
    write(&mut writer, &some(32, PART)).await.unwrap();
    let error = writer.write(Bytes::from_static(b"x")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("10000 parts") && cause.contains("chunksize"), "{cause}");
    assert!(writer.commit(&path("/f/data")).await.is_err(), "it has lost a byte");
}
