//! Looking up once what several ask for at the same time.
//!
//! The first to ask looks, the others wait for what it finds. They take only what was found: when it found nothing, failed, or
//! went away, each of them looks for itself, because what was true for the first, who began earlier, need not be true for
//! them. That something was found stays true for everyone who asks under the same key; so a key must change with every
//! deletion.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The lookups that are under way, by what is looked for.
pub(crate) struct Flights<K, V> {
    under_way: Mutex<HashMap<K, watch::Receiver<Option<V>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { under_way: Mutex::default() }
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Flights<K, V> {
    /// What `look` finds, or what somebody else finds who began before this call and has not ended yet.
    pub(crate) async fn join<F, E>(&self, key: K, look: impl Fn() -> F) -> Result<Option<V>, E>
    where
        F: Future<Output = Result<Option<V>, E>>,
    {
        let mut waiting = match self.board(&key) {
            Boarded::First(flight) => {
                let found = look().await?;
                flight.land(found.as_ref());
                return Ok(found);
            }
            Boarded::Later(waiting) => waiting,
        };
        if let Ok(found) = waiting.wait_for(Option::is_some).await {
            return Ok(found.clone());
        }
        look().await
    }

    fn board(&self, key: &K) -> Boarded<'_, K, V> {
        let mut under_way = self.lock();
        if let Some(waiting) = under_way.get(key) {
            return Boarded::Later(waiting.clone());
        }
        let (found, waiting) = watch::channel(None);
        under_way.insert(key.clone(), waiting);
        Boarded::First(Flight { flights: self, key: key.clone(), found })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, watch::Receiver<Option<V>>>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Boarded<'a, K: Eq + Hash, V> {
    First(Flight<'a, K, V>),
    Later(watch::Receiver<Option<V>>),
}

/// A lookup that is under way. It ends when this is dropped.
struct Flight<'a, K: Eq + Hash, V> {
    flights: &'a Flights<K, V>,
    key: K,
    found: watch::Sender<Option<V>>,
}

impl<K: Eq + Hash, V: Clone> Flight<'_, K, V> {
    fn land(self, found: Option<&V>) {
        // Whoever waits holds a receiver; when nobody does, nobody needs to know.
        let _nobody_waits = self.found.send(found.cloned());
    }
}

impl<K: Eq + Hash, V> Drop for Flight<'_, K, V> {
    fn drop(&mut self) {
        self.flights.under_way.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    type Numbers = Flights<&'static str, u32>;

    async fn look(calls: &AtomicUsize, result: Result<Option<u32>, ()>) -> Result<Option<u32>, ()> {
        calls.fetch_add(1, Ordering::SeqCst);
        sleep(Duration::from_millis(20)).await;
        result
    }

    async fn hundred(result: Result<Option<u32>, ()>) -> (usize, Vec<Result<Option<u32>, ()>>) {
        let (flights, calls) = (Numbers::default(), AtomicUsize::new(0));
        let results = join_all((0..100).map(|_| flights.join("a", || look(&calls, result)))).await;
        assert!(flights.lock().is_empty());
        (calls.into_inner(), results)
    }

    #[tokio::test]
    async fn what_many_ask_for_is_looked_up_once() {
        let (calls, results) = hundred(Ok(Some(7))).await;
        assert_eq!((calls, results), (1, vec![Ok(Some(7)); 100]));
    }

    #[tokio::test]
    async fn nobody_is_told_that_there_is_nothing_because_another_found_nothing() {
        let (calls, _) = hundred(Ok(None)).await;
        assert_eq!(calls, 100);
    }

    #[tokio::test]
    async fn nobody_fails_because_another_failed() {
        let (calls, _) = hundred(Err(())).await;
        assert_eq!(calls, 100);
    }

    #[tokio::test]
    async fn who_went_away_takes_nobody_along() {
        let (flights, calls) = (Arc::new(Numbers::default()), Arc::new(AtomicUsize::new(0)));
        let asks: Vec<_> = (0..3)
            .map(|_| {
                let (flights, calls) = (Arc::clone(&flights), Arc::clone(&calls));
                tokio::spawn(async move { flights.join("a", || look(&calls, Ok(Some(7)))).await })
            })
            .collect();
        sleep(Duration::from_millis(5)).await;
        asks[0].abort();
        for ask in asks.into_iter().skip(1) {
            assert_eq!(ask.await.unwrap(), Ok(Some(7)));
        }
        assert!(flights.lock().is_empty());
    }

    #[tokio::test]
    async fn what_differs_is_looked_up_each_for_itself() {
        let (flights, calls) = (Numbers::default(), AtomicUsize::new(0));
        let asks = ["a", "b"].map(|key| flights.join(key, || look(&calls, Ok(Some(7)))));
        join_all(asks).await;
        assert_eq!(calls.into_inner(), 2);
    }
}
