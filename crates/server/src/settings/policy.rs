//! What is forbidden though the protocol allows it: `storage.tag.immutable`, `validation.manifests.urls` and
//! `policy.repository.classes`.

use regex::RegexSet;
use wharf_auth::Glob;
use wharf_configuration::{Error, Section};
use wharf_reference::{RepositoryName, Tag};
use wharf_storage::{ImmutableTags, UrlPolicy};

/// Reads `storage.tag.immutable`, of which each entry names repositories, tags and exceptions.
pub(super) fn immutable(tag: &Section<'_>) -> Result<ImmutableTags, Error> {
    let rules: Vec<Immutable> =
        tag.sections("immutable")?.iter().map(Immutable::read).collect::<Result<_, _>>()?;
    if rules.is_empty() {
        return Ok(ImmutableTags::default());
    }
    Ok(ImmutableTags::by(move |repository, tag| {
        rules.iter().find(|rule| rule.holds(repository, tag)).map(|rule| rule.name.clone())
    }))
}

/// One entry of `storage.tag.immutable`.
struct Immutable {
    /// Where it is in the configuration.
    name: String,
    /// All repositories when there is none.
    repositories: Option<Vec<Glob>>,
    /// All tags when there is none.
    tags: Option<Vec<TagPattern>>,
    except: Vec<TagPattern>,
}

impl Immutable {
    fn read(section: &Section<'_>) -> Result<Self, Error> {
        let repositories = match section.strings("repositories")? {
            Some(texts) => Some(texts.iter().map(|text| glob(section, text)).collect::<Result<_, _>>()?),
            None => None,
        };
        Ok(Self {
            name: section.name().to_owned(),
            repositories,
            tags: patterns(section, "tags")?,
            except: patterns(section, "except")?.unwrap_or_default(),
        })
    }

    fn holds(&self, repository: &RepositoryName, tag: &Tag) -> bool {
        let any = |patterns: &[TagPattern]| patterns.iter().any(|pattern| pattern.matches(tag.as_str()));
        let globs = self.repositories.as_ref();
        globs.is_none_or(|globs| globs.iter().any(|glob| glob.matches(repository.as_str())))
            && self.tags.as_ref().is_none_or(|tags| any(tags))
            && !any(&self.except)
    }
}

fn glob(section: &Section<'_>, text: &str) -> Result<Glob, Error> {
    text.parse()
        .map_err(|error| section.refuse("repositories", &format!("patterns of names: {text:?}: {error}")))
}

fn patterns(section: &Section<'_>, key: &str) -> Result<Option<Vec<TagPattern>>, Error> {
    let Some(texts) = section.strings(key)? else { return Ok(None) };
    let patterns = texts.into_iter().map(|text| {
        let pattern = TagPattern::new(&text);
        pattern.ok_or_else(|| {
            section.refuse(key, &format!("patterns of tags such as v*, which {text:?} is not"))
        })
    });
    patterns.collect::<Result<_, _>>().map(Some)
}

/// A pattern for tags, in which `*` stands for any characters: the literal pieces around the stars.
#[derive(Debug, Clone, PartialEq, Eq)]
struct TagPattern(Vec<String>);

impl TagPattern {
    /// None for what can stand for no tag.
    fn new(text: &str) -> Option<Self> {
        let of_a_tag = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-*".contains(&byte);
        let fits = !text.is_empty() && text.len() <= Tag::MAX_LEN && text.bytes().all(of_a_tag);
        fits.then(|| Self(text.split('*').map(str::to_owned).collect()))
    }

    fn matches(&self, tag: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else { return false };
        let Some(mut left) = tag.strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for piece in middle {
            let Some(at) = left.find(piece.as_str()) else { return false };
            left = &left[at + piece.len()..];
        }
        left.ends_with(last.as_str())
    }
}

