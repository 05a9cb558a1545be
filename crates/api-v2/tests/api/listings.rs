//! Tags, repositories and referrers, page by page.

use std::sync::Arc;

use serde_json::{Value, json};
use wharf_auth::{Guard, Open, Origin, Permission, Rule, Rules, Who};
use wharf_digest::Algorithm;
use wharf_protocol::Link;

use crate::support::{OCI_INDEX, OCI_MANIFEST, Registry, descriptor};

async fn with_tags(tags: &[&str]) -> Registry {
    let registry = Registry::new();
    for tag in tags {
        registry.push_image("a/b", tag).await;
    }
    registry
}

/// Follows the links from a path and gives what is under `key` on each page.
async fn pages(registry: &Registry, path: &str, key: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut next = Some(path.to_owned());
    while let Some(path) = next {
        let answer = registry.get(&path).await;
        assert_eq!(answer.status, 200, "{path}");
        pages.push(answer.json()[key].as_array().unwrap().clone());
        next = Link::parse(answer.header("link")).map(|link| link.target().to_owned());
        assert!(pages.len() < 20, "the links never end");
    }
    pages
}

#[tokio::test]
async fn tags_come_in_byte_order_and_whole_pages() {
    let registry = with_tags(&["b", "1.0-rc1", "a", "1.0", "B", "_x"]).await;
    assert_eq!(
        pages(&registry, "/v2/a/b/tags/list", "tags").await,
        [["1.0", "1.0-rc1", "B", "_x", "a", "b"]]
    );
    assert_eq!(
        pages(&registry, "/v2/a/b/tags/list?n=2", "tags").await,
        [["1.0", "1.0-rc1"], ["B", "_x"], ["a", "b"]]
    );
    assert_eq!(pages(&registry, "/v2/a/b/tags/list?last=B0", "tags").await, [["_x", "a", "b"]]);
    let answer = registry.get("/v2/a/b/tags/list?n=2").await;
    assert_eq!(answer.header("link"), "</v2/a/b/tags/list?last=1.0-rc1&n=2>; rel=\"next\"");
    assert_eq!(answer.text(), "{\"name\":\"a/b\",\"tags\":[\"1.0\",\"1.0-rc1\"]}\n");
}

#[tokio::test]
async fn no_tags_are_asked_for_and_none_come() {
    let registry = with_tags(&["a"]).await;
    let answer = registry.get("/v2/a/b/tags/list?n=0").await;
    assert_eq!((answer.text(), answer.header("link")), ("{\"name\":\"a/b\",\"tags\":[]}\n", ""));
}

#[tokio::test]
async fn a_page_of_tags_is_no_longer_than_allowed() {
    let registry = Registry::with(|options| {
        options.limits.tags_max = 2;
        options.limits.tags_page = 3;
    });
    for tag in ["a", "b", "c", "d"] {
        registry.push_image("a/b", tag).await;
    }
    assert_eq!(pages(&registry, "/v2/a/b/tags/list?n=99999999999", "tags").await, [["a", "b"], ["c", "d"]]);
    assert_eq!(pages(&registry, "/v2/a/b/tags/list", "tags").await.concat(), ["a", "b", "c", "d"]);
}

#[tokio::test]
async fn numbers_that_are_none_are_400() {
    let registry = with_tags(&["a"]).await;
    for (path, detail) in [
        ("/v2/a/b/tags/list?n=-1", json!({ "n": -1 })),
        ("/v2/a/b/tags/list?n=x", json!({ "n": 0 })),
        ("/v2/_catalog?n=-1", json!({ "n": "-1" })),
        ("/v2/_catalog?n=1001", json!({ "n": 1001 })),
    ] {
        let answer = registry.get(path).await;
        assert_eq!(answer.failure(), (400, "PAGINATION_NUMBER_INVALID".into()), "{path}");
        assert_eq!(answer.detail(), detail, "{path}");
    }
    assert_eq!(registry.get("/v2/a/b/tags/list?last=%2F").await.failure(), (400, "TAG_INVALID".into()));
    assert_eq!(registry.get("/v2/_catalog?last=A").await.failure(), (400, "NAME_INVALID".into()));
}

#[tokio::test]
async fn the_tags_of_an_unknown_repository_are_404() {
    let registry = Registry::new();
    let answer = registry.get("/v2/no/body/tags/list").await;
    assert_eq!(answer.failure(), (404, "NAME_UNKNOWN".into()));
    assert_eq!(answer.detail(), json!({ "name": "no/body" }));
}

#[tokio::test]
async fn repositories_come_in_byte_order_and_whole_pages() {
    let registry = Registry::new();
    assert_eq!(registry.get("/v2/_catalog").await.text(), "{\"repositories\":[]}\n");
    for name in ["foo", "foo/1bar", "foo-bar", "bar"] {
        registry.push_image(name, "v1").await;
    }
    let all = ["bar", "foo", "foo-bar", "foo/1bar"];
    assert_eq!(pages(&registry, "/v2/_catalog", "repositories").await, [all]);
    assert_eq!(pages(&registry, "/v2/_catalog?n=1", "repositories").await.concat(), all);
    assert_eq!(pages(&registry, "/v2/_catalog?n=2&last=foo", "repositories").await.concat(), all[2..]);
    assert_eq!(registry.get("/v2/_catalog?n=0").await.text(), "{\"repositories\":[]}\n");
}

