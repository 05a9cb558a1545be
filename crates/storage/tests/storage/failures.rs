//! A store that fails now and then: what was acknowledged stays, and the push can go on.

use std::sync::Arc;

use wharf_registry::{Algorithm, Error, Repository};
use wharf_storage_driver::contract::{Fault, Faulty, Moment};
use wharf_storage_driver::{ErrorKind, MemoryDriver, Method};

use crate::fixture::{Fixture, LARGE, content, once, read_blob, sha256};

struct Failing {
    driver: Arc<Faulty<MemoryDriver>>,
    repository: Arc<dyn Repository>,
}

impl Failing {
    fn new() -> Self {
        let driver = Arc::new(Faulty::new(MemoryDriver::new()));
        let fixture = Fixture::over(Arc::new(Arc::clone(&driver)), None);
        Self { driver, repository: fixture.repository("a") }
    }

    fn fails(&self, method: Method, path_ending: &'static str) {
        self.driver.plan(Fault::once(method, path_ending, ErrorKind::Unavailable));
    }
}

#[tokio::test]
async fn a_record_whose_answer_was_lost_is_known_by_its_mark() {
    let store = Failing::new();
    let uploads = store.repository.uploads();
    let id = uploads.start(None).await.unwrap().id;
    for (offset, bytes) in [(0, b"one".to_vec()), (3, content(LARGE, 1))] {
        let lost =
            Fault { moment: Moment::After, ..Fault::once(Method::Put, "/startedat", ErrorKind::Changed) };
        store.driver.plan(lost);
        let status = uploads.append(&id, Some(offset), once(&bytes)).await.unwrap();
        assert_eq!(status.offset, offset + bytes.len() as u64);
    }
    let whole = [b"one".as_slice(), &content(LARGE, 1)].concat();
    uploads.finish(&id, None, once(b""), &sha256(&whole)).await.unwrap();
    assert_eq!(read_blob(&*store.repository, &sha256(&whole)).await, whole);
}

#[tokio::test]
async fn acknowledged_bytes_never_go_backwards() {
    let first = content(LARGE, 1);
    let second = content(LARGE, 2);
    let whole = [first.as_slice(), &second].concat();
    for (method, path_ending) in [
        (Method::Write, "/data"),
        (Method::Close, "/data"),
        (Method::Writer, "/data"),
        (Method::Put, "/startedat"),
    ] {
        let store = Failing::new();
        let uploads = store.repository.uploads();
        let id = uploads.start(None).await.unwrap().id;
        let acknowledged = uploads.append(&id, None, once(&first)).await.unwrap().offset;
        store.fails(method, path_ending);
        let error = uploads.append(&id, Some(acknowledged), once(&second)).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable { .. }), "{method}: {error:?}");
        let status = uploads.status(&id).await.unwrap();
        assert_eq!(status.offset, acknowledged, "{method}");
        uploads.append(&id, Some(acknowledged), once(&second)).await.unwrap();
        uploads.finish(&id, None, once(b""), &sha256(&whole)).await.unwrap();
        assert_eq!(read_blob(&*store.repository, &sha256(&whole)).await, whole, "{method}");
    }
}

/// Also by a client whose last bytes came with the request that failed, and then they need not come again if they are there.
#[tokio::test]
async fn a_finish_that_failed_can_be_asked_for_again() {
    let first = content(LARGE, 4);
    for last in [content(0, 5), content(1000, 5)] {
        let whole = [first.as_slice(), &last].concat();
        for digest in [sha256(&whole), Algorithm::Sha512.digest(&whole)] {
            for (method, path_ending) in [
                (Method::Commit, "/data"),
                (Method::Put, "/link"),
                (Method::Writer, "/data"),
                (Method::Put, "/startedat"),
            ] {
                let store = Failing::new();
                let uploads = store.repository.uploads();
                let id = uploads.start(None).await.unwrap().id;
                let acknowledged = uploads.append(&id, None, once(&first)).await.unwrap().offset;
                store.fails(method, path_ending);
                // A client that has nothing to add need not say where it is.
                let at = |offset| (!last.is_empty()).then_some(offset);
                let error = uploads.finish(&id, at(acknowledged), once(&last), &digest).await.unwrap_err();
                assert!(matches!(error, Error::Unavailable { .. }), "{method}: {error:?}");
                let held = uploads.status(&id).await.unwrap().offset;
                assert!(held >= acknowledged, "{method}: {held}");
                let rest = once(&whole[usize::try_from(held).unwrap()..]);
                uploads.finish(&id, at(held), rest, &digest).await.unwrap();
                assert_eq!(read_blob(&*store.repository, &digest).await, whole, "{method}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_overtaken_by_another_server_is_told_to_come_again() {
    for method in [Method::Close, Method::Commit] {
        let store = Failing::new();
        let uploads = store.repository.uploads();
        let bytes = content(LARGE, 6);
        let id = uploads.start(None).await.unwrap().id;
        uploads.append(&id, None, once(&bytes)).await.unwrap();
        store.driver.plan(Fault::once(method, "/data", ErrorKind::Changed));
        let error = match method {
            Method::Close => uploads.append(&id, None, once(b"more")).await.unwrap_err(),
            _ => uploads.finish(&id, None, once(b""), &sha256(&bytes)).await.unwrap_err(),
        };
        assert!(matches!(error, Error::UploadBusy(_)), "{method}: {error:?}");
    }
}
