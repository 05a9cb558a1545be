//! `http.tls`, `http.http2` and `http.h2c`.

use std::path::PathBuf;

use wharf_configuration::{Error, Section};

use super::given::text;
use super::letsencrypt;
use crate::listen::{CipherSuite, ClientAuth, TlsOptions, TlsVersion};

/// `http.tls`
#[derive(Debug, Clone, PartialEq)]
pub struct TlsSettings {
    /// Where the certificate comes from.
    pub certificate: CertificateSettings,
    /// All else.
    pub options: TlsOptions,
}

/// Where the certificate comes from that clients are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSettings {
    /// From files.
    Files {
        /// `http.tls.certificate`
        certificate: PathBuf,
        /// `http.tls.key`
        key: PathBuf,
    },
    /// `http.tls.letsencrypt`
    #[cfg(feature = "acme")]
    Acme(wharf_acme::Options),
}

/// Reads `http.tls`; none where the listener does not encrypt.
pub(super) fn read(http: &Section<'_>, remarks: &mut Vec<String>) -> Result<Option<TlsSettings>, Error> {
    let tls = http.section("tls")?;
    let http2 = !http.section("http2")?.bool("disabled")?.unwrap_or(false);
    let client_cas = tls.strings("clientcas")?.unwrap_or_default();
    let client_auth = client_auth(&tls)?;
    let minimum = minimum(&tls, remarks)?;
    let cipher_suites = cipher_suites(&tls, minimum, remarks)?;
    let Some(certificate) = certificate(&tls, remarks)? else {
        // Distribution speaks plain HTTP with these, which nobody can have meant.
        return if client_cas.is_empty() { Ok(None) } else { Err(tls.missing("certificate")) };
    };
    let client_cas = client_cas.into_iter().map(Into::into).collect();
    let options = TlsOptions { client_cas, client_auth, minimum, cipher_suites, http2 };
    Ok(Some(TlsSettings { certificate, options }))
}

fn certificate(tls: &Section<'_>, remarks: &mut Vec<String>) -> Result<Option<CertificateSettings>, Error> {
    let letsencrypt = tls.section("letsencrypt")?;
    let (file, key) = (text(tls, "certificate")?, text(tls, "key")?);
    let Some(file) = file else {
        if text(&letsencrypt, "cachefile")?.is_some() {
            return letsencrypt::read(&letsencrypt, remarks).map(Some);
        }
        return match key {
            Some(_) => Err(tls.missing("certificate")),
            None => letsencrypt::without_folder(&letsencrypt).map(|()| None),
        };
    };
    if text(&letsencrypt, "cachefile")?.is_some() {
        let cure = "either this or http.tls.certificate, not both";
        return Err(letsencrypt.refuse("cachefile", cure));
    }
    letsencrypt::ignore(&letsencrypt);
    let key = key.ok_or_else(|| tls.missing("key"))?;
    Ok(Some(CertificateSettings::Files { certificate: file.into(), key: key.into() }))
}

fn client_auth(tls: &Section<'_>) -> Result<ClientAuth, Error> {
    const KINDS: [(&str, ClientAuth); 5] = [
        ("request-client-cert", ClientAuth::Request),
        ("require-any-client-cert", ClientAuth::RequireAny),
        ("verify-client-cert-if-given", ClientAuth::VerifyIfGiven),
        ("require-and-verify-client-cert", ClientAuth::RequireAndVerify),
        ("", ClientAuth::RequireAndVerify),
    ];
    Ok(tls.variant("clientauth", &KINDS)?.unwrap_or_default())
}

fn minimum(tls: &Section<'_>, remarks: &mut Vec<String>) -> Result<TlsVersion, Error> {
    const VERSIONS: [(&str, Option<TlsVersion>); 5] = [
        ("tls1.2", Some(TlsVersion::Tls12)),
        ("tls1.3", Some(TlsVersion::Tls13)),
        ("tls1.0", None),
        ("tls1.1", None),
        ("", Some(TlsVersion::Tls12)),
    ];
    let version = tls.variant("minimumtls", &VERSIONS)?.unwrap_or(Some(TlsVersion::Tls12));
    if version.is_none() {
        remarks
            .push("http.tls.minimumtls is older than tls1.2, which is the oldest that is spoken".to_owned());
    }
    Ok(version.unwrap_or_default())
}

fn cipher_suites(
    tls: &Section<'_>,
    minimum: TlsVersion,
    remarks: &mut Vec<String>,
) -> Result<Option<Vec<CipherSuite>>, Error> {
    let Some(names) = tls.strings("ciphersuites")?.filter(|names| !names.is_empty()) else { return Ok(None) };
    if minimum == TlsVersion::Tls13 {
        remarks
            .push("http.tls.ciphersuites is not heeded: with TLS 1.3 alone all suites are sound".to_owned());
        return Ok(None);
    }
    let mut suites = Vec::new();
    for name in &names {
        let suite = CipherSuite::named(name)
            .ok_or_else(|| tls.refuse("ciphersuites", "names of TLS cipher suites as Go writes them"))?;
        suites.push(suite);
    }
    let weak: Vec<_> = suites.iter().filter(|suite| !suite.is_sound()).map(CipherSuite::name).collect();
    if !weak.is_empty() {
        remarks.push(format!("http.tls.ciphersuites: {} are not safe and not offered", weak.join(", ")));
    }
    suites.retain(CipherSuite::is_sound);
    if !suites.iter().any(|suite| !suite.is_of_tls13()) {
        let expected =
            "a suite that is safe, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, or minimumtls: tls1.3";
        return Err(tls.refuse("ciphersuites", expected));
    }
    Ok(Some(suites))
}
