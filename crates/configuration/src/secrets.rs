//! What must not be shown: values of keys that look like secrets, and passwords inside of addresses.

/// What stands in the place of a secret.
pub(crate) const HIDDEN: &str = "(hidden)";

/// Ends of keys, in lower case and without `-` and `_`, whose values are secrets.
const SECRET_KEYS: &[&str] = &[
    "secret",
    "password",
    "passwd",
    "passphrase",
    "accesskey",
    "accesskeyid",
    "secretkey",
    "accountkey",
    "sharedkey",
    "apikey",
    "licensekey",
    "privatekey",
    "privatekeyid",
    "token",
    "authorization",
    "cookie",
    "connectionstring",
];

/// Tells whether a value under a key of this name should not be shown: `password`, `Authorization`, `http.secret`.
pub fn is_secret(key: &str) -> bool {
    let key: String =
        key.chars().filter(|next| !matches!(next, '-' | '_')).collect::<String>().to_ascii_lowercase();
    SECRET_KEYS.iter().any(|end| key.ends_with(end))
}

/// Whether everything below this key should not be shown.
pub(crate) fn holds_secrets(key: &str) -> bool {
    key.eq_ignore_ascii_case("credentials")
}

/// The text with the user and password of an address (`https://user:password@host/`) hidden.
pub(crate) fn without_user_info(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let authority = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    match authority.rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_hold_secrets_are_recognized() {
        for key in [
            "secret",
            "password",
            "sentinelpassword",
            "accesskey",
            "secretkey",
            "accountkey",
            "X-Api-Key",
            "Authorization",
            "private_key",
        ] {
            assert!(is_secret(key), "{key}");
        }
        for key in ["key", "keyid", "keypairid", "realm", "username", "secure", "signingkeyfile", "tokens"] {
            assert!(!is_secret(key), "{key}");
        }
    }

    #[test]
    fn passwords_in_addresses_are_hidden() {
        assert_eq!(without_user_info("https://me:hush@host/p@th"), "https://(hidden)@host/p@th");
        assert_eq!(without_user_info("redis://:h@sh@host:6379"), "redis://(hidden)@host:6379");
        assert_eq!(without_user_info("https://host/a@b"), "https://host/a@b");
        assert_eq!(without_user_info("plain@text"), "plain@text");
    }
}
