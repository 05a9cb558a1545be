//! Who we are when the configuration does not say: each place that a machine may keep it in, as it is asked in the end.
//!
//! The places are named by the environment, which a process has only one of: each test runs this program again with an
//! environment of its own and looks at the URL that it signs.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on ends, and runs itself again to say what it found"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use wharf_http_client::{HttpClient, Options};
use wharf_storage_driver::{RedirectMethod, RedirectRequest, StorageDriver};
use wharf_storage_driver_s3::{Config, Credentials, S3Driver};

/// Set in the program that was run again.
const AGAIN: &str = "WHARF_TESTS_CHAIN";

const TEMPORARY: &str = r#"{"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z", "AccessKeyId": "AKIDFOUND",
    "SecretAccessKey": "secret", "Token": "token-found", "Expiration": "2099-01-01T00:00:00Z"}"#;

const ASSUMED: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
    <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIDFOUND</AccessKeyId><SecretAccessKey>secret</SecretAccessKey>
    <SessionToken>token-found</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>
    <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/r/s</Arn><AssumedRoleId>AROA:s</AssumedRoleId></AssumedRoleUser>
    </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#;

/// Signs a URL as the machine's own and shows it, when this program was run again for it.
#[tokio::test]
async fn sign_as_whoever_we_are() {
    if std::env::var_os(AGAIN).is_none() {
        return;
    }
    let http = HttpClient::new(Options::default()).unwrap();
    let driver = S3Driver::new(Config::new("bucket"), http).await.map_err(|error| format!("{error:?}"));
    let request = RedirectRequest { method: RedirectMethod::Get, client: None, lifetime: None };
    let url = driver.unwrap().redirect(&"/a".parse().unwrap(), &request).await;
    println!("signed {url:?}");
}

/// What the program says in an environment that holds these variables and nothing else.
fn signed(variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "sign_as_whoever_we_are", "--nocapture"])
        .env_clear()
        .envs([(AGAIN, "1"), ("HOME", "/nowhere"), ("AWS_EC2_METADATA_DISABLED", "true")])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat()
}

/// A service of the machine that answers by the beginning of the path.
fn service(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            answer(socket.unwrap(), answers);
        }
    });
    address
}

fn answer(mut socket: TcpStream, answers: &[(&str, &str)]) {
    let mut request = [0; 16 * 1024];
    let read = socket.read(&mut request).unwrap_or(0);
    let request = String::from_utf8_lossy(&request[..read]);
    let path = request.split(' ').nth(1).unwrap_or_default();
    let found = answers.iter().find(|(start, _)| path.starts_with(start));
    let (status, body) = found.map_or(("404 Not Found", ""), |(_, body)| ("200 OK", *body));
    let lifetime = "x-aws-ec2-metadata-token-ttl-seconds: 21600";
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\n{lifetime}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    let _ = socket.write_all((head + body).as_bytes());
}

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn assert_signed_as(url: &str, key: &str, region: &str) {
    assert!(url.contains(&format!("X-Amz-Credential={key}%2F")), "{url}");
    assert!(url.contains(&format!("%2F{region}%2Fs3%2Faws4_request")), "{url}");
    assert!(url.contains(&format!("https://bucket.s3.{region}.amazonaws.com/a?")), "{url}");
}

#[test]
fn the_environment_is_asked_first() {
    let url = signed(&[
        ("AWS_ACCESS_KEY_ID", "AKIDENV"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "token-env"),
        ("AWS_REGION", "eu-west-1"),
    ]);
    assert_signed_as(&url, "AKIDENV", "eu-west-1");
    assert!(url.contains("X-Amz-Security-Token=token-env"), "{url}");
}

#[test]
fn a_profile_names_a_key_and_a_region() {
    let folder = tempfile::tempdir().unwrap();
    let keys = "[ship]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = secret\n";
    let url = signed(&[
        ("AWS_SHARED_CREDENTIALS_FILE", &file(folder.path(), "credentials", keys)),
        ("AWS_CONFIG_FILE", &file(folder.path(), "config", "[profile ship]\nregion = eu-west-2\n")),
        ("AWS_PROFILE", "ship"),
    ]);
    assert_signed_as(&url, "AKIDPROFILE", "eu-west-2");
}

#[test]
fn a_web_identity_is_exchanged_for_keys() {
    let folder = tempfile::tempdir().unwrap();
    let url = signed(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", &file(folder.path(), "token", "a-signed-token")),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
        ("AWS_ROLE_SESSION_NAME", "s"),
        ("AWS_ENDPOINT_URL_STS", &service(&[("/", ASSUMED)])),
        ("AWS_REGION", "eu-west-3"),
    ]);
    assert_signed_as(&url, "AKIDFOUND", "eu-west-3");
    assert!(url.contains("X-Amz-Security-Token=token-found"), "{url}");
}

#[test]
fn a_container_is_given_keys() {
    let keys = service(&[("/keys", TEMPORARY)]) + "/keys";
    let url = signed(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &keys), ("AWS_REGION", "eu-north-1")]);
    assert_signed_as(&url, "AKIDFOUND", "eu-north-1");
}

#[test]
fn an_instance_knows_its_role_and_its_region() {
    let metadata = service(&[
        ("/latest/api/token", "token"),
        ("/latest/meta-data/iam/security-credentials/role", TEMPORARY),
        ("/latest/meta-data/iam/security-credentials/", "role"),
        ("/latest/meta-data/placement/region", "eu-south-1"),
    ]);
    let url =
        signed(&[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata)]);
    assert_signed_as(&url, "AKIDFOUND", "eu-south-1");
}

#[test]
fn without_a_region_there_is_no_driver() {
    let said = signed(&[("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "secret")]);
    assert!(said.contains("Region"), "{said}");
}

#[test]
fn without_a_key_nothing_is_signed() {
    let said = signed(&[("AWS_REGION", "eu-west-1")]);
    assert!(said.contains("Denied"), "{said}");
}

#[tokio::test]
async fn what_the_configuration_says_is_not_asked_for_elsewhere() {
    let mut config = Config::new("bucket");
    config.region = Some("eu-west-9".into());
    config.credentials = Credentials::Static {
        access_key: "AKIDOURS".into(),
        secret_key: "secret".into(),
        session_token: Some("token-ours".into()),
    };
    let http = HttpClient::new(Options::default()).unwrap();
    let driver = S3Driver::new(config, http).await.unwrap();
    let request = RedirectRequest { method: RedirectMethod::Head, client: None, lifetime: None };
    let url = driver.redirect(&"/a".parse().unwrap(), &request).await.unwrap().unwrap();
    assert_signed_as(&url, "AKIDOURS", "eu-west-9");
    assert!(url.contains("X-Amz-Security-Token=token-ours"), "{url}");
}
