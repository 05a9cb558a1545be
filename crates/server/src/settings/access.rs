//! `auth`: who may enter, and the rules for what they may do.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use wharf_auth::{Glob, Origin, Permission, Rule, Rules, Who};
use wharf_configuration::{Choice, Error, Place, Section};

/// Who may do what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// How callers make themselves known.
    pub authenticator: AuthenticatorSettings,
    /// `auth.rules`; none where credentials decide alone.
    pub rules: Option<Rules>,
}

/// How callers make themselves known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AuthenticatorSettings {
    /// Not at all.
    #[default]
    None,
    /// By any `Authorization` header.
    Silly {
        /// The realm of the challenge.
        realm: String,
        /// The service of the challenge.
        service: String,
    },
    /// By a user name and a password.
    Htpasswd(HtpasswdSettings),
    /// By a token of a token server.
    Token(TokenSettings),
}

/// `auth.htpasswd`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HtpasswdSettings {
    /// `realm`
    pub realm: String,
    /// `path`
    pub path: PathBuf,
    /// `checks`: how many passwords are checked at once; none for one on each processor.
    pub checks: Option<NonZeroUsize>,
    /// `queue`: how many requests may wait for that; none for the default.
    pub queue: Option<usize>,
    /// `remember`: for how long a password that was right needs no check; none for the default.
    pub remember: Option<Duration>,
}

/// `auth.token`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSettings {
    /// `realm`
    pub realm: String,
    /// `autoredirect` and `autoredirectpath`: the path on the registry's own host that counts instead of the realm.
    pub redirect: Option<String>,
    /// `service`
    pub service: String,
    /// `issuer`
    pub issuer: String,
    /// `rootcertbundle`
    pub certificates: Option<PathBuf>,
    /// `jwks`
    pub key_set: Option<PathBuf>,
    /// `signingalgorithms`, each one of [`SIGNING_ALGORITHMS`]; empty for all.
    pub algorithms: Vec<String>,
}

/// What `auth.token.signingalgorithms` may list.
pub const SIGNING_ALGORITHMS: [&str; 13] = [
    "EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "ES256", "ES384", "ES512", "PS256",
    "PS384", "PS512",
];

impl AccessSettings {
    pub(super) fn read(root: &Section<'_>, remarks: &mut Vec<String>) -> Result<Self, Error> {
        let choice = root.one_of("auth", &["rules", "groups"])?;
        let authenticator = match &choice {
            Some(choice) => authenticator(choice)?,
            None => AuthenticatorSettings::None,
        };
        let auth = match choice {
            Some(choice) => choice.beside,
            // An empty text is no access control, as in Distribution.
            None if root.string("auth").is_ok() => return Ok(Self::default()),
            None => root.section("auth")?,
        };
        let groups = groups(&auth)?;
        let settings = Self { authenticator, rules: rules(&auth, groups)? };
        settings.remark(&auth, remarks);
        Ok(settings)
    }

    /// Whether everyone may do everything.
    pub fn is_open(&self) -> bool {
        self.authenticator == AuthenticatorSettings::None && self.rules.is_none()
    }

    fn remark(&self, auth: &Section<'_>, remarks: &mut Vec<String>) {
        match &self.rules {
            None if auth.contains("groups") => {
                remarks.push("auth.groups means nothing without auth.rules".to_owned());
            }
            Some(rules) if rules.is_empty() => {
                remarks.push("auth.rules is empty: nobody may do anything".to_owned());
            }
            Some(rules) if self.authenticator == AuthenticatorSettings::None => {
                let names = |who: &Who| *who != Who::Anonymous;
                if let Some(rule) = rules.iter().find(|rule| rule.who.iter().any(names)) {
                    remarks.push(format!(
                        "{}: nobody can log in, so this rule is for anonymous at most",
                        rule.origin
                    ));
                }
            }
            _ => {}
        }
    }
}

fn authenticator(choice: &Choice<'_>) -> Result<AuthenticatorSettings, Error> {
    let section = &choice.parameters;
    match choice.name {
        name if name.eq_ignore_ascii_case("none") => Ok(AuthenticatorSettings::None),
        "silly" => Ok(AuthenticatorSettings::Silly {
            realm: needed(section, "realm")?,
            service: needed(section, "service")?,
        }),
        "htpasswd" => htpasswd(section).map(AuthenticatorSettings::Htpasswd),
        "token" => token(section).map(AuthenticatorSettings::Token),
        name => Err(choice
            .beside
            .refuse(name, "htpasswd, token, silly or none: there is no other access control")),
    }
}

