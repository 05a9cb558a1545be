//! Documents made by hand from the rules: the published vector, other shapes, and every way to tamper with them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use wharf_manifest_schema1::{Error, KeyError, MAX_SIGNATURES, Signature, Signed, SigningKey};

const VECTOR: &str = include_str!("data/vector.json");
const KEY: &str = r#"{"crv":"P-256","kty":"EC","x":"AhfmF_C2RDkoJ4-WmZ5pojpPLBUr321s32bluAKC1O0",
    "y":"GUp968uXcS0t2jyoWqh2Wlb0X8dYWZZS8ol8ZTBuV5Q","d":"ERERERERERERERERERERERERERERERERERERERERERE"}"#;

fn then() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_430_438_400)
}

fn key() -> SigningKey {
    SigningKey::from_jwk(KEY).unwrap()
}

/// The payload that a document stands for, if it is taken.
fn taken(document: &[u8]) -> Option<Bytes> {
    let signed = Signed::parse(document).ok()?;
    signed.verify().ok()?;
    Some(signed.payload().clone())
}

#[test]
fn the_published_vector_is_read_and_verified() {
    let signed = Signed::parse(VECTOR.as_bytes()).unwrap();
    signed.verify().unwrap();
    assert_eq!(signed.payload().len(), 299);
    assert_eq!(
        signed.digest().to_string(),
        "sha256:4503c91e1cbce1a5f31915c7354ec6ea3fbf5e166a05eeb4d46b320521de5ac5"
    );
    let id = "O2AF:UY5G:TAGB:QB2U:ESQT:6MTX:FUBN:PRY3:JFSX:KTA4:5BHV:QQJC";
    assert_eq!(signed.signatures()[0].key_id().as_deref(), Some(id));
    assert_eq!(signed.manifest().unwrap().layers().len(), 1);
}

