//! A token as it is written: header, payload and signature, in base64 with dots between. RFC 7515, section 7.1.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use wharf_auth::{Flaw, Rejection};

use crate::algorithm::Algorithm;
use crate::key::PublicKey;

/// The longest token that is looked at, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// A token of which nothing is believed yet.
pub(crate) struct Token<'a> {
    pub(crate) header: Header,
    algorithm: Algorithm,
    /// Header and payload as they were signed.
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

/// What a header says of the key. Keys themselves are not read.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Header {
    alg: String,
    pub(crate) kid: Option<String>,
    pub(crate) x5c: Option<Vec<String>>,
    pub(crate) jwk: Option<HeaderKey>,
    crit: Option<serde_json::Value>,
}

/// What is read of a key in a header.
#[derive(Debug, Deserialize)]
pub(crate) struct HeaderKey {
    pub(crate) kid: Option<String>,
    pub(crate) x5c: Option<Vec<String>>,
}

/// A rejection that tells the client that its token is no good.
pub(crate) fn invalid(reason: impl Into<String>) -> Rejection {
    Rejection::Wrong { flaw: Some(Flaw::InvalidToken), reason: reason.into() }
}

impl<'a> Token<'a> {
    /// Takes a token apart that is signed in one of these ways.
    pub(crate) fn parse(text: &'a str, algorithms: &[Algorithm]) -> Result<Self, Rejection> {
        if text.len() > MAX_BYTES {
            return Err(invalid(format!("the token is longer than {MAX_BYTES} bytes")));
        }
        let (signed, signature) = text.rsplit_once('.').ok_or_else(|| invalid("the token has no dots"))?;
        let (header, payload) = signed.split_once('.').ok_or_else(|| invalid("the token has one dot"))?;
        if payload.contains('.') {
            return Err(invalid("the token has more than two dots"));
        }
        let decode =
            |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid("the token is no base64url"));
        let (header, signature) = (decode(header)?, decode(signature)?);
        let header: Header = serde_json::from_slice(&header)
            .map_err(|error| invalid(format!("the token's header: {error}")))?;
        let algorithm = header.alg.parse().ok().filter(|algorithm| algorithms.contains(algorithm));
        let algorithm =
            algorithm.ok_or_else(|| invalid(format!("tokens are not signed by {:?} here", header.alg)))?;
        Ok(Self { header, algorithm, signed, payload, signature })
    }

    /// The payload, if the key signed it. A client is not told that a signature is wrong, as Distribution does not.
    pub(crate) fn verify(&self, key: &PublicKey) -> Result<Vec<u8>, Rejection> {
        if self.header.crit.is_some() {
            return Err(Rejection::wrong("the token wants to be understood in ways that are not known here"));
        }
        if !self.algorithm.verify(key, self.signed.as_bytes(), &self.signature) {
            return Err(Rejection::wrong("the token's signature is wrong"));
        }
        URL_SAFE_NO_PAD.decode(self.payload).map_err(|_| invalid("the token is no base64url"))
    }
}
