//! Opens the files that a configuration names, to say what would keep a server from starting with them, or from letting
//! somebody in. Nothing is made, and nobody is asked over a network.

use wharf_configuration::{Document, Error, Section};

use crate::in_one_line;
use crate::listen::{Identity, TlsError, TlsFile, check_certificates, check_key};
use crate::settings::{
    AuthenticatorSettings, CacheSettings, CertificateSettings, HtpasswdSettings, KeyFile, RedisTlsSettings,
    Settings, TlsSettings, TokenSettings,
};

const CERTIFICATES: &str = "a file of certificates in PEM";

/// What was found in the files.
#[derive(Default)]
pub(crate) struct Findings {
    /// What a server would not start with.
    pub(crate) problems: Vec<Error>,
    /// What it would start with, though not as somebody may have meant it.
    pub(crate) warnings: Vec<String>,
}

/// Opens every file that matters before somebody connects.
pub(crate) fn files(document: &Document, settings: &Settings) -> Result<Findings, Error> {
    let mut findings = Findings::default();
    let root = document.root();
    if let Some(tls) = &settings.http.tls {
        findings.tls(&root.section("http")?.section("tls")?, tls);
    }
    if let CacheSettings::Redis { redis, .. } = &settings.storage.cache
        && let Some(options) = &redis.tls
    {
        findings.redis(&root.section("redis")?.section("tls")?, options);
    }
    match &settings.access.authenticator {
        AuthenticatorSettings::Htpasswd(users) => {
            findings.htpasswd(&root.section("auth")?.section("htpasswd")?, users);
        }
        AuthenticatorSettings::Token(tokens) => {
            findings.token(&root.section("auth")?.section("token")?, tokens);
        }
        AuthenticatorSettings::None | AuthenticatorSettings::Silly { .. } => {}
    }
    if let Some(Err(error)) = settings.schema1.key.as_ref().map(KeyFile::open) {
        let expected = "a private key, EC or RSA: a JWK in .json or .jwk, else PEM";
        let schema1 = root.section("compatibility")?.section("schema1")?;
        let problem = schema1.refuse("signingkeyfile", &format!("{expected}: {}", in_one_line(&error)));
        findings.problems.push(problem);
    }
    Ok(findings)
}

impl Findings {
    fn tls(&mut self, tls: &Section<'_>, settings: &TlsSettings) {
        let problems = match settings.certificate.clone() {
            CertificateSettings::Files { certificate, key } => {
                Identity::Files { certificate, key }.problems(&settings.options)
            }
            #[cfg(feature = "acme")]
            CertificateSettings::Acme(_) => settings.options.problems(),
        };
        for (file, error) in problems {
            let error = in_one_line(&error);
            self.problems.push(match file {
                TlsFile::Certificate => tls.refuse("certificate", &format!("{CERTIFICATES}: {error}")),
                TlsFile::Key => {
                    tls.refuse("key", &format!("a file with the key of the certificate in PEM: {error}"))
                }
                TlsFile::ClientCa(index) => {
                    tls.refuse_item("clientcas", index, &format!("{CERTIFICATES}: {error}"))
                }
            });
        }
    }

    fn redis(&mut self, tls: &Section<'_>, options: &RedisTlsSettings) {
        let refused = |key: &str, expected: &str, result: Result<(), TlsError>| {
            result.err().map(|error| tls.refuse(key, &format!("{expected}: {}", in_one_line(&error))))
        };
        if let Some((certificate, key)) = &options.identity {
            self.problems.extend(refused("certificate", CERTIFICATES, check_certificates(certificate)));
            self.problems.extend(refused(
                "key",
                "a file with the key of the certificate in PEM",
                check_key(key),
            ));
        }
        for (index, path) in options.roots.iter().enumerate() {
            if let Err(error) = check_certificates(path) {
                let expected = format!("{CERTIFICATES}: {}", in_one_line(&error));
                self.problems.push(tls.refuse_item("rootcas", index, &expected));
            }
        }
    }

    #[cfg(feature = "auth-htpasswd")]
    fn htpasswd(&mut self, htpasswd: &Section<'_>, users: &HtpasswdSettings) {
        use wharf_auth_htpasswd::{BadLine, inspect};

        let expected = "a file with a user and a bcrypt hash in each line";
        let path = &users.path;
        if !path.exists() {
            let place = htpasswd.place_of("path").unwrap_or(htpasswd.place());
            self.warnings.push(format!(
                "{place}: auth.htpasswd.path: there is no {}: the server makes it, with a random password that it logs",
                path.display()
            ));
            return;
        }
        match inspect(path) {
            Err(error) => {
                let error = in_one_line(&error);
                self.problems.push(htpasswd.refuse("path", &format!("{expected}: {error}")));
            }
            Ok(flaws) => {
                for (line, flaw) in flaws {
                    let text = format!("{}:{line}: {flaw}", path.display());
                    match flaw {
                        BadLine::NoBcrypt { .. } => self.warnings.push(text),
                        _ => self.problems.push(htpasswd.refuse("path", &format!("{expected}: {text}"))),
                    }
                }
            }
        }
    }

    #[cfg(feature = "auth-token")]
    fn token(&mut self, token: &Section<'_>, settings: &TokenSettings) {
        use wharf_auth_token::{Error, TokenAuthenticator};

        use crate::adapters::access::token_config;

        let expected = [
            ("rootcertbundle", "a file of certificates in PEM, whose keys sign tokens"),
            ("jwks", "a file with a JSON Web Key Set, whose keys sign tokens"),
        ];
        let whole = token_config(settings);
        let each = [
            settings
                .certificates
                .is_some()
                .then(|| wharf_auth_token::Config { key_set: None, ..whole.clone() }),
            settings
                .key_set
                .is_some()
                .then(|| wharf_auth_token::Config { certificates: None, ..whole.clone() }),
        ];
        let before = self.problems.len();
        let mut first = None;
        for ((key, expected), config) in expected.into_iter().zip(each) {
            let Some(config) = config else { continue };
            first = first.or(Some((key, expected)));
            match TokenAuthenticator::open(config) {
                // The other file may have one.
                Ok(_) | Err(Error::NoKeys) => {}
                Err(error) => {
                    let error = in_one_line(&error);
                    self.problems.push(token.refuse(key, &format!("{expected}: {error}")));
                }
            }
        }
        if self.problems.len() == before
            && let (Err(error), Some((key, expected))) = (TokenAuthenticator::open(whole), first)
        {
            let error = in_one_line(&error);
            self.problems.push(token.refuse(key, &format!("{expected}: {error}")));
        }
    }

    #[cfg(not(feature = "auth-htpasswd"))]
    fn htpasswd(&mut self, _: &Section<'_>, _: &HtpasswdSettings) {}

    #[cfg(not(feature = "auth-token"))]
    fn token(&mut self, _: &Section<'_>, _: &TokenSettings) {}
}
