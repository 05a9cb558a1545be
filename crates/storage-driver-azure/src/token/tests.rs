//! The exchanges, with a small authority on the loopback.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;

use super::*;

/// Answers one request after another; gives each as it came.
fn authority(answers: Vec<(u16, String)>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut buffer = [0; 4096];
            while !is_whole(&request) {
                let read = stream.read(&mut buffer).unwrap();
                request.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
            }
            sender.send(request).unwrap();
            let len = body.len();
            write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: {len}\r\nconnection: close\r\n\r\n{body}")
                .unwrap();
        }
    });
    (url, requests)
}

fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let len = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= len.unwrap_or(0)
}

fn token(secret: &str, seconds: u64) -> (u16, String) {
    (200, format!(r#"{{"token_type":"Bearer","expires_in":{seconds},"access_token":"{secret}"}}"#))
}

fn tokens(credentials: Credentials, environment: Environment) -> Tokens {
    let config = Config { environment, ..Config::new("account", "container", credentials) };
    Tokens::new(&config, HttpClient::new(Default::default()).unwrap()).unwrap().unwrap()
}

#[tokio::test]
async fn an_application_shows_its_secret_once() {
    let (url, requests) = authority(vec![token("one", 3600)]);
    let environment = Environment { authority_host: Some(url + "/"), ..Environment::default() };
    let credentials = Credentials::ClientSecret {
        tenant: "ten ant".to_owned(),
        client: "app".to_owned(),
        secret: "s&cret".to_owned(),
    };
    let tokens = tokens(credentials, environment);
    for _ in 0..3 {
        assert_eq!(tokens.get().await.unwrap().secret, "one");
    }
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /ten%20ant/oauth2/v2.0/token HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("content-type: application/x-www-form-urlencoded\r\n"));
    let body = "grant_type=client_credentials&client_id=app\
        &scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_secret=s%26cret";
    assert!(request.ends_with(body), "{request}");
}

#[tokio::test]
async fn a_federated_token_is_read_again_each_time() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (url, requests) = authority(vec![token("one", 1), token("two", 1)]);
    let environment = Environment {
        authority_host: Some(url),
        tenant: Some("tenant".to_owned()),
        client: Some("app".to_owned()),
        federated_token_file: Some(file.path().display().to_string()),
        ..Environment::default()
    };
    let tokens = tokens(Credentials::Default, environment);
    for (content, secret) in [("first\n", "one"), ("second\n", "two")] {
        std::fs::write(file.path(), content).unwrap();
        assert_eq!(tokens.get().await.unwrap().secret, secret);
        let request = requests.recv().unwrap();
        assert!(request.ends_with(&format!("jwt-bearer&client_assertion={}", content.trim())), "{request}");
    }
}

#[tokio::test]
async fn a_hosted_service_asks_its_host() {
    let (url, requests) =
        authority(vec![(200, r#"{"access_token":"one","expires_on":"99999999999"}"#.to_owned())]);
    let environment = Environment {
        identity_endpoint: Some(format!("{url}/msi/token")),
        identity_header: Some("hush".to_owned()),
        ..Environment::default()
    };
    let credentials = Credentials::ManagedIdentity { client: Some("mine".to_owned()) };
    let tokens = tokens(credentials, environment);
    assert_eq!(tokens.get().await.unwrap().secret, "one");
    let request = requests.recv().unwrap();
    let line = "GET /msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com&client_id=mine HTTP/1.1";
    assert!(request.starts_with(line), "{request}");
    assert!(request.contains("x-identity-header: hush\r\n"));
}

#[tokio::test]
async fn a_machine_is_asked_where_nothing_else_is_offered() {
    let source = Source::of(&Config::new("account", "container", Credentials::Default)).unwrap().unwrap();
    let request = source.request().unwrap();
    let uri = format!("{MACHINE_ENDPOINT}?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com");
    assert_eq!(request.uri().to_string(), uri);
    assert_eq!(request.headers()["metadata"], "true");
}

#[tokio::test]
async fn a_token_that_cannot_be_renewed_serves_while_it_is_good() {
    let refused = (503, "down".to_owned());
    let (url, _requests) =
        authority(vec![token("one", 60), refused.clone(), token("two", 3600), token("x", 1), refused]);
    let environment = Environment {
        identity_endpoint: Some(url),
        identity_header: Some("hush".to_owned()),
        ..Environment::default()
    };
    let tokens = tokens(Credentials::Default, environment);
    for secret in ["one", "one", "two", "two"] {
        assert_eq!(tokens.get().await.unwrap().secret, secret);
    }
    tokens.forget().await;
    assert_eq!(tokens.get().await.unwrap().secret, "x");
    assert!(tokens.get().await.map(drop).unwrap_err().is_temporary());
}

#[test]
fn what_is_no_token_is_refused() {
    let now = SystemTime::now();
    let read = |status: u16, body: &str| {
        read_answer(StatusCode::from_u16(status).unwrap(), body.as_bytes(), now).map(drop).unwrap_err()
    };
    let wrong = read(401, r#"{"error":"invalid_client","error_description":"long"}"#);
    assert_eq!(wrong.to_string(), "the authority answered 401 invalid_client");
    assert!(!wrong.is_temporary());
    assert!(read(429, "").is_temporary());
    for body in [
        "",
        "[]",
        "{}",
        r#"{"access_token":"a"}"#,
        r#"{"expires_in":18446744073709551615,"access_token":"a"}"#,
    ] {
        assert!(!read(200, body).is_temporary(), "{body}");
    }
}

#[test]
fn a_workload_identity_must_be_offered() {
    let config = Config::new("account", "container", Credentials::WorkloadIdentity);
    assert!(Source::of(&config).is_err());
}

#[test]
fn each_cloud_has_its_authority() {
    for (realm, host) in [
        ("core.windows.net", "https://login.microsoftonline.com"),
        ("core.chinacloudapi.cn", "https://login.chinacloudapi.cn"),
        ("core.usgovcloudapi.net", "https://login.microsoftonline.us"),
    ] {
        let credentials = Credentials::ClientSecret {
            tenant: "t".to_owned(),
            client: "c".to_owned(),
            secret: "s".to_owned(),
        };
        let config = Config { realm: realm.to_owned(), ..Config::new("account", "container", credentials) };
        let request = Source::of(&config).unwrap().unwrap().request().unwrap();
        assert_eq!(request.uri().to_string(), format!("{host}/t/oauth2/v2.0/token"));
    }
}
