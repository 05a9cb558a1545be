//! Large files, written bit by bit.

use std::time::{Duration, Instant, SystemTime};

use ::bytes::{Bytes, BytesMut};
use futures_util::StreamExt;

use super::bytes::{MIB, assert_absent, begin, get, put, read, resume, some};
use super::{Store, names, path};
use crate::{Error, ErrorKind, StorageDriver, Sync, Writer, WriterStart};

/// How long a path may stay busy after its writer was dropped: a write may still be under way.
const LETTING_GO: Duration = Duration::from_secs(10);

/// Distribution: WriteReadStreams1 to 4, WriteReadStreamsNonUTF8.
pub async fn a_file_may_come_in_one_piece(store: Store) {
    let driver = store.driver();
    for bytes in [
        Bytes::from_static(b"a"),
        Bytes::from_static("ß".as_bytes()),
        Bytes::from_static(&[0x80; 4]),
        some(1, MIB),
    ] {
        let mut writer = begin(&*driver, "/f/stream").await;
        assert_eq!(writer.offset(), 0);
        writer.write(bytes.clone()).await.unwrap();
        assert_eq!(writer.offset(), bytes.len() as u64);
        writer.commit(&path("/f/stream")).await.unwrap();
        assert_eq!(get(&*store.driver(), "/f/stream").await, bytes);
        assert_eq!(read(&*driver, "/f/stream", 0, u64::MAX).await, bytes);
    }
}

/// Tiny pieces and huge ones, empty ones too, in any order.
pub async fn a_file_may_come_in_any_pieces(store: Store) {
    let driver = store.driver();
    let bytes = some(2, 3 * MIB + 17);
    let mut writer = begin(&*driver, "/f/pieces").await;
    let mut rest = bytes.clone();
    for len in (0..3000)
        .map(|index| index % 7)
        .chain([MIB, 0, 1, 300_000, 65_536, 65_537, 131_071, 131_072, 131_073, 9])
    {
        writer.write(rest.split_to(len)).await.unwrap();
    }
    assert_eq!(writer.offset(), (bytes.len() - rest.len()) as u64);
    writer.write(rest).await.unwrap();
    assert_eq!(writer.offset(), bytes.len() as u64);
    writer.commit(&path("/f/pieces")).await.unwrap();
    assert!(get(&*driver, "/f/pieces").await == bytes);
}

/// Distribution: WriteReadLargeStreams.
pub async fn a_file_may_grow_beyond_memory(store: Store) {
    let driver = store.driver();
    let parts = store.scaled(24, 5 * 1024);
    let block = some(3, MIB + 256);
    let part = |index: usize| block.slice(index % 256..index % 256 + MIB);
    let mut writer = begin(&*driver, "/f/huge").await;
    for index in 0..parts {
        writer.write(part(index)).await.unwrap();
    }
    writer.commit(&path("/f/huge")).await.unwrap();
    let stored = driver.read(&path("/f/huge"), 0..u64::MAX).await.unwrap();
    assert_eq!(stored.size, (parts * MIB) as u64);
    let mut pieces = stored.content.into_stream();
    let (mut pending, mut index) = (BytesMut::new(), 0);
    while let Some(piece) = pieces.next().await {
        pending.extend_from_slice(&piece.unwrap());
        while pending.len() >= MIB {
            assert!(pending.split_to(MIB) == part(index), "part {index}");
            index += 1;
        }
    }
    assert_eq!((index, pending.len()), (parts, 0));
}

/// Distribution: ContinueStreamAppendLarge.
pub async fn a_file_may_come_in_large_parts(store: Store) {
    let len = store.scaled(6 * MIB, 10 * MIB);
    in_parts(store, [len, len, len]).await;
}

/// Distribution: ContinueStreamAppendSmall; and a small part before and after a large one.
pub async fn a_file_may_come_in_small_parts(store: Store) {
    in_parts(store.clone(), [32, 32, 32]).await;
    in_parts(store, [1, 6 * MIB, 7]).await;
}

