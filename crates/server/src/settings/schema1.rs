//! `compatibility.schema1`: what registries of 2014 to 2016 took and gave.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wharf_api_v2::Audience;
use wharf_configuration::{Error, Section};
use wharf_manifest_schema1::{KeyError, SigningKey};

/// The manifests that came before schema 2.
#[derive(Debug, Clone, Default)]
pub struct Schema1Settings {
    /// `compatibility.schema1.enabled` and `disablesignaturestore`: whether they may be pushed, and whether signatures are kept.
    pub pushes: wharf_storage::Schema1,
    /// `compatibility.schema1.enabled`: whom images of schema 2 are shown as schema 1.
    pub audience: Audience,
    /// `compatibility.schema1.signingkeyfile`; none for a key that lives as long as the process.
    pub key: Option<KeyFile>,
}

/// A file with a private key: a JWK if its name ends in `.json` or `.jwk`, else PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile(PathBuf);

/// Why a file with a private key is none.
#[derive(Debug, thiserror::Error)]
pub enum UnusableKey {
    /// The file cannot be read.
    #[error("it cannot be read")]
    File(#[source] std::io::Error),
    /// What is in it is no key.
    #[error("it holds no key")]
    Key(#[source] KeyError),
}

impl Schema1Settings {
    pub(super) fn read(root: &Section<'_>) -> Result<Self, Error> {
        let schema1 = root.section("compatibility")?.section("schema1")?;
        let enabled = schema1.bool("enabled")?.unwrap_or(false);
        let stores = !schema1.bool("disablesignaturestore")?.unwrap_or(false);
        let file = schema1.string("signingkeyfile")?.filter(|path| !path.is_empty());
        schema1.ignore(&["trustkey"]);
        Ok(Self {
            pushes: match (enabled, stores) {
                (false, _) => wharf_storage::Schema1::Refused,
                (true, true) => wharf_storage::Schema1::WithSignatures,
                (true, false) => wharf_storage::Schema1::WithoutSignatures,
            },
            audience: if enabled { Audience::Unnamed } else { Audience::Named },
            key: file.map(|path| KeyFile(path.into())),
        })
    }
}

impl KeyFile {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or holds no key.
    pub fn open(&self) -> Result<Arc<SigningKey>, UnusableKey> {
        read(&self.0).map(Arc::new)
    }
}

fn read(path: &Path) -> Result<SigningKey, UnusableKey> {
    let text = fs::read_to_string(path).map_err(UnusableKey::File)?;
    let is_jwk = path.extension().is_some_and(|extension| extension == "json" || extension == "jwk");
    let key = if is_jwk { SigningKey::from_jwk(&text) } else { SigningKey::from_pem(&text) };
    key.map_err(UnusableKey::Key)
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn settings(schema1: &str) -> Schema1Settings {
        let text = format!("version: 0.1\ncompatibility:\n  schema1:\n{schema1}");
        let document = Document::parse("config.yml", &text).unwrap();
        let settings = Schema1Settings::read(&document.root()).unwrap();
        assert!(document.unread().iter().all(|key| !key.to_string().contains("schema1")));
        settings
    }

    #[test]
    fn pushes_are_refused_unless_they_are_enabled() {
        let pushes = |text: &str| settings(text).pushes;
        assert_eq!(pushes("    trustkey: x"), wharf_storage::Schema1::Refused);
        assert_eq!(pushes("    enabled: true"), wharf_storage::Schema1::WithSignatures);
        let without = pushes("    enabled: true\n    disablesignaturestore: true");
        assert_eq!(without, wharf_storage::Schema1::WithoutSignatures);
        assert_eq!(settings("    enabled: true").audience, Audience::Unnamed);
        assert_eq!(settings("    enabled: false").audience, Audience::Named);
    }

    #[test]
    fn a_key_is_read_by_the_ending_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let file = settings(&format!("    signingkeyfile: {}", path.display())).key.unwrap();
            file.open()
        };
        let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../manifest-schema1/tests/data/");
        let data = |name: &str| fs::read_to_string(format!("{data}{name}")).unwrap();
        assert!(open("key.json", &data("rsa.jwk")).is_ok());
        assert!(open("key.jwk", &data("rsa.jwk")).is_ok());
        assert!(open("key.pem", &data("p256.pem")).is_ok());
        assert!(matches!(open("key", &data("rsa.jwk")), Err(UnusableKey::Key(KeyError::Pem))));
        let missing = settings("    signingkeyfile: /nowhere/key.json").key.unwrap();
        assert!(matches!(missing.open(), Err(UnusableKey::File(_))));
    }
}