fn needed(section: &Section<'_>, key: &str) -> Result<String, Error> {
    section.string(key)?.ok_or_else(|| section.missing(key))
}

/// A text that would mean everybody, or nobody, if it were empty.
fn not_empty(section: &Section<'_>, key: &str, expected: &str) -> Result<String, Error> {
    let text = needed(section, key)?;
    if text.is_empty() { Err(section.refuse(key, expected)) } else { Ok(text) }
}

fn htpasswd(section: &Section<'_>) -> Result<HtpasswdSettings, Error> {
    Ok(HtpasswdSettings {
        realm: needed(section, "realm")?,
        path: not_empty(section, "path", "a file, which is made if there is none")?.into(),
        checks: section.parsed("checks", "a whole number that is not zero")?,
        queue: section.integer("queue")?,
        remember: section.duration("remember")?,
    })
}

fn token(section: &Section<'_>) -> Result<TokenSettings, Error> {
    let file = |key: &str| Ok(section.string(key)?.filter(|path| !path.is_empty()).map(PathBuf::from));
    let path = section.string("autoredirectpath")?.unwrap_or_else(|| "/auth/token".to_owned());
    if !path.starts_with('/') {
        return Err(section.refuse("autoredirectpath", "a path such as /auth/token"));
    }
    let redirect = section.bool("autoredirect")?.unwrap_or(false).then_some(path);
    let algorithms = section.strings("signingalgorithms")?.unwrap_or_default();
    if algorithms.iter().any(|algorithm| !SIGNING_ALGORITHMS.contains(&algorithm.as_str())) {
        return Err(
            section.refuse("signingalgorithms", &format!("a list of {}", SIGNING_ALGORITHMS.join(", ")))
        );
    }
    let settings = TokenSettings {
        realm: needed(section, "realm")?,
        redirect,
        service: not_empty(section, "service", "the name that tokens are made out to, as their aud")?,
        issuer: not_empty(section, "issuer", "the name of the token server, as in its tokens' iss")?,
        certificates: file("rootcertbundle")?,
        key_set: file("jwks")?,
        algorithms,
    };
    if settings.certificates.is_none() && settings.key_set.is_none() {
        let expected =
            "a file of PEM certificates, or a JSON Web Key Set in jwks: tokens are verified by their keys";
        return Err(section.refuse("rootcertbundle", expected));
    }
    Ok(settings)
}

type Groups = BTreeMap<String, BTreeSet<String>>;

fn groups(auth: &Section<'_>) -> Result<Groups, Error> {
    let section = auth.section("groups")?;
    let members = |name: &str| {
        let users = section.strings(name)?.unwrap_or_default();
        Ok((name.to_owned(), users.into_iter().collect()))
    };
    section.keys().map(members).collect()
}

fn rules(auth: &Section<'_>, groups: Groups) -> Result<Option<Rules>, Error> {
    if !auth.contains("rules") || auth.string("rules").is_ok_and(|text| text.is_none()) {
        return Ok(None);
    }
    let rules = auth.sections("rules")?;
    let rules = rules.iter().map(|section| rule(section, &groups)).collect::<Result<_, _>>()?;
    Ok(Some(Rules::new(groups, rules)))
}