#[tokio::test]
async fn links_stay_behind_the_prefix() {
    let registry = Registry::with(|options| options.prefix = "/registry/".into());
    let digest = Algorithm::Sha256.digest(b"{}");
    for tag in ["a", "b"] {
        let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [], "annotations": { "tag": tag } });
        let path = format!("/registry/v2/a/b/manifests/{tag}");
        let answer =
            registry.call("PUT", &path, &[("content-type", OCI_INDEX)], index.to_string().as_bytes()).await;
        assert!(
            answer
                .header("location")
                .starts_with("http://registry.example/registry/v2/a/b/manifests/sha256:")
        );
    }
    assert_eq!(pages(&registry, "/registry/v2/a/b/tags/list?n=1", "tags").await, [["a"], ["b"]]);
    assert_eq!(registry.get(&format!("/v2/a/b/blobs/{digest}")).await.status, 404);
}

async fn refer(registry: &Registry, subject: &wharf_digest::Digest, artifact_type: &str) -> String {
    let config = registry.push_blob("a/b", b"{}").await;
    let referrer = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": descriptor("application/vnd.oci.empty.v1+json", &config, 2),
        "layers": [],
        "subject": descriptor(OCI_MANIFEST, subject, 7),
        "annotations": { "org.example": "<1 & 2>" },
    });
    registry.push_manifest("a/b", "referrer", OCI_MANIFEST, &referrer).await.to_string()
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let registry = Registry::new();
    let subject = Algorithm::Sha256.digest(b"subject");
    let path = format!("/v2/a/b/referrers/{subject}");
    let empty = registry.get(&path).await;
    assert_eq!(empty.json(), json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }));
    assert_eq!(empty.header("content-type"), OCI_INDEX);

    let sbom = refer(&registry, &subject, "application/sbom").await;
    let signature = refer(&registry, &subject, "application/signature").await;
    let all = registry.get(&path).await.json()["manifests"].as_array().unwrap().clone();
    let mut digests: Vec<_> = all.iter().map(|manifest| manifest["digest"].as_str().unwrap()).collect();
    digests.sort_unstable();
    let mut expected = [sbom.as_str(), &signature];
    expected.sort_unstable();
    assert_eq!(digests, expected);

    let filtered = registry.get(&format!("{path}?artifactType=application%2Fsbom")).await;
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    let manifests = filtered.json()["manifests"].clone();
    assert_eq!(manifests[0]["digest"], sbom);
    assert_eq!(manifests[0]["artifactType"], "application/sbom");
    assert_eq!(manifests[0]["annotations"]["org.example"], "<1 & 2>");
    assert_eq!(manifests.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn referrers_have_pages_that_keep_the_filter() {
    let registry =
        Registry::with_storage(|_| {}, |storage| storage.referrers_per_page = 1.try_into().unwrap());
    let subject = Algorithm::Sha256.digest(b"subject");
    for artifact_type in ["a/1", "a/2", "a/3"] {
        refer(&registry, &subject, artifact_type).await;
    }
    let path = format!("/v2/a/b/referrers/{subject}");
    assert_eq!(pages(&registry, &path, "manifests").await.concat().len(), 3);
    let filtered = pages(&registry, &format!("{path}?artifactType=a%2F2"), "manifests").await.concat();
    assert_eq!(filtered.len(), 1);
    assert_eq!(registry.get(&format!("{path}?last=x")).await.failure(), (400, "DIGEST_INVALID".into()));
}

#[tokio::test]
async fn referrers_of_what_is_no_digest_are_400() {
    let registry = Registry::new();
    for digest in ["sha256:x", "x"] {
        let answer = registry.get(&format!("/v2/a/b/referrers/{digest}")).await;
        assert_eq!(answer.failure(), (400, "DIGEST_INVALID".into()), "{digest}");
    }
}

/// A registry in which nobody may pull but from some of its repositories, and everybody may see the catalog.
async fn with_hidden(repositories: &[&str], visible: &[&str]) -> Registry {
    let guard = Arc::new(Guard::new(Arc::new(Open), None));
    let registry = Registry::with(|options| options.access = guard.clone());
    for repository in repositories {
        registry.push_image(repository, "v1").await;
    }
    let rule = |repositories: Option<&[&str]>, permission| Rule {
        origin: Origin { source: "test".into(), line: None },
        repositories: repositories.map(|globs| globs.iter().map(|glob| glob.parse().unwrap()).collect()),
        who: vec![Who::Anonymous],
        allow: vec![permission],
        deny: vec![],
    };
    let rules = vec![rule(Some(visible), Permission::Pull), rule(None, Permission::Catalog)];
    guard.set_rules(Some(Rules::new([].into(), rules)));
    registry
}

#[tokio::test]
async fn the_catalog_holds_only_what_may_be_pulled_in_exact_pages() {
    let names = ["a", "b/hidden", "b/one", "c", "d/hidden", "d/three", "d/two", "z/hidden"];
    let registry = with_hidden(&names, &["b/o*", "c", "d/t*"]).await;
    let visible = ["b/one", "c", "d/three", "d/two"];
    assert_eq!(pages(&registry, "/v2/_catalog", "repositories").await, [visible]);
    assert_eq!(pages(&registry, "/v2/_catalog?n=2", "repositories").await, [&visible[..2], &visible[2..]]);
    assert_eq!(pages(&registry, "/v2/_catalog?n=4", "repositories").await, [visible]);
    assert_eq!(pages(&registry, "/v2/_catalog?n=3", "repositories").await, [&visible[..3], &visible[3..]]);
    assert_eq!(pages(&registry, "/v2/_catalog?last=b/hidden&n=1", "repositories").await.concat(), visible);
    let answer = registry.get("/v2/_catalog?n=4").await;
    assert_eq!(answer.header("link"), "", "what is hidden is no next page");
    let nothing = with_hidden(&names, &["nothing"]).await;
    assert_eq!(nothing.get("/v2/_catalog").await.text(), "{\"repositories\":[]}\n");
}
