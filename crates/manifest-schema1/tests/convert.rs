//! Images of schema 2 as schema 1. The documents are the ones that Debian's docker-registry 2.8.2 makes, which the suite of
//! the whole holds side by side; here they are pinned.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Kind, Manifest, media_type};
use wharf_manifest_schema1::{
    Conversion, ConversionError, Converted, EMPTY_LAYER_BYTES, MAX_CONFIG_BYTES, Signed, SigningKey, convert,
    empty_layer,
};

fn layers(count: usize) -> Vec<Digest> {
    (0..count).map(|index| Algorithm::Sha256.digest(format!("layer {index}").as_bytes())).collect()
}

fn converted(config: &str, count: usize) -> Result<Converted, ConversionError> {
    let layers = layers(count);
    convert(Conversion { name: "library/image", tag: "v1", config: config.as_bytes(), layers: &layers })
}

/// A configuration with as many layers as its history makes.
fn config(more: &str, history: &[&str], layers: usize) -> String {
    let ids = vec!["\"x\""; layers].join(",");
    format!(
        r#"{{"architecture":"amd64"{more},"history":[{}],"rootfs":{{"diff_ids":[{ids}]}}}}"#,
        history.join(",")
    )
}

const MADE: &str =
    r#"{"created":"2020-01-02T03:04:05.600Z","created_by":"ADD <a> & \u2028","author":"me","comment":"c"}"#;
const EMPTY: &str = r#"{"created_by":"CMD","empty_layer":true}"#;

#[test]
fn the_empty_layer_is_the_one_that_everyone_has() {
    assert_eq!(EMPTY_LAYER_BYTES.len(), 32);
    assert_eq!(
        empty_layer().to_string(),
        "sha256:a3ed95caeb02ffe68cdd9fd84406680ae93d633cb16422d00e8a7c22955b46d4"
    );
}

#[test]
fn the_document_is_known_to_the_byte() {
    let text = config(r#","n":1000.0,"<":"\u2028""#, &[MADE, EMPTY, MADE], 2);
    let Converted { payload, names_empty_layer } = converted(&text, 2).unwrap();
    assert_eq!(str::from_utf8(&payload).unwrap(), include_str!("data/converted.json"));
    assert!(names_empty_layer);
    assert!(!converted(&config("", &[MADE], 1), 1).unwrap().names_empty_layer);
}

#[test]
fn newest_comes_first_and_what_is_left_over_is_dropped() {
    let payload = converted(&config("", &[MADE, EMPTY, MADE], 4), 4).unwrap().payload;
    let manifest = Manifest::parse(Some(media_type::DOCKER_SCHEMA1), payload).unwrap();
    let expected = [layers(1)[0], empty_layer(), layers(2)[1]];
    assert_eq!(manifest.layers().iter().map(|layer| layer.digest).collect::<Vec<_>>(), expected);
}

#[test]
fn what_does_not_fit_is_told() {
    let error = |text: &str, layers| converted(text, layers).unwrap_err();
    assert!(matches!(error("", 0), ConversionError::Config(_)));
    assert!(matches!(error("[]", 0), ConversionError::Config(_)));
    assert!(matches!(error(r#"{"history":7}"#, 0), ConversionError::Config(_)));
    assert!(matches!(error("{}", 0), ConversionError::History));
    assert!(matches!(error(r#"{"history":null,"rootfs":null}"#, 0), ConversionError::History));
    let layers = error(&config("", &[MADE], 1), 2);
    assert!(matches!(layers, ConversionError::Layers { config: 1, manifest: 2 }));
    assert!(matches!(error(&config("", &[MADE, MADE], 1), 1), ConversionError::NonEmptyLayers));
    let time = error(&config("", &[r#"{"created":"yesterday"}"#, MADE], 2), 2);
    assert!(matches!(time, ConversionError::Time(text) if text == "yesterday"));
}

#[test]
fn there_is_an_end_to_what_is_converted() {
    let long = " ".repeat(MAX_CONFIG_BYTES + 1);
    assert!(matches!(converted(&long, 0), Err(ConversionError::ConfigSize)));
    // Each of these steps takes little to say, and much to show.
    let steps = vec![r#"{"empty_layer":true}"#; 150_000];
    assert!(matches!(converted(&config("", &steps, 0), 0), Err(ConversionError::TooLarge)));
    let deep = format!(
        r#"{{"history":[{{}}],"rootfs":{{"diff_ids":[1]}},"x":{}1{}}}"#,
        "[".repeat(1 << 20),
        "]".repeat(1 << 20)
    );
    assert!(matches!(converted(&deep, 1), Err(ConversionError::Config(_)) | Ok(_)));
}

fn any_step() -> impl Strategy<Value = String> {
    let text = "\\PC{0,12}".prop_map(|text| serde_json::to_string(&text).unwrap());
    (any::<bool>(), text.clone(), text).prop_map(|(is_empty, by, comment)| {
        format!(r#"{{"empty_layer":{is_empty},"created_by":{by},"comment":{comment}}}"#)
    })
}

proptest! {
    #[test]
    fn what_is_converted_is_a_manifest_that_can_be_signed(
        steps in prop::collection::vec(any_step(), 1..6), key in "\\PC{0,9}", value in "\\PC{0,9}",
    ) {
        let count = steps.iter().filter(|step| step.contains("\"empty_layer\":false")).count();
        let more = format!(",{}:{}", serde_json::to_string(&format!("x{key}")).unwrap(), serde_json::to_string(&value).unwrap());
        let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
        let payload = converted(&config(&more, &steps, count), count).unwrap().payload;
        let manifest = Manifest::parse(Some(media_type::DOCKER_SCHEMA1), payload.clone()).unwrap();
        prop_assert_eq!((manifest.kind(), manifest.layers().len()), (Kind::Schema1, steps.len()));
        let key = SigningKey::generate().unwrap();
        let document = Signed::sign(payload.clone(), &key, std::time::SystemTime::now()).unwrap().to_document().unwrap();
        let read = Signed::parse(&document).unwrap();
        prop_assert_eq!(read.payload(), &payload);
    }

    #[test]
    fn no_configuration_makes_it_panic(text in "\\PC*", count in 0..3_usize) {
        let _ = converted(&text, count);
        let _ = converted(&config(&text, &[&text], count), count);
    }
}
