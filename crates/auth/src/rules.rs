//! Rules of our own: who may do what to which repositories.
//!
//! The order of rules means nothing. What any rule that holds for the caller and the repository allows is allowed, unless
//! one that holds denies it; all else is denied.

mod glob;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Access, Action, Caller, Resource};

pub use glob::{Glob, InvalidGlob};
pub use who::{InvalidWho, Who};

/// All rules, and the groups that they name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    groups: BTreeMap<String, BTreeSet<String>>,
    rules: Vec<Rule>,
}

/// Allows some things to some callers in some repositories, and denies others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where it was written.
    pub origin: Origin,
    /// In which repositories; none for all of them. The catalog is no repository: a rule about it holds whatever this says.
    pub repositories: Option<Vec<Glob>>,
    /// For whom: anyone of these.
    pub who: Vec<Who>,
    /// What is allowed.
    pub allow: Vec<Permission>,
    /// What is denied, whatever other rules say.
    pub deny: Vec<Permission>,
}

/// Where a rule was written. Prints as `config.yml:12`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The file, or what stands for one.
    pub source: String,
    /// The line; the first one is 1.
    pub line: Option<usize>,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Reading a repository.
    Pull,
    /// Writing to one, for which a client also needs to read.
    Push,
    /// Deleting from one.
    Delete,
    /// Seeing which repositories there are, as far as they may be pulled from.
    Catalog,
}

/// What the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// This rule allows it, and none denies it.
    Allowed(&'a Rule),
    /// This rule denies it.
    Denied(&'a Rule),
    /// No rule that holds says anything.
    Unmentioned,
}

/// The rules that hold for one caller. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Standing {
    rules: Arc<Rules>,
    /// Which rules, by their index.
    holding: Arc<[usize]>,
}

impl Rules {
    /// Rules in the order in which they were written, with the users of each group.
    pub fn new(groups: BTreeMap<String, BTreeSet<String>>, rules: Vec<Rule>) -> Self {
        Self { groups, rules }
    }

    /// The rules, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    fn hold(&self, rule: &Rule, caller: &Caller) -> bool {
        rule.who.iter().any(|who| match who {
            Who::Anonymous => true,
            Who::Authenticated => caller.user.is_some(),
            Who::User(name) => caller.user.as_ref() == Some(name),
            Who::Group(name) => self.is_member(name, caller),
            Who::Claim(key, value) => caller.claims.iter().any(|(k, v)| k == key && v == value),
        })
    }

    fn is_member(&self, group: &str, caller: &Caller) -> bool {
        let named = |user| self.groups.get(group).is_some_and(|users| users.contains(user));
        caller.user.as_ref().is_some_and(named) || caller.groups.iter().any(|name| name == group)
    }
}

impl Standing {
    /// Finds the rules that hold for a caller.
    pub fn of(rules: Arc<Rules>, caller: &Caller) -> Self {
        let holding = rules.rules.iter().enumerate().filter(|(_, rule)| rules.hold(rule, caller));
        let holding = holding.map(|(index, _)| index).collect();
        Self { rules, holding }
    }

    /// Decides about a permission in the repository of a name; none for what is about no single repository.
    pub fn decide(&self, permission: Permission, repository: Option<&str>) -> Decision<'_> {
        let mut allowed = None;
        for rule in self.holding.iter().filter_map(|index| self.rules.rules.get(*index)) {
            let denies = rule.deny.contains(&permission);
            let allows = allowed.is_none() && rule.allow.contains(&permission);
            if !(denies || allows) || !rule.covers(repository) {
                continue;
            }
            if denies {
                return Decision::Denied(rule);
            }
            allowed = Some(rule);
        }
        allowed.map_or(Decision::Unmentioned, Decision::Allowed)
    }

    /// Decides about what a request wants: the first thing that is not allowed, or else the last that is.
    pub fn decide_access(&self, access: &Access) -> Decision<'_> {
        let (permissions, name): (&[Permission], _) = match (&access.resource, access.action) {
            (Resource::Catalog, _) => (&[Permission::Catalog], None),
            (Resource::Repository(name), Action::Pull) => (&[Permission::Pull], Some(name)),
            (Resource::Repository(name), Action::Push) => (&[Permission::Push], Some(name)),
            (Resource::Repository(name), Action::Delete) => (&[Permission::Delete], Some(name)),
            (Resource::Repository(name), Action::All) => {
                (&[Permission::Pull, Permission::Push, Permission::Delete], Some(name))
            }
        };
        let mut decision = Decision::Unmentioned;
        for permission in permissions {
            decision = self.decide(*permission, name.map(wharf_reference::RepositoryName::as_str));
            if !decision.is_allowed() {
                break;
            }
        }
        decision
    }
}

impl Rule {
    fn covers(&self, repository: Option<&str>) -> bool {
        match (repository, &self.repositories) {
            (Some(name), Some(globs)) => globs.iter().any(|glob| glob.matches(name)),
            _ => true,
        }
    }
}

impl Decision<'_> {
    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed(_))
    }
}

