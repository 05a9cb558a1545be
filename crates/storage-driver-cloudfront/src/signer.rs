//! Signed URLs with a canned policy: whoever has the URL may read the one file until the time that stands in it.
//!
//! The signature is RSA with SHA-1 over the policy, which CloudFront rebuilds from the URL and so compares to the letter.
//! (Amazon CloudFront Developer Guide, "Create a signed URL using a canned policy".)

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::RsaPrivateKey;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs1v15::SigningKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::rand_core::OsRng;
use rsa::signature::{RandomizedSigner, SignatureEncoding};
use sha1::Sha1;

use crate::{Error, PrivateKey};

/// Signs URLs with one key.
pub(crate) struct Signer {
    key: SigningKey<Sha1>,
    key_pair_id: String,
}

impl Signer {
    /// Reads the key.
    pub(crate) fn new(key: PrivateKey, key_pair_id: String) -> Result<Self, Error> {
        if key_pair_id.is_empty() || !key_pair_id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(Error::KeyPairId(key_pair_id));
        }
        let pem = match key {
            PrivateKey::Pem(pem) => pem,
            PrivateKey::File(path) => {
                std::fs::read(&path).map_err(|error| Error::KeyFile(path.clone(), error))?
            }
        };
        let text = std::str::from_utf8(&pem).map_err(|error| Error::Key(error.into()))?;
        let key = match RsaPrivateKey::from_pkcs1_pem(text.trim()) {
            Ok(key) => key,
            Err(_) => RsaPrivateKey::from_pkcs8_pem(text.trim()).map_err(|error| Error::Key(error.into()))?,
        };
        Ok(Self { key: SigningKey::new(key), key_pair_id })
    }

    /// The URL that works until `expires`, in seconds since 1970. It takes a few milliseconds of computing.
    pub(crate) fn sign(&self, url: &str, expires: u64) -> Result<String, rsa::signature::Error> {
        let signature = self.key.try_sign_with_rng(&mut OsRng, policy(url, expires).as_bytes())?;
        let signature = STANDARD.encode(signature.to_bytes());
        let signature = signature.replace('+', "-").replace('=', "_").replace('/', "~");
        Ok(format!("{url}?Expires={expires}&Signature={signature}&Key-Pair-Id={}", self.key_pair_id))
    }
}

/// The canned policy, without any white space. A URL of ours needs no escaping in JSON.
fn policy(url: &str, expires: u64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{expires}}}}}}}]}}"#
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use rsa::pkcs1::{EncodeRsaPrivateKey, LineEnding};
    use rsa::pkcs1v15::{Signature, VerifyingKey};
    use rsa::pkcs8::EncodePrivateKey;
    use rsa::signature::Verifier;
    use rsa::traits::PublicKeyParts;

    use super::*;

    pub(crate) const KEY_PAIR_ID: &str = "K2JCJMDEHXQW5F";

    /// A key of a size that is made and used quickly.
    pub(crate) fn key() -> RsaPrivateKey {
        RsaPrivateKey::new(&mut OsRng, 1024).unwrap()
    }

    pub(crate) fn pem(key: &RsaPrivateKey) -> PrivateKey {
        PrivateKey::Pem(key.to_pkcs1_pem(LineEnding::LF).unwrap().as_bytes().to_vec())
    }

    /// Whether a signed URL is one that CloudFront lets pass: takes it apart and verifies it with the public key.
    pub(crate) fn is_signed_by(url: &str, key: &RsaPrivateKey) -> bool {
        let (resource, query) = url.split_once('?').unwrap();
        let parameters: Vec<_> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        let [("Expires", expires), ("Signature", signature), ("Key-Pair-Id", KEY_PAIR_ID)] = parameters[..]
        else {
            panic!("{query}")
        };
        assert!(!signature.contains(['+', '/', '=', '%']), "{signature}");
        let signature = signature.replace('-', "+").replace('_', "=").replace('~', "/");
        let signature = Signature::try_from(STANDARD.decode(signature).unwrap().as_slice()).unwrap();
        let policy = policy(resource, expires.parse().unwrap());
        VerifyingKey::<Sha1>::new(key.to_public_key()).verify(policy.as_bytes(), &signature).is_ok()
    }

    #[test]
    fn the_policy_is_the_one_that_cloudfront_rebuilds() {
        assert_eq!(
            policy("https://d111.cloudfront.net/images/a/data", 1_357_034_400),
            "{\"Statement\":[{\"Resource\":\"https://d111.cloudfront.net/images/a/data\",\
             \"Condition\":{\"DateLessThan\":{\"AWS:EpochTime\":1357034400}}}]}"
        );
    }

    #[test]
    fn the_public_key_verifies_what_the_private_key_signed() {
        let key = key();
        let signer = Signer::new(pem(&key), KEY_PAIR_ID.to_owned()).unwrap();
        // Enough signatures for all three characters that a URL cannot carry.
        for expires in 1_700_000_000..1_700_000_032 {
            let url = signer.sign("https://d111.cloudfront.net/a/b", expires).unwrap();
            assert!(is_signed_by(&url, &key), "{url}");
            assert!(!is_signed_by(&url.replacen("/a/b", "/a/c", 1), &key), "another file");
            let later = url.replacen(&expires.to_string(), &(expires + 1).to_string(), 1);
            assert!(!is_signed_by(&later, &key), "another time");
        }
    }

    #[test]
    fn both_forms_of_a_key_are_read() {
        let key = key();
        let pkcs8 = key.to_pkcs8_pem(LineEnding::CRLF).unwrap();
        let padded = format!("\n{}\n\n", pkcs8.as_str());
        for form in [pem(&key), PrivateKey::Pem(padded.into_bytes())] {
            let signer = Signer::new(form, KEY_PAIR_ID.to_owned()).unwrap();
            assert_eq!(AsRef::<RsaPrivateKey>::as_ref(&signer.key).n(), key.n());
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        std::fs::write(&file, pkcs8.as_bytes()).unwrap();
        assert!(Signer::new(PrivateKey::File(file), KEY_PAIR_ID.to_owned()).is_ok());
    }

    #[test]
    fn what_is_no_key_is_refused_without_showing_it() {
        let complaint =
            |key: PrivateKey, id: &str| Signer::new(key, id.to_owned()).err().unwrap().to_string();
        for pem in
            ["", "secret", "-----BEGIN RSA PRIVATE KEY-----\nc2VjcmV0\n-----END RSA PRIVATE KEY-----\n"]
        {
            let complaint = complaint(PrivateKey::Pem(pem.into()), KEY_PAIR_ID);
            assert!(complaint.contains("PEM") && !complaint.contains("secret"), "{complaint}");
        }
        assert!(complaint(PrivateKey::File("/not/there.pem".into()), KEY_PAIR_ID).contains("/not/there.pem"));
        assert!(complaint(PrivateKey::Pem(Vec::new()), "K&x=1").contains("key pair id"));
        assert_eq!(format!("{:?}", PrivateKey::Pem(b"secret".to_vec())), "Pem(…)");
    }
}