fn rule(section: &Section<'_>, groups: &Groups) -> Result<Rule, Error> {
    const KEYS: [&str; 4] = ["repositories", "who", "allow", "deny"];
    // Elsewhere an unknown key is a warning. Here a misspelt one would be a rule for all repositories, or one that denies nothing.
    if let Some(key) = section.keys().find(|key| !KEYS.contains(key)) {
        return Err(section.refuse(key, &format!("one of the keys of a rule: {}", KEYS.join(", "))));
    }
    let repositories = list::<Glob>(section, "repositories", "patterns such as team/**")?;
    let who =
        list::<Who>(section, "who", "callers such as user:alice")?.ok_or_else(|| section.missing("who"))?;
    let unknown = |who: &&Who| matches!(who, Who::Group(name) if !groups.contains_key(name));
    if let Some(group) = who.iter().find(unknown) {
        return Err(
            section.refuse("who", &format!("groups that auth.groups lists, and {group} is none of them"))
        );
    }
    let allow = list::<Permission>(section, "allow", "some of pull, push, delete, catalog")?;
    let deny = list::<Permission>(section, "deny", "some of pull, push, delete, catalog")?;
    if allow.is_none() && deny.is_none() {
        return Err(section.refuse("allow", "some of pull, push, delete, catalog here or in deny"));
    }
    let (allow, deny) = (allow.unwrap_or_default(), deny.unwrap_or_default());
    if repositories.is_some() && deny.contains(&Permission::Catalog) {
        let expected =
            "no catalog, which is one for all repositories: deny it in a rule without repositories";
        return Err(section.refuse("deny", expected));
    }
    Ok(Rule { origin: origin(section.place()), repositories, who, allow, deny })
}

