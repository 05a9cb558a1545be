//! One certificate with its key, as it lies in the folder and as a handshake wants it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::SignatureAlgorithm;
use rustls::client::verify_server_name;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::Host;

/// A certificate, its key, and those that vouch for it.
#[derive(Debug)]
pub(crate) struct Certificate {
    /// What a handshake shows and signs with.
    pub(crate) shown: Arc<CertifiedKey>,
    not_before: SystemTime,
    not_after: SystemTime,
}

/// What is wrong with a certificate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// It is not a key and certificates in PEM.
    #[error("no private key and certificates in PEM")]
    Pem(#[source] pem::Error),
    /// There is a key and nothing else.
    #[error("no certificate beside the key")]
    Empty,
    /// Key and certificate do not belong together, or cannot be used.
    #[error("key and certificate cannot be used together")]
    Pair(#[source] rustls::Error),
    /// It is for somebody else.
    #[error("it is not for {0}")]
    Name(Host, #[source] rustls::Error),
    /// Its dates cannot be read.
    #[error("it is no certificate of X.509")]
    Unreadable,
    /// It was issued a moment ago, and has ended or is to be renewed.
    #[error("it is new and at its end: the clock of this machine seems to be wrong")]
    Old,
}

impl Certificate {
    /// Reads a key and then a chain from PEM, as a certificate of a host.
    pub(crate) fn from_pem(text: &[u8], host: &Host) -> Result<Self, Flaw> {
        let (chain, key) = parts(text)?;
        let leaf = chain.first().ok_or(Flaw::Empty)?;
        let parsed = ParsedCertificate::try_from(leaf).map_err(Flaw::Pair)?;
        let name = ServerName::try_from(host.as_str()).map_err(|_| Flaw::Unreadable)?;
        verify_server_name(&parsed, &name).map_err(|error| Flaw::Name(host.clone(), error))?;
        let (not_before, not_after) = validity(leaf).ok_or(Flaw::Unreadable)?;
        let pair = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider()).map_err(Flaw::Pair)?;
        Ok(Self { shown: Arc::new(pair), not_before, not_after })
    }

    /// Whether it has not ended. That it begins only in a moment, by the clock of who issued it, is no reason for another.
    pub(crate) fn is_valid_at(&self, now: SystemTime) -> bool {
        now < self.not_after
    }

    /// When it ends.
    pub(crate) fn end(&self) -> SystemTime {
        self.not_after
    }

    /// When it is to be renewed: so long before its end, or when two thirds of its life are over.
    pub(crate) fn renewal(&self, before: Duration) -> SystemTime {
        let life = self.not_after.duration_since(self.not_before).unwrap_or_default();
        self.not_after - before.min(life / 3)
    }

    /// Whether its key is one of RSA.
    pub(crate) fn is_rsa(&self) -> bool {
        self.shown.key.algorithm() == SignatureAlgorithm::RSA
    }
}

/// Reads a key and a chain from PEM that answer a challenge. What the certificate holds is no business of ours: it is not for
/// clients, who could not even read it.
pub(crate) fn proof(text: &[u8]) -> Result<Arc<CertifiedKey>, Flaw> {
    let (chain, key) = parts(text)?;
    let key = aws_lc_rs::sign::any_supported_type(&key).map_err(Flaw::Pair)?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

type Parts = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn parts(text: &[u8]) -> Result<Parts, Flaw> {
    let key = PrivateKeyDer::from_pem_slice(text).map_err(Flaw::Pem)?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    Ok((chain.map_err(Flaw::Pem)?, key))
}

/// From when to when a certificate holds.
fn validity(certificate: &CertificateDer<'_>) -> Option<(SystemTime, SystemTime)> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let time = |seconds: i64| {
        // A date before 1970 is as long ago as any.
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
    };
    let validity = parsed.validity();
    Some((time(validity.not_before.timestamp())?, time(validity.not_after.timestamp())?))
}

#[cfg(test)]
pub(crate) mod tests {
    use rcgen::CertificateParams;
    use time::OffsetDateTime;

    use super::*;
    use crate::key::Key;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    /// A certificate of a host as it lies in the folder, that began and ends so many days before and after now.
    pub(crate) fn pem(host: &str, age: u32, left: i64) -> String {
        let key = Key::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_before = OffsetDateTime::now_utc() - DAY * age;
        params.not_after = OffsetDateTime::now_utc() + time::Duration::days(left);
        key.to_pem().unwrap() + &params.self_signed(&key.to_signer().unwrap()).unwrap().pem()
    }

    fn read(host: &str, text: &str) -> Result<Certificate, Flaw> {
        Certificate::from_pem(text.as_bytes(), &host.parse().unwrap())
    }

    fn days_from_now(time: SystemTime) -> u64 {
        time.duration_since(SystemTime::now()).unwrap().as_secs().div_ceil(DAY.as_secs())
    }

    #[test]
    fn a_certificate_is_renewed_a_month_ahead_or_in_its_last_third() {
        let month = DAY * 30;
        let long = read("a.example", &pem("a.example", 0, 365)).unwrap();
        assert_eq!(days_from_now(long.renewal(month)), 335);
        let short = read("a.example", &pem("a.example", 0, 6)).unwrap();
        assert_eq!(days_from_now(short.renewal(month)), 4);
        assert!(short.is_valid_at(SystemTime::now()) && !short.is_valid_at(SystemTime::now() + DAY * 7));
        assert!(!read("a.example", &pem("a.example", 9, -1)).unwrap().is_valid_at(SystemTime::now()));
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let (one, two) = (pem("a.example", 0, 9), pem("a.example", 0, 9));
        let split = |text: &str| {
            let at = text.find("-----BEGIN CERTIFICATE").unwrap();
            (text[..at].to_owned(), text[at..].to_owned())
        };
        let ((key, certificate), (other, _)) = (split(&one), split(&two));
        assert!(matches!(read("b.example", &one), Err(Flaw::Name(..))));
        assert!(matches!(read("a.example", &key), Err(Flaw::Empty)));
        assert!(matches!(read("a.example", &certificate), Err(Flaw::Pem(_))));
        assert!(matches!(read("a.example", &(other + &certificate)), Err(Flaw::Pair(_))));
        assert!(read("a.example", &one).is_ok());
    }
}
