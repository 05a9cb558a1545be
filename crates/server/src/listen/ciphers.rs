//! The cipher suites that a configuration may name: those that are spoken, and those that nobody should speak any more.

use rustls::SupportedCipherSuite;

/// A cipher suite that Distribution knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CipherSuite {
    name: &'static str,
    suite: Option<SupportedCipherSuite>,
}

impl CipherSuite {
    /// The suite of that name; none if there is none.
    pub fn named(name: &str) -> Option<Self> {
        let sound = SOUND.iter().find(|(known, _)| *known == name);
        let weak = WEAK.iter().find(|known| **known == name);
        match (sound, weak) {
            (Some((name, suite)), _) => Some(Self { name, suite: Some(*suite) }),
            (None, Some(name)) => Some(Self { name, suite: None }),
            (None, None) => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it is one that can be offered: the others have been broken, or keep no secret when a key gets out.
    pub fn is_sound(&self) -> bool {
        self.suite.is_some()
    }

    /// Whether it is what the library knows as this.
    pub(super) fn is(&self, suite: &SupportedCipherSuite) -> bool {
        self.suite.as_ref() == Some(suite)
    }

    /// Whether it is one of TLS 1.3, of which all are always offered.
    pub fn is_of_tls13(&self) -> bool {
        self.suite.is_some_and(|suite| suite.tls13().is_some())
    }
}

/// The suites that are spoken, by the names that Distribution has for them.
const SOUND: [(&str, SupportedCipherSuite); 9] = {
    use rustls::crypto::aws_lc_rs::cipher_suite as suite;
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
        (
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ),
        ("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
        ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
        ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
        ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ]
};

/// The suites of 2.8 and 3.x that are never spoken: without forward secrecy, or with ciphers and modes that were broken.
const WEAK: [&str; 16] = [
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_RC4_128_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
];
