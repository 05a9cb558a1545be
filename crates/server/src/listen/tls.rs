//! What a TLS handshake goes by: certificate, key and client CAs, read from files and again when those change. Where an ACME
//! server issues certificates, they come from there.
//!
//! A connection keeps what it began with; the next one gets what was read last. So replacing a certificate drops nobody.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{
    DigitallySignedStruct, DistinguishedName, Error as RustlsError, RootCertStore, ServerConfig,
    SignatureScheme, SupportedCipherSuite, SupportedProtocolVersion, version,
};
#[cfg(feature = "acme")]
use wharf_acme::Certificates;

use super::ciphers::CipherSuite;

/// Where the certificate comes from that clients are shown.
#[derive(Debug, Clone)]
pub enum Identity {
    /// From files.
    Files {
        /// `certificate`: a file with the certificate and those that vouch for it, in PEM.
        certificate: PathBuf,
        /// `key`: a file with the private key of the certificate, in PEM.
        key: PathBuf,
    },
    /// `letsencrypt`: from an ACME server, for the host that the client asks for.
    #[cfg(feature = "acme")]
    Acme(Arc<Certificates>),
}

/// `http.tls`, beside the certificate.
#[derive(Debug, Clone, PartialEq)]
pub struct TlsOptions {
    /// `clientcas`: files with the certificates that vouch for clients, in PEM. None: clients need no certificate.
    pub client_cas: Vec<PathBuf>,
    /// `clientauth`: what is asked of clients where there are client CAs.
    pub client_auth: ClientAuth,
    /// `minimumtls`: the oldest version that is spoken.
    pub minimum: TlsVersion,
    /// `ciphersuites`: what is offered to clients of TLS 1.2. None: all that are sound. Those of TLS 1.3 are always offered.
    pub cipher_suites: Option<Vec<CipherSuite>>,
    /// Whether HTTP/2 is offered; not with `http.http2.disabled`.
    pub http2: bool,
}

/// What is asked of clients, by the names of Distribution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// `request-client-cert`: a certificate is asked for, and none is as good as any.
    Request,
    /// `require-any-client-cert`: a certificate, whoever made it.
    RequireAny,
    /// `verify-client-cert-if-given`: none, or one that a client CA vouches for.
    VerifyIfGiven,
    /// `require-and-verify-client-cert`: one that a client CA vouches for.
    #[default]
    RequireAndVerify,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TlsVersion {
    /// 1.2, the oldest that is spoken.
    #[default]
    Tls12,
    /// 1.3.
    Tls13,
}

