//! Asks a token server for a token: by GET with a password or without, or by POST with a refresh token.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, Uri};
use serde::Deserialize;
use wharf_protocol::Query;

use super::tokens::Token;
use super::{Credentials, Realm, Scopes, header_of};
use crate::body::Payload;
use crate::call::{Call, Login};
use crate::endpoint::with_parameter;
use crate::transport::Transport;
use crate::{Error, ErrorKind};

/// How long a token is good when its server does not say. Source: Docker's token specification.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(60);

/// The longest that a token is believed to be good.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// What we call ourselves where OAuth2 wants a name.
const CLIENT_ID: &str = "wharf";

/// Asks for a token that allows these scopes.
pub(super) async fn ask(
    transport: &Transport,
    realm: &Realm,
    scopes: Scopes,
    credentials: &Credentials,
) -> Result<Token, Error> {
    let url = place(transport, realm, credentials)?;
    let call = match credentials {
        Credentials::Identity(refresh) => {
            let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str())];
            by_post(url.clone(), realm, &scopes, &grant)
        }
        Credentials::Basic { user, password } => {
            let login = wharf_protocol::Credentials::Basic { user: user.clone(), password: password.clone() };
            by_get(url.clone(), realm, &scopes, Some(user), header_of(login))
        }
        Credentials::Anonymous | Credentials::Bearer(_) => by_get(url.clone(), realm, &scopes, None, None),
    };
    let method = call.method.clone();
    let limit = transport.options.token_bytes;
    let answer = match (transport.fetch(call, limit).await, credentials) {
        // A server of OAuth2 alone does not know the older way.
        (Err(error), Credentials::Basic { user, password }) if knows_no_get(&error) => {
            let grant =
                [("grant_type", "password"), ("username", user.as_str()), ("password", password.as_str())];
            transport.fetch(by_post(url.clone(), realm, &scopes, &grant), limit).await
        }
        (answer, _) => answer,
    };
    let (_, body) = answer?;
    read(&body).ok_or_else(|| Error::new(ErrorKind::Nonsense, &method, &url, "there is no token in it"))
}

/// The URL of a token server. A password is never sent in clear because a registry that is spoken to over TLS says so.
fn place(transport: &Transport, realm: &Realm, credentials: &Credentials) -> Result<Uri, Error> {
    let base = transport.endpoint.url(&wharf_protocol::Route::Base, "").unwrap_or_default();
    let refuse = |why: &str| Error::new(ErrorKind::Nonsense, &Method::GET, &base, why);
    let url: Uri = realm.url.parse().map_err(|_| refuse("it names a token server that is no URL"))?;
    let secret = !matches!(credentials, Credentials::Anonymous);
    match url.scheme_str() {
        Some("https") => Ok(url),
        Some("http") if !secret || !transport.endpoint.is_secure() => Ok(url),
        Some("http") => Err(refuse("it wants the password sent in clear to its token server")),
        _ => Err(refuse("it names a token server that is no URL")),
    }
}

fn by_get(
    url: Uri,
    realm: &Realm,
    scopes: &Scopes,
    user: Option<&String>,
    login: Option<HeaderValue>,
) -> Call {
    let mut whole = url;
    let service = Some(("service", realm.service.clone())).filter(|(_, service)| !service.is_empty());
    let account = user.map(|user| ("account", user.clone()));
    let scopes = scopes.texts().into_iter().map(|scope| ("scope", scope));
    for (key, value) in service.into_iter().chain(account).chain(scopes) {
        whole = with_parameter(&whole, key, &value).unwrap_or(whole);
    }
    let mut call = Call::new(Method::GET, whole, Scopes::default());
    call.login = Login::Fixed(login);
    call
}

fn by_post(url: Uri, realm: &Realm, scopes: &Scopes, grant: &[(&str, &str)]) -> Call {
    let scope = scopes.texts().join(" ");
    let fixed = [("service", realm.service.as_str()), ("client_id", CLIENT_ID), ("scope", scope.as_str())];
    let form: Query = grant.iter().copied().chain(fixed).collect();
    let mut call = Call::new(Method::POST, url, Scopes::default()).payload(
        Payload::Bytes(Bytes::from(form.to_string())),
        HeaderValue::from_static("application/x-www-form-urlencoded"),
    );
    call.login = Login::Fixed(None);
    call
}

fn knows_no_get(error: &Error) -> bool {
    matches!(error.status(), Some(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED))
}

#[derive(Deserialize)]
struct Wire {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<f64>,
}

fn read(body: &[u8]) -> Option<Token> {
    let wire: Wire = serde_json::from_slice(body).ok()?;
    let token = wire.token.filter(|token| !token.is_empty()).or(wire.access_token)?;
    if token.is_empty() || token.contains(char::is_whitespace) {
        return None;
    }
    let seconds = wire.expires_in.filter(|seconds| *seconds > 0.0);
    let lifetime = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let header = header_of(wharf_protocol::Credentials::Bearer(token))?;
    Some(Token { header, lifetime: lifetime.unwrap_or(DEFAULT_LIFETIME).min(MAX_LIFETIME) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_under_either_name() {
        let token = read(br#"{"token":"abc","expires_in":300}"#).unwrap();
        assert_eq!((token.header.to_str().unwrap(), token.lifetime.as_secs()), ("Bearer abc", 300));
        assert!(token.header.is_sensitive());
        let token = read(br#"{"access_token":"abc","token":""}"#).unwrap();
        assert_eq!((token.header.to_str().unwrap(), token.lifetime), ("Bearer abc", DEFAULT_LIFETIME));
    }

    #[test]
    fn garbage_is_no_token() {
        for garbage in
            ["", "<html>", "{}", "[]", r#"{"token":7}"#, r#"{"token":""}"#, r#"{"token":"a\r\nb: c"}"#]
        {
            assert!(read(garbage.as_bytes()).is_none(), "{garbage}");
        }
    }

    #[test]
    fn no_lifetime_is_believed_that_cannot_be() {
        for (given, seconds) in [("1e9", 86_400), ("1e300", 60), ("-5", 60), ("0", 60)] {
            let token = read(format!(r#"{{"token":"a","expires_in":{given}}}"#).as_bytes()).unwrap();
            assert_eq!(token.lifetime.as_secs(), seconds, "{given}");
        }
    }
}
