//! A signed manifest: the payload, which is the manifest and what its digest is of, and the signatures woven into it.
//!
//! The document that travels is the payload with one more member, `signatures`, before its last brace. Each signature says
//! how many bytes of the document come before that member and which bytes come behind it in the payload, so that the
//! payload is rebuilt to the byte and no white space is ever guessed.

use std::time::SystemTime;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use wharf_digest::{Algorithm, Digest};
use wharf_manifest::{Kind, Manifest, media_type};

use crate::error::Error;
use crate::go_json;
use crate::limits::MAX_SIGNATURES;
use crate::signature::{Format, Signature, Wire};
use crate::signing_key::SigningKey;

/// A manifest of schema 1 with its signatures.
#[derive(Debug, Clone)]
pub struct Signed {
    payload: Bytes,
    signatures: Vec<Signature>,
}

/// Tells whether a pushed document is to be read as schema 1: it was announced as that, or as nothing that anyone knows and
/// says so itself. Distribution 2.x read everything unknown so.
pub fn is_schema1(media_type: Option<&str>, document: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Versioned {
        #[serde(rename = "schemaVersion")]
        version: Option<i64>,
    }
    match media_type.map(str::trim) {
        Some(text) if text.eq_ignore_ascii_case(media_type::DOCKER_SCHEMA1_SIGNED) => true,
        Some(text) if text.eq_ignore_ascii_case(media_type::DOCKER_SCHEMA1) => true,
        Some(text) if Kind::from_media_type(&text.to_ascii_lowercase()).is_some() => false,
        _ => serde_json::from_slice(document).is_ok_and(|document: Versioned| document.version == Some(1)),
    }
}

impl Signed {
    /// Reads a signed document. Whether the signatures are true, [`verify`](Self::verify) says.
    ///
    /// # Errors
    ///
    /// When it is no JSON with signatures, or they do not agree on the payload.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            signatures: Option<Vec<&'a RawValue>>,
        }
        if document.len() > Manifest::MAX_BYTES {
            return Err(Error::TooLarge(document.len()));
        }
        let parsed: Document<'_> = serde_json::from_slice(document).map_err(Error::Json)?;
        let texts = parsed.signatures.unwrap_or_default();
        if texts.len() > MAX_SIGNATURES {
            return Err(Error::TooManySignatures(texts.len()));
        }
        let signatures = texts.into_iter().map(|text| {
            let wire: Wire = serde_json::from_str(text.get()).map_err(Error::Json)?;
            Signature::read(wire)
        });
        let signatures = signatures.collect::<Result<Vec<_>, Error>>()?;
        let format = signatures.first().ok_or(Error::NoSignatures)?.format();
        if signatures.iter().any(|signature| signature.format() != format) {
            return Err(Error::Conflict);
        }
        let outside = || Error::FormatLength(format.length);
        let length = usize::try_from(format.length).map_err(|_| outside())?;
        let head = document.get(..length).ok_or_else(outside)?;
        let payload = Bytes::from([head, &format.tail].concat());
        Ok(Self { payload, signatures })
    }

    /// Signs a payload.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when it is no JSON object with members; [`Error::Signing`].
    pub fn sign(payload: Bytes, key: &SigningKey, time: SystemTime) -> Result<Self, Error> {
        let format = format_of(&payload)?;
        let time = time.try_into().unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let signature = Signature::make(key, &payload, format, time)?;
        Ok(Self { payload, signatures: vec![signature] })
    }

    /// Puts a payload and signatures that were stored apart together again. Those that are not over this payload, or false,
    /// are left out, and what is beyond [`MAX_SIGNATURES`] too.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when the payload is no JSON object with members; [`Error::NoSignatures`] when none is left.
    pub fn join(payload: Bytes, stored: impl IntoIterator<Item = Signature>) -> Result<Self, Error> {
        let format = format_of(&payload)?;
        let fits =
            |signature: &Signature| *signature.format() == format && signature.verify(&payload).is_ok();
        let signatures: Vec<_> = stored.into_iter().take(MAX_SIGNATURES).filter(fits).collect();
        if signatures.is_empty() {
            return Err(Error::NoSignatures);
        }
        Ok(Self { payload, signatures })
    }

    /// Checks every signature.
    ///
    /// # Errors
    ///
    /// All that is wrong, one error for each signature that is not good.
    pub fn verify(&self) -> Result<(), Vec<Error>> {
        let checked = self.signatures.iter().map(|signature| signature.verify(&self.payload));
        let errors: Vec<_> = checked.filter_map(Result::err).collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    /// The manifest without its signatures: what is stored, and what the digest is of.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The sha256 of the payload, by which the manifest is known.
    pub fn digest(&self) -> Digest {
        Algorithm::Sha256.digest(&self.payload)
    }

    /// The signatures.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// What the payload says.
    ///
    /// # Errors
    ///
    /// [`Error::Payload`].
    pub fn manifest(&self) -> Result<Manifest, Error> {
        Manifest::parse(Some(media_type::DOCKER_SCHEMA1), self.payload.clone()).map_err(Error::Payload)
    }

    /// The document as it travels: the payload with its signatures, in the payload's own indentation.
    ///
    /// # Errors
    ///
    /// [`Error::Content`] when there is no place for signatures in the payload.
    pub fn to_document(&self) -> Result<Bytes, Error> {
        let format = format_of(&self.payload)?;
        let length = usize::try_from(format.length).map_err(|_| Error::Content)?;
        let mut sorted: Vec<&Signature> = self.signatures.iter().collect();
        sorted.sort_by_cached_key(|signature| {
            let (id, text) = signature.order();
            (id, text.to_owned())
        });
        let texts: Vec<String> = sorted.into_iter().map(Signature::to_json).collect();
        let signatures = format!("[{}]", texts.join(","));
        let indent = indentation(&self.payload);
        let member = if indent.is_empty() {
            format!(r#","signatures":{signatures}}}"#)
        } else {
            let signatures = go_json::indent(&signatures, indent, indent);
            format!(",\n{indent}\"signatures\": {signatures}\n}}")
        };
        Ok(Bytes::from([&self.payload[..length], member.as_bytes()].concat()))
    }
}

/// Where the member with the signatures goes: behind the last value of the object.
fn format_of(payload: &[u8]) -> Result<Format, Error> {
    let last = |bytes: &[u8]| bytes.iter().rposition(|byte| !byte.is_ascii_whitespace());
    let close = last(payload).filter(|at| payload[*at] == b'}').ok_or(Error::Content)?;
    let end = last(&payload[..close]).ok_or(Error::Content)?;
    if matches!(payload[end], b',' | b'{') {
        return Err(Error::Content);
    }
    let length = i64::try_from(end + 1).map_err(|_| Error::Content)?;
    Ok(Format { length, tail: payload[end + 1..].to_vec() })
}

/// What stands before each member of an indented object; empty when it is not indented.
fn indentation(payload: &[u8]) -> &str {
    let Some(rest) = payload.strip_prefix(b"{\n") else { return "" };
    let width = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if rest.get(width) != Some(&b'"') {
        return "";
    }
    str::from_utf8(&rest[..width]).unwrap_or_default()
}
