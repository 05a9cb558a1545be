//! What becomes of conditions where the store honours some of them, or none, or its answers are lost.

use std::io;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::contract::Store;
use wharf_storage_driver::{ErrorKind, PutMode, PutOptions, StorageDriver, StoragePath, Sync, Version};

use crate::drivers::driver;
use crate::fake::{Fake, Fault, Honours};

/// A driver over a store, patient for milliseconds only.
fn over(fake: &Fake) -> Arc<dyn StorageDriver> {
    let mut config = fake.place.config();
    config.retries.first_backoff = Duration::from_millis(5);
    driver(config, HttpClient::new(Options::default()).unwrap())
}

async fn store(honours: Honours) -> Option<Store> {
    let fake = Fake::start(honours).await;
    let behind = fake.clone();
    Some(Store::new(move || over(&fake)).with_leftovers(move || behind.keys()))
}

/// The cases of the contract that conditions decide.
macro_rules! conditions_hold {
    ($($name:ident: $honours:expr),* $(,)?) => {
        $(mod $name {
            use wharf_storage_driver::{contract::Store, contract_tests};

            use crate::fake::Honours;

            async fn open() -> Option<Store> {
                super::store($honours).await
            }

            contract_tests! { open;
                create_refuses_what_is_there, replace_refuses_what_was_changed, a_version_is_deleted_or_another_stays,
                of_sixteen_creators_one_wins, of_sixteen_replacers_one_wins, a_counter_loses_no_step,
            }
        })*
    };
}

conditions_hold! {
    a_store_that_honours_everything: Honours::Everything,
    a_store_that_wants_bare_tags: Honours::BareTags,
    a_store_that_only_creates: Honours::CreateOnly,
    a_store_that_ignores_conditions: Honours::Nothing,
    a_store_that_refuses_conditions: Honours::Refuses,
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

async fn put(driver: &dyn StorageDriver, text: &'static str, mode: PutMode) -> Result<Version, ErrorKind> {
    let options = PutOptions { mode, sync: Sync::Durable };
    let put = driver.put(&path("/f/file"), Bytes::from_static(text.as_bytes()), options).await;
    put.map_err(|error| error.kind())
}

#[tokio::test]
async fn what_was_found_out_is_in_the_log_once() {
    let log = Log::of_this_process();
    for (honours, expected) in [
        (Honours::Everything, "INFO wharf_storage_driver_s3::probe: the store honours conditional writes"),
        (Honours::CreateOnly, "INFO wharf_storage_driver_s3::probe: the store honours create-only writes"),
        (Honours::Nothing, "WARN wharf_storage_driver_s3::probe: the store honours no conditional writes"),
        (Honours::Refuses, "WARN wharf_storage_driver_s3::probe: the store honours no conditional writes"),
    ] {
        let fake = Fake::start(honours).await;
        let driver = over(&fake);
        let version = put(&*driver, "1", PutMode::Create).await.unwrap();
        put(&*driver, "2", PutMode::Replace(version)).await.unwrap();
        let lines = log.lines_about(&fake.place.bucket);
        assert!(lines.len() == 1 && lines[0].contains(expected), "{honours:?}: {lines:?}");
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_done() {
    let fake = Fake::start(Honours::Everything).await;
    let driver = over(&fake);
    let first = put(&*driver, "1", PutMode::Create).await.unwrap();
    fake.plan("PUT", [Fault::LoseAnswer]);
    let second = put(&*driver, "2", PutMode::Replace(first.clone())).await.unwrap();
    let object = driver.get(&path("/f/file"), 10).await.unwrap();
    assert_eq!((object.bytes, object.version), (Bytes::from_static(b"2"), second));
    driver.delete(&path("/f/file")).await.unwrap();
    fake.plan("PUT", [Fault::LoseAnswer]);
    let third = put(&*driver, "3", PutMode::Create).await.unwrap();
    assert_eq!(driver.get(&path("/f/file"), 10).await.unwrap().version, third);
    for text in ["3", "4"] {
        fake.plan("PUT", [Fault::Status(503)]);
        assert_eq!(
            put(&*driver, text, PutMode::Create).await,
            Err(ErrorKind::Exists),
            "what is there is not ours"
        );
        fake.plan("PUT", [Fault::Status(503)]);
        assert_eq!(put(&*driver, text, PutMode::Replace(first.clone())).await, Err(ErrorKind::Changed));
    }
}

#[tokio::test]
async fn lost_answers_do_not_deceive_who_finds_out() {
    for lost in 0..4 {
        let fake = Fake::start(Honours::Everything).await;
        let driver = over(&fake);
        fake.plan("PUT", (0..4).map(|index| if index == lost { Fault::LoseAnswer } else { Fault::None }));
        put(&*driver, "1", PutMode::Create).await.unwrap();
        fake.take();
        let version = put(&*driver, "2", PutMode::Create).await;
        assert_eq!(version, Err(ErrorKind::Exists));
        assert_eq!(fake.take().len(), 1, "by the store's own decision");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_asked_again_later() {
    let fake = Fake::start(Honours::Everything).await;
    let driver = over(&fake);
    fake.plan("PUT", [Fault::Status(503); 5]);
    assert_eq!(put(&*driver, "1", PutMode::Create).await, Err(ErrorKind::Unavailable));
    put(&*driver, "1", PutMode::Create).await.unwrap();
    fake.take();
    put(&*driver, "2", PutMode::Create).await.unwrap_err();
    assert_eq!(fake.take().len(), 1);
}

#[tokio::test]
#[ignore = "takes half a minute: the time after which a lock is passed over"]
async fn the_lock_of_someone_who_died_is_passed_over() {
    let fake = Fake::start(Honours::CreateOnly).await;
    let driver = over(&fake);
    let version = put(&*driver, "1", PutMode::Create).await.unwrap();
    put(&*driver, "2", PutMode::Replace(version)).await.unwrap();
    let seen = fake.take();
    let lock = seen.iter().find_map(|line| line.strip_prefix("PUT ")?.split_once("/root/~wharf/lock-"));
    fake.put(&format!("~wharf/lock-{}", lock.unwrap().1.trim()), "someone");
    let version = driver.get(&path("/f/file"), 10).await.unwrap().version;
    let (one, other) = (over(&fake), over(&fake));
    let results = tokio::join!(
        put(&*one, "3", PutMode::Replace(version.clone())),
        put(&*other, "4", PutMode::Replace(version)),
    );
    assert!(
        matches!(results, (Ok(_), Err(ErrorKind::Changed)) | (Err(ErrorKind::Changed), Ok(_))),
        "{results:?}"
    );
    assert_eq!(fake.keys(), ["root/f/file"]);
}

/// What all tests of this process log.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn of_this_process() -> &'static Self {
        static LOG: LazyLock<Log> = LazyLock::new(|| {
            let log = Log::default();
            let writer = log.clone();
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
            log
        });
        &LOG
    }

    fn lines_about(&self, bucket: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(bucket)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
