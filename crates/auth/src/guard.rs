//! From who is asking and what they may to one answer: credentials first, then rules, then the scopes of a token.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::{
    Access, AccessController, AccessRequest, Authenticator, Caller, Decision, Flaw, Grant, Refusal,
    Rejection, Rules, Standing, View,
};

/// An authenticator with rules beside it, which can be exchanged while it works.
///
/// With rules, a request is granted when they allow everything that it wants and, if its credentials list what they are
/// good for, those do too. Without rules the credentials decide alone. What is not granted is challenged as long as the
/// caller has not made itself known and could, and denied otherwise. The base route wants nothing in particular; a caller
/// without credentials is challenged there whenever it could have some, since clients learn of it nowhere else.
pub struct Guard {
    authenticator: Arc<dyn Authenticator>,
    rules: RwLock<Option<Arc<Rules>>>,
}

impl Guard {
    /// Guards with an authenticator and rules; [`Open`](crate::Open) where nobody can log in.
    pub fn new(authenticator: Arc<dyn Authenticator>, rules: Option<Rules>) -> Self {
        Self { authenticator, rules: RwLock::new(rules.map(Arc::new)) }
    }

    /// Takes other rules from now on. Requests that were granted already go on.
    pub fn set_rules(&self, rules: Option<Rules>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.map(Arc::new);
    }

    fn rules(&self) -> Option<Arc<Rules>> {
        self.rules.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Guard").field("rules", &self.rules()).finish_non_exhaustive()
    }
}

#[async_trait]
impl AccessController for Guard {
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Grant, Refusal> {
        judge(&*self.authenticator, self.rules(), request).await
    }
}

#[async_trait]
impl<A: Authenticator> AccessController for A {
    async fn authorize(&self, request: &AccessRequest<'_>) -> Result<Grant, Refusal> {
        judge(self, None, request).await
    }
}

async fn judge(
    authenticator: &dyn Authenticator,
    rules: Option<Arc<Rules>>,
    request: &AccessRequest<'_>,
) -> Result<Grant, Refusal> {
    let door = Door { authenticator, request };
    let caller = match request.authorization.filter(|header| !header.is_empty()) {
        Some(header) => authenticator.authenticate(header).await.map_err(|error| door.rejected(error))?,
        None => None,
    };
    match (rules, caller) {
        (None, None) => door.without_credentials(),
        (None, Some(caller)) => door.with_scopes(caller, View::EVERYTHING),
        (Some(_), None) if request.access.is_empty() => door.without_credentials(),
        (Some(rules), caller) => {
            let caller = caller.unwrap_or_default();
            let standing = Standing::of(rules, &caller);
            match request.access.iter().find_map(|access| refused(&standing, access)) {
                Some(reason) => Err(door.shut(&caller, reason)),
                None => door.with_scopes(caller, View::of(standing)),
            }
        }
    }
}

/// Why the rules do not allow something, if they do not.
fn refused(standing: &Standing, access: &Access) -> Option<String> {
    match standing.decide_access(access) {
        Decision::Allowed(_) => None,
        Decision::Denied(rule) => Some(format!("{access} is denied by the rule at {}", rule.origin)),
        Decision::Unmentioned => Some(format!("no rule allows {access}")),
    }
}

/// One request before the authenticator.
struct Door<'a> {
    authenticator: &'a dyn Authenticator,
    request: &'a AccessRequest<'a>,
}

