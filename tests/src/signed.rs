//! Signed manifests of schema 1, made and read without any of the code that is tested.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// What comes before the point in a key on P-256, written as DER.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Is a manifest that somebody signed with a key of their own.
#[derive(Debug, Clone)]
pub struct SignedManifest {
    /// What is signed, indented by three spaces as clients did.
    pub payload: String,
    /// The id of the key.
    pub key_id: String,
    /// The signature as old registries stored it: short JSON.
    pub signature: String,
}

/// Is what a signed document was found to hold.
#[derive(Debug, Clone)]
pub struct ReadManifest {
    /// What is signed.
    pub payload: Vec<u8>,
    /// The key of each signature, all of which are true.
    pub keys: Vec<Value>,
}

impl SignedManifest {
    /// Signs a payload that ends in a line with a brace.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn new(payload: &str) -> SignedManifest {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref();
        let key_id = key_id(&[&P256, point].concat());
        let (x, y) = point[1..].split_at(32);
        let [x, y] = [x, y].map(|number| BASE64_URL_SAFE_NO_PAD.encode(number));
        let jwk = format!(r#"{{"crv":"P-256","kid":"{key_id}","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let length = payload.strip_suffix("\n}").expect("an indented object").len();
        let protected =
            format!(r#"{{"formatLength":{length},"formatTail":"Cn0","time":"2015-05-01T00:00:00Z"}}"#);
        let protected = BASE64_URL_SAFE_NO_PAD.encode(protected);
        let message = format!("{protected}.{}", BASE64_URL_SAFE_NO_PAD.encode(payload));
        let signature = pair.sign(&SystemRandom::new(), message.as_bytes()).unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature);
        let signature = format!(
            r#"{{"header":{{"jwk":{jwk},"alg":"ES256"}},"signature":"{signature}","protected":"{protected}"}}"#
        );
        SignedManifest { payload: payload.to_owned(), key_id, signature }
    }

    /// Gives the document that is pushed.
    #[must_use]
    pub fn document(&self) -> String {
        let value: Value = serde_json::from_str(&self.signature).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let jwk = &value["header"]["jwk"];
        let members = ["crv", "kid", "kty", "x", "y"]
            .map(|member| format!("               \"{member}\": \"{}\"", text(&jwk[member])))
            .join(",\n");
        format!(
            "{},\n   \"signatures\": [\n      {{\n         \"header\": {{\n            \"jwk\": {{\n{members}\n            }},\n            \
             \"alg\": \"ES256\"\n         }},\n         \"signature\": \"{}\",\n         \"protected\": \"{}\"\n      }}\n   ]\n}}",
            self.payload.strip_suffix("\n}").unwrap(),
            text(&value["signature"]),
            text(&value["protected"]),
        )
    }
}

impl ReadManifest {
    /// Reads a document and verifies all of its signatures.
    ///
    /// # Panics
    ///
    /// When it is none, or one of them is false.
    #[must_use]
    pub fn verified(document: &[u8]) -> ReadManifest {
        let value: Value = serde_json::from_slice(document).unwrap();
        let decode = |value: &Value| BASE64_URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap();
        let signatures = value["signatures"].as_array().unwrap();
        let payloads = signatures.iter().map(|signature| {
            let protected: Value = serde_json::from_slice(&decode(&signature["protected"])).unwrap();
            let length = usize::try_from(protected["formatLength"].as_u64().unwrap()).unwrap();
            [&document[..length], &decode(&protected["formatTail"])].concat()
        });
        let payload = payloads
            .reduce(|one, other| {
                assert_eq!(one, other);
                one
            })
            .expect("a signature");
        for signature in signatures {
            let key = &signature["header"]["jwk"];
            let protected = signature["protected"].as_str().unwrap();
            let message = format!("{protected}.{}", BASE64_URL_SAFE_NO_PAD.encode(&payload));
            let (message, signed) = (message.as_bytes(), decode(&signature["signature"]));
            match (signature["header"]["alg"].as_str().unwrap(), key["crv"].as_str()) {
                ("ES256", Some("P-256")) => {
                    let point = [&[4], &*decode(&key["x"]), &*decode(&key["y"])].concat();
                    assert_eq!(key["kid"], key_id(&[&P256, &*point].concat()));
                    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, &signed).unwrap();
                }
                ("RS256", None) => {
                    let key = RsaPublicKeyComponents { n: decode(&key["n"]), e: decode(&key["e"]) };
                    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, &signed).unwrap();
                }
                other => panic!("a signature by {other:?}"),
            }
        }
        let keys = signatures.iter().map(|signature| signature["header"]["jwk"].clone()).collect();
        ReadManifest { payload, keys }
    }

    /// Gives the ids of the keys, in order.
    #[must_use]
    pub fn key_ids(&self) -> Vec<&str> {
        self.keys.iter().map(|key| key["kid"].as_str().unwrap()).collect()
    }
}

/// The name of a key: 240 bits of the hash of its DER, in base 32, in groups of four.
fn key_id(der: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(&SHA256, der);
    let bit = |at: usize| usize::from(hash.as_ref()[at / 8] >> (7 - at % 8) & 1);
    let letter =
        |at: usize| char::from(LETTERS[(0..5).fold(0, |number, more| number << 1 | bit(5 * at + more))]);
    let letters: Vec<char> = (0..48).map(letter).collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(":")
}