#[test]
fn the_published_vector_is_written_as_it_was() {
    let signed = Signed::parse(VECTOR.as_bytes()).unwrap();
    assert_eq!(signed.to_document().unwrap(), VECTOR);
    let stored = signed.signatures()[0].to_json();
    assert!(stored.starts_with(r#"{"header":{"jwk":{"crv":"P-256","kid":"O2AF:"#), "{stored}");
    assert!(stored.contains(r#""},"alg":"ES256"},"signature":"uCy46oXt"#), "{stored}");
    let joined = Signed::join(signed.payload().clone(), [Signature::parse(stored.as_bytes()).unwrap()]);
    assert_eq!(joined.unwrap().to_document().unwrap(), VECTOR);
}

#[test]
fn a_payload_that_is_signed_again_keeps_its_digest_and_its_protected_part() {
    let signed = Signed::parse(VECTOR.as_bytes()).unwrap();
    let again = Signed::sign(signed.payload().clone(), &key(), then()).unwrap();
    again.verify().unwrap();
    assert_eq!(again.digest(), signed.digest());
    let protected = |signed: &Signed| -> Value {
        serde_json::from_str::<Value>(&signed.signatures()[0].to_json()).unwrap()["protected"].clone()
    };
    assert_eq!(protected(&again), protected(&signed));
}

#[test]
fn any_form_of_payload_can_be_signed() {
    for payload in [
        r#"{"schemaVersion":1,"a":[]}"#,
        "{\"schemaVersion\":1\n}\n",
        "{ \"a\" : 1 }",
        "{\n\t\"a\": 1\n}",
        "{\n  \"a\": {\"b\": \"}\"}\n  }  \n",
    ] {
        let signed = Signed::sign(Bytes::from(payload), &key(), then()).unwrap();
        let document = signed.to_document().unwrap();
        assert!(serde_json::from_slice::<Value>(&document).unwrap()["signatures"].is_array(), "{payload}");
        assert_eq!(taken(&document).as_deref(), Some(payload.as_bytes()), "{payload}");
    }
    for payload in ["", "{}", "{ }", "[1]", "{\"a\":1,}", "{\"a\":1"] {
        let signed = Signed::sign(Bytes::from(payload), &key(), then());
        assert!(matches!(signed, Err(Error::Content)), "{payload}");
    }
}

#[test]
fn every_kind_of_key_signs_and_is_verified() {
    let payload = Signed::parse(VECTOR.as_bytes()).unwrap().payload().clone();
    let keys = [
        SigningKey::from_pem(include_str!("data/p384.pem")).unwrap(),
        SigningKey::from_pem(include_str!("data/p521.pem")).unwrap(),
        SigningKey::from_pem(include_str!("data/rsa.pem")).unwrap(),
        key(),
    ];
    let mut signatures = Vec::new();
    for key in &keys {
        let signed = Signed::sign(payload.clone(), key, then()).unwrap();
        assert_eq!(taken(&signed.to_document().unwrap()), Some(payload.clone()));
        signatures.extend(signed.signatures().to_vec());
    }
    let all = Signed::join(payload.clone(), signatures).unwrap();
    let read = Signed::parse(&all.to_document().unwrap()).unwrap();
    read.verify().unwrap();
    let ids: Vec<_> = read.signatures().iter().map(|signature| signature.key_id().unwrap()).collect();
    assert!(ids.is_sorted() && ids.len() == keys.len(), "{ids:?}");
}

#[test]
fn a_certificate_says_whose_a_signature_is() {
    use base64::Engine as _;
    let pem = include_str!("data/p256-pkcs8.pem");
    let pair = rcgen::KeyPair::from_pem(pem).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&pair).unwrap();
    let leaf = base64::engine::general_purpose::STANDARD.encode(certificate.der());

    let payload = Signed::parse(VECTOR.as_bytes()).unwrap().payload().clone();
    let signed = Signed::sign(payload.clone(), &SigningKey::from_pem(pem).unwrap(), then()).unwrap();
    let mut document: Value = serde_json::from_slice(&signed.to_document().unwrap()).unwrap();
    let header = document["signatures"][0]["header"].as_object_mut().unwrap();
    header.remove("jwk");
    header.insert("x5c".to_owned(), json!([leaf]));
    let stored = serde_json::to_vec(&document["signatures"][0]).unwrap();
    let joined = Signed::join(payload.clone(), [Signature::parse(&stored).unwrap()]).unwrap();
    let text = joined.to_document().unwrap();
    assert!(str::from_utf8(&text).unwrap().contains("\"x5c\": ["));
    assert_eq!(taken(&text), Some(payload.clone()));

    // Another's certificate makes it a lie.
    let other =
        rcgen::CertificateParams::default().self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
    let other = base64::engine::general_purpose::STANDARD.encode(other.der());
    let text = str::from_utf8(&text).unwrap().replace(&leaf, &other);
    assert_eq!(taken(text.as_bytes()), None);
}

/// The vector with one member of its signature changed.
fn with_signature(change: impl Fn(&mut Value)) -> Vec<u8> {
    let (head, _) = VECTOR.split_once(",\n   \"signatures\"").unwrap();
    let mut document: Value = serde_json::from_str(VECTOR).unwrap();
    change(&mut document["signatures"]);
    format!("{head},\"signatures\":{}\n}}", document["signatures"]).into_bytes()
}

fn protected(length: i64, tail: &str) -> String {
    use base64::Engine as _;
    let json = format!(r#"{{"formatLength":{length},"formatTail":"{tail}","time":"2015-05-01T00:00:00Z"}}"#);
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json)
}

#[test]
fn each_fault_has_its_error() {
    let error = |change: &dyn Fn(&mut Value)| Signed::parse(&with_signature(change)).unwrap_err();
    assert!(taken(&with_signature(|_| {})).is_some());
    assert!(matches!(error(&|list| *list = json!([])), Error::NoSignatures));
    assert!(matches!(error(&|list| *list = Value::Null), Error::NoSignatures));
    assert!(matches!(error(&|list| *list = json!("x")), Error::Json(_)));
    assert!(matches!(error(&|list| list[0]["protected"] = json!("!")), Error::Protected));
    assert!(matches!(error(&|list| list[0]["protected"] = json!("e30")), Error::Protected));
    for length in [-1, i64::MIN, i64::MAX, 1 << 40] {
        let error = error(&|list| list[0]["protected"] = json!(protected(length, "Cn0")));
        assert!(matches!(error, Error::FormatLength(told) if told == length), "{length}");
    }
    let second = |list: &mut Value, protected: String| {
        let mut other = list[0].clone();
        other["protected"] = json!(protected);
        list.as_array_mut().unwrap().push(other);
    };
    assert!(matches!(error(&|list| second(list, protected(296, "Cn0"))), Error::Conflict));
    assert!(matches!(error(&|list| second(list, protected(297, "fQ"))), Error::Conflict));
    let many = error(&|list| *list = Value::from(vec![list[0].clone(); MAX_SIGNATURES + 1]));
    assert!(matches!(many, Error::TooManySignatures(65)));
    let id = error(&|list| list[0]["header"]["jwk"]["kid"] = json!("AAAA"));
    assert!(matches!(id, Error::Key(KeyError::Id { .. })));

    let unverified = |change: &dyn Fn(&mut Value)| {
        let errors = Signed::parse(&with_signature(change)).unwrap().verify().unwrap_err();
        assert!(errors.iter().all(Error::is_unverified));
        errors.len()
    };
    assert_eq!(unverified(&|list| list[0]["header"] = json!({"alg": "ES256"})), 1);
    for (member, value) in [("alg", "none"), ("alg", "RS256"), ("alg", "HS256"), ("alg", "")] {
        assert_eq!(unverified(&|list| list[0]["header"][member] = json!(value)), 1);
    }
    for signature in ["", "AA", "!", &"A".repeat(86)] {
        assert_eq!(unverified(&|list| list[0]["signature"] = json!(signature)), 1);
    }
    assert_eq!(unverified(&|list| second(list, protected(297, "Cn0").replace("AwWiJ9", "AxWiJ9"))), 1);
}

#[test]
fn what_is_no_document_is_refused() {
    for text in ["", "{}", "[]", "null", "{\"signatures\":[1]}", "{\"signatures\":[{}]}", "\u{feff}{}"] {
        assert!(Signed::parse(text.as_bytes()).is_err(), "{text}");
    }
    let deep = format!("{{\"signatures\":{}{}}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert!(Signed::parse(deep.as_bytes()).is_err());
    let deep = format!("{{\"a\":{}{},\"signatures\":[]}}", "[".repeat(1 << 20), "]".repeat(1 << 20));
    assert!(Signed::parse(deep.as_bytes()).is_err());
    assert!(matches!(Signed::parse(&vec![b' '; (4 << 20) + 1]), Err(Error::TooLarge(_))));
}

#[test]
fn no_flipped_byte_makes_another_manifest() {
    let payload = taken(VECTOR.as_bytes()).unwrap();
    for at in 0..VECTOR.len() {
        for bit in [1, 2, 4, 32, 0xff] {
            let mut document = VECTOR.as_bytes().to_vec();
            document[at] ^= bit;
            if let Some(read) = taken(&document) {
                assert_eq!(read, payload, "byte {at}");
                assert!(at >= 297, "byte {at} is the manifest's");
            }
        }
    }
}

#[test]
fn tampering_with_any_field_is_caught() {
    for (from, to) in [
        ("foo/bar", "foo/baz"),
        ("latest", "lastet"),
        ("amd64", "arm64"),
        ("a3ed95", "a3ed96"),
        ("\"{}\"", "\"{ }\""),
        ("\"schemaVersion\": 1", "\"schemaVersion\": 2"),
        ("AhfmF_", "AhfmG_"),
        ("GUp968", "GUp967"),
        ("P-256", "P-384"),
        ("\"EC\"", "\"RSA\""),
        ("O2AF", "O2AG"),
        ("ES256", "ES384"),
        ("uCy46o", "uCy46p"),
        ("eyJmb3JtYXRMZW5ndGgiOjI5Ny", "eyJmb3JtYXRMZW5ndGgiOjI5Ni"),
    ] {
        assert!(VECTOR.contains(from), "{from}");
        assert_eq!(taken(VECTOR.replacen(from, to, 1).as_bytes()), None, "{from}");
    }
}

proptest! {
    #[test]
    fn no_document_makes_it_panic(
        length in any::<i64>(), tail in "[A-Za-z0-9_-]{0,8}", text in "\\PC*", cut in 0..VECTOR.len(),
    ) {
        let _ = Signed::parse(&with_signature(|list| list[0]["protected"] = json!(protected(length, &tail))));
        let _ = Signed::parse(text.as_bytes());
        let _ = Signed::parse(&VECTOR.as_bytes()[..cut]);
        let _ = Signature::parse(text.as_bytes());
        let _ = SigningKey::from_jwk(&text);
        let _ = SigningKey::from_pem(&text);
    }

    #[test]
    fn what_is_signed_is_verified_and_rebuilt(
        fields in prop::collection::btree_map("[a-z]{1,5}", "\\PC{0,9}", 1..6), pretty in any::<bool>(),
    ) {
        let payload = if pretty { serde_json::to_vec_pretty(&fields) } else { serde_json::to_vec(&fields) };
        let payload = Bytes::from(payload.unwrap());
        let document = Signed::sign(payload.clone(), &key(), then()).unwrap().to_document().unwrap();
        prop_assert_eq!(taken(&document), Some(payload));
    }
}