impl Door<'_> {
    /// A caller without credentials who needs some, unless there are none to be had.
    fn without_credentials(&self) -> Result<Grant, Refusal> {
        match self.authenticator.challenge(self.request, None) {
            Some(challenge) => {
                Err(Refusal::Challenge { challenge, reason: "no credentials were sent".to_owned() })
            }
            None => Ok(Grant::default()),
        }
    }

    fn with_scopes(&self, caller: Caller, view: View) -> Result<Grant, Refusal> {
        if caller.has_scopes(self.request.access) {
            return Ok(Grant { user: caller.user, view, scopes: caller.scopes });
        }
        Err(self.challenged(Some(Flaw::InsufficientScope), "the credentials are good for less".to_owned()))
    }

    /// What the rules do not allow: whoever has no name may still get one.
    fn shut(&self, caller: &Caller, reason: String) -> Refusal {
        if caller.user.is_some() {
            return Refusal::Denied(reason);
        }
        let flaw = caller.scopes.as_ref().map(|_| Flaw::InsufficientScope);
        self.challenged(flaw, reason)
    }

    fn rejected(&self, rejection: Rejection) -> Refusal {
        match rejection {
            Rejection::Wrong { flaw, reason } => self.challenged(flaw, reason),
            Rejection::Failed(source) => Refusal::Failed(source),
        }
    }

    fn challenged(&self, flaw: Option<Flaw>, reason: String) -> Refusal {
        match self.authenticator.challenge(self.request, flaw) {
            Some(challenge) => Refusal::Challenge { challenge, reason },
            None => Refusal::Denied(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_protocol::Challenge;

    use super::*;
    use crate::{Action, Open, Origin, Permission, Rule, Scope, Who};

    /// Knows users by a header that is their name, `TOKEN name repository action` for one with a scope, takes `wrong` for
    /// wrong and `nobody` for nobody.
    struct ByName;

    #[async_trait]
    impl Authenticator for ByName {
        async fn authenticate(&self, authorization: &str) -> Result<Option<Caller>, Rejection> {
            let words: Vec<&str> = authorization.split(' ').collect();
            match words[..] {
                ["nobody"] => Ok(None),
                ["wrong"] => Err(Rejection::wrong("said so")),
                ["broken"] => Err(Rejection::Failed("broken".into())),
                ["TOKEN", user, name, action] => {
                    let scope = Scope {
                        kind: "repository".into(),
                        class: String::new(),
                        name: name.into(),
                        actions: vec![action.into()],
                    };
                    let user = (user != "-").then(|| user.to_owned());
                    Ok(Some(Caller {
                        user,
                        scopes: Some([scope].into_iter().collect()),
                        ..Caller::default()
                    }))
                }
                _ => Ok(Some(Caller::user(authorization))),
            }
        }

        fn challenge(&self, _: &AccessRequest<'_>, flaw: Option<Flaw>) -> Option<Challenge> {
            let realm = flaw.map_or("none", Flaw::as_str).to_owned();
            Some(Challenge::Basic { realm })
        }
    }

    fn rule(repositories: &str, who: Who, allow: &[Permission], deny: &[Permission]) -> Rule {
        Rule {
            origin: Origin { source: "test".into(), line: None },
            repositories: Some(vec![repositories.parse().unwrap()]),
            who: vec![who],
            allow: allow.to_vec(),
            deny: deny.to_vec(),
        }
    }

    fn rules() -> Rules {
        let all = [Permission::Pull, Permission::Push, Permission::Delete, Permission::Catalog];
        Rules::new(
            [].into(),
            vec![
                rule("public/**", Who::Anonymous, &[Permission::Pull], &[]),
                rule("**", Who::User("admin".into()), &all, &[]),
                rule("**", Who::Authenticated, &[Permission::Catalog], &[]),
                rule("release/**", Who::Authenticated, &[], &[Permission::Delete]),
            ],
        )
    }

    /// `ok` and the user, `401` and the flaw, `403` or `503`.
    async fn ask(guard: &dyn AccessController, authorization: &str, access: &[Access]) -> String {
        let authorization = Some(authorization).filter(|text| !text.is_empty());
        match guard.authorize(&AccessRequest { authorization, access, ..AccessRequest::default() }).await {
            Ok(grant) => format!("ok {}", grant.user.unwrap_or_default()),
            Err(Refusal::Challenge { challenge: Challenge::Basic { realm }, .. }) => format!("401 {realm}"),
            Err(Refusal::Denied(_)) => "403".into(),
            Err(_) => "503".into(),
        }
    }

    fn to(name: &str, action: Action) -> [Access; 1] {
        [Access::repository(name.parse().unwrap(), action)]
    }

    #[tokio::test]
    async fn without_rules_credentials_decide() {
        let guard = Guard::new(Arc::new(ByName), None);
        assert_eq!(ask(&guard, "", &[]).await, "401 none");
        assert_eq!(ask(&guard, "", &to("public/a", Action::Pull)).await, "401 none");
        assert_eq!(ask(&guard, "bob", &to("x", Action::Delete)).await, "ok bob");
        assert_eq!(ask(&guard, "TOKEN bob x pull", &to("x", Action::Pull)).await, "ok bob");
        assert_eq!(ask(&guard, "TOKEN - x pull", &to("x", Action::Pull)).await, "ok ");
        assert_eq!(ask(&guard, "TOKEN bob x pull", &to("x", Action::Push)).await, "401 insufficient_scope");
        assert_eq!(ask(&guard, "broken", &[]).await, "503");
    }

    #[tokio::test]
    async fn with_rules_anonymous_callers_get_what_is_theirs_and_are_challenged_for_the_rest() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        assert_eq!(ask(&guard, "", &[]).await, "401 none", "docker learns of logins here only");
        assert_eq!(ask(&guard, "", &to("public/a", Action::Pull)).await, "ok ");
        assert_eq!(ask(&guard, "", &to("public/a", Action::Push)).await, "401 none");
        assert_eq!(ask(&guard, "", &to("private", Action::Pull)).await, "401 none");
    }

    #[tokio::test]
    async fn who_is_known_and_may_not_is_denied() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        assert_eq!(ask(&guard, "bob", &[]).await, "ok bob");
        assert_eq!(ask(&guard, "bob", &to("public/a", Action::Pull)).await, "ok bob");
        assert_eq!(ask(&guard, "bob", &to("private", Action::Pull)).await, "403");
        assert_eq!(ask(&guard, "admin", &to("private", Action::Delete)).await, "ok admin");
        assert_eq!(ask(&guard, "admin", &to("release/a", Action::Delete)).await, "403");
    }

    #[tokio::test]
    async fn wrong_credentials_are_challenged_even_where_none_would_do() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        assert_eq!(ask(&guard, "wrong", &to("public/a", Action::Pull)).await, "401 none");
    }

    #[tokio::test]
    async fn credentials_that_name_nobody_are_none() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        assert_eq!(ask(&guard, "nobody", &to("public/a", Action::Pull)).await, "ok ");
        assert_eq!(ask(&guard, "nobody", &to("private", Action::Pull)).await, "401 none");
        assert_eq!(ask(&guard, "nobody", &[]).await, "401 none");
        guard.set_rules(None);
        assert_eq!(ask(&guard, "nobody", &to("public/a", Action::Pull)).await, "401 none");
    }

    #[tokio::test]
    async fn rules_and_scopes_must_both_allow() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        assert_eq!(ask(&guard, "TOKEN bob private pull", &to("private", Action::Pull)).await, "403");
        let admin = ask(&guard, "TOKEN admin private pull", &to("private", Action::Push)).await;
        assert_eq!(admin, "401 insufficient_scope");
        assert_eq!(ask(&guard, "TOKEN admin private pull", &to("private", Action::Pull)).await, "ok admin");
        let nameless = ask(&guard, "TOKEN - private pull", &to("private", Action::Pull)).await;
        assert_eq!(nameless, "401 insufficient_scope", "who has no name can still get one");
    }

    #[tokio::test]
    async fn rules_alone_never_challenge() {
        let guard = Guard::new(Arc::new(Open), Some(rules()));
        assert_eq!(ask(&guard, "", &[]).await, "ok ");
        assert_eq!(ask(&guard, "", &to("public/a", Action::Pull)).await, "ok ");
        assert_eq!(ask(&guard, "", &to("private", Action::Pull)).await, "403");
        assert_eq!(ask(&Open, "", &to("private", Action::Pull)).await, "ok ");
    }

    #[tokio::test]
    async fn other_rules_hold_from_the_next_request_on() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        guard.set_rules(Some(Rules::default()));
        assert_eq!(ask(&guard, "", &to("public/a", Action::Pull)).await, "401 none");
        assert_eq!(ask(&guard, "admin", &to("a", Action::Pull)).await, "403");
        guard.set_rules(None);
        assert_eq!(ask(&guard, "bob", &to("a", Action::Pull)).await, "ok bob");
    }

    #[tokio::test]
    async fn a_list_shows_what_may_be_pulled() {
        let guard = Guard::new(Arc::new(ByName), Some(rules()));
        let view = async |user| {
            let access = [Access::catalog()];
            let request = AccessRequest { authorization: Some(user), access: &access, ..Default::default() };
            guard.authorize(&request).await.unwrap().view
        };
        let (bob, admin) = (view("bob").await, view("admin").await);
        let name = |text: &str| text.parse().unwrap();
        assert!(
            bob.shows(&name("public/a")) && !bob.shows(&name("private")) && admin.shows(&name("private"))
        );
        assert!(View::EVERYTHING.is_everything() && !bob.is_everything());
    }
}
