//! Logging in: as the registry asks, no more often than needed, and to nobody else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wharf_client::Credentials;
use wharf_registry::{Algorithm, Error, Namespace, Repository};

use crate::server::{Asked, Reply, Server};
use crate::{impatient, registry};

const ALICE: &str = "Basic YWxpY2U6d29uZGVy";

fn alice() -> Credentials {
    Credentials::Basic { user: "alice".into(), password: "wonder".into() }
}

fn at(server: &Server, credentials: Credentials) -> Arc<dyn Repository> {
    registry(server, credentials, impatient()).repository(&"a/b".parse().unwrap())
}

async fn look(repository: &Arc<dyn Repository>) -> Result<(), Error> {
    repository.tags().resolve(&"v1".parse().unwrap()).await.map(|_| ())
}

fn found() -> Reply {
    Reply::new(200).header("Docker-Content-Digest", Algorithm::Sha256.digest(b"x").to_string())
}

/// A registry that wants tokens of the server behind it, which answers `/token` as told.
async fn with_tokens(token: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
    Server::start_knowing(|url| {
        move |asked: &Asked| match asked.header("authorization") {
            _ if asked.target.starts_with("/token") => token(asked),
            Some("Bearer good") => found(),
            _ => {
                let scope = if asked.target == "/v2/" { "" } else { ",scope=\"repository:a/b:pull\"" };
                Reply::new(401).header(
                    "WWW-Authenticate",
                    format!("Bearer realm=\"{url}/token\",service=\"tests\"{scope}"),
                )
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_password_is_given_to_who_asks_for_it() {
    let server = Server::start(|asked| match asked.header("authorization") {
        Some(ALICE) => found(),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"tests\""),
    })
    .await;
    let repository = at(&server, alice());
    look(&repository).await.unwrap();
    look(&repository).await.unwrap();
    assert_eq!(server.lines(), ["GET /v2/", "HEAD /v2/a/b/manifests/v1", "HEAD /v2/a/b/manifests/v1"]);
}

#[tokio::test]
async fn a_token_is_asked_for_once_by_many() {
    let server = with_tokens(|_| Reply::new(200).body(r#"{"token":"good","expires_in":300}"#)).await;
    let repository = at(&server, alice());
    let looks = futures_util::future::join_all((0..20).map(|_| look(&repository))).await;
    assert!(looks.iter().all(Result::is_ok), "{looks:?}");
    let tokens: Vec<Asked> =
        server.asked().into_iter().filter(|asked| asked.target.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(tokens[0].target, "/token?service=tests&account=alice&scope=repository%3Aa%2Fb%3Apull");
    assert_eq!(tokens[0].header("authorization"), Some(ALICE));
}

#[tokio::test]
async fn nobody_in_particular_gets_a_token_too() {
    let server = with_tokens(|_| Reply::new(200).body(r#"{"access_token":"good"}"#)).await;
    look(&at(&server, Credentials::Anonymous)).await.unwrap();
    let asked = server.asked();
    let token = asked.iter().find(|asked| asked.target.starts_with("/token")).unwrap();
    assert_eq!((token.method.as_str(), token.header("authorization")), ("GET", None));
}

#[tokio::test]
async fn a_refresh_token_is_exchanged_by_post() {
    let server =
        with_tokens(|asked| match String::from_utf8_lossy(&asked.body).contains("refresh_token=refresh") {
            true => Reply::new(200).body(r#"{"access_token":"good"}"#),
            false => Reply::new(401),
        })
        .await;
    look(&at(&server, Credentials::Identity("refresh".into()))).await.unwrap();
    let asked = server.asked();
    let token = asked.iter().find(|asked| asked.target.starts_with("/token")).unwrap();
    assert_eq!(token.line(), "POST /token");
    let form = String::from_utf8_lossy(&token.body);
    assert!(
        form.contains("grant_type=refresh_token") && form.contains("scope=repository%3Aa%2Fb%3Apull"),
        "{form}"
    );
}

#[tokio::test]
async fn a_server_of_oauth2_alone_is_asked_by_post() {
    let server = with_tokens(|asked| match asked.method.as_str() {
        "POST" => Reply::new(200).body(r#"{"access_token":"good"}"#),
        _ => Reply::new(405),
    })
    .await;
    look(&at(&server, alice())).await.unwrap();
}

#[tokio::test]
async fn a_token_server_that_talks_nonsense_is_an_error() {
    for garbage in ["", "<html>", "{}", r#"{"token":"a b"}"#] {
        let server = with_tokens(move |_| Reply::new(200).body(garbage)).await;
        let error = look(&at(&server, alice())).await.unwrap_err();
        assert!(matches!(error, Error::Internal(_)), "{garbage}: {error:?}");
    }
    let server = with_tokens(|_| Reply::new(200).body(vec![b'a'; 2 << 20])).await;
    assert!(look(&at(&server, alice())).await.is_err());
}

#[tokio::test]
async fn being_refused_again_and_again_comes_to_an_end() {
    let count = AtomicUsize::new(0);
    let server = with_tokens(move |_| {
        Reply::new(200).body(format!(r#"{{"token":"bad{}"}}"#, count.fetch_add(1, Ordering::Relaxed)))
    })
    .await;
    let error = look(&at(&server, alice())).await.unwrap_err();
    assert!(matches!(error, Error::Denied(_)), "{error:?}");
    assert!(server.asked().len() <= 6, "{:?}", server.lines());
    let basic = Server::start(|_| Reply::new(401).header("WWW-Authenticate", "Basic realm=\"tests\"")).await;
    assert!(matches!(look(&at(&basic, alice())).await, Err(Error::Denied(_))));
    assert!(basic.asked().len() <= 3);
}

#[tokio::test]
async fn a_token_that_the_registry_no_longer_takes_is_replaced() {
    let count = AtomicUsize::new(0);
    let server = with_tokens(move |_| match count.fetch_add(1, Ordering::Relaxed) {
        0 => Reply::new(200).body(r#"{"token":"old","expires_in":300}"#),
        _ => Reply::new(200).body(r#"{"token":"good","expires_in":300}"#),
    })
    .await;
    look(&at(&server, alice())).await.unwrap();
}

#[tokio::test]
async fn what_is_for_the_registry_is_not_shown_to_a_store() {
    let content = b"layer";
    let store = Server::start(move |_| Reply::new(200).body(content)).await;
    let target = format!("{}/key", store.url());
    let server = Server::start(move |asked| match asked.header("authorization") {
        Some(ALICE) => Reply::new(307).header("Location", target.clone()),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"tests\""),
    })
    .await;
    let descriptor =
        wharf_registry::Descriptor::new("", Algorithm::Sha256.digest(content), content.len() as u64);
    at(&server, alice()).blobs().fetch(&descriptor).await.unwrap().collect(10).await.unwrap();
    assert_eq!(store.asked().iter().filter_map(|asked| asked.header("authorization")).count(), 0);
    // An upload that goes on elsewhere is no different.
    let elsewhere = Server::start(|_| Reply::new(201)).await;
    let target = format!("{}/upload", elsewhere.url());
    let server = Server::start(move |asked| match asked.header("authorization") {
        Some(ALICE) => Reply::new(202).header("Location", target.clone()),
        _ => Reply::new(401).header("WWW-Authenticate", "Basic realm=\"tests\""),
    })
    .await;
    let body = wharf_registry::ByteStream::once(bytes::Bytes::from_static(content));
    at(&server, alice()).uploads().put(&descriptor.digest, body).await.unwrap();
    let asked = elsewhere.asked();
    assert_eq!((asked.len(), asked[0].header("authorization")), (1, None));
}

#[tokio::test]
async fn a_refresh_token_goes_to_its_server_and_nowhere_else() {
    let elsewhere = Server::start(|_| Reply::new(200).body(r#"{"access_token":"good"}"#)).await;
    let target = format!("{}/token", elsewhere.url());
    let server = with_tokens(move |_| Reply::new(307).header("Location", target.clone())).await;
    assert!(look(&at(&server, Credentials::Identity("refresh".into()))).await.is_err());
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn errors_hold_no_secret() {
    let server = with_tokens(|_| Reply::new(403).body("wonder")).await;
    let error = look(&at(&server, alice())).await.unwrap_err();
    let shown = format!("{error:?} {error}");
    for secret in ["wonder", "YWxpY2U6d29uZGVy"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
