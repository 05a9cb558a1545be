//! What registries of 2014 to 2016 left in a store, and what their clients still push.

use std::time::SystemTime;

use bytes::Bytes;
use wharf_manifest::{Kind, media_type};
use wharf_manifest_schema1::{Signed, SigningKey};
use wharf_registry::{ByteStream, Digest, Error, PutManifest, Reference, Repository, TarSum, Uploads};
use wharf_storage::{Options, Schema1, layout};
use wharf_tarsum::{Summer, Version};

use crate::fixture::{Fixture, LARGE, content, deleting, once, page, pieces, push_blob, repository, sha256};
use crate::images::push_image;

on_every_driver! {
    a_signed_manifest_is_taken_apart_and_found_again
    signatures_are_dropped_where_they_are_not_to_be_kept
    schema_1_is_refused_unless_it_is_enabled
    what_is_wrong_with_a_signed_manifest_is_told
    a_store_of_2_0_is_read
    a_store_of_2_5_is_read
    a_signature_that_was_collected_is_none
    signatures_are_kept_by_digest
    a_layer_is_pushed_by_its_tarsum
    a_wrong_tarsum_is_refused_and_the_upload_goes_on
    a_tarsum_counts_only_while_its_digest_does
    manifests_are_listed_and_found_and_tagged_by_digest
    what_a_manifest_points_to_need_not_be_there_when_nobody_checks
    an_upload_is_finished_only_with_its_size
    a_blob_says_when_it_was_stored
}

fn enabled() -> Options {
    Options { schema1: Schema1::WithSignatures, ..deleting() }
}

