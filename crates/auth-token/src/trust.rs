//! Whose signatures are believed: the keys of both files, by every name that they go by.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use wharf_auth::Rejection;

use crate::chain::{self, MAX_CHAIN, Root};
use crate::jws::{Header, invalid};
use crate::key::PublicKey;
use crate::{Config, Error, jwk};

/// The largest file that is read, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Whose signatures are believed.
pub(crate) struct Trust {
    roots: Vec<Root>,
    keys: HashMap<String, PublicKey>,
}

impl Trust {
    /// Reads the files that a configuration names.
    pub(crate) fn read(config: &Config) -> Result<Self, Error> {
        let mut trust = Self { roots: Vec::new(), keys: HashMap::new() };
        if let Some(path) = &config.certificates {
            trust.add_certificates(path)?;
        }
        if let Some(path) = &config.key_set {
            trust.add_key_set(path)?;
        }
        if trust.keys.is_empty() && trust.roots.is_empty() {
            return Err(Error::NoKeys);
        }
        Ok(trust)
    }

    fn add_certificates(&mut self, path: &Path) -> Result<(), Error> {
        let roots = chain::roots(&content(path)?);
        self.roots =
            roots.map_err(|(number, reason)| Error::Certificate { path: path.to_owned(), number, reason })?;
        for (index, root) in self.roots.iter().enumerate() {
            match &root.key {
                Ok(key) => name(&mut self.keys, key),
                Err(error) => tracing::warn!(
                    "{}: certificate {} signs no tokens, only certificates: {error}",
                    path.display(),
                    index + 1
                ),
            }
        }
        Ok(())
    }

    fn add_key_set(&mut self, path: &Path) -> Result<(), Error> {
        let set = jwk::parse(&content(path)?).map_err(|error| Error::KeySet(path.to_owned(), error))?;
        for jwk::NamedKey { id, key } in set {
            name(&mut self.keys, &key);
            if let Some(id) = id {
                self.keys.insert(id, key);
            }
        }
        Ok(())
    }

    /// The key that a token says signed it, if it is one that is trusted.
    pub(crate) fn key(&self, header: &Header, now: SystemTime) -> Result<PublicKey, Rejection> {
        let chain = |chain: &Option<Vec<String>>| chain.clone().filter(|chain| !chain.is_empty());
        if let Some(chain) = chain(&header.x5c) {
            return self.by_chain(&chain, now);
        }
        if let Some(jwk) = &header.jwk {
            return match (chain(&jwk.x5c), &jwk.kid) {
                (Some(chain), _) => self.by_chain(&chain, now),
                (None, Some(id)) => self.by_id(id),
                (None, None) => Err(invalid("the key in the token has no id, and is not trusted by itself")),
            };
        }
        match &header.kid {
            Some(id) => self.by_id(id),
            None => Err(invalid("the token does not say which key signed it")),
        }
    }

    fn by_id(&self, id: &str) -> Result<PublicKey, Rejection> {
        self.keys.get(id).cloned().ok_or_else(|| invalid(format!("no key {id:?} is trusted")))
    }

    fn by_chain(&self, chain: &[String], now: SystemTime) -> Result<PublicKey, Rejection> {
        let decode = |text: &String| STANDARD.decode(text).map(CertificateDer::from);
        let chain: Result<Vec<_>, _> = chain.iter().take(MAX_CHAIN + 1).map(decode).collect();
        let chain = chain.map_err(|_| invalid("the certificates in the token are no base64"))?;
        chain::verify(&self.roots, &chain, now)
            .map_err(|reason| invalid(format!("the certificates in the token are not trusted: {reason}")))
    }
}

/// Names a key by what a token server of either generation calls it.
fn name(keys: &mut HashMap<String, PublicKey>, key: &PublicKey) {
    keys.insert(key.thumbprint(), key.clone());
    keys.insert(key.libtrust_id(), key.clone());
}

fn content(path: &Path) -> Result<Vec<u8>, Error> {
    let refuse = |error| Error::Read(path.to_owned(), error);
    let mut bytes = Vec::new();
    File::open(path).map_err(refuse)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    Ok(bytes)
}
