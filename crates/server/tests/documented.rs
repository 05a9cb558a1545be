//! Holds `deploy/config.yml` to what it says: that every key in it is read, and that what it shows are the defaults.

#![cfg(all(feature = "s3", feature = "azure", feature = "cloudfront"))]
#![expect(clippy::unwrap_used, reason = "a test stops at the first failure")]

use wharf_configuration::Document;
use wharf_server::{
    CertificateSettings, Connection, DriverSettings, Environment, MiddlewareSettings, Settings,
};

const EXAMPLE: &str = include_str!("../../../deploy/config.yml");

/// How much of what is commented out becomes part of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// The section, as it is shown.
    Shown,
    /// The section and all that is commented out within it.
    Whole,
}

/// The example with one section that is commented out in it.
fn with(text: &str, section: &str, depth: Depth) -> String {
    let begin = format!("# {section}:");
    let mut within = false;
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let comment = line.trim_start().strip_prefix("# ");
        within =
            (within && comment.is_some_and(|comment| comment.starts_with(' '))) || line.trim_start() == begin;
        lines.push(match comment {
            Some(comment) if within => format!("{indent}{}", uncommented(comment, depth)),
            _ => line.to_owned(),
        });
    }
    lines.join("\n")
}

/// A line without a second comment sign before a key of it.
fn uncommented(line: &str, depth: Depth) -> String {
    match line.split_once("# ") {
        Some((indent, rest)) if depth == Depth::Whole && indent.trim().is_empty() && is_key(rest) => {
            format!("{indent}{rest}")
        }
        _ => line.to_owned(),
    }
}

fn is_key(text: &str) -> bool {
    text.split_once(':')
        .is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}

/// The example with another driver than the filesystem.
fn with_driver(name: &str, depth: Depth) -> String {
    let (before, after) = EXAMPLE.split_once("  filesystem:\n").unwrap();
    let after: Vec<&str> = after.lines().skip_while(|line| line.starts_with("    ")).collect();
    with(&format!("{before}{}", after.join("\n")), name, depth)
}

/// Reads a text to its last key.
fn read(text: &str) -> Settings {
    let document = Document::parse("config.yml", text).unwrap();
    let settings =
        Settings::read(&document, Environment::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(document.unread(), []);
    settings
}

#[test]
fn the_documented_example_is_read_to_its_last_key() {
    let storage = read(EXAMPLE).storage;
    assert_eq!(storage.options.tag_concurrency.get(), wharf_storage::TAG_CONCURRENCY);
}

#[test]
fn what_is_commented_out_is_read_to_its_last_key() {
    let tls = read(&with(EXAMPLE, "tls", Depth::Whole)).http.tls.unwrap();
    assert!(matches!(tls.certificate, CertificateSettings::Files { .. }));
    assert!(!read(&with(EXAMPLE, "immutable", Depth::Whole)).storage.options.immutable.is_none());
    let urls = read(&with(EXAMPLE, "urls", Depth::Whole)).storage.options.urls;
    assert!(urls.allows("https://files.example.org/a") && !urls.allows("https://files.example.org/secret/a"));
    assert_eq!(read(&with(EXAMPLE, "policy", Depth::Whole)).storage.options.classes, ["image", "plugin"]);
}

#[test]
fn the_documented_s3_section_shows_the_defaults_and_is_read_to_its_last_key() {
    let DriverSettings::S3(shown) = read(&with_driver("s3", Depth::Shown)).storage.driver else { panic!() };
    let mut expected = wharf_storage_driver_s3::Config::new("registry");
    expected.region = Some("us-east-1".to_owned());
    assert_eq!(format!("{:?}", shown.config), format!("{expected:?}"));
    assert_eq!(shown.connection, Connection::default());
    let DriverSettings::S3(whole) = read(&with_driver("s3", Depth::Whole)).storage.driver else { panic!() };
    assert!(whole.config.endpoint.is_some() && whole.config.redirect_endpoint.is_some());
}

#[test]
fn the_documented_azure_section_shows_the_defaults_and_is_read_to_its_last_key() {
    use wharf_storage_driver_azure::{Config, Credentials};
    let DriverSettings::Azure(shown) = read(&with_driver("azure", Depth::Shown)).storage.driver else {
        panic!()
    };
    let key = Credentials::SharedKey("c2VjcmV0".to_owned());
    assert_eq!(format!("{:?}", shown.config), format!("{:?}", Config::new("account", "registry", key)));
    assert_eq!(shown.connection, Connection::default());
    let DriverSettings::Azure(whole) = read(&with_driver("azure", Depth::Whole)).storage.driver else {
        panic!()
    };
    assert!(whole.config.service_url.is_some());
}

#[test]
fn the_documented_middleware_shows_the_defaults_and_is_read_to_its_last_key() {
    use wharf_storage_driver_cloudfront::{Config, PrivateKey};
    let s3 = with_driver("s3", Depth::Shown);
    let shown = read(&with(&s3, "middleware", Depth::Shown)).storage.middleware;
    let key = PrivateKey::File("/etc/wharf/cloudfront.pem".into());
    let expected = Config::new("https://d111111abcdef8.cloudfront.net/", "K2JCJMDEHXQW5F", key);
    assert_eq!(shown[0], MiddlewareSettings::CloudFront(Box::new(expected)));
    assert_eq!(shown[1], MiddlewareSettings::Rewrite(wharf_storage_driver::Rewrite::default()));
    let whole = read(&with(&s3, "middleware", Depth::Whole)).storage.middleware;
    assert_eq!(whole.len(), 3);
}

#[cfg(feature = "acme")]
#[test]
fn the_documented_acme_section_shows_the_defaults_and_is_read_to_its_last_key() {
    let text = EXAMPLE.replace("  # tls:\n", "").replace("# tls:  # by ACME", "# tls:");
    let tls = read(&with(&text, "tls", Depth::Shown)).http.tls.unwrap();
    let CertificateSettings::Acme(shown) = tls.certificate else { panic!() };
    let mut expected = wharf_acme::Options::new("/var/lib/wharf/acme");
    expected.email = Some("operator@example.org".to_owned());
    expected.hosts = vec!["registry.example.org".parse().unwrap()];
    assert_eq!(shown, expected);
}
