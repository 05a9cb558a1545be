//! The proxy that the other tests rely on: it changes nothing, counts everything, and breaks what it is told to break.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use wharf_tests::{Chance, Fault, Part, Rule, Store, noise};

use super::Watched;

#[test]
fn what_passes_through_the_proxy_stays_what_it_is_and_is_counted() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let mut store = Store::at(&watched.place.through(watched.proxy.address()));
    let content = noise(1, 3_000_000);
    let key = watched.room.key("something with spaces & signs");
    let counts = watched.proxy.count(|| {
        store.put(&key, &[], content.clone()).unwrap();
        assert!(store.get(&key).unwrap() == content);
        assert_eq!(store.keys(watched.room.root()).unwrap(), [key]);
        store.delete_all(watched.room.root()).unwrap();
        assert_eq!(store.keys(watched.room.root()).unwrap().len(), 0);
        assert_eq!(store.unfinished_uploads(watched.room.root()).unwrap().len(), 0);
    });
    let expected = [
        ("DeleteObjects", 1),
        ("GetObject", 1),
        ("ListMultipartUploads", 1),
        ("ListObjects", 3),
        ("PutObject", 1),
    ];
    assert_eq!(Vec::from_iter(counts.operations), expected);
}

#[test]
fn the_proxy_breaks_what_it_is_told_to_break() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let (content, key) = (noise(2, 1_000_000), watched.room.key("broken"));
    watched.room.store().put(&key, &[], content.clone()).unwrap();
    let pause = Duration::from_millis(300);
    let faults = [
        Fault::Refused(503, "SlowDown"),
        Fault::ResetInRequest,
        Fault::ResetBeforeAnswer,
        Fault::ResetInAnswer,
        Fault::StallInRequest(pause),
        Fault::StallBeforeAnswer(pause),
        Fault::StallInAnswer(pause),
        Fault::ShortAnswer,
        Fault::TooLongPromise(10),
        Fault::TooShortPromise,
        Fault::Slow(2_000_000),
    ];
    for fault in faults {
        watched.proxy.break_by(vec![Rule::new(&["GetObject"], Chance::First(1), fault)]);
        let mut store = Store::at(&watched.place.through(watched.proxy.address()));
        let began = Instant::now();
        let got = store.get(&key);
        let took = began.elapsed();
        match (fault, got) {
            (Fault::Refused(..), Err(error)) => assert!(error.to_string().contains("SlowDown"), "{error}"),
            (Fault::ShortAnswer | Fault::TooLongPromise(_), Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
            }
            (Fault::TooShortPromise, Ok(half)) => assert_eq!(half.len(), content.len() / 2),
            (Fault::Slow(_), Ok(whole)) => {
                assert!(whole == content && took >= Duration::from_millis(400), "{took:?}")
            }
            (
                Fault::StallInRequest(_) | Fault::StallBeforeAnswer(_) | Fault::StallInAnswer(_),
                Err(error),
            ) => assert!(error.kind() == ErrorKind::ConnectionReset && took >= pause, "{error} {took:?}"),
            (_, Err(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{fault:?}"),
            (_, Ok(_)) => panic!("{fault:?} broke nothing"),
        }
        assert_eq!(watched.proxy.broken(), [1]);
        // Only the first time.
        assert!(store.get(&key).unwrap() == content);
    }
}

#[test]
fn a_request_that_is_reset_after_it_was_carried_out_was_carried_out() {
    let Some(watched) = Watched::new(Part::Minio) else { return };
    let mut store = Store::at(&watched.place.through(watched.proxy.address()));
    let (done, halved) = (watched.room.key("done"), watched.room.key("halved"));
    watched.proxy.break_by(vec![Rule::new(&["PutObject"], Chance::Nth(1), Fault::ResetBeforeAnswer)]);
    store.put(&done, &[], noise(3, 100_000)).unwrap_err();
    watched.proxy.break_by(vec![Rule::new(&["PutObject"], Chance::Nth(1), Fault::ResetInRequest)]);
    store.put(&halved, &[], noise(3, 100_000)).unwrap_err();
    assert_eq!(watched.room.store().keys(watched.room.root()).unwrap(), [done]);
}