fn payload(layers: &[String]) -> Bytes {
    let sums: Vec<_> = layers.iter().map(|layer| format!(r#"{{"blobSum":"{layer}"}}"#)).collect();
    let history = vec![r#"{"v1Compatibility":"{}"}"#; layers.len()].join(",");
    let layers = sums.join(",");
    Bytes::from(format!(
        r#"{{"schemaVersion":1,"name":"a","tag":"t","architecture":"x","fsLayers":[{layers}],"history":[{history}]}}"#
    ))
}

fn signed(payload: &Bytes) -> Signed {
    Signed::sign(payload.clone(), &SigningKey::generate().unwrap(), SystemTime::now()).unwrap()
}

fn put(document: Bytes) -> PutManifest {
    let media_type = Some(media_type::DOCKER_SCHEMA1_SIGNED.to_owned());
    PutManifest { media_type, bytes: document, digest: None, tags: vec!["t".parse().unwrap()], classes: None }
}

/// An archive of one file, and its name of 2015.
fn layer(content: &[u8]) -> (Vec<u8>, TarSum) {
    let mut block = [0_u8; 512];
    block[0] = b'f';
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    block[148..156].fill(b' ');
    block[156] = b'0';
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = [&block[..], content].concat();
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    let mut summer = Summer::new(Version::V1, wharf_registry::Algorithm::Sha256);
    summer.push(&archive).unwrap();
    (archive, summer.finish().unwrap())
}

async fn by_tag(repository: &dyn Repository) -> wharf_registry::StoredManifest {
    repository.manifests().get(&Reference::Tag("t".parse().unwrap())).await.unwrap()
}

async fn a_signed_manifest_is_taken_apart_and_found_again(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    let blob = push_blob(&*repository, b"layer").await;
    let payload = payload(&[blob.digest.to_string(), blob.digest.to_string()]);
    let signed = signed(&payload);
    let pushed = repository.manifests().put(put(signed.to_document().unwrap())).await.unwrap();
    assert_eq!((pushed.digest, pushed.manifest.kind()), (sha256(&payload), Kind::Schema1));

    let elsewhere = crate::fixture::repository(&fixture.elsewhere(), "a");
    for repository in [repository, elsewhere] {
        let stored = by_tag(&*repository).await;
        assert_eq!((stored.digest, stored.manifest.bytes()), (pushed.digest, &payload));
        let kept = repository.signatures().get(&pushed.digest).await.unwrap();
        assert_eq!(kept, [Bytes::from(signed.signatures()[0].to_json())]);
    }
    let tree = fixture.tree().await;
    assert_eq!(tree[layout::blob_data(&pushed.digest).as_str()], payload);
    assert_eq!(tree.keys().filter(|path| path.contains("/signatures/sha256/")).count(), 1);

    let repository = fixture.repository("a");
    repository.manifests().delete(&pushed.digest).await.unwrap();
    assert!(fixture.tree().await.keys().all(|path| !path.contains("signatures")));
}

async fn signatures_are_dropped_where_they_are_not_to_be_kept(fixture: Fixture) {
    let storage = fixture.with(Options { schema1: Schema1::WithoutSignatures, ..deleting() });
    let repository = repository(&storage, "a");
    let payload = payload(&[]);
    let pushed = repository.manifests().put(put(signed(&payload).to_document().unwrap())).await.unwrap();
    assert!(repository.signatures().get(&pushed.digest).await.unwrap().is_empty());
    assert!(fixture.tree().await.keys().all(|path| !path.contains("signatures")));
}

async fn schema_1_is_refused_unless_it_is_enabled(fixture: Fixture) {
    let repository = fixture.repository("a");
    let document = signed(&payload(&[])).to_document().unwrap();
    for media_type in [Some(media_type::DOCKER_SCHEMA1), Some("application/json"), Some("text/plain"), None] {
        let put = PutManifest { media_type: media_type.map(str::to_owned), ..put(document.clone()) };
        let refused = repository.manifests().put(put).await;
        assert!(matches!(refused, Err(Error::SignedManifestInvalid(_))), "{media_type:?}");
    }
    assert!(fixture.tree().await.is_empty());
}

async fn what_is_wrong_with_a_signed_manifest_is_told(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    let push = async |document: Bytes| repository.manifests().put(put(document)).await.unwrap_err();
    assert!(matches!(push(payload(&[])).await, Error::SignedManifestInvalid(_)), "not signed");
    assert!(matches!(push(Bytes::from_static(b"{")).await, Error::SignedManifestInvalid(_)));
    let document = signed(&payload(&[])).to_document().unwrap();
    let text = str::from_utf8(&document).unwrap().replace(r#""name":"a""#, r#""name":"b""#);
    assert!(matches!(push(text.into()).await, Error::ManifestUnverified(reasons) if reasons.len() == 1));

    let missing = sha256(b"never pushed").to_string();
    let document = signed(&payload(&[missing])).to_document().unwrap();
    assert!(matches!(push(document).await, Error::ManifestReferences(missing) if missing.len() == 1));
    let (_, sum) = layer(b"never pushed");
    let document = signed(&payload(&[sum.to_string(), sum.to_string()])).to_document().unwrap();
    assert!(matches!(push(document).await, Error::ManifestLayers(missing) if missing == [sum]));
    let document = signed(&payload(&["nonsense".to_owned()])).to_document().unwrap();
    assert!(matches!(push(document).await, Error::SignedManifestInvalid(_)));
    let other = Some(sha256(b"other"));
    let document = signed(&payload(&[])).to_document().unwrap();
    let refused = repository.manifests().put(PutManifest { digest: other, ..put(document) }).await;
    assert!(matches!(refused, Err(Error::DigestMismatch { .. })));
    assert!(fixture.tree().await.is_empty());
}

/// Writes what a push to an old registry left: data, links and the tag.
async fn leave(fixture: &Fixture, payload: &Bytes, layers: &[(&[u8], Option<&TarSum>)]) -> Digest {
    let digest = sha256(payload);
    let folder = "/docker/registry/v2/repositories/a";
    let link = |kind: &str, digest: &Digest| format!("{folder}/{kind}/sha256/{}/link", digest.hex());
    fixture.write(layout::blob_data(&digest).as_str(), str::from_utf8(payload).unwrap()).await;
    fixture.write(&link("_manifests/revisions", &digest), &digest.to_string()).await;
    fixture.write(&format!("{folder}/_manifests/tags/t/current/link"), &digest.to_string()).await;
    fixture.write(&link("_manifests/tags/t/index", &digest), &digest.to_string()).await;
    for (content, sum) in layers {
        let digest = sha256(content);
        fixture.write(layout::blob_data(&digest).as_str(), str::from_utf8(content).unwrap()).await;
        fixture.write(&link("_layers", &digest), &digest.to_string()).await;
        if let Some(sum) = sum {
            let path = format!("{folder}/_layers/tarsum/v1/sha256/{}/link", sum.hex());
            fixture.write(&path, &digest.to_string()).await;
        }
    }
    digest
}

async fn a_store_of_2_0_is_read(fixture: Fixture) {
    let (archive, sum) = layer(b"hello");
    let payload = payload(&[sum.to_string()]);
    let digest = leave(&fixture, &payload, &[(&archive, Some(&sum))]).await;
    let signature = signed(&payload).signatures()[0].to_json();
    let name = sha256(signature.as_bytes());
    fixture.write(layout::blob_data(&name).as_str(), &signature).await;
    let link = format!(
        "/docker/registry/v2/repositories/a/_manifests/revisions/sha256/{}/signatures/sha256/{}/link",
        digest.hex(),
        name.hex()
    );
    fixture.write(&link, &name.to_string()).await;

    let repository = fixture.repository("a");
    let stored = by_tag(&*repository).await;
    assert_eq!((stored.digest, stored.manifest.bytes()), (digest, &payload));
    assert_eq!(stored.manifest.old_layers(), [sum.to_string()]);
    assert_eq!(repository.signatures().get(&digest).await.unwrap(), [Bytes::from(signature)]);
    assert_eq!(repository.blobs().by_tarsum(&sum).await.unwrap(), sha256(&archive));
    let upper: TarSum = sum.to_string().replace("tarsum.v1", "tarsum.dev").parse().unwrap();
    assert!(matches!(repository.blobs().by_tarsum(&upper).await, Err(Error::LayerUnknown(_))));
}

async fn a_store_of_2_5_is_read(fixture: Fixture) {
    let payload = payload(&[sha256(b"layer").to_string()]);
    let digest = leave(&fixture, &payload, &[(b"layer", None)]).await;
    let repository = fixture.repository("a");
    let stored = by_tag(&*repository).await;
    assert_eq!((stored.digest, stored.manifest.layers().len()), (digest, 1));
    assert!(repository.signatures().get(&digest).await.unwrap().is_empty());
    assert!(repository.signatures().get(&sha256(b"other")).await.unwrap().is_empty());
    let referrers = repository.referrers().list(&digest, Default::default()).await.unwrap();
    assert!(referrers.descriptors.is_empty());
}

async fn a_signature_that_was_collected_is_none(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    let document = signed(&payload(&[])).to_document().unwrap();
    let pushed = repository.manifests().put(put(document)).await.unwrap();
    let kept = repository.signatures().get(&pushed.digest).await.unwrap();
    fixture.driver.delete(&layout::blob_data(&sha256(&kept[0]))).await.unwrap();
    assert!(repository.signatures().get(&pushed.digest).await.unwrap().is_empty());
}

async fn signatures_are_kept_by_digest(fixture: Fixture) {
    let repository = fixture.repository("a");
    let payload = payload(&[]);
    let signatures: Vec<Bytes> =
        (0..3).map(|_| Bytes::from(signed(&payload).signatures()[0].to_json())).collect();
    let unknown = repository.signatures().put(&sha256(&payload), signatures.clone()).await;
    assert!(matches!(unknown, Err(Error::ManifestUnknown { .. })));
    let digest = leave(&fixture, &payload, &[]).await;
    repository.signatures().put(&digest, signatures[..2].to_vec()).await.unwrap();
    repository.signatures().put(&digest, signatures[1..].to_vec()).await.unwrap();
    let mut kept = repository.signatures().get(&digest).await.unwrap();
    let mut expected = signatures;
    kept.sort();
    expected.sort();
    assert_eq!(kept, expected);
}

async fn push_layer(
    repository: &dyn Repository,
    body: ByteStream,
    sum: &TarSum,
) -> Result<wharf_registry::Descriptor, Error> {
    let uploads: &dyn Uploads = repository.uploads();
    let status = uploads.start(None).await?;
    uploads.finish_by_tarsum(&status.id, Some(0), body, sum).await
}

async fn a_layer_is_pushed_by_its_tarsum(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    for size in [5, LARGE] {
        let (archive, sum) = layer(&content(size, 3));
        let descriptor = push_layer(&*repository, pieces(&archive, 60_000), &sum).await.unwrap();
        assert_eq!((descriptor.digest, descriptor.size), (sha256(&archive), archive.len() as u64));
        assert_eq!(repository.blobs().by_tarsum(&sum).await.unwrap(), descriptor.digest);

        let document = signed(&payload(&[sum.to_string()])).to_document().unwrap();
        let pushed = repository.manifests().put(put(document)).await.unwrap();
        assert_eq!(pushed.manifest.old_layers(), [sum.to_string()]);
        let path = format!("/_layers/tarsum/v1/sha256/{}/link", sum.hex());
        let tree = fixture.tree().await;
        let link = tree.iter().find(|(name, _)| name.ends_with(&path)).unwrap();
        assert_eq!(link.1, &descriptor.digest.to_string());
        assert!(tree.keys().all(|name| !name.contains("_uploads")));
    }
    // A client that sends its layer in chunks.
    let (archive, sum) = layer(&content(LARGE, 9));
    let (first, second) = archive.split_at(LARGE / 2);
    let status = repository.uploads().start(None).await.unwrap();
    repository.uploads().append(&status.id, Some(0), once(first)).await.unwrap();
    let at = Some(first.len() as u64);
    let descriptor = repository.uploads().finish_by_tarsum(&status.id, at, once(second), &sum).await.unwrap();
    assert_eq!(descriptor.digest, sha256(&archive));
}

async fn a_wrong_tarsum_is_refused_and_the_upload_goes_on(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    for size in [5, LARGE] {
        let (archive, _) = layer(&content(size, 3));
        let (_, other) = layer(b"other");
        let status = repository.uploads().start(None).await.unwrap();
        let wrong = repository.uploads().finish_by_tarsum(&status.id, Some(0), once(&archive), &other).await;
        assert!(matches!(wrong, Err(Error::TarsumMismatch { expected, .. }) if expected == other));
        assert!(matches!(repository.blobs().by_tarsum(&other).await, Err(Error::LayerUnknown(_))));
        let digest = sha256(&archive);
        let finished = repository.uploads().finish(&status.id, None, ByteStream::empty(), &digest).await;
        assert_eq!(finished.unwrap().size, archive.len() as u64);
    }
    let (_, sum) = layer(b"x");
    let no_tar = push_layer(&*repository, once(&[b'x'; 2000]), &sum).await;
    assert!(matches!(no_tar, Err(Error::TarsumMismatch { .. })));
    let hash: TarSum = "tarsum+md5:ab".parse().unwrap();
    assert!(matches!(push_layer(&*repository, once(b""), &hash).await, Err(Error::TarsumMismatch { .. })));
    let refused = push_layer(&*fixture.repository("a"), once(b""), &sum).await;
    assert!(matches!(refused, Err(Error::Unsupported(_))));
}

async fn a_tarsum_counts_only_while_its_digest_does(fixture: Fixture) {
    let storage = fixture.with(enabled());
    let repository = repository(&storage, "a");
    let (archive, sum) = layer(b"hello");
    push_layer(&*repository, once(&archive), &sum).await.unwrap();
    repository.blobs().delete(&sha256(&archive)).await.unwrap();
    assert!(matches!(repository.blobs().by_tarsum(&sum).await, Err(Error::LayerUnknown(_))));
    let document = signed(&payload(&[sum.to_string()])).to_document().unwrap();
    assert!(matches!(repository.manifests().put(put(document)).await, Err(Error::ManifestLayers(_))));
}

async fn manifests_are_listed_and_found_and_tagged_by_digest(fixture: Fixture) {
    let repository = fixture.repository("a");
    let unknown = repository.manifests().list(page(None, 1)).await;
    assert!(matches!(unknown, Err(Error::RepositoryUnknown(_))));
    let mut digests = Vec::new();
    for seed in ["1", "2", "3"] {
        digests.push(push_image(&*repository, seed, &[]).await.digest);
    }
    digests.sort();
    let first = repository.manifests().list(page(None, 2)).await.unwrap();
    assert_eq!((&first.items[..], first.more), (&digests[..2], true));
    let rest = repository.manifests().list(page(Some(digests[1]), 2)).await.unwrap();
    assert_eq!((&rest.items[..], rest.more), (&digests[2..], false));

    let tag = "t".parse().unwrap();
    let (there, absent) = (Reference::Digest(digests[0]), Reference::Digest(sha256(b"absent")));
    assert!(repository.manifests().exists(&there).await.unwrap());
    assert!(!repository.manifests().exists(&absent).await.unwrap());
    assert!(!repository.manifests().exists(&Reference::Tag("t".parse().unwrap())).await.unwrap());
    assert!(!repository.tags().exists(&tag).await.unwrap());
    repository.tags().set(&tag, &digests[0]).await.unwrap();
    assert!(repository.tags().exists(&tag).await.unwrap());
    assert!(repository.manifests().exists(&Reference::Tag("t".parse().unwrap())).await.unwrap());
    assert_eq!(by_tag(&*repository).await.digest, digests[0]);
    let refused = repository.tags().set(&tag, &sha256(b"absent")).await;
    assert!(matches!(refused, Err(Error::ManifestUnknown { .. })));
    assert!(repository.blobs().exists(&push_blob(&*repository, b"b").await.digest).await.unwrap());
    assert!(!repository.blobs().exists(&sha256(b"absent")).await.unwrap());
}

async fn what_a_manifest_points_to_need_not_be_there_when_nobody_checks(fixture: Fixture) {
    let repository = fixture.repository("a");
    let config = crate::images::missing("a/b", "config");
    let document = crate::images::image(&config, &[]);
    let refused = repository.manifests().put(crate::images::put(&document, &["t"])).await;
    assert!(matches!(refused, Err(Error::ManifestReferences(_))));
    let put = repository.manifests().put_unchecked(crate::images::put(&document, &["t"])).await.unwrap();
    assert_eq!(by_tag(&*repository).await.digest, put.digest);
}

async fn an_upload_is_finished_only_with_its_size(fixture: Fixture) {
    let repository = fixture.repository("a");
    let uploads = repository.uploads();
    let id = uploads.start(None).await.unwrap().id;
    uploads.append(&id, Some(0), once(b"abc")).await.unwrap();
    let digest = sha256(b"abcdef");
    let is_refused = |result| matches!(result, Err(Error::SizeMismatch { .. }));
    assert!(is_refused(uploads.finish_sized(&id, once(b"def"), &digest, 7).await));
    assert!(is_refused(uploads.finish_sized(&id, once(b"def"), &digest, 2).await));
    assert!(is_refused(uploads.finish_sized(&id, pieces(b"def", 1), &digest, 5).await));
    assert!(is_refused(uploads.finish_sized(&id, pieces(b"def", 1), &digest, 8).await));
    let finished = uploads.finish_sized(&id, pieces(b"def", 1), &digest, 6).await.unwrap();
    assert_eq!((finished.digest, finished.size), (digest, 6));
}

async fn a_blob_says_when_it_was_stored(fixture: Fixture) {
    let repository = fixture.repository("a");
    let before = SystemTime::now() - std::time::Duration::from_secs(60);
    let digest = push_blob(&*repository, b"x").await.digest;
    let created = repository.blobs().open(&digest).await.unwrap().created_at().await.unwrap();
    assert!(created.is_none_or(|created| created > before));
}
