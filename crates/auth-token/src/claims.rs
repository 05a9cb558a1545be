//! What a verified token says, and whether it says it to us, now.

use std::time::SystemTime;

use serde::Deserialize;
use serde_json::{Map, Value};
use wharf_auth::{Caller, Rejection, Scope};

use crate::Config;
use crate::jws::invalid;

/// How far the clocks of token servers may be off, in seconds.
const LEEWAY: i64 = 60;

#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    sub: Option<String>,
    aud: Option<Audience>,
    exp: Option<i64>,
    nbf: Option<i64>,
    access: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    r#type: String,
    class: Option<String>,
    #[serde(default)]
    name: String,
    actions: Option<Vec<String>>,
}

/// Who the caller is by a payload whose signature was right.
pub(crate) fn judge(payload: &[u8], config: &Config, now: SystemTime) -> Result<Caller, Rejection> {
    let malformed = |error: serde_json::Error| Rejection::wrong(format!("the token's claims: {error}"));
    let all: Map<String, Value> = serde_json::from_slice(payload).map_err(malformed)?;
    let listed = pairs(&all);
    let claims: Claims = serde_json::from_value(Value::Object(all)).map_err(malformed)?;
    claims.check(config, now)?;
    Ok(Caller {
        user: claims.sub.filter(|user| !user.is_empty()),
        groups: Vec::new(),
        claims: listed,
        scopes: Some(claims.access.unwrap_or_default().into_iter().map(Entry::scope).collect()),
    })
}

impl Entry {
    /// The class has a field of its own; some token servers leave it in the type, as scopes have it: `repository(plugin)`.
    fn scope(self) -> Scope {
        let in_type = self.r#type.strip_suffix(')').and_then(|text| text.split_once('('));
        let (kind, class) = match (self.class, in_type) {
            (None, Some((kind, class))) => (kind.to_owned(), class.to_owned()),
            (class, _) => (self.r#type, class.unwrap_or_default()),
        };
        Scope { kind, class, name: self.name, actions: self.actions.unwrap_or_default() }
    }
}

impl Claims {
    fn check(&self, config: &Config, now: SystemTime) -> Result<(), Rejection> {
        if self.iss.as_ref() != Some(&config.issuer) {
            return Err(invalid(format!(
                "the token was issued by {:?}",
                self.iss.as_deref().unwrap_or_default()
            )));
        }
        let is_for_us = match &self.aud {
            Some(Audience::One(service)) => *service == config.service,
            Some(Audience::Several(services)) => services.contains(&config.service),
            None => false,
        };
        if !is_for_us {
            return Err(invalid("the token is for another service"));
        }
        let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        let (until, from) = (self.exp.unwrap_or(0), self.nbf.unwrap_or(0));
        if now > until.saturating_add(LEEWAY) {
            return Err(invalid(format!("the token expired at {until}")));
        }
        if now < from.saturating_sub(LEEWAY) {
            return Err(invalid(format!("the token holds from {from} on")));
        }
        Ok(())
    }
}

/// Every claim that is a single value, or a list of such.
fn pairs(claims: &Map<String, Value>) -> Vec<(String, String)> {
    let single = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let of = |(key, value): (&String, &Value)| {
        let values: Vec<String> = match value {
            Value::Array(items) => items.iter().filter_map(single).collect(),
            value => single(value).into_iter().collect(),
        };
        values.into_iter().map(|value| (key.clone(), value)).collect::<Vec<_>>()
    };
    claims.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::{Algorithm, Realm};

    const NOW: u64 = 1_800_000_000;

    fn config() -> Config {
        Config {
            realm: Realm { url: String::new(), redirect: None },
            service: "registry".into(),
            issuer: "auth".into(),
            certificates: None,
            key_set: None,
            algorithms: Algorithm::ALL.to_vec(),
        }
    }

    /// Who a good token with one claim changed is by.
    fn with(key: &str, value: Value) -> Result<Caller, Rejection> {
        let mut claims = json!({
            "iss": "auth", "sub": "alice", "aud": "registry", "exp": NOW, "nbf": NOW, "iat": NOW, "jti": "x",
            "access": [{ "type": "repository", "class": "image", "name": "a", "actions": ["pull"] }],
        });
        claims[key] = value;
        judge(claims.to_string().as_bytes(), &config(), SystemTime::UNIX_EPOCH + Duration::from_secs(NOW))
    }

    #[test]
    fn clocks_may_be_off_by_a_minute() {
        assert!(with("exp", json!(NOW - 60)).is_ok() && with("exp", json!(NOW - 61)).is_err());
        assert!(with("nbf", json!(NOW + 60)).is_ok() && with("nbf", json!(NOW + 61)).is_err());
        assert!(with("exp", Value::Null).is_err(), "a token that never ends has ended");
        assert!(with("nbf", Value::Null).is_ok());
        for extreme in [i64::MIN, i64::MAX] {
            let _ = (with("exp", json!(extreme)), with("nbf", json!(extreme)));
        }
    }

    #[test]
    fn a_token_is_for_us_and_from_its_issuer() {
        assert!(with("aud", json!(["other", "registry"])).is_ok() && with("aud", json!("registry")).is_ok());
        for audience in
            [json!("other"), json!(["other"]), json!([]), Value::Null, json!("registry2"), json!(7)]
        {
            assert!(with("aud", audience.clone()).is_err(), "{audience}");
        }
        for issuer in [json!("Auth"), json!(""), Value::Null] {
            assert!(with("iss", issuer.clone()).is_err(), "{issuer}");
        }
    }

    #[test]
    fn what_is_not_of_its_type_is_wrong_and_not_guessed_at() {
        for (key, value) in [
            ("exp", json!(1.5e9)),
            ("nbf", json!("1800000000")),
            ("sub", json!(7)),
            ("access", json!({})),
            ("access", json!([{ "actions": "pull" }])),
        ] {
            let rejection = with(key, value).unwrap_err();
            assert!(matches!(rejection, Rejection::Wrong { flaw: None, .. }), "{key}: {rejection}");
        }
    }

    #[test]
    fn claims_are_there_for_rules() {
        let caller = with("role", json!(["auditor", "cook", { "deep": 1 }])).unwrap();
        let holds = |key: &str, value: &str| caller.claims.contains(&(key.to_owned(), value.to_owned()));
        assert!(holds("role", "auditor") && holds("role", "cook") && holds("sub", "alice"));
        assert!(!caller.claims.iter().any(|(key, _)| key == "access"));
        assert_eq!(caller.user.as_deref(), Some("alice"));
        assert_eq!(with("sub", json!("")).unwrap().user, None);
        assert_eq!(with("access", Value::Null).unwrap().scopes, Some([].into_iter().collect()));
    }
}
