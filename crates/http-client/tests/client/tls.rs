//! Whom the client trusts.

use std::io::Write;
use std::time::Duration;

use tokio::net::TcpListener;
use wharf_http_client::{ErrorKind, HttpClient, Identity, Options, Roots, Verification};

use crate::server::{Authority, Server, client, get};

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let server = Server::tls(&Authority::new(), "localhost").await;
    let uri = format!("https://localhost:{}/", server.address.port());
    let error = get(&client(|_| {}), &uri).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    assert!(error.is_connect());
}

#[tokio::test]
async fn an_authority_is_trusted_once_it_is_named() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "localhost").await;
    let uri = format!("https://localhost:{}/a", server.address.port());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(authority.pem.as_bytes()).unwrap();
    for roots in [Roots::Pem(authority.pem.clone().into()), Roots::File(file.path().to_owned())] {
        let client = client(|options| options.tls.roots = roots);
        assert_eq!(get(&client, &uri).await.unwrap(), "GET /a - 0");
    }
}

#[tokio::test]
async fn an_address_can_stand_in_a_certificate() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "127.0.0.1").await;
    let client = client(|options| options.tls.roots = Roots::Pem(authority.pem.clone().into()));
    get(&client, &format!("https://{}/", server.address)).await.unwrap();
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = Authority::new();
    let server = Server::tls(&authority, "elsewhere.test").await;
    let client = client(|options| options.tls.roots = Roots::Pem(authority.pem.clone().into()));
    let error = get(&client, &format!("https://localhost:{}/", server.address.port())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
}

#[tokio::test]
async fn without_verification_anyone_is_good() {
    let server = Server::tls(&Authority::new(), "elsewhere.test").await;
    let client = client(|options| options.tls.verification = Verification::None);
    get(&client, &format!("https://localhost:{}/", server.address.port())).await.unwrap();
}

#[tokio::test]
async fn plain_http_where_tls_is_wanted_is_a_tls_error() {
    let server = Server::plain().await;
    let error = get(&client(|_| {}), &format!("https://{}/", server.address)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
}

#[tokio::test]
async fn a_silent_host_is_given_up_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = client(|options| options.connect_timeout = Duration::from_millis(100));
    let error = get(&client, &format!("https://{}/", silent.local_addr().unwrap())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.is_connect() && error.is_timeout());
}

#[test]
fn roots_that_cannot_be_read_are_an_error_that_names_them() {
    for roots in [
        Roots::File("/nowhere/roots.pem".into()),
        Roots::Pem(b"not a certificate".to_vec()),
        Roots::Pem(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
    ] {
        let mut options = Options::default();
        options.tls.roots = roots;
        assert_eq!(HttpClient::new(options).unwrap_err().kind(), ErrorKind::Options);
    }
}

#[tokio::test]
async fn a_server_that_asks_is_shown_the_clients_certificate() {
    let authority = Authority::new();
    let server = Server::mutual_tls(&authority, "localhost").await;
    let uri = format!("https://localhost:{}/", server.address.port());
    let (certificate, key) = authority.certify("client.test");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let identity = Identity {
        certificates: file("client.pem", certificate.pem()),
        key: file("client.key", key.serialize_pem()),
    };
    let roots = Roots::Pem(authority.pem.clone().into());
    let known = client(|options| {
        options.tls.roots = roots.clone();
        options.tls.identity = Some(identity.clone());
    });
    get(&known, &uri).await.unwrap();
    let stranger = client(|options| options.tls.roots = roots.clone());
    assert!(get(&stranger, &uri).await.is_err());
    let missing = Identity { key: folder.path().join("none"), ..identity };
    let tls = wharf_http_client::Tls { identity: Some(missing), ..wharf_http_client::Tls::default() };
    let error = HttpClient::new(Options { tls, ..Options::default() }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Options);
}
