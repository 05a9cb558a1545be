//! `http.tls`, `http.http2` and `http.h2c`.

use wharf_configuration::{Error, Section};

use super::given::text;
use crate::listen::{CipherSuite, ClientAuth, TlsOptions, TlsVersion};

/// Reads `http.tls`; none where the listener does not encrypt.
pub(super) fn read(http: &Section<'_>, remarks: &mut Vec<String>) -> Result<Option<TlsOptions>, Error> {
    let tls = http.section("tls")?;
    let letsencrypt = tls.section("letsencrypt")?;
    if text(&letsencrypt, "cachefile")?.is_some() {
        let cure = "nothing: this build cannot fetch certificates; keep http.tls.certificate and http.tls.key up to date \
                    with an ACME client beside it, they are read again when they change";
        return Err(letsencrypt.refuse("cachefile", cure));
    }
    letsencrypt.ignore(&["email", "hosts", "directoryurl"]);
    let http2 = !http.section("http2")?.bool("disabled")?.unwrap_or(false);
    let client_cas = tls.strings("clientcas")?.unwrap_or_default();
    let client_auth = client_auth(&tls)?;
    let minimum = minimum(&tls, remarks)?;
    let cipher_suites = cipher_suites(&tls, minimum, remarks)?;
    let Some(certificate) = text(&tls, "certificate")? else {
        // Distribution speaks plain HTTP with these, which nobody can have meant.
        if text(&tls, "key")?.is_some() || !client_cas.is_empty() {
            return Err(tls.missing("certificate"));
        }
        return Ok(None);
    };
    let key = text(&tls, "key")?.ok_or_else(|| tls.missing("key"))?;
    Ok(Some(TlsOptions {
        certificate: certificate.into(),
        key: key.into(),
        client_cas: client_cas.into_iter().map(Into::into).collect(),
        client_auth,
        minimum,
        cipher_suites,
        http2,
    }))
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
