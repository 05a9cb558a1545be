//! Answers to challenges (TLS-ALPN-01, RFC 8737): a handshake for one protocol, with a certificate that holds a proof.
//!
//! An answer is in memory and in the folder while it lasts: the ACME server may reach another process than the one that asked
//! it, and that one finds it in the folder.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use tracing::warn;

use crate::certificate::proof;
use crate::folder::{Entry, Folder};
use crate::key::Key;
use crate::{Error, Host};

/// The protocol that handshakes of an ACME server ask for, and nothing beside it.
pub const ALPN: &[u8] = b"acme-tls/1";

/// The answers of this process.
#[derive(Debug)]
pub(crate) struct Challenges {
    folder: Folder,
    known: Mutex<HashMap<Host, Arc<CertifiedKey>>>,
}

/// Keeps an answer ready until it is dropped.
pub(crate) struct Answer {
    challenges: Arc<Challenges>,
    host: Host,
}

impl Challenges {
    pub(crate) fn new(folder: Folder) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// Gets an answer ready: a certificate of the host with a digest that only the account could make.
    pub(crate) fn answer(self: &Arc<Self>, host: &Host, digest: &[u8; 32]) -> Result<Answer, Error> {
        let key = Key::generate()?;
        let mut params = CertificateParams::new(vec![host.to_string()]).map_err(Error::crypto)?;
        params.distinguished_name = DistinguishedName::new();
        params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
        let certificate = params.self_signed(&key.to_signer()?).map_err(Error::crypto)?;
        let text = key.to_pem()? + &crate::key::encode("CERTIFICATE", certificate.der());
        let shown = proof(text.as_bytes()).map_err(Error::Issued)?;
        self.known().insert(host.clone(), shown);
        let answer = Answer { challenges: Arc::clone(self), host: host.clone() };
        self.folder.write(&Entry::Token.of(host), text.as_bytes())?;
        Ok(answer)
    }

    /// What a handshake of an ACME server goes by; none when nobody asked one to come.
    pub(crate) fn config(&self, host: &Host) -> Option<Arc<ServerConfig>> {
        let known = self.known().get(host).cloned();
        let shown = known.or_else(|| self.of_another(host))?;
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().ok()?.with_no_client_auth();
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.send_tls13_tickets = 0;
        Some(Arc::new(config))
    }

    /// The answer of another process.
    fn of_another(&self, host: &Host) -> Option<Arc<CertifiedKey>> {
        let text = self.folder.read(&Entry::Token.of(host)).ok()??;
        proof(&text).ok()
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<Host, Arc<CertifiedKey>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.challenges.known().remove(&self.host);
        if let Err(error) = self.challenges.folder.remove(&Entry::Token.of(&self.host)) {
            warn!(error = &error as &dyn std::error::Error, "the answer to a challenge stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;

    #[test]
    fn an_answer_holds_its_proof_and_is_there_for_all_while_it_lasts() {
        let above = tempfile::tempdir().unwrap();
        let folder = Folder::open(above.path()).unwrap();
        let (one, two) = (Arc::new(Challenges::new(folder.clone())), Challenges::new(folder.clone()));
        let host: Host = "a.example".parse().unwrap();
        assert!(one.config(&host).is_none());
        let answer = one.answer(&host, &[7; 32]).unwrap();
        assert!(one.config(&host).is_some_and(|config| config.alpn_protocols == [ALPN]));
        assert!(two.config(&host).is_some(), "another process answers as well");
        let shown = two.of_another(&host).unwrap();
        let (_, certificate) = X509Certificate::from_der(&shown.cert[0]).unwrap();
        let proof =
            certificate.extensions().iter().find(|one| one.oid.to_id_string() == "1.3.6.1.5.5.7.1.31");
        let proof = proof.unwrap();
        assert!(proof.critical && proof.value == [&[4, 32][..], &[7; 32]].concat());
        drop(answer);
        assert!(one.config(&host).is_none() && two.config(&host).is_none());
    }
}
