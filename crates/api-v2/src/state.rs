//! The `_state` parameter of an upload's URL, as Distribution makes it.
//!
//! Its value is `HMAC-SHA256(secret, json) ‖ json` in padded URL-safe base64. The JSON says to which upload of which
//! repository the URL belongs and how far the upload was when the URL was given out. The signature shows that this registry,
//! or another replica with the same secret, gave it out; it holds no other secret and does not age.
//!
//! What the offset means: where the client believes the upload to be, if it does not say so in a `Content-Range`. A client
//! that lost an answer sends an old offset, is told 416 with a fresh URL, and goes on from there.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use wharf_reference::RepositoryName;
use wharf_registry::{UploadId, UploadStatus};

/// The length of a signature, in bytes.
const SIGNATURE_BYTES: usize = 32;
/// The longest token that is looked at, in bytes. One for the longest repository name and upload id takes about 800.
const MAX_TOKEN_BYTES: usize = 4096;

/// Signs the states of uploads and checks them.
#[derive(Clone)]
pub(crate) struct StateSigner {
    mac: Hmac<Sha256>,
}

/// Why a `_state` is not accepted. All of these answer alike; the difference is for people who debug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateError {
    #[error("no _state in the URL of the upload")]
    Missing,
    #[error("_state is malformed")]
    Malformed,
    #[error("_state is not signed by this registry")]
    Signature,
    #[error("_state belongs to another upload")]
    Foreign,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token<'a> {
    name: &'a str,
    #[serde(rename = "UUID")]
    uuid: &'a str,
    offset: u64,
    started_at: String,
}

impl StateSigner {
    /// A signer with a key of any length.
    #[expect(clippy::expect_used, reason = "an HMAC takes keys of every length")]
    pub(crate) fn new(secret: &[u8]) -> Self {
        Self { mac: Hmac::new_from_slice(secret).expect("an HMAC takes keys of every length") }
    }

    /// The `_state` for an upload as it is now.
    pub(crate) fn sign(&self, repository: &RepositoryName, status: &UploadStatus) -> String {
        let token = Token {
            name: repository.as_str(),
            uuid: status.id.as_str(),
            offset: status.offset,
            started_at: timestamp(status.started_at).to_string(),
        };
        let json = serde_json::to_vec(&token).unwrap_or_default();
        let mut mac = self.mac.clone();
        mac.update(&json);
        let mut bytes = mac.finalize().into_bytes().to_vec();
        bytes.extend_from_slice(&json);
        URL_SAFE.encode(bytes)
    }

    /// Checks that a `_state` belongs to the upload, and says how far the upload was when it was signed, in bytes.
    pub(crate) fn verify(
        &self,
        state: Option<&str>,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<u64, StateError> {
        let state = state.ok_or(StateError::Missing)?;
        if state.len() > MAX_TOKEN_BYTES {
            return Err(StateError::Malformed);
        }
        let bytes = URL_SAFE.decode(state).map_err(|_| StateError::Malformed)?;
        let (signature, json) = bytes.split_at_checked(SIGNATURE_BYTES).ok_or(StateError::Malformed)?;
        let mut mac = self.mac.clone();
        mac.update(json);
        mac.verify_slice(signature).map_err(|_| StateError::Signature)?;
        let token: Token<'_> = serde_json::from_slice(json).map_err(|_| StateError::Malformed)?;
        if token.name == repository.as_str() && token.uuid == id.as_str() {
            Ok(token.offset)
        } else {
            Err(StateError::Foreign)
        }
    }
}

/// The moment as RFC 3339 prints it; one beyond what can be printed becomes the beginning of time.
fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn signer() -> StateSigner {
        StateSigner::new(b"secret")
    }

    fn repository() -> RepositoryName {
        "library/ubuntu".parse().unwrap()
    }

    fn status() -> UploadStatus {
        UploadStatus {
            id: "8b1f4a6e-0f4b-4c3e-9a57-1f3c2d5e6f70".parse().unwrap(),
            offset: 1234,
            started_at: SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789),
        }
    }

    #[test]
    fn a_state_is_the_signature_and_the_json_of_distribution() {
        let bytes = URL_SAFE.decode(signer().sign(&repository(), &status())).unwrap();
        let json = std::str::from_utf8(&bytes[SIGNATURE_BYTES..]).unwrap();
        let expected = concat!(
            r#"{"Name":"library/ubuntu","UUID":"8b1f4a6e-0f4b-4c3e-9a57-1f3c2d5e6f70","#,
            r#""Offset":1234,"StartedAt":"2023-11-14T22:13:20.123456789Z"}"#
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn what_was_signed_is_accepted_for_the_same_upload_only() {
        let state = signer().sign(&repository(), &status());
        let verify = |name: &RepositoryName, id: &UploadId| signer().verify(Some(&state), name, id);
        assert_eq!(verify(&repository(), &status().id), Ok(1234));
        assert_eq!(verify(&"library/debian".parse().unwrap(), &status().id), Err(StateError::Foreign));
        assert_eq!(verify(&repository(), &"other".parse().unwrap()), Err(StateError::Foreign));
    }

    #[test]
    fn a_state_that_was_touched_is_refused() {
        let state = signer().sign(&repository(), &status());
        let mut bytes = URL_SAFE.decode(&state).unwrap();
        for place in [0, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 10, bytes.len() - 3] {
            bytes[place] ^= 1;
            let touched = URL_SAFE.encode(&bytes);
            let answer = signer().verify(Some(&touched), &repository(), &status().id);
            assert_eq!(answer, Err(StateError::Signature), "byte {place}");
            bytes[place] ^= 1;
        }
        let other = StateSigner::new(b"another secret").verify(Some(&state), &repository(), &status().id);
        assert_eq!(other, Err(StateError::Signature));
    }

    #[test]
    fn what_is_no_state_at_all_is_refused() {
        let verify = |state: Option<&str>| signer().verify(state, &repository(), &status().id);
        assert_eq!(verify(None), Err(StateError::Missing));
        assert_eq!(verify(Some("")), Err(StateError::Malformed));
        assert_eq!(verify(Some("a+b/")), Err(StateError::Malformed));
        assert_eq!(verify(Some(&"a".repeat(MAX_TOKEN_BYTES + 4))), Err(StateError::Malformed));
    }
}
