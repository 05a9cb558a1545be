//! Signatures of requests to object stores, made without any of the code that is tested.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::digest::hex;
use crate::http::Request;
use crate::part::Place;

/// Is a request that is not signed yet: a path, decoded, and a query with its keys in alphabetical order.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: String,
    pub(crate) query: Vec<(&'a str, String)>,
    /// Header lines that count for the signature: lower-case names.
    pub(crate) headers: Vec<(&'a str, String)>,
}

impl Unsigned<'_> {
    /// Signs it as its store wants it.
    pub(crate) fn signed(self, place: &Place) -> Request {
        if place.azure { self.by_shared_key(place) } else { self.by_aws_version_4(place) }
    }

    fn target(&self) -> String {
        let query: Vec<String> = self
            .query
            .iter()
            .map(|(key, value)| format!("{}={}", escaped(key, ""), escaped(value, "")))
            .collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", escaped(&self.path, "/"), query.join("&"))
    }

    fn by_aws_version_4(mut self, place: &Place) -> Request {
        let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        self.headers.push(("host", place.address.to_string()));
        self.headers.push(("x-amz-content-sha256", "UNSIGNED-PAYLOAD".to_owned()));
        self.headers.push(("x-amz-date", now.clone()));
        self.headers.sort();
        let target = self.target();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = self.headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{names}\nUNSIGNED-PAYLOAD", self.method);
        let scope = format!("{}/us-east-1/s3/aws4_request", &now[..8]);
        let text =
            format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let first = format!("AWS4{}", place.secret).into_bytes();
        let key = scope.split('/').fold(first, |key, part| mac(&key, part));
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={}",
            place.user,
            hex(&mac(&key, &text)),
        );
        self.request(&target, authorization)
    }

    fn by_shared_key(mut self, place: &Place) -> Request {
        let now = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        self.headers.push(("x-ms-date", now));
        self.headers.push(("x-ms-version", "2021-12-02".to_owned()));
        self.headers.sort();
        let lines: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let query: String = self.query.iter().map(|(key, value)| format!("\n{key}:{value}")).collect();
        let target = self.target();
        let path = target.split('?').next().unwrap_or_default();
        let text = format!("{}{}{lines}/{}{path}{query}", self.method, "\n".repeat(12), place.user);
        let signature = mac(&BASE64_STANDARD.decode(&place.secret).unwrap(), &text);
        let authorization = format!("SharedKey {}:{}", place.user, BASE64_STANDARD.encode(signature));
        self.request(&target, authorization)
    }

    fn request(&self, target: &str, authorization: String) -> Request {
        let request = Request::new(self.method, target).header("authorization", authorization);
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value.clone()))
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text);
    mac.finalize().into_bytes().to_vec()
}

/// Escapes everything but letters, digits, `-._~` and what else is named.
fn escaped(text: &str, also: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || also.as_bytes().contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
