//! Tokens that are still good, and who is asking for one: the same is never asked for twice at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::Scopes;
use crate::Error;

/// How long before its end a token is no longer used, so that it does not end on its way.
const LEEWAY: Duration = Duration::from_secs(10);

/// A token as a token server gave it.
pub(crate) struct Token {
    /// The `Authorization` header with it.
    pub(crate) header: HeaderValue,
    /// How long it is good.
    pub(crate) lifetime: Duration,
}

/// The tokens of one registry, at most so many.
pub(crate) struct Tokens {
    limit: usize,
    held: Mutex<Vec<Held>>,
    asking: Mutex<HashMap<Vec<String>, Arc<tokio::sync::Mutex<()>>>>,
}

struct Held {
    scopes: Scopes,
    header: HeaderValue,
    until: Instant,
}

impl Tokens {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: Mutex::default(), asking: Mutex::default() }
    }

    /// A token that covers the scopes: one that is here, or else one that `ask` gets.
    pub(crate) async fn get<F>(
        &self,
        scopes: &Scopes,
        ask: impl FnOnce(Scopes) -> F,
    ) -> Result<HeaderValue, Error>
    where
        F: Future<Output = Result<Token, Error>>,
    {
        if let Some(header) = self.find(scopes) {
            return Ok(header);
        }
        let turn = self.turn(scopes);
        let _turn = turn.lock().await;
        if let Some(header) = self.find(scopes) {
            return Ok(header);
        }
        let scopes = self.widened(scopes);
        let token = ask(scopes.clone()).await?;
        self.keep(scopes, &token);
        Ok(token.header)
    }

    /// Drops a token that was refused.
    pub(crate) fn forget(&self, header: &HeaderValue) {
        self.held().retain(|held| held.header != header);
    }

    fn find(&self, scopes: &Scopes) -> Option<HeaderValue> {
        let now = Instant::now();
        let mut held = self.held();
        held.retain(|held| held.until > now);
        held.iter().find(|held| held.scopes.cover(scopes)).map(|held| held.header.clone())
    }

    /// The scopes with what was wanted of the same resources before: a push after a pull gets one token for both.
    fn widened(&self, scopes: &Scopes) -> Scopes {
        let mut widened = scopes.clone();
        self.held().iter().for_each(|held| widened.widen(&held.scopes));
        widened
    }

    fn keep(&self, scopes: Scopes, token: &Token) {
        let mut held = self.held();
        held.retain(|old| !scopes.cover(&old.scopes));
        if held.len() >= self.limit {
            held.remove(0);
        }
        let good = if token.lifetime > 2 * LEEWAY { token.lifetime - LEEWAY } else { token.lifetime };
        held.push(Held { scopes, header: token.header.clone(), until: Instant::now() + good });
    }

    fn turn(&self, scopes: &Scopes) -> Arc<tokio::sync::Mutex<()>> {
        let mut asking = self.asking.lock().unwrap_or_else(PoisonError::into_inner);
        if asking.len() >= self.limit {
            asking.retain(|_, turn| Arc::strong_count(turn) > 1);
        }
        Arc::clone(asking.entry(scopes.texts()).or_default())
    }

    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use wharf_reference::RepositoryName;

    use super::*;

    fn token(text: &'static str, seconds: u64) -> Token {
        Token { header: HeaderValue::from_static(text), lifetime: Duration::from_secs(seconds) }
    }

    #[tokio::test]
    async fn many_who_want_the_same_ask_once() {
        let tokens = Tokens::new(8);
        let asked = AtomicUsize::new(0);
        let scopes = Scopes::pull(&"a/b".parse().unwrap());
        let get = || {
            tokens.get(&scopes, |_| async {
                asked.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                Ok(token("Bearer 1", 300))
            })
        };
        futures_util::future::join_all((0..20).map(|_| get())).await;
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_push_after_a_pull_gets_one_token_for_both() {
        let tokens = Tokens::new(8);
        let name: RepositoryName = "a/b".parse().unwrap();
        let first = tokens.get(&Scopes::delete(&name), |_| async { Ok(token("Bearer 1", 300)) }).await;
        assert_eq!(first.unwrap(), "Bearer 1");
        let wider = |scopes: Scopes| async move {
            assert_eq!(scopes.texts(), ["repository:a/b:delete,pull,push"]);
            Ok(token("Bearer 2", 300))
        };
        assert_eq!(tokens.get(&Scopes::push(&name), wider).await.unwrap(), "Bearer 2");
        let never = |_| async { panic!("it is here") };
        assert_eq!(tokens.get(&Scopes::delete(&name), never).await.unwrap(), "Bearer 2");
    }

    #[tokio::test]
    async fn what_ended_or_was_refused_is_not_used_again() {
        let tokens = Tokens::new(8);
        let scopes = Scopes::pull(&"a/b".parse().unwrap());
        tokens.get(&scopes, |_| async { Ok(token("Bearer 1", 0)) }).await.unwrap();
        let second = tokens.get(&scopes, |_| async { Ok(token("Bearer 2", 300)) }).await.unwrap();
        assert_eq!(second, "Bearer 2");
        tokens.forget(&second);
        assert_eq!(tokens.get(&scopes, |_| async { Ok(token("Bearer 3", 300)) }).await.unwrap(), "Bearer 3");
    }

    #[tokio::test]
    async fn no_more_are_kept_than_the_limit() {
        let tokens = Tokens::new(2);
        for name in ["a", "b", "c", "d"] {
            let scopes = Scopes::pull(&name.parse().unwrap());
            tokens.get(&scopes, |_| async { Ok(token("Bearer 1", 300)) }).await.unwrap();
        }
        assert_eq!(tokens.held().len(), 2);
        assert!(tokens.asking.lock().unwrap().len() <= 2);
    }
}
