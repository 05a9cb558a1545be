//! What a token has to allow: resources, and for each what is done with it.

use std::collections::{BTreeMap, BTreeSet};

use wharf_reference::RepositoryName;

/// Resources such as `repository:library/busybox`, each with its actions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scopes(BTreeMap<String, BTreeSet<String>>);

impl Scopes {
    /// Reading from a repository.
    pub(crate) fn pull(name: &RepositoryName) -> Self {
        Self::default().with(format!("repository:{name}"), &["pull"])
    }

    /// Writing to a repository.
    pub(crate) fn push(name: &RepositoryName) -> Self {
        Self::default().with(format!("repository:{name}"), &["pull", "push"])
    }

    /// Deleting from a repository.
    pub(crate) fn delete(name: &RepositoryName) -> Self {
        Self::default().with(format!("repository:{name}"), &["delete", "pull"])
    }

    /// Seeing which repositories there are.
    pub(crate) fn catalog() -> Self {
        Self::default().with("registry:catalog".to_owned(), &["*"])
    }

    /// These and those of another.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        for (resource, actions) in &other.0 {
            self.0.entry(resource.clone()).or_default().extend(actions.iter().cloned());
        }
        self
    }

    /// Adds what a challenge asks for, each as `type:name:actions`. What is malformed is passed over.
    pub(crate) fn add_texts(&mut self, texts: &[String]) {
        for (resource, actions) in texts.iter().filter_map(|text| text.rsplit_once(':')) {
            let actions = actions.split(',').filter(|action| !action.is_empty()).map(str::to_owned);
            self.0.entry(resource.to_owned()).or_default().extend(actions);
        }
    }

    /// Adds what another allows on resources that are among these already.
    pub(crate) fn widen(&mut self, other: &Self) {
        for (resource, actions) in &mut self.0 {
            actions.extend(other.0.get(resource).into_iter().flatten().cloned());
        }
    }

    /// Whether whatever another needs is among these.
    pub(crate) fn cover(&self, other: &Self) -> bool {
        let has = |resource: &str, wanted: &BTreeSet<String>| {
            self.0.get(resource).is_some_and(|actions| wanted.is_subset(actions))
        };
        other.0.iter().all(|(resource, wanted)| has(resource, wanted))
    }

    /// Each as `type:name:actions`.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |(resource, actions): (&String, &BTreeSet<String>)| {
            let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
            format!("{resource}:{}", actions.join(","))
        };
        self.0.iter().map(text).collect()
    }

    fn with(mut self, resource: String, actions: &[&str]) -> Self {
        self.0.insert(resource, actions.iter().map(|action| (*action).to_owned()).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_written_as_token_servers_read_them() {
        let (first, second): (RepositoryName, RepositoryName) =
            ("a/b".parse().unwrap(), "c".parse().unwrap());
        let scopes = Scopes::push(&first).and(&Scopes::pull(&second));
        assert_eq!(scopes.texts(), ["repository:a/b:pull,push", "repository:c:pull"]);
        assert_eq!(Scopes::catalog().texts(), ["registry:catalog:*"]);
    }

    #[test]
    fn more_covers_less_and_not_the_other_way_round() {
        let name: RepositoryName = "a/b".parse().unwrap();
        let (pull, push) = (Scopes::pull(&name), Scopes::push(&name));
        assert!(push.cover(&pull) && !pull.cover(&push) && pull.cover(&Scopes::default()));
        let mut widened = pull.clone();
        widened.widen(&push);
        widened.widen(&Scopes::catalog());
        assert_eq!(widened, push);
    }

    #[test]
    fn what_a_challenge_asks_for_is_added() {
        let mut scopes = Scopes::default();
        scopes.add_texts(&["repository:host:5000/a:pull,delete".to_owned(), "nonsense".to_owned()]);
        assert_eq!(scopes.texts(), ["repository:host:5000/a:delete,pull"]);
    }
}
