//! A token proves an identity, and signs URLs for anyone, on a real service over TLS.
//!
//! Azurite looks at tokens when it is started with `--oauth basic` and a certificate; it believes any signature of
//! theirs, so the authority can be a few lines here. `WHARF_TESTS_AZURITE_TLS` says where it is, as
//! `https://ACCOUNT:KEY@ADDRESS/CONTAINER`, and `WHARF_TESTS_AZURITE_CA` names the file with its certificate.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http_body_util::BodyExt;
use wharf_http_client::{HttpClient, Options, Roots, Tls};
use wharf_storage_driver::{
    ErrorKind, PutOptions, RedirectMethod, RedirectRequest, StorageDriver, StoragePath, Sync, WriterStart,
};
use wharf_storage_driver_azure::{AzureDriver, Config, Credentials, Environment, MIN_CHUNK_BYTES};

/// A driver that asks this authority for its tokens, and a client that trusts the service.
fn open(authority: String) -> Option<(AzureDriver, HttpClient)> {
    let (Some(url), Some(file)) = (variable("WHARF_TESTS_AZURITE_TLS"), variable("WHARF_TESTS_AZURITE_CA"))
    else {
        skipped();
        return None;
    };
    let (who, at) = url.strip_prefix("https://").unwrap().split_once('@').unwrap();
    let (account, _) = who.split_once(':').unwrap();
    let (address, container) = at.split_once('/').unwrap();
    let credentials = Credentials::ClientSecret {
        tenant: "tenant".to_owned(),
        client: "client".to_owned(),
        secret: "secret".to_owned(),
    };
    let config = Config {
        service_url: Some(format!("https://{address}/{account}")),
        root_directory: format!("tests/{}", uuid::Uuid::new_v4()),
        environment: Environment { authority_host: Some(authority), ..Environment::default() },
        chunk_bytes: MIN_CHUNK_BYTES,
        ..Config::new(account, container, credentials)
    };
    let tls = Tls { roots: Roots::File(file.into()), ..Tls::default() };
    let http = HttpClient::new(Options { tls, ..Options::default() }).unwrap();
    Some((AzureDriver::new(config, http.clone()).unwrap(), http))
}

#[expect(clippy::disallowed_methods, reason = "only the environment can say where the service is")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn skipped() {
    eprintln!("skipped: no store was given");
}

/// Gives out tokens that are good for so many seconds from now.
fn authority(seconds: i64) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            // The secret is the last that comes.
            while !request.ends_with(b"client_secret=secret") {
                let read = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..read]);
            }
            let body = format!(r#"{{"access_token":"{}","expires_in":3600}}"#, token(seconds));
            let len = body.len();
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}")
                .unwrap();
        }
    });
    url
}

fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
    let id = "00000000-0000-0000-0000-000000000007";
    let claims = format!(
        r#"{{"aud":"https://storage.azure.com","iss":"https://sts.windows.net/{id}/","oid":"{id}","tid":"{id}",
            "iat":{0},"nbf":{0},"exp":{1}}}"#,
        now - 7200,
        now + seconds,
    );
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256","typ":"JWT"}"#), part(&claims), part("signature"))
}

fn path(text: &str) -> StoragePath {
    text.parse().unwrap()
}

#[tokio::test]
async fn an_identity_reads_writes_and_signs() {
    let Some((driver, http)) = open(authority(3600)) else { return };
    driver.put(&path("/a/link"), Bytes::from_static(b"link"), PutOptions::default()).await.unwrap();
    assert_eq!(driver.get(&path("/a/link"), 10).await.unwrap().bytes, "link");
    let mut writer = driver.writer(&path("/u/data"), WriterStart::New).await.unwrap();
    writer.write(vec![7; MIN_CHUNK_BYTES + 1].into()).await.unwrap();
    writer.close(Sync::Durable).await.unwrap();
    let writer = driver.writer(&path("/u/data"), WriterStart::Resume).await.unwrap();
    writer.commit(&path("/a/data")).await.unwrap();
    assert_eq!(driver.stat(&path("/a/data")).await.unwrap().size, MIN_CHUNK_BYTES as u64 + 1);

    let request = RedirectRequest { method: RedirectMethod::Get, client: None, lifetime: None };
    let url = driver.redirect(&path("/a/link"), &request).await.unwrap().unwrap();
    assert!(url.starts_with("https://") && url.contains("spr=https&"), "{url}");
    let fetch = |url: &str| {
        let request = http::Request::builder().uri(url).body(wharf_http_client::empty()).unwrap();
        http.send(request)
    };
    let answer = fetch(&url).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "link");
    assert_eq!(fetch(&url.replace("/a/link?", "/a/data?")).await.unwrap().status(), 403);
    driver.delete(&path("/a")).await.unwrap();
    assert_eq!(driver.sweep(SystemTime::now() + Duration::from_secs(60)).await.unwrap(), 0);
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_denied() {
    let Some((driver, _)) = open(authority(-60)) else { return };
    assert_eq!(driver.get(&path("/a"), 10).await.map(drop).unwrap_err().kind(), ErrorKind::Denied);
}
