//! What holds for every input, valid or not. The fuzzer and an ordinary test both ask it.

use bytes::Bytes;
use wharf_digest::Algorithm;
use wharf_manifest::{Descriptor, Kind, Manifest, Role};

/// Panics when any bytes make the parser panic or contradict itself.
pub(crate) fn hold(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let stored = Manifest::parse_stored(bytes.clone());
    if let Ok(manifest) = &stored {
        check(manifest, data);
    }
    let announced = Kind::ALL.map(|kind| Some(kind.media_type()));
    let mut pushed = Vec::new();
    for media_type in announced.into_iter().chain([None]) {
        match Manifest::parse(media_type, bytes.clone()) {
            Ok(manifest) => pushed.push((media_type, manifest)),
            Err(error) => assert!(error.to_string().len() < 16 << 10, "an error is of bounded length"),
        }
    }
    for (media_type, manifest) in &pushed {
        let Ok(stored) = &stored else { panic!("what was accepted can be read from the store") };
        assert_eq!(manifest.kind(), stored.kind(), "the store reads what was pushed");
        assert!(media_type.is_none_or(|media_type| media_type == manifest.media_type()));
    }
}

fn check(manifest: &Manifest, data: &[u8]) {
    assert_eq!(manifest.bytes().as_ref(), data, "bytes are kept");
    assert!(manifest.config().is_some() == manifest.kind().is_image());
    let parts = [manifest.layers(), manifest.blobs(), manifest.children()];
    let count = parts.iter().map(|part| part.len()).sum::<usize>()
        + usize::from(manifest.config().is_some())
        + usize::from(manifest.subject().is_some());
    assert_eq!(manifest.references().count(), count, "every descriptor has one role");
    for (role, descriptor) in manifest.references() {
        assert!(role != Role::Child || manifest.kind().is_index());
        round_trip(descriptor);
    }
    round_trip(&manifest.descriptor(Algorithm::Sha256.digest(data)));
}

fn round_trip(descriptor: &Descriptor) {
    let json = serde_json::to_vec(descriptor).expect("a descriptor is JSON");
    let again: Descriptor = serde_json::from_slice(&json).expect("what was written can be read");
    assert_eq!(&again, descriptor, "nothing is lost on the way");
}
