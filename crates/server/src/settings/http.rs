//! `http`, `catalog` and `tags`.

use std::num::NonZeroUsize;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use wharf_configuration::{Error, Section};
use wharf_protocol::ExternalHost;

use super::tls::TlsSettings;
use crate::listen::{self, Cleartext};

/// How the API is served.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// `http.addr`
    pub address: String,
    /// `http.net`
    pub net: Net,
    /// `http.tls` and `http.http2`; none for plain HTTP.
    pub tls: Option<TlsSettings>,
    /// `http.h2c`
    pub cleartext: Cleartext,
    /// `http.host`
    pub host: Option<ExternalHost>,
    /// `http.prefix`
    pub prefix: String,
    /// `http.secret`; none when it has to be made up.
    pub secret: Option<Vec<u8>>,
    /// `http.relativeurls`
    pub relative_urls: bool,
    /// `http.draintimeout`
    pub drain: Duration,
    /// `http.headers`
    pub headers: HeaderMap,
    /// `http.limits`
    pub limits: listen::Limits,
    /// What a request may take of the API; `http.limits`, `catalog.maxentries`, `tags.maxtags`.
    pub api_limits: wharf_api_v2::Limits,
    /// `http.chunkminlength`: the smallest chunk that clients are asked to push, in bytes.
    pub chunk_min_bytes: Option<u64>,
}

/// What kind of address is bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Net {
    /// A host and a port.
    #[default]
    Tcp,
    /// A path of this machine.
    Unix,
}

impl HttpSettings {
    pub(super) fn read(root: &Section<'_>, remarks: &mut Vec<String>) -> Result<Self, Error> {
        let http = root.section("http")?;
        let net = http.variant("net", &[("tcp", Net::Tcp), ("", Net::Tcp), ("unix", Net::Unix)])?;
        let net = net.unwrap_or_default();
        let address = http.string("addr")?.unwrap_or_default();
        match net {
            Net::Unix if address.is_empty() => return Err(http.missing("addr")),
            Net::Tcp if !is_address(&address) => {
                return Err(http
                    .refuse("addr", "a host and a port such as 127.0.0.1:5000, or :5000 for every address"));
            }
            Net::Unix | Net::Tcp => {}
        }
        let host = http.string("host")?.filter(|host| !host.is_empty());
        let external = host.as_deref().and_then(ExternalHost::parse);
        if host.is_some() && external.is_none() {
            remarks.push("http.host lacks a scheme or a host and is ignored".to_owned());
        }
        let secret = http.string("secret")?.filter(|secret| !secret.is_empty());
        if secret.is_none() {
            remarks.push(
                "http.secret is not set, a random one is used: uploads end with this process and cannot pass between replicas"
                    .to_owned(),
            );
        }
        Ok(Self {
            address,
            net,
            tls: super::tls::read(&http, remarks)?,
            cleartext: match http.section("h2c")?.bool("enabled")? {
                Some(true) => Cleartext::Http2,
                _ => Cleartext::Http1,
            },
            host: external,
            prefix: http.string("prefix")?.unwrap_or_default(),
            secret: secret.map(String::into_bytes),
            relative_urls: http.bool("relativeurls")?.unwrap_or(false),
            drain: http.duration("draintimeout")?.unwrap_or(DRAIN),
            headers: headers(&http)?,
            limits: limits(&http.section("limits")?)?,
            api_limits: api_limits(root, &http.section("limits")?)?,
            chunk_min_bytes: http.bytes("chunkminlength")?.filter(|bytes| *bytes > 0),
        })
    }
}

/// Whether a text could be an address in Go's notation. Whether there is such a host is found out at the start.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return text.is_empty() };
    let in_brackets = host.starts_with('[') && host.ends_with(']');
    port.parse::<u16>().is_ok() && (in_brackets || !host.contains(':'))
}