/// A list that is not empty, of texts that are parsed.
fn list<T>(section: &Section<'_>, key: &str, expected: &str) -> Result<Option<Vec<T>>, Error>
where
    T: std::str::FromStr<Err: std::error::Error>,
{
    let Some(texts) = section.strings(key)? else { return Ok(None) };
    if texts.is_empty() {
        return Err(section.refuse(key, &format!("at least one, {expected}")));
    }
    let parse = |text: String| {
        text.parse().map_err(|error| section.refuse(key, &format!("{expected}; {text:?} is none: {error}")))
    };
    texts.into_iter().map(parse).collect::<Result<_, _>>().map(Some)
}

fn origin(place: &Place) -> Origin {
    match place {
        Place::File { name, line, .. } => Origin { source: name.to_string(), line: Some(*line) },
        Place::Variable(name) | Place::Whole(name) => Origin { source: name.to_string(), line: None },
    }
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn read(text: &str) -> Result<(AccessSettings, Vec<String>), String> {
        let document = Document::parse("config.yml", text).unwrap();
        let mut remarks = Vec::new();
        let settings =
            AccessSettings::read(&document.root(), &mut remarks).map_err(|error| error.to_string())?;
        assert_eq!(document.unread(), [], "{text}");
        Ok((settings, remarks))
    }

    fn refused(text: &str) -> String {
        read(text).unwrap_err()
    }

    #[test]
    fn no_access_control_has_many_spellings() {
        for text in [
            "",
            "auth:",
            "auth: none",
            "auth: NONE",
            "auth: ''",
            "auth: {}",
            "auth: {none: }",
            "auth: {none: {}}",
        ] {
            assert!(read(text).unwrap().0.is_open(), "{text}");
        }
    }

    #[test]
    fn every_authenticator_is_read_to_its_last_key() {
        let (settings, _) =
            read("auth: {htpasswd: {realm: r, path: p, checks: 2, queue: 3, remember: 1m}}").unwrap();
        let AuthenticatorSettings::Htpasswd(htpasswd) = settings.authenticator else { panic!() };
        assert_eq!((htpasswd.checks.map(NonZeroUsize::get), htpasswd.queue), (Some(2), Some(3)));
        let (settings, _) = read(
            "auth: {token: {realm: r, service: s, issuer: i, rootcertbundle: b, jwks: k, autoredirect: true,
                     autoredirectpath: /there, signingalgorithms: [ES256, EdDSA]}}",
        )
        .unwrap();
        let AuthenticatorSettings::Token(token) = settings.authenticator else { panic!() };
        assert_eq!((token.redirect.as_deref(), token.algorithms.len()), (Some("/there"), 2));
        assert!(!read("auth: {silly: {realm: r, service: s}}").unwrap().0.is_open());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_cure() {
        let token = |keys: &str| refused(&format!("auth:\n  token: {{realm: r, {keys}}}"));
        for (complaint, place, cure) in [
            (refused("auth:\n  ldap: {}"), "config.yml:2:", "htpasswd, token, silly or none"),
            (refused("auth: ldap"), "config.yml:1:", "htpasswd, token"),
            (refused("auth: {silly: {realm: r}}"), "config.yml:1:", "auth.silly.service"),
            (refused("auth:\n  htpasswd:\n    realm: r\n    path: ''"), "config.yml:4:11", "a file"),
            (refused("auth: {htpasswd: {realm: r, path: p, checks: 0}}"), "config.yml:1:", "not zero"),
            (refused("auth:\n  htpasswd: {}\n  token: {}"), "config.yml:3:3", "exactly one"),
            (token("issuer: i, rootcertbundle: b"), "config.yml:2:", "service"),
            (token("issuer: '', service: s, jwks: k"), "config.yml:2:", "token server"),
            (token("issuer: i, service: s"), "config.yml:2:", "JSON Web Key Set in jwks"),
            (token("issuer: i, service: s, jwks: k, signingalgorithms: [none]"), "config.yml:2:", "ES256"),
            (token("issuer: i, service: s, jwks: k, autoredirect: 'yes'"), "config.yml:2:", "true or false"),
            (token("issuer: i, service: s, jwks: k, autoredirectpath: x"), "config.yml:2:", "/auth/token"),
        ] {
            assert!(complaint.starts_with(place) && complaint.contains(cure), "{complaint}");
        }
    }

    const RULES: &str = "
auth:
  htpasswd: {realm: registry, path: users}
  groups: {ci: [robot1, robot2]}
  rules:
    - {repositories: [\"public/**\"], who: [anonymous], allow: [pull]}
    - {repositories: [\"team-a/**\"], who: [\"group:ci\", \"user:alice\"], allow: [pull, push]}
    - {who: [\"claim:role=auditor\"], allow: [pull, catalog]}
    - {who: [\"user:admin\"], allow: [pull, push, delete, catalog]}
    - {repositories: [\"release/**\"], who: [authenticated], deny: [delete]}
";

    #[test]
    fn rules_know_their_lines() {
        let (settings, remarks) = read(RULES).unwrap();
        let rules = settings.rules.unwrap();
        let lines: Vec<_> = rules.iter().map(|rule| rule.origin.line.unwrap()).collect();
        assert_eq!((lines, remarks), (vec![6, 7, 8, 9, 10], vec![]));
    }

    #[test]
    fn a_rule_that_could_mean_more_than_was_meant_is_refused() {
        let rule = |text: &str| refused(&format!("auth:\n  groups: {{ci: [a]}}\n  rules:\n    - {{{text}}}"));
        for (text, cure) in [
            ("repository: [a], who: [anonymous], allow: [pull]", "repositories, who, allow, deny"),
            ("who: [anonymous], denny: [pull]", "repositories, who, allow, deny"),
            ("repositories: [Team/*], who: [anonymous], allow: [pull]", "lower case"),
            ("repositories: [], who: [anonymous], allow: [pull]", "at least one"),
            ("repositories: a, who: [anonymous], allow: [pull]", "a list"),
            ("who: [alice], allow: [pull]", "user:NAME"),
            ("who: [], allow: [pull]", "at least one"),
            ("allow: [pull]", "who"),
            ("who: [anonymous]", "or in deny"),
            ("who: [anonymous], allow: [read]", "pull, push, delete or catalog"),
            ("who: ['group:cd'], allow: [pull]", "group:cd is none of them"),
            ("repositories: [a], who: [anonymous], deny: [catalog]", "without repositories"),
        ] {
            let complaint = rule(text);
            assert!(
                complaint.starts_with("config.yml:4:") && complaint.contains(cure),
                "{text}: {complaint}"
            );
        }
    }

    #[test]
    fn rules_can_stand_alone_and_what_cannot_hold_is_remarked() {
        let (settings, remarks) = read("auth: {rules: [{who: [anonymous], allow: [pull]}]}").unwrap();
        assert!(!settings.is_open() && remarks.is_empty());
        let (_, remarks) = read("auth: {none: , rules: [{who: ['user:a'], allow: [pull]}]}").unwrap();
        assert!(remarks[0].starts_with("config.yml:1: nobody can log in"), "{remarks:?}");
        assert!(read("auth: {rules: []}").unwrap().1[0].contains("nobody may do anything"));
        assert!(read("auth: {rules: }").unwrap().0.is_open());
        assert!(read("auth: {none: , groups: {a: [b]}}").unwrap().1[0].contains("auth.groups"));
    }
}