/// Why there can be no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    /// A file holds something else than certificates.
    #[error("{} holds no certificate in PEM", .0.display())]
    Certificate(PathBuf, #[source] pem::Error),
    /// A file holds no private key.
    #[error("{} holds no private key in PEM", .0.display())]
    Key(PathBuf, #[source] pem::Error),
    /// The private key in a file has a password, which nobody is asked for.
    #[error("the private key in {} is encrypted, expected one without a password", .0.display())]
    EncryptedKey(PathBuf),
    /// Certificate and key do not belong together, or cannot be used.
    #[error("the certificate in {} and the key in {} cannot be used", .0.display(), .1.display())]
    Pair(PathBuf, PathBuf, #[source] RustlsError),
    /// Something in a file of client CAs cannot vouch for anybody.
    #[error("a client CA in {} cannot be used", .0.display())]
    ClientCa(PathBuf, #[source] RustlsError),
    /// The client CAs make no verifier.
    #[error("the client CAs cannot be used")]
    ClientCas(#[from] VerifierBuilderError),
    /// Versions, suites and keys do not fit together.
    #[error("no handshake is possible")]
    Handshake(#[from] RustlsError),
}

/// Which of the files something is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsFile {
    /// `certificate`
    Certificate,
    /// `key`
    Key,
    /// One of `clientcas`; the first is 0.
    ClientCa(usize),
}

/// Holds what new connections are encrypted with.
#[derive(Debug)]
pub struct Tls {
    pub(super) identity: Identity,
    options: TlsOptions,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read or used.
    pub fn open(identity: Identity, options: TlsOptions) -> Result<Self, TlsError> {
        let config = RwLock::new(Arc::new(config(&identity, &options)?));
        Ok(Self { identity, options, config })
    }

    /// Reads the files again; when one of them cannot be used, everything stays as it was. Sessions of before cannot be
    /// resumed, so that a client that is no longer vouched for does not get in by an old one.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn reload(&self) -> Result<(), TlsError> {
        let config = Arc::new(config(&self.identity, &self.options)?);
        *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
        Ok(())
    }

    /// What the next handshake goes by.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl TlsOptions {
    /// Reads the files of client CAs and gives all that is wrong with them, each with the number of the item. Nothing is kept.
    pub fn problems(&self) -> Vec<(TlsFile, TlsError)> {
        let cas = self.client_cas.iter().enumerate().filter_map(|(index, path)| {
            let error = add_client_cas(&mut RootCertStore::empty(), path).err()?;
            Some((TlsFile::ClientCa(index), error))
        });
        cas.collect()
    }
}

impl Identity {
    /// Reads the files and gives all that is wrong with them, each by the key that names it. Nothing is kept.
    pub fn problems(&self, options: &TlsOptions) -> Vec<(TlsFile, TlsError)> {
        let found = |file, result: Result<(), TlsError>| result.err().map(|error| (file, error));
        let own = match self {
            Self::Files { certificate, key: file } => [
                found(TlsFile::Certificate, check_certificates(certificate)),
                found(TlsFile::Key, check_key(file)),
            ],
            #[cfg(feature = "acme")]
            Self::Acme(_) => [None, None],
        };
        let problems: Vec<_> = own.into_iter().flatten().chain(options.problems()).collect();
        if !problems.is_empty() {
            return problems;
        }
        // Each for itself is right; what is wrong now is that they do not fit.
        found(TlsFile::Key, config(self, options).map(drop)).into_iter().collect()
    }

    /// The files that are read.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Files { certificate, key } => vec![certificate.clone(), key.clone()],
            #[cfg(feature = "acme")]
            Self::Acme(_) => Vec::new(),
        }
    }
}

/// Reads a file of certificates and keeps nothing.
///
/// # Errors
///
/// When there is none in it.
pub fn check_certificates(file: &Path) -> Result<(), TlsError> {
    certificates(file).map(drop)
}

/// Reads a file with a private key and keeps nothing.
///
/// # Errors
///
/// When there is none in it, or it has a password.
pub fn check_key(file: &Path) -> Result<(), TlsError> {
    key(file).map(drop)
}

fn config(identity: &Identity, options: &TlsOptions) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(provider(options));
    let versions: &[&SupportedProtocolVersion] = match options.minimum {
        TlsVersion::Tls12 => &[&version::TLS12, &version::TLS13],
        TlsVersion::Tls13 => &[&version::TLS13],
    };
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions)?;
    let builder = match verifier(options, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = match identity {
        Identity::Files { certificate, key: file } => {
            let (certificates, key) = (certificates(certificate)?, key(file)?);
            let pair = |error| TlsError::Pair(certificate.clone(), file.clone(), error);
            builder.with_single_cert(certificates, key).map_err(pair)?
        }
        #[cfg(feature = "acme")]
        Identity::Acme(certificates) => builder.with_cert_resolver(Arc::clone(certificates) as _),
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    if options.http2 {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    config.ticketer = aws_lc_rs::Ticketer::new()?;
    Ok(config)
}

fn provider(options: &TlsOptions) -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(wanted) = &options.cipher_suites {
        let is_wanted = |suite: &SupportedCipherSuite| wanted.iter().any(|one| one.is(suite));
        provider.cipher_suites.retain(|suite| suite.tls13().is_some() || is_wanted(suite));
    }
    provider
}

fn verifier(
    options: &TlsOptions,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let mut roots = RootCertStore::empty();
    for file in &options.client_cas {
        add_client_cas(&mut roots, file)?;
    }
    if roots.is_empty() {
        return Ok(None);
    }
    let mandatory = match options.client_auth {
        ClientAuth::Request => false,
        ClientAuth::RequireAny => true,
        ClientAuth::VerifyIfGiven | ClientAuth::RequireAndVerify => {
            let builder = WebPkiClientVerifier::builder_with_provider(roots.into(), Arc::clone(provider));
            let optional = options.client_auth == ClientAuth::VerifyIfGiven;
            let builder = if optional { builder.allow_unauthenticated() } else { builder };
            return Ok(Some(builder.build()?));
        }
    };
    Ok(Some(Arc::new(Anyone { provider: Arc::clone(provider), mandatory })))
}

fn add_client_cas(roots: &mut RootCertStore, file: &Path) -> Result<(), TlsError> {
    for certificate in certificates(file)? {
        roots.add(certificate).map_err(|error| TlsError::ClientCa(file.to_owned(), error))?;
    }
    Ok(())
}

fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = contents(file)?;
    if text.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED) {
        return Err(TlsError::EncryptedKey(file.to_owned()));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| TlsError::Key(file.to_owned(), error))
}

/// The certificates in a file, of which there has to be one.
fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&contents(file)?).collect();
    let wrong = |error| TlsError::Certificate(file.to_owned(), error);
    let found = found.map_err(wrong)?;
    if found.is_empty() { Err(wrong(pem::Error::NoItemsFound)) } else { Ok(found) }
}

fn contents(file: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(file).map_err(|error| TlsError::Unreadable(file.to_owned(), error))
}

/// Takes every certificate whose key the client has, whoever vouches for it.
#[derive(Debug)]
struct Anyone {
    provider: Arc<CryptoProvider>,
    mandatory: bool,
}

impl ClientCertVerifier for Anyone {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, RustlsError> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// What PEM files of keys say in one place or another where the key has a password.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_password_is_said_to_have_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        for text in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAA==\n-----END RSA PRIVATE KEY-----\n",
        ] {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(key(&file), Err(TlsError::EncryptedKey(_))), "{text}");
        }
        std::fs::write(&file, "nothing").unwrap();
        assert!(matches!(key(&file), Err(TlsError::Key(..))));
    }
}