/// Reads `validation.manifests.urls`: one of `allow` has to be found in a URL, where there is any, and none of `deny`.
pub(super) fn urls(urls: &Section<'_>) -> Result<UrlPolicy, Error> {
    let (allow, deny) = (expressions(urls, "allow")?, expressions(urls, "deny")?);
    if allow.is_none() && deny.is_none() {
        return Ok(UrlPolicy::default());
    }
    Ok(UrlPolicy::only(move |url| {
        allow.as_ref().is_none_or(|allow| allow.is_match(url))
            && !deny.as_ref().is_some_and(|deny| deny.is_match(url))
    }))
}

fn expressions(section: &Section<'_>, key: &str) -> Result<Option<RegexSet>, Error> {
    let Some(texts) = section.strings(key)?.filter(|texts| !texts.is_empty()) else { return Ok(None) };
    let set = RegexSet::new(&texts).map_err(|error| {
        let reason = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
        section.refuse(key, &format!("regular expressions: {reason}"))
    })?;
    Ok(Some(set))
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn read(text: &str) -> Result<ImmutableTags, String> {
        let document = Document::parse("config.yml", text).unwrap();
        immutable(&document.root()).map_err(|error| error.to_string())
    }

    #[test]
    fn patterns_of_tags_stand_for_whole_tags() {
        for (pattern, matching, others) in [
            ("v*", &["v", "v1", "v1.0-rc1"][..], &["V1", "av1"][..]),
            ("*-rc*", &["v1-rc1", "-rc"], &["v1", "v1-r", "rc"]),
            ("v*.*.*", &["v1.2.3", "v..", "v1.2.3.4"], &["v1.2"]),
            ("*", &["a", "Z.9"], &[]),
            ("a*a", &["aa", "aba"], &["a", "ab"]),
            ("latest", &["latest"], &["latest2", "alatest"]),
        ] {
            let pattern = TagPattern::new(pattern).unwrap();
            assert!(matching.iter().all(|tag| pattern.matches(tag)), "{pattern:?}");
            assert!(!others.iter().any(|tag| pattern.matches(tag)), "{pattern:?}");
        }
        for text in ["", "a b", "a/b", "ä"] {
            assert_eq!(TagPattern::new(text), None);
        }
    }

    #[test]
    fn the_rule_that_holds_is_named() {
        let rules = read(
            "immutable: [{repositories: ['release/**'], tags: ['v*'], except: ['*-rc*']}, {tags: [final]}]",
        );
        let rules = rules.unwrap();
        let rule =
            |repository: &str, tag: &str| rules.rule(&repository.parse().unwrap(), &tag.parse().unwrap());
        assert_eq!(rule("release/a", "v1").as_deref(), Some("immutable[0]"));
        assert_eq!(rule("any", "final").as_deref(), Some("immutable[1]"));
        assert_eq!(rule("release/a", "v1-rc2"), None);
        assert_eq!(rule("other", "v1"), None);
        assert!(read("{}").unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place_and_cure() {
        let error = read("immutable: [{repositories: ['A']}]").unwrap_err();
        assert!(error.starts_with("config.yml:1:") && error.contains("is in no name"), "{error}");
        let error = read("immutable: [{tags: ['a b']}]").unwrap_err();
        assert!(error.contains("patterns of tags such as v*"), "{error}");
    }

    #[test]
    fn urls_pass_by_expressions_as_in_distribution() {
        let policy = |text: &str| {
            let document = Document::parse("config.yml", text).unwrap();
            urls(&document.root()).map_err(|error| error.to_string())
        };
        let (a, b) = ("https://a.example/x", "https://b.example/x");
        assert!(policy("{}").unwrap().allows(a));
        let only = policy("allow: ['^https://a\\.', '^https://c']").unwrap();
        assert!(only.allows(a) && !only.allows(b));
        let but = policy("deny: [b.example]").unwrap();
        assert!(but.allows(a) && !but.allows(b));
        let both = policy("{allow: [example], deny: [b.example]}").unwrap();
        assert!(both.allows(a) && !both.allows(b));
        let error = policy("allow: ['(']").unwrap_err();
        assert!(error.starts_with("config.yml:1:") && error.contains("regular expressions"), "{error}");
    }
}