fn headers(http: &Section<'_>) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, values) in http.headers("headers")?.unwrap_or_default() {
        for value in values {
            let parsed = (name.parse::<HeaderName>(), value.parse::<HeaderValue>());
            let (Ok(name), Ok(value)) = parsed else {
                let expected =
                    format!("names and values that HTTP headers can have, which those of {name:?} cannot be");
                return Err(http.refuse("headers", &expected));
            };
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn limits(section: &Section<'_>) -> Result<listen::Limits, Error> {
    let default = listen::Limits::default();
    let positive = |key: &str, duration: Option<Duration>, default: Duration| match duration {
        Some(Duration::ZERO) => Err(section.refuse(key, "a duration above zero, such as 30s")),
        other => Ok(other.unwrap_or(default)),
    };
    let header_bytes = match section.bytes("headersize")? {
        Some(size) if !(HEADER_BYTES_LEAST..=HEADER_BYTES_MOST).contains(&size) => {
            return Err(section.refuse("headersize", "a size from 8KiB to 16MiB"));
        }
        Some(size) => usize::try_from(size).unwrap_or(default.header_bytes),
        None => default.header_bytes,
    };
    Ok(listen::Limits {
        header: positive("header", section.duration("header")?, default.header)?,
        header_bytes,
        idle: positive("idle", section.duration("idle")?, default.idle)?,
        stall: positive("stall", section.duration("stall")?, default.stall)?,
        min_rate: section.integer("minrate")?.unwrap_or(default.min_rate),
        connections: section.integer::<usize>("connections")?.and_then(NonZeroUsize::new),
        streams: section.integer("streams")?.unwrap_or(default.streams),
    })
}

fn api_limits(root: &Section<'_>, section: &Section<'_>) -> Result<wharf_api_v2::Limits, Error> {
    let default = wharf_api_v2::Limits::default();
    let bytes = |key: &str| Ok::<_, Error>(section.bytes(key)?.and_then(|bytes| usize::try_from(bytes).ok()));
    let catalog = root.section("catalog")?;
    let tags = root.section("tags")?;
    Ok(wharf_api_v2::Limits {
        manifest_bytes: bytes("manifestbytes")?.unwrap_or(default.manifest_bytes).min(default.manifest_bytes),
        query_bytes: bytes("querybytes")?.unwrap_or(default.query_bytes),
        drain_bytes: section.bytes("drainbytes")?.unwrap_or(default.drain_bytes),
        drain_time: section.duration("draintime")?.unwrap_or(default.drain_time),
        tag_parameters: section.integer("tagparameters")?.unwrap_or(default.tag_parameters),
        ranges: section.integer("ranges")?.unwrap_or(default.ranges),
        catalog_max: positive(&catalog, "maxentries")?,
        catalog_page: catalog.integer("page")?.unwrap_or(default.catalog_page),
        tags_max: not_negative(&tags, "maxtags")?,
        tags_page: tags.integer("page")?.unwrap_or(default.tags_page),
    })
}

/// A number for which nothing, zero and less mean the default, as in Distribution.
fn positive(section: &Section<'_>, key: &str) -> Result<usize, Error> {
    let number = section.integer::<i64>(key)?.unwrap_or(0);
    Ok(usize::try_from(number).ok().filter(|number| *number > 0).unwrap_or(PAGE_MOST))
}

/// A number for which nothing and zero mean the default, and which cannot be less.
fn not_negative(section: &Section<'_>, key: &str) -> Result<usize, Error> {
    match section.integer::<i64>(key)? {
        Some(number) if number < 0 => Err(section.refuse(key, "a number that is not negative")),
        number => Ok(number
            .and_then(|number| usize::try_from(number).ok())
            .filter(|number| *number > 0)
            .unwrap_or(PAGE_MOST)),
    }
}

/// The default of `http.draintimeout`. Distribution has none and dies in the middle of its answers.
const DRAIN: Duration = Duration::from_secs(10);
/// The default of `catalog.maxentries` and `tags.maxtags`.
const PAGE_MOST: usize = 1000;
/// The least that `http.limits.headersize` can be, in bytes: what hyper needs to work at all.
const HEADER_BYTES_LEAST: u64 = 8 * 1024;
/// The most that `http.limits.headersize` can be, in bytes.
const HEADER_BYTES_MOST: u64 = 16 * 1024 * 1024;
