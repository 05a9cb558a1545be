//! One signature of a document: whose it is, what it is over, and the text that it is kept as.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::error::{Error, KeyError};
use crate::go_json;
use crate::key::{Jwk, PublicKey};
use crate::signing_key::SigningKey;

/// A signature over the payload of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Signature {
    jwk: Option<Jwk>,
    algorithm: String,
    chain: Vec<String>,
    signature: String,
    protected: String,
    format: Format,
    key: Option<PublicKey>,
}

/// How the payload follows from the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Format {
    /// How many bytes of the document the payload begins with, in bytes.
    pub(crate) length: i64,
    /// The bytes that the payload ends with.
    pub(crate) tail: Vec<u8>,
}

/// A signature as it is written.
#[derive(Debug, Deserialize)]
pub(crate) struct Wire {
    header: Header,
    signature: String,
    protected: String,
}

#[derive(Debug, Deserialize)]
struct Header {
    jwk: Option<Jwk>,
    #[serde(default)]
    alg: String,
    x5c: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Protected {
    #[serde(rename = "formatLength")]
    length: i64,
    #[serde(rename = "formatTail", default)]
    tail: String,
}

impl Signature {
    /// Reads a signature as a store of 2.0 to 2.4 keeps it: a JSON object of its own.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Whether it is a true one is not looked at.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        Self::read(serde_json::from_slice(bytes).map_err(Error::Json)?)
    }

    pub(crate) fn read(wire: Wire) -> Result<Self, Error> {
        let Wire { header, signature, protected } = wire;
        let chain = header.x5c.unwrap_or_default();
        let key = match (chain.first(), &header.jwk) {
            (Some(leaf), _) => {
                let der = STANDARD.decode(leaf).map_err(|_| Error::Key(KeyError::Certificate))?;
                Some(PublicKey::of_certificate(&der))
            }
            (None, Some(jwk)) => Some(PublicKey::from_jwk(jwk)),
            (None, None) => None,
        };
        let key = key.transpose().map_err(Error::Key)?;
        let format = Format::of(&protected)?;
        Ok(Self { jwk: header.jwk, algorithm: header.alg, chain, signature, protected, format, key })
    }

    /// Signs a payload that begins with `format.length` bytes of the document; `time` is written beside.
    pub(crate) fn make(
        key: &SigningKey,
        payload: &[u8],
        format: Format,
        time: jiff::Timestamp,
    ) -> Result<Self, Error> {
        let tail = URL_SAFE_NO_PAD.encode(&format.tail);
        let time = time.strftime("%Y-%m-%dT%H:%M:%SZ");
        let json = format!(r#"{{"formatLength":{},"formatTail":"{tail}","time":"{time}"}}"#, format.length);
        let protected = URL_SAFE_NO_PAD.encode(json);
        let signature = URL_SAFE_NO_PAD.encode(key.sign(&signing_input(&protected, payload))?);
        let public = key.public();
        Ok(Self {
            jwk: Some(public.jwk()),
            algorithm: public.algorithm().to_owned(),
            chain: Vec::new(),
            signature,
            protected,
            format,
            key: Some(public.clone()),
        })
    }

    /// The id of the key that made it, when it says which that was.
    pub fn key_id(&self) -> Option<String> {
        self.key.as_ref().map(PublicKey::id)
    }

    /// The signature as a store of 2.0 to 2.4 keeps it: short JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::from(r#"{"header":{"#);
        if let Some(jwk) = &self.jwk {
            out.push_str(r#""jwk":"#);
            let json = serde_json::to_string(jwk).unwrap_or_default();
            go_json::compact(&mut out, &json);
            out.push(',');
        }
        out.push_str(r#""alg":"#);
        go_json::string(&mut out, &self.algorithm);
        for (index, certificate) in self.chain.iter().enumerate() {
            out.push_str(if index == 0 { r#","x5c":["# } else { "," });
            go_json::string(&mut out, certificate);
        }
        out.push_str(if self.chain.is_empty() { "}," } else { "]}," });
        out.push_str(r#""signature":"#);
        go_json::string(&mut out, &self.signature);
        out.push_str(r#","protected":"#);
        go_json::string(&mut out, &self.protected);
        out.push('}');
        out
    }

    pub(crate) fn format(&self) -> &Format {
        &self.format
    }

    /// What signatures are sorted by.
    pub(crate) fn order(&self) -> (String, &str) {
        (self.key_id().unwrap_or_default(), &self.signature)
    }

    /// Checks that the key that the signature names made it over this payload. Any key will do: whom to believe is no
    /// question that a registry ever asked.
    pub(crate) fn verify(&self, payload: &[u8]) -> Result<(), Error> {
        let key = self.key.as_ref().ok_or(Error::MissingKey)?;
        let signature = URL_SAFE_NO_PAD.decode(&self.signature).unwrap_or_default();
        if key.verifies(&self.algorithm, &signing_input(&self.protected, payload), &signature) {
            return Ok(());
        }
        Err(Error::Signature(key.id()))
    }
}

impl Format {
    fn of(protected: &str) -> Result<Self, Error> {
        let json = URL_SAFE_NO_PAD.decode(protected).map_err(|_| Error::Protected)?;
        let Protected { length, tail } = serde_json::from_slice(&json).map_err(|_| Error::Protected)?;
        let tail = URL_SAFE_NO_PAD.decode(tail).map_err(|_| Error::Protected)?;
        Ok(Self { length, tail })
    }
}

fn signing_input(protected: &str, payload: &[u8]) -> Vec<u8> {
    [protected.as_bytes(), b".", URL_SAFE_NO_PAD.encode(payload).as_bytes()].concat()
}