/// All state is in the store: whoever closes may be gone when another goes on.
pub async fn a_closed_writer_is_resumed_by_another_instance(store: Store) {
    let mut writer = begin(&*store.driver(), "/u/data").await;
    writer.write(some(4, 100)).await.unwrap();
    writer.close(Sync::Relaxed).await.unwrap();
    let mut writer = resume(&*store.driver(), "/u/data").await;
    assert_eq!(writer.offset(), 100);
    writer.write(some(5, 200)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let writer = resume(&*store.driver(), "/u/data").await;
    assert_eq!(writer.offset(), 300);
    writer.commit(&path("/f/data")).await.unwrap();
    assert_eq!(get(&*store.driver(), "/f/data").await, [some(4, 100), some(5, 200)].concat());
}

/// Distribution: WriteZeroByteStreamThenAppend, as far as a writer was only closed.
pub async fn an_empty_start_may_be_resumed(store: Store) {
    begin(&*store.driver(), "/u/data").await.close(Sync::Durable).await.unwrap();
    let mut writer = resume(&*store.driver(), "/u/data").await;
    assert_eq!(writer.offset(), 0);
    writer.write(some(6, 32)).await.unwrap();
    writer.commit(&path("/u/data")).await.unwrap();
    assert_eq!(get(&*store.driver(), "/u/data").await, some(6, 32));
}

/// Distribution: WriteZeroByteStreamThenAppend and WriteZeroByteContentThenAppend, with a second commit in place of an
/// append to what was committed.
pub async fn an_empty_file_may_be_committed(store: Store) {
    let driver = store.driver();
    begin(&*driver, "/f/empty").await.commit(&path("/f/empty")).await.unwrap();
    assert_eq!(driver.stat(&path("/f/empty")).await.unwrap().size, 0);
    assert_eq!(read(&*driver, "/f/empty", 0, u64::MAX).await, "");
    put(&*driver, "/f/put", "").await;
    for at in ["/f/empty", "/f/put"] {
        let mut writer = begin(&*driver, at).await;
        writer.write(some(7, 32)).await.unwrap();
        writer.commit(&path(at)).await.unwrap();
        assert_eq!(get(&*driver, at).await, some(7, 32));
    }
}

/// Nothing, a file, what was committed and what was cancelled have nothing to go on with.
pub async fn only_what_was_begun_is_resumed(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/file", "x").await;
    begin(&*driver, "/f/committed").await.commit(&path("/f/committed")).await.unwrap();
    begin(&*driver, "/f/moved").await.commit(&path("/f/elsewhere")).await.unwrap();
    begin(&*driver, "/f/cancelled").await.cancel().await.unwrap();
    for at in ["/missing/data", "/f/file", "/f/committed", "/f/moved", "/f/elsewhere", "/f/cancelled"] {
        let error = driver.writer(&path(at), WriterStart::Resume).await.map(drop).unwrap_err();
        assert!(error.is_not_found(), "{error:?}");
        assert_eq!((error.driver(), error.path()), (driver.name(), Some(&path(at))));
    }
}

/// What was begun is thrown away by the next who begins.
pub async fn a_new_writer_forgets_the_last(store: Store) {
    let driver = store.driver();
    let mut writer = begin(&*driver, "/u/data").await;
    writer.write(some(8, MIB)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let mut writer = begin(&*driver, "/u/data").await;
    assert_eq!(writer.offset(), 0);
    writer.write(some(9, 10)).await.unwrap();
    writer.commit(&path("/f/data")).await.unwrap();
    assert_eq!(get(&*driver, "/f/data").await, some(9, 10));
}

/// Before it is committed a file is not listed, not found and not read, open or closed.
pub async fn what_is_not_committed_is_not_seen(store: Store) {
    let driver = store.driver();
    put(&*driver, "/u/startedat", "now").await;
    let mut writer = begin(&*driver, "/u/data").await;
    writer.write(some(10, MIB)).await.unwrap();
    for other in [&driver, &store.driver()] {
        assert_absent(&**other, "/u/data").await;
        assert_eq!(names(&**other, "/u").await, ["startedat"]);
    }
    writer.close(Sync::Durable).await.unwrap();
    for other in [&driver, &store.driver()] {
        assert_absent(&**other, "/u/data").await;
        assert_eq!(names(&**other, "/u").await, ["startedat"]);
    }
    resume(&*driver, "/u/data").await.commit(&path("/u/data")).await.unwrap();
    assert_eq!(names(&*driver, "/u").await, ["data", "startedat"]);
}

/// A file that is there stays there while another is written to its path.
pub async fn a_begun_file_hides_nothing(store: Store) {
    let driver = store.driver();
    put(&*driver, "/f/data", "old").await;
    let mut writer = begin(&*driver, "/f/data").await;
    writer.write(some(11, MIB)).await.unwrap();
    assert_eq!(get(&*driver, "/f/data").await, "old");
    writer.cancel().await.unwrap();
    assert_eq!(get(&*driver, "/f/data").await, "old");
    assert_eq!(names(&*driver, "/f").await, ["data"]);
}

/// A commit to another path leaves nothing at the writer's own.
pub async fn a_commit_may_go_elsewhere(store: Store) {
    let driver = store.driver();
    let mut writer = begin(&*driver, "/u/1/data").await;
    writer.write(some(12, MIB)).await.unwrap();
    writer.commit(&path("/blobs/12/data")).await.unwrap();
    assert_eq!(get(&*store.driver(), "/blobs/12/data").await, some(12, MIB));
    assert_absent(&*driver, "/u/1/data").await;
    assert_eq!(names(&*driver, "/u/1").await, [""; 0]);
}

/// A commit replaces a file at once, here and elsewhere.
pub async fn a_commit_replaces_what_is_there(store: Store) {
    let driver = store.driver();
    for (from, to) in [("/f/data", "/f/data"), ("/u/data", "/f/data")] {
        put(&*driver, "/f/data", some(13, MIB)).await;
        let mut writer = begin(&*driver, from).await;
        writer.write(some(14, 1000)).await.unwrap();
        assert_eq!(get(&*driver, "/f/data").await, some(13, MIB));
        writer.commit(&path(to)).await.unwrap();
        assert_eq!(get(&*driver, "/f/data").await, some(14, 1000));
    }
}

/// Cancelling takes back what earlier writers wrote, too.
pub async fn a_cancelled_writer_leaves_nothing(store: Store) {
    let driver = store.driver();
    let mut writer = begin(&*driver, "/u/data").await;
    writer.write(some(15, MIB)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let mut writer = resume(&*driver, "/u/data").await;
    writer.write(some(16, MIB)).await.unwrap();
    writer.cancel().await.unwrap();
    assert_absent(&*driver, "/u/data").await;
    assert_eq!(names(&*driver, "/u").await, [""; 0]);
    assert!(driver.writer(&path("/u/data"), WriterStart::Resume).await.map(drop).unwrap_err().is_not_found());
}

/// A folder takes with it what was begun below it, also what went up in parts already.
pub async fn a_deleted_folder_takes_what_was_begun(store: Store) {
    let driver = store.driver();
    put(&*driver, "/u/1/startedat", "now").await;
    let mut writer = begin(&*driver, "/u/1/data").await;
    writer.write(some(20, 11 * MIB)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    store.driver().delete(&path("/u/1")).await.unwrap();
    let resumed = driver.writer(&path("/u/1/data"), WriterStart::Resume).await.map(drop);
    assert!(resumed.unwrap_err().is_not_found());
}

/// A sweep takes nothing that is young, and no file that was committed, however old.
pub async fn a_sweep_spares_what_counts(store: Store) {
    let driver = store.driver();
    let hour = Duration::from_secs(3600);
    let mut writer = begin(&*driver, "/u/1/data").await;
    writer.write(some(21, MIB)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    driver.sweep(SystemTime::now() - hour).await.unwrap();
    let writer = resume(&*driver, "/u/1/data").await;
    assert_eq!(writer.offset(), MIB as u64);
    writer.commit(&path("/f/data")).await.unwrap();
    put(&*driver, "/f/link", "kept").await;
    driver.sweep(SystemTime::now() + hour).await.unwrap();
    assert_eq!(names(&*driver, "/f").await, ["data", "link"]);
    assert_eq!(get(&*driver, "/f/data").await, some(21, MIB));
}

/// While one writes, others are told to wait; other paths are free.
pub async fn a_path_has_one_writer(store: Store) {
    let driver = store.driver();
    let mut writer = begin(&*driver, "/u/data").await;
    writer.write(some(17, 100)).await.unwrap();
    for start in [WriterStart::New, WriterStart::Resume] {
        let error = driver.writer(&path("/u/data"), start).await.map(drop).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Busy, Some(&path("/u/data"))));
    }
    begin(&*driver, "/u/data2").await.cancel().await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let writer = resume(&*driver, "/u/data").await;
    assert_eq!(writer.offset(), 100, "those who were refused changed nothing");
    writer.cancel().await.unwrap();
    begin(&*driver, "/u/data").await.cancel().await.unwrap();
}

/// A writer that is dropped lets go of its path; the next goes on from what is really there.
pub async fn a_dropped_writer_lets_go(store: Store) {
    let driver = store.driver();
    let bytes = some(18, MIB);
    let mut writer = begin(&*driver, "/u/data").await;
    writer.write(bytes.slice(..1000)).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let mut writer = resume(&*driver, "/u/data").await;
    writer.write(bytes.slice(1000..)).await.unwrap();
    drop(writer);
    let writer = patiently(&*driver, "/u/data", WriterStart::Resume).await.unwrap();
    let offset = usize::try_from(writer.offset()).unwrap();
    assert!((1000..=MIB).contains(&offset), "{offset}");
    writer.commit(&path("/f/data")).await.unwrap();
    assert!(get(&*driver, "/f/data").await == bytes[..offset]);

    drop(begin(&*driver, "/u/new").await);
    patiently(&*driver, "/u/new", WriterStart::New).await.unwrap().cancel().await.unwrap();
}

/// Writes a file in parts, closing after each, and looks at every offset.
async fn in_parts(store: Store, lens: [usize; 3]) {
    let driver = store.driver();
    let bytes = some(19, lens.iter().sum());
    let mut rest = bytes.clone();
    begin(&*driver, "/u/data").await.close(Sync::Relaxed).await.unwrap();
    for len in lens {
        let mut writer = resume(&*driver, "/u/data").await;
        assert_eq!(writer.offset(), (bytes.len() - rest.len()) as u64);
        writer.write(rest.split_to(len)).await.unwrap();
        assert_eq!(writer.offset(), (bytes.len() - rest.len()) as u64);
        writer.close(Sync::Durable).await.unwrap();
    }
    let writer = resume(&*driver, "/u/data").await;
    assert_eq!(writer.offset(), bytes.len() as u64);
    writer.commit(&path("/f/data")).await.unwrap();
    assert!(get(&*driver, "/f/data").await == bytes);
}

/// Asks again while the path is busy.
async fn patiently(
    driver: &dyn StorageDriver,
    at: &str,
    start: WriterStart,
) -> Result<Box<dyn Writer>, Error> {
    let deadline = Instant::now() + LETTING_GO;
    loop {
        match driver.writer(&path(at), start).await {
            Err(error) if error.kind() == ErrorKind::Busy && Instant::now() < deadline => {
                tokio::task::yield_now().await
            }
            result => return result,
        }
    }
}
