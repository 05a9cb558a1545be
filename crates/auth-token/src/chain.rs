//! Certificates that we were given, and chains that lead to them.

use std::time::{Duration, SystemTime};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter};
use x509_parser::parse_x509_certificate;

use crate::key::{PublicKey, UnusableKey};

/// The longest chain that a token may carry, in certificates.
pub(crate) const MAX_CHAIN: usize = 10;

/// A certificate of the bundle.
#[derive(Debug)]
pub(crate) struct Root {
    der: CertificateDer<'static>,
    anchor: TrustAnchor<'static>,
    /// In seconds since 1970.
    validity: (i64, i64),
    /// Its key, if that can verify tokens.
    pub(crate) key: Result<PublicKey, UnusableKey>,
}

/// Reads the certificates of a PEM file; what else is in it is passed over. The error is the number of the certificate that
/// is malformed, and why.
pub(crate) fn roots(pem: &[u8]) -> Result<Vec<Root>, (usize, String)> {
    let root = |(index, der): (usize, Result<CertificateDer<'static>, _>)| {
        let number = index + 1;
        let der = der.map_err(|error| (number, format!("no PEM: {error:?}")))?;
        Root::new(der).map_err(|reason| (number, reason))
    };
    CertificateDer::pem_slice_iter(pem).enumerate().map(root).collect()
}

/// Verifies a chain, the signer first, and gives the signer's key. As in Go, a certificate may be for any use, and one of the
/// bundle may itself be the signer, which webpki alone would refuse of a certificate that is its own authority.
pub(crate) fn verify(
    roots: &[Root],
    chain: &[CertificateDer<'_>],
    now: SystemTime,
) -> Result<PublicKey, String> {
    let (signer, between) = chain.split_first().ok_or("the chain is empty")?;
    if chain.len() > MAX_CHAIN {
        return Err(format!("the chain has more than {MAX_CHAIN} certificates"));
    }
    let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let valid: Vec<&Root> = roots.iter().filter(|root| root.is_valid(time)).collect();
    if let Some(root) = valid.iter().find(|root| root.der == *signer) {
        return root.key.clone().map_err(|error| error.to_string());
    }
    let anchors: Vec<TrustAnchor<'_>> = valid.iter().map(|root| root.anchor.clone()).collect();
    let certificate = EndEntityCert::try_from(signer).map_err(|error| error.to_string())?;
    let time = UnixTime::since_unix_epoch(time);
    certificate
        .verify_for_usage(ALGORITHMS, &anchors, between, time, AnyUsage, None, None)
        .map_err(|error| error.to_string())?;
    let (_, parsed) = parse_x509_certificate(signer).map_err(|error| error.to_string())?;
    PublicKey::of(parsed.public_key()).map_err(|error| error.to_string())
}

impl Root {
    fn new(der: CertificateDer<'static>) -> Result<Self, String> {
        let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|error| error.to_string())?.to_owned();
        let (_, parsed) = parse_x509_certificate(&der).map_err(|error| error.to_string())?;
        let validity = (parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp());
        let key = PublicKey::of(parsed.public_key());
        Ok(Self { der, anchor, validity, key })
    }

    fn is_valid(&self, now: Duration) -> bool {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        (self.validity.0..=self.validity.1).contains(&now)
    }
}

/// Whatever a certificate is for, it may sign certificates and tokens.
struct AnyUsage;

impl ExtendedKeyUsageValidator for AnyUsage {
    fn validate(&self, _: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        Ok(())
    }
}

/// How certificates may be signed: in every way that is still safe.
const ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = webpki::ALL_VERIFICATION_ALGS;

#[cfg(test)]
mod tests {
    use rcgen::{
        BasicConstraints, Certificate, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
        date_time_ymd,
    };

    use super::*;

    fn at(year: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs((year - 1970) * 31_557_600)
    }

    fn params(name: &str, authority: bool) -> CertificateParams {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2040, 1, 1));
        if authority {
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        }
        params
    }

    fn authority(name: &str) -> (Certificate, Issuer<'static, KeyPair>) {
        let (params, pair) = (params(name, true), KeyPair::generate().unwrap());
        (params.self_signed(&pair).unwrap(), Issuer::new(params, pair))
    }

    fn id(pair: &KeyPair) -> Vec<u8> {
        rcgen::PublicKeyData::der_bytes(pair).to_vec()
    }

    fn point(key: PublicKey) -> Vec<u8> {
        match key {
            PublicKey::Ec { point, .. } => point,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_chain_leads_to_the_bundle_over_what_lies_between() {
        let (root, root_issuer) = authority("root");
        let (middle_params, middle_pair) = (params("middle", true), KeyPair::generate().unwrap());
        let middle = middle_params.signed_by(&middle_pair, &root_issuer).unwrap();
        let middle_issuer = Issuer::new(middle_params, middle_pair);
        let pair = KeyPair::generate().unwrap();
        let mut leaf_params = params("leaf", false);
        leaf_params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
        let leaf = leaf_params.signed_by(&pair, &middle_issuer).unwrap();

        let roots = roots(root.pem().as_bytes()).unwrap();
        let whole = [leaf.der().clone(), middle.der().clone()];
        assert_eq!(point(verify(&roots, &whole, at(2026)).unwrap()), id(&pair));
        assert!(verify(&roots, &whole[..1], at(2026)).is_err(), "a link is missing");
        assert!(verify(&roots, &whole, at(2019)).is_err() && verify(&roots, &whole, at(2042)).is_err());
        assert!(verify(&roots, &[], at(2026)).is_err() && verify(&[], &whole, at(2026)).is_err());
        let long: Vec<_> = std::iter::repeat_n(leaf.der().clone(), MAX_CHAIN + 1).collect();
        assert!(verify(&roots, &long, at(2026)).is_err());
    }

    #[test]
    fn one_certificate_may_be_bundle_and_signer() {
        for is_authority in [true, false] {
            let pair = KeyPair::generate().unwrap();
            let certificate = params("self", is_authority).self_signed(&pair).unwrap();
            let roots = roots(certificate.pem().as_bytes()).unwrap();
            let chain = [certificate.der().clone()];
            assert_eq!(point(verify(&roots, &chain, at(2026)).unwrap()), id(&pair));
            assert!(verify(&roots, &chain, at(2042)).is_err(), "but not for ever");
        }
    }

    #[test]
    fn a_stranger_leads_nowhere_whatever_it_calls_itself() {
        let (root, _) = authority("root");
        let (stranger, stranger_issuer) = authority("root");
        let pair = KeyPair::generate().unwrap();
        let leaf = params("leaf", false).signed_by(&pair, &stranger_issuer).unwrap();
        let roots = roots(root.pem().as_bytes()).unwrap();
        assert!(verify(&roots, &[leaf.der().clone(), stranger.der().clone()], at(2026)).is_err());
        assert!(verify(&roots, &[stranger.der().clone()], at(2026)).is_err());
    }

    #[test]
    fn a_bundle_may_hold_more_than_certificates_but_nothing_malformed() {
        let (root, issuer) = authority("root");
        let bundle = format!("comment\n{}\n{}{}", issuer.key().serialize_pem(), root.pem(), root.pem());
        assert_eq!(roots(bundle.as_bytes()).unwrap().len(), 2);
        let broken = format!("{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", root.pem());
        assert_eq!(roots(broken.as_bytes()).unwrap_err().0, 2);
    }
}