impl Permission {
    /// All there are, with their names.
    pub const ALL: [(&'static str, Self); 4] =
        [("pull", Self::Pull), ("push", Self::Push), ("delete", Self::Delete), ("catalog", Self::Catalog)];
}

/// A text that is no permission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a permission is pull, push, delete or catalog")]
pub struct InvalidPermission;

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(name, _)| *name == text);
        found.map(|(_, permission)| *permission).ok_or(InvalidPermission)
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(_, permission)| permission == self).map_or("", |(name, _)| name);
        formatter.write_str(name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.source)?;
        self.line.map_or(Ok(()), |line| write!(formatter, ":{line}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(line: usize, repositories: &[&str], who: &[&str], allow: &str, deny: &str) -> Rule {
        let permissions =
            |text: &str| text.split_whitespace().map(|word| word.parse().unwrap()).collect::<Vec<_>>();
        let globs: Vec<Glob> = repositories.iter().map(|glob| glob.parse().unwrap()).collect();
        Rule {
            origin: Origin { source: "config.yml".into(), line: Some(line) },
            repositories: (!globs.is_empty()).then_some(globs),
            who: who.iter().map(|who| who.parse().unwrap()).collect(),
            allow: permissions(allow),
            deny: permissions(deny),
        }
    }

    /// The example that people copy.
    fn example() -> Vec<Rule> {
        vec![
            rule(1, &["public/**"], &["anonymous"], "pull", ""),
            rule(2, &["team-a/**"], &["group:ci", "user:alice"], "pull push", ""),
            rule(3, &[], &["claim:role=auditor"], "pull catalog", ""),
            rule(4, &[], &["user:admin"], "pull push delete catalog", ""),
            rule(5, &["release/**"], &["authenticated"], "", "delete"),
        ]
    }

    fn rules(rules: Vec<Rule>) -> Arc<Rules> {
        let robots = ["robot1".to_owned(), "robot2".to_owned()].into();
        Arc::new(Rules::new([("ci".to_owned(), robots)].into(), rules))
    }

    /// The line of the rule that decides, negative when it denies.
    fn line(rules: &Arc<Rules>, caller: &Caller, permission: Permission, name: Option<&str>) -> Option<i64> {
        let signed = |rule: &Rule| i64::try_from(rule.origin.line.unwrap()).unwrap();
        match Standing::of(rules.clone(), caller).decide(permission, name) {
            Decision::Allowed(rule) => Some(signed(rule)),
            Decision::Denied(rule) => Some(-signed(rule)),
            Decision::Unmentioned => None,
        }
    }

    #[test]
    fn the_example_decides_as_it_reads() {
        use Permission::{Catalog, Delete, Pull, Push};
        let rules = rules(example());
        let auditor = Caller {
            claims: vec![("role".into(), "cook".into()), ("role".into(), "auditor".into())],
            ..Caller::user("eve")
        };
        let from_elsewhere = Caller { groups: vec!["ci".into()], ..Caller::user("robot9") };
        let user = Caller::user;
        let cases = [
            (Caller::default(), Pull, Some("public/a"), Some(1)),
            (user("bob"), Pull, Some("public/a"), Some(1)),
            (Caller::default(), Push, Some("public/a"), None),
            (Caller::default(), Pull, Some("public"), None),
            (user("robot1"), Push, Some("team-a/x/y"), Some(2)),
            (user("robot3"), Push, Some("team-a/x/y"), None),
            (from_elsewhere, Push, Some("team-a/x"), Some(2)),
            (user("alice"), Push, Some("team-a/x"), Some(2)),
            (user("alice"), Push, Some("team-ab/x"), None),
            (user("alice"), Delete, Some("team-a/x"), None),
            (auditor.clone(), Pull, Some("team-a/x"), Some(3)),
            (auditor.clone(), Catalog, None, Some(3)),
            (auditor, Push, Some("team-a/x"), None),
            (user("bob"), Catalog, None, None),
            (user("admin"), Delete, Some("a"), Some(4)),
            (user("admin"), Delete, Some("release/a"), Some(-5)),
            (user("Admin"), Pull, Some("a"), None),
        ];
        for (caller, permission, name, expected) in cases {
            let decided = line(&rules, &caller, permission, name);
            assert_eq!(decided, expected, "{caller:?} {permission} {name:?}");
        }
    }

    #[test]
    fn everything_is_each_thing() {
        let rules = rules(example());
        let decide = |name: &str| {
            let access = Access::repository(name.parse().unwrap(), Action::All);
            Standing::of(rules.clone(), &Caller::user("admin")).decide_access(&access).is_allowed()
        };
        assert!(decide("a") && !decide("release/a"));
    }

    #[test]
    fn an_origin_is_a_place_that_editors_know() {
        assert_eq!(Origin { source: "config.yml".into(), line: Some(12) }.to_string(), "config.yml:12");
        assert_eq!(
            Origin { source: "REGISTRY_AUTH_RULES".into(), line: None }.to_string(),
            "REGISTRY_AUTH_RULES"
        );
    }

    proptest! {
        #[test]
        fn the_order_of_rules_means_nothing(
            seed in any::<prop::sample::Index>(),
            user in prop::sample::select(vec!["", "alice", "admin", "robot1"]),
            name in prop::sample::select(vec!["public/a", "team-a/b", "release/c", "other"]),
            permission in prop::sample::select(Permission::ALL.map(|(_, permission)| permission).to_vec()),
        ) {
            let mut turned = example();
            let middle = seed.index(turned.len());
            turned.rotate_left(middle);
            turned.swap(0, 3);
            let caller = Caller { user: Some(user.to_owned()).filter(|user| !user.is_empty()), ..Caller::default() };
            let decide = |given| Standing::of(rules(given), &caller).decide(permission, Some(name)).is_allowed();
            prop_assert_eq!(decide(example()), decide(turned));
        }
    }
}
