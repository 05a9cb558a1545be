//! A file of logins, as docker and podman write it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use wharf_client::Credentials;

/// How docker names its own registry in such files.
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// What stands in a file of logins.
pub(super) struct LoginFile(Map<String, Value>);

/// What a file says about a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Who to be.
    Login(Credentials),
    /// Whom to ask.
    Helper(String),
}

/// What a helper calls a registry.
pub(super) fn server_of(host: &str) -> &str {
    if host == DOCKER_HUB { DOCKER_HUB_SERVER } else { host }
}

impl LoginFile {
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        // An empty file is what a login that was undone may leave.
        let blank = text.iter().all(u8::is_ascii_whitespace);
        serde_json::from_slice(if blank { b"{}" } else { text }).map(Self)
    }

    /// What it says about a registry, in the order in which it counts: the helper of the registry, the helper of all, then what
    /// stands here, for the longest part of the repository's name first.
    pub(super) fn find(&self, host: &str, name: Option<&str>) -> Vec<Found> {
        let own = self
            .0
            .get("credHelpers")
            .and_then(|helpers| helper(helpers.get(server_of(host)).or(helpers.get(host))));
        let of_all = helper(self.0.get("credsStore"));
        let logins = self.0.get("auths").and_then(Value::as_object);
        let written = logins.and_then(|logins| keys(host, name).iter().find_map(|key| login(logins, key)));
        let helpers = own.or(of_all).map(|name| Found::Helper(name.to_owned()));
        helpers.into_iter().chain(written.map(Found::Login)).collect()
    }
}

/// The name of a helper, unless it is empty.
fn helper(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str).filter(|name| !name.is_empty())
}

/// Under which keys a login may stand.
fn keys(host: &str, name: Option<&str>) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = name.map(|name| format!("{host}/{name}"));
    while let Some(path) = rest.filter(|path| path.as_str() != host) {
        rest = path.rsplit_once('/').map(|(parent, _)| parent.to_owned());
        keys.push(path);
    }
    keys.push(host.to_owned());
    keys.push(server_of(host).to_owned());
    keys
}

/// The login under a key, which may have a scheme before it and a path of the first API behind it.
fn login(logins: &Map<String, Value>, key: &str) -> Option<Credentials> {
    let bare = |text: &str| {
        let text = text.trim_start_matches("https://").trim_start_matches("http://");
        let text = text.trim_end_matches('/');
        text.trim_end_matches("/v1").trim_end_matches("/v2").to_owned()
    };
    let wanted = bare(key);
    let entry = logins.get(key).or_else(|| Some(logins.iter().find(|(other, _)| bare(other) == wanted)?.1));
    credentials(entry?)
}

fn credentials(entry: &Value) -> Option<Credentials> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return Some(Credentials::Identity(token.to_owned()));
    }
    if let Some(token) = text("registrytoken") {
        return Some(Credentials::Bearer(token.to_owned()));
    }
    if let (Some(user), Some(password)) = (text("username"), text("password")) {
        return Some(Credentials::Basic { user: user.to_owned(), password: password.to_owned() });
    }
    let decoded = String::from_utf8(STANDARD.decode(text("auth")?).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    // Docker once padded what it wrote.
    Some(Credentials::Basic { user: user.to_owned(), password: password.trim_end_matches('\0').to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(text: &str, host: &str, name: Option<&str>) -> Option<String> {
        match LoginFile::parse(text.as_bytes()).unwrap().find(host, name).pop() {
            Some(Found::Login(Credentials::Basic { user, .. })) => Some(user),
            Some(other) => Some(format!("{other:?}")),
            None => None,
        }
    }

    #[test]
    fn the_longest_path_counts() {
        // u1:p, u2:p, u3:p
        let file = r#"{"auths":{"a.test":{"auth":"dTE6cA=="},"a.test/x":{"auth":"dTI6cA=="},"a.test/x/y":{"auth":"dTM6cA=="}}}"#;
        for (name, expected) in
            [(None, "u1"), (Some("z"), "u1"), (Some("x"), "u2"), (Some("x/z"), "u2"), (Some("x/y/z"), "u3")]
        {
            assert_eq!(user(file, "a.test", name).as_deref(), Some(expected), "{name:?}");
        }
        assert_eq!(user(file, "a.test:5000", None), None);
        assert_eq!(user(file, "b.test", Some("a.test/x")), None);
    }

    #[test]
    fn older_spellings_are_understood() {
        for key in ["https://a.test", "https://a.test/v1/", "http://a.test/v2/", "a.test/"] {
            let file = format!(r#"{{"auths":{{"{key}":{{"auth":"dTE6cA=="}}}}}}"#);
            assert_eq!(user(&file, "a.test", None).as_deref(), Some("u1"), "{key}");
        }
        let hub = r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTE6cA=="}}}"#;
        assert_eq!(user(hub, "docker.io", Some("library/busybox")).as_deref(), Some("u1"));
    }

    #[test]
    fn tokens_count_before_passwords() {
        let find = |text: &str| LoginFile::parse(text.as_bytes()).unwrap().find("a.test", None);
        let identity = r#"{"auths":{"a.test":{"auth":"dTE6cA==","identitytoken":"t"}}}"#;
        assert_eq!(find(identity), [Found::Login(Credentials::Identity("t".into()))]);
        let helpers = r#"{"credsStore":"all","credHelpers":{"a.test":"own"},"auths":{"a.test":{}}}"#;
        assert_eq!(find(helpers), [Found::Helper("own".into())]);
    }

    #[test]
    fn nonsense_is_no_login() {
        for entry in ["{}", "7", r#"{"auth":7}"#, r#"{"auth":"%"}"#, r#"{"auth":"dTE="}"#] {
            assert_eq!(
                user(&format!(r#"{{"auths":{{"a.test":{entry}}}}}"#), "a.test", None),
                None,
                "{entry}"
            );
        }
        assert!(LoginFile::parse(b" \n").unwrap().find("a.test", None).is_empty());
        assert!(LoginFile::parse(b"[]").is_err());
    }
}
