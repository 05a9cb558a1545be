//! What may be inside of a manifest, and that all of it comes back to the byte.

use base64::Engine as _;
use serde_json::{Value, json};

use super::suite;
use crate::case::{Case, Repository};
use crate::check::Verdict;
use crate::fixture::{
    Algorithm, Blob, DOCKER_CONFIG, DOCKER_FOREIGN_LAYER, DOCKER_IMAGE, Document, OCI_CONFIG, OCI_EMPTY,
    OCI_FOREIGN_LAYER, OCI_IMAGE, OCI_LAYER, image, index, unknown_digest,
};

suite![
    a_manifest_is_kept_to_the_byte,
    unknown_fields_are_kept_to_the_byte,
    an_image_without_layers_is_accepted,
    an_index_without_manifests_is_accepted,
    an_index_within_an_index_is_accepted,
    an_index_with_many_images_is_accepted,
    a_descriptor_with_data_is_accepted,
    an_image_with_the_empty_config_is_accepted,
    an_artifact_with_a_type_of_its_own_is_accepted,
    a_layer_of_any_media_type_is_accepted,
    one_layer_may_be_there_twice,
    foreign_layers_need_not_exist,
    annotations_of_any_text_are_kept,
];

async fn a_manifest_is_kept_to_the_byte(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.new_image().await?;
    let (config, layer) = (&image["config"], &image["layers"][0]);
    let odd = format!(
        "\n {{\t\"layers\" :[ {layer}\r\n],\"config\":{config} , \"annotations\":{{\"z\":\"\\u00e4\\/\",\"a\":\"ä\"}},\
         \"schemaVersion\": 2,   \"mediaType\":\"{OCI_IMAGE}\"}}\n\n"
    );
    must_come_back(&repository, "odd", &Document::new(OCI_IMAGE, odd)).await?;
    must_come_back(&repository, "pretty", &Document::new(OCI_IMAGE, format!("{image:#}"))).await
}

async fn unknown_fields_are_kept_to_the_byte(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    image["org.example.new"] = json!({"deep": [1, 2.50, {"er": null}], "<&>": "\u{1F6A2}"});
    image["layers"][0]["org.example.new"] = json!(["x"]);
    image["config"]["newField"] = json!(true);
    let image = Document::of(&image);
    must_come_back(&repository, "image", &image).await?;
    let mut index = index(vec![image.child("amd64")]);
    index["newField"] = json!({"a": "b"});
    index["manifests"][0]["newField"] = json!(1);
    must_come_back(&repository, "index", &Document::of(&index)).await
}

async fn an_image_without_layers_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let config = repository.push_new(OCI_CONFIG).await?;
    must_come_back(&repository, "none", &Document::of(&image(config, Vec::new()))).await
}

async fn an_index_without_manifests_is_accepted(case: &Case) -> Verdict {
    must_come_back(&case.repository(), "none", &Document::of(&index(Vec::new()))).await
}

async fn an_index_within_an_index_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let image = repository.push_untagged().await?;
    let inner = Document::of(&index(vec![image.child("amd64")]));
    repository.push_manifest(&inner.digest(), &inner).await?;
    let outer = Document::of(&index(vec![inner.descriptor(), image.child("arm64")]));
    must_come_back(&repository, "outer", &outer).await
}

async fn an_index_with_many_images_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut children = Vec::new();
    for architecture in ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64"] {
        children.push(repository.push_untagged().await?.child(architecture));
    }
    must_come_back(&repository, "many", &Document::of(&index(children))).await
}

async fn a_descriptor_with_data_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let config = Blob::new("{}");
    repository.push_blob(&config).await?;
    let mut descriptor = config.descriptor(OCI_EMPTY);
    descriptor["data"] = base64::engine::general_purpose::STANDARD.encode(&config.bytes).into();
    let layer = repository.push_new(OCI_LAYER).await?;
    must_come_back(&repository, "data", &Document::of(&image(descriptor, vec![layer]))).await
}

async fn an_image_with_the_empty_config_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let (config, empty) = (Blob::new("{}"), Blob::new(""));
    repository.push_blob(&config).await?;
    repository.push_blob(&empty).await?;
    let layers = vec![empty.descriptor(OCI_LAYER), config.descriptor(OCI_EMPTY)];
    must_come_back(&repository, "empty", &Document::of(&image(config.descriptor(OCI_EMPTY), layers))).await
}

async fn an_artifact_with_a_type_of_its_own_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let config = Blob::new("{}");
    repository.push_blob(&config).await?;
    let layer = repository.push_new("application/vnd.example.sbom+json").await?;
    let mut artifact = image(config.descriptor(OCI_EMPTY), vec![layer]);
    artifact["artifactType"] = json!("application/vnd.example.sbom.v1");
    must_come_back(&repository, "artifact", &Document::of(&artifact)).await
}

async fn a_layer_of_any_media_type_is_accepted(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut layers = Vec::new();
    for media_type in [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.example.layer.v3+unheard",
        "text/plain",
    ] {
        layers.push(repository.push_new(media_type).await?);
    }
    let config = repository.push_new("application/vnd.example.config.v1+json").await?;
    must_come_back(&repository, "any", &Document::of(&image(config, layers))).await
}

async fn one_layer_may_be_there_twice(case: &Case) -> Verdict {
    let repository = case.repository();
    let layer = repository.push_new(OCI_LAYER).await?;
    let config = repository.push_new(OCI_CONFIG).await?;
    let document = Document::of(&image(config, vec![layer.clone(), layer.clone(), layer]));
    must_come_back(&repository, "twice", &document).await
}

async fn foreign_layers_need_not_exist(case: &Case) -> Verdict {
    let repository = case.repository();
    let layer = repository.push_new(OCI_LAYER).await?;
    let config = repository.push_new(OCI_CONFIG).await?;
    let foreign = elsewhere(OCI_FOREIGN_LAYER);
    must_come_back(&repository, "oci", &Document::of(&image(config, vec![layer.clone(), foreign]))).await?;
    let config = repository.push_new(DOCKER_CONFIG).await?;
    let foreign = elsewhere(DOCKER_FOREIGN_LAYER);
    let docker =
        json!({"schemaVersion": 2, "mediaType": DOCKER_IMAGE, "config": config, "layers": [layer, foreign]});
    must_come_back(&repository, "docker", &Document::of(&docker)).await
}

async fn annotations_of_any_text_are_kept(case: &Case) -> Verdict {
    let repository = case.repository();
    let mut image = repository.new_image().await?;
    image["annotations"] = json!({"": "", "org.example.text": "zeile\n\"quoted\" \u{0}\u{7f} <b>&amp; 船", "long": "x".repeat(10_000)});
    image["layers"][0]["annotations"] = json!({"a": "b"});
    must_come_back(&repository, "annotated", &Document::of(&image)).await
}

fn elsewhere(media_type: &str) -> Value {
    let digest = unknown_digest(Algorithm::Sha256);
    json!({"mediaType": media_type, "digest": digest, "size": 1234, "urls": ["https://layers.example/1"]})
}

async fn must_come_back(repository: &Repository<'_>, tag: &str, document: &Document) -> Verdict {
    repository.push_manifest(tag, document).await?;
    for reference in [tag, &document.digest()] {
        let answer = repository.get_manifest(reference).send().await?;
        answer
            .must_be(200)?
            .body_must_be(&document.bytes)?
            .header_must_be("content-type", &document.media_type)?;
    }
    Ok(())
}
