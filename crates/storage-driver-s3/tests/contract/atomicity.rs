//! Whether a store's conditions hold when many meet: what no probe can find out, measured for the stores we test with.

use bytes::Bytes;
use futures_util::future::join_all;
use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{ErrorKind, PutMode, PutOptions, StoragePath, Sync};

use crate::drivers::driver;
use crate::stores::Place;

const WRITERS: usize = 16;
const ROUNDS: usize = 20;

/// Lets sixteen drivers write one file at the same time, as often as it takes to believe it.
async fn one_wins(variable: &str) {
    let Some(place) = Place::given(variable) else {
        eprintln!("skipped: no store was given");
        return;
    };
    // Connections of their own, as servers would have.
    let drivers: Vec<_> =
        (0..WRITERS).map(|_| driver(place.config(), HttpClient::new(Options::default()).unwrap())).collect();
    for round in 0..ROUNDS {
        let path: StoragePath = format!("/f/{round}").parse().unwrap();
        let mut mode = PutMode::Create;
        for (generation, lost) in
            [ErrorKind::Exists, ErrorKind::Changed, ErrorKind::Changed].into_iter().enumerate()
        {
            let start = tokio::sync::Barrier::new(WRITERS);
            let writing = drivers.iter().enumerate().map(|(index, driver)| {
                let options = PutOptions { mode: mode.clone(), sync: Sync::Durable };
                let (start, path, bytes) = (&start, &path, bytes(round, generation, index));
                async move {
                    start.wait().await;
                    driver.put(path, bytes, options).await
                }
            });
            let results = join_all(writing).await;
            let winners: Vec<usize> = (0..WRITERS).filter(|index| results[*index].is_ok()).collect();
            assert_eq!(winners.len(), 1, "{variable}, round {round}, generation {generation}");
            assert!(
                results.iter().filter_map(|result| result.as_ref().err()).all(|error| error.kind() == lost)
            );
            let object = drivers[0].get(&path, 100).await.unwrap();
            assert_eq!(object.bytes, bytes(round, generation, winners[0]));
            mode = PutMode::Replace(object.version);
        }
    }
    drivers[0].delete(&"/f".parse().unwrap()).await.unwrap();
}

/// In every other round all write the same, so that who has lost cannot take the winner's bytes for its own.
fn bytes(round: usize, generation: usize, index: usize) -> Bytes {
    let by = if round.is_multiple_of(2) { index } else { 0 };
    Bytes::from(format!("{generation} by {by}"))
}

#[tokio::test]
#[ignore = "a measurement: a thousand writes to each store"]
async fn one_of_sixteen_wins_at_minio() {
    one_wins("WHARF_TESTS_MINIO").await;
}

#[tokio::test]
#[ignore = "a measurement: a thousand writes to each store"]
async fn one_of_sixteen_wins_at_versitygw() {
    one_wins("WHARF_TESTS_VERSITYGW").await;
}

#[tokio::test]
#[ignore = "a measurement: a thousand writes to each store"]
async fn one_of_sixteen_wins_at_ceph() {
    one_wins("WHARF_TESTS_CEPH").await;
}
