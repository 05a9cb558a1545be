//! What a push leaves in the store, to the byte.

use wharf_registry::{Algorithm, PutManifest};

use crate::fixture::{Fixture, LARGE, content, once, push_blob, sha256};
use crate::images::{image, put};

on_every_driver! {
    a_push_leaves_what_distribution_leaves
    a_push_by_another_algorithm_adds_aliases
    a_new_upload_is_one_file
    how_a_blob_came_leaves_no_trace
}

const ROOT: &str = "/docker/registry/v2";

fn blob(content: &[u8]) -> (String, String) {
    let hex = sha256(content).hex();
    (format!("{ROOT}/blobs/sha256/{}/{hex}/data", &hex[..2]), String::from_utf8(content.to_vec()).unwrap())
}

async fn tree(fixture: &Fixture) -> Vec<(String, String)> {
    let tree = fixture.tree().await.into_iter();
    tree.map(|(path, bytes)| (path, String::from_utf8(bytes.to_vec()).unwrap())).collect()
}

async fn a_push_leaves_what_distribution_leaves(fixture: Fixture) {
    let repository = fixture.repository("library/x");
    let config = push_blob(&*repository, b"{}").await;
    let id = repository.uploads().start(None).await.unwrap().id;
    repository.uploads().append(&id, Some(0), once(b"lay")).await.unwrap();
    let layer = repository.uploads().finish(&id, Some(3), once(b"er"), &sha256(b"layer")).await.unwrap();
    let manifest = put(&image(&config, &[layer]), &["v1"]);
    let bytes = manifest.bytes.clone();
    let digest = repository.manifests().put(manifest).await.unwrap().digest;

    let own = format!("{ROOT}/repositories/library/x");
    let (config, layer) = (sha256(b"{}"), sha256(b"layer"));
    let mut expected = vec![
        blob(b"{}"),
        blob(b"layer"),
        blob(&bytes),
        (format!("{own}/_layers/sha256/{}/link", config.hex()), config.to_string()),
        (format!("{own}/_layers/sha256/{}/link", layer.hex()), layer.to_string()),
        (format!("{own}/_manifests/revisions/sha256/{}/link", digest.hex()), digest.to_string()),
        (format!("{own}/_manifests/tags/v1/current/link"), digest.to_string()),
        (format!("{own}/_manifests/tags/v1/index/sha256/{}/link", digest.hex()), digest.to_string()),
    ];
    expected.sort();
    assert_eq!(tree(&fixture).await, expected);
    assert!(expected.iter().filter(|(path, _)| path.ends_with("/link")).all(|(_, link)| link.len() == 71));
}

async fn a_push_by_another_algorithm_adds_aliases(fixture: Fixture) {
    let repository = fixture.repository("x");
    let config = Algorithm::Sha512.digest(b"{}");
    let descriptor = repository.uploads().put(&config, once(b"{}")).await.unwrap();
    let manifest = put(&image(&descriptor, &[]), &["v1"]);
    let bytes = manifest.bytes.clone();
    let digest = Algorithm::Sha512.digest(&bytes);
    repository.manifests().put(PutManifest { digest: Some(digest), ..manifest }).await.unwrap();

    let own = format!("{ROOT}/repositories/x");
    let mut expected = vec![
        blob(b"{}"),
        blob(&bytes),
        (format!("{own}/_layers/sha256/{}/link", sha256(b"{}").hex()), sha256(b"{}").to_string()),
        (format!("{own}/_layers/sha512/{}/link", config.hex()), sha256(b"{}").to_string()),
        (
            format!("{own}/_manifests/revisions/sha256/{}/link", sha256(&bytes).hex()),
            sha256(&bytes).to_string(),
        ),
        (format!("{own}/_manifests/revisions/sha512/{}/link", digest.hex()), sha256(&bytes).to_string()),
        (format!("{own}/_manifests/tags/v1/current/link"), digest.to_string()),
        (format!("{own}/_manifests/tags/v1/index/sha512/{}/link", digest.hex()), digest.to_string()),
    ];
    expected.sort();
    assert_eq!(tree(&fixture).await, expected);
}

async fn a_new_upload_is_one_file(fixture: Fixture) {
    let id = fixture.repository("x").uploads().start(None).await.unwrap().id;
    let tree = tree(&fixture).await;
    let [(path, content)] = &tree[..] else { panic!("one file: {tree:?}") };
    assert_eq!(*path, format!("{ROOT}/repositories/x/_uploads/{id}/startedat"));
    assert!(content.len() == 20 && content.ends_with('Z') && content.as_bytes()[10] == b'T', "{content}");
    assert_eq!(id.as_str().len(), 36);
}

async fn how_a_blob_came_leaves_no_trace(fixture: Fixture) {
    let bytes = content(LARGE, 1);
    let (half, digests) = (LARGE / 2, Algorithm::ALL.map(|algorithm| algorithm.digest(&bytes)));
    for digest in digests {
        let repository = fixture.repository("x");
        repository.uploads().put(&digest, once(&bytes)).await.unwrap();
        let id = repository.uploads().start(None).await.unwrap().id;
        repository.uploads().finish(&id, None, once(&bytes), &digest).await.unwrap();
        let id = repository.uploads().start(None).await.unwrap().id;
        repository.uploads().append(&id, None, once(&bytes[..half])).await.unwrap();
        repository.uploads().finish(&id, None, once(&bytes[half..]), &digest).await.unwrap();
    }
    let tree = fixture.tree().await;
    let names: Vec<&String> = tree.keys().filter(|path| !path.contains("/_layers/")).collect();
    assert_eq!(names, [&wharf_storage::layout::blob_data(&digests[0]).to_string()]);
    assert_eq!(tree.len(), 4);
}
