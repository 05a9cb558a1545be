//! Whom we trust, as rustls wants to hear it. The crypto provider is named here and never taken from the process.

use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};

use crate::body::BoxError;
use crate::{Error, ErrorKind, Identity, Roots, Tls, Verification};

pub(crate) fn config(tls: &Tls) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::new(ErrorKind::Options, error))?;
    let builder = match tls.verification {
        Verification::Full => {
            // A machine's list may hold a few that nobody can read any more; the others still count.
            let machine = rustls_native_certs::load_native_certs().certs;
            builder.with_root_certificates(roots(machine, &tls.roots)?)
        }
        Verification::None => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider)))
        }
    };
    let Some(Identity { certificates, key }) = &tls.identity else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = read(certificates).and_then(|text| self::certificates(&text));
    let chain = chain.map_err(|error| named("certificates", certificates, error))?;
    let secret = read(key).and_then(|text| Ok(PrivateKeyDer::from_pem_slice(&text)?));
    let secret = secret.map_err(|error| named("the key", key, error))?;
    builder.with_client_auth_cert(chain, secret).map_err(|error| Error::new(ErrorKind::Options, error))
}

fn read(path: &Path) -> Result<Vec<u8>, BoxError> {
    Ok(std::fs::read(path)?)
}

fn named(what: &str, path: &Path, error: BoxError) -> Error {
    Error::new(ErrorKind::Options, format!("{what} in {}: {error}", path.display()))
}

fn roots(machine: Vec<CertificateDer<'static>>, roots: &Roots) -> Result<RootCertStore, Error> {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(machine);
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let more = match roots {
        Roots::System => return Ok(store),
        Roots::File(path) => {
            read(path).and_then(|text| certificates(&text)).map_err(|error| named("roots", path, error))?
        }
        Roots::Pem(text) => certificates(text).map_err(|error| Error::new(ErrorKind::Options, error))?,
    };
    for certificate in more {
        store.add(certificate).map_err(|error| Error::new(ErrorKind::Options, error))?;
    }
    Ok(store)
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, BoxError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
    if certificates.is_empty() {
        return Err("no certificate in the PEM text".into());
    }
    Ok(certificates)
}

/// Takes any certificate; the handshake is still signed by whoever showed it.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_roots_gets_mozillas() {
        let store = roots(Vec::new(), &Roots::System).unwrap();
        assert_eq!(store.len(), webpki_roots::TLS_SERVER_ROOTS.len());
    }
}
