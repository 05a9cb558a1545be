//! What every access controller must do, as one named case for each clause.
//!
//! A controller's `tests/contract.rs` says how to open one and which credentials are good and which are not, and stamps out a
//! test for each case:
//!
//! ```
//! use std::sync::Arc;
//!
//! use wharf_auth::{Silly, contract::Subject, contract_tests};
//!
//! async fn open() -> Subject {
//!     Subject::new(Arc::new(Silly::new("https://auth.example/token", "registry"))).with_good("anything", Some("silly"))
//! }
//!
//! contract_tests!(open);
//! # fn main() {}
//! ```

#![expect(clippy::expect_used, clippy::panic, reason = "a contract that is broken ends its test")]

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

use crate::{Access, AccessController, AccessRequest, Action, Grant, Refusal};

/// A controller, and what it should make of some credentials. The good ones allow pulling from `contract/it`.
pub struct Subject {
    controller: Arc<dyn AccessController>,
    good: Vec<(String, Option<String>)>,
    wrong: Vec<String>,
}

impl Subject {
    /// A controller that lets nobody in without credentials.
    pub fn new(controller: Arc<dyn AccessController>) -> Self {
        Self { controller, good: Vec::new(), wrong: Vec::new() }
    }

    /// Adds an `Authorization` header that is good, and the user that it names.
    #[must_use]
    pub fn with_good(mut self, header: impl Into<String>, user: Option<&str>) -> Self {
        self.good.push((header.into(), user.map(str::to_owned)));
        self
    }

    /// Adds an `Authorization` header that is not good.
    #[must_use]
    pub fn with_wrong(mut self, header: impl Into<String>) -> Self {
        self.wrong.push(header.into());
        self
    }

    async fn ask(&self, authorization: Option<&str>, access: &[Access]) -> Result<Grant, Refusal> {
        let host = Some("registry.example:5000");
        let request = AccessRequest { authorization, access, host, forwarded_scheme: None };
        self.controller.authorize(&request).await
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subject").finish_non_exhaustive()
    }
}

fn pull() -> [Access; 1] {
    [Access::repository("contract/it".parse().expect("a name"), Action::Pull)]
}

#[track_caller]
fn assert_challenged(outcome: Result<Grant, Refusal>, about: &str) {
    match outcome {
        Err(Refusal::Challenge { challenge, reason }) => {
            let text = challenge.to_string();
            assert!(text.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{about}: {text:?} is no header");
            assert!(!reason.is_empty(), "{about}: the log learns nothing");
        }
        other => panic!("{about}: not challenged, but {other:?}"),
    }
}

/// Without credentials there is a challenge, for the base route too.
pub async fn nobody_is_challenged(subject: Subject) {
    for authorization in [None, Some("")] {
        assert_challenged(subject.ask(authorization, &[]).await, "base");
        assert_challenged(subject.ask(authorization, &pull()).await, "pull");
    }
}

/// Good credentials are granted and name their user, again and again.
pub async fn good_credentials_are_granted(subject: Subject) {
    for (header, user) in &subject.good {
        for access in [&[][..], &pull(), &pull()] {
            let grant = subject.ask(Some(header), access).await;
            assert_eq!(grant.expect("a grant").user, *user);
        }
    }
}

/// Wrong credentials are challenged, never denied, never taken for none.
pub async fn wrong_credentials_are_challenged(subject: Subject) {
    for header in &subject.wrong {
        for access in [&[][..], &pull()] {
            assert_challenged(subject.ask(Some(header), access).await, header);
        }
    }
}

/// What is wrong stays wrong after something was right, and the other way round.
pub async fn good_and_wrong_do_not_mix(subject: Subject) {
    for _ in 0..2 {
        for header in &subject.wrong {
            assert!(subject.ask(Some(header), &pull()).await.is_err(), "{header}");
        }
        for (header, _) in &subject.good {
            assert!(subject.ask(Some(header), &pull()).await.is_ok(), "{header}");
        }
    }
}

/// Many at once are answered as one alone.
pub async fn many_at_once_are_each_answered_alone(subject: Subject) {
    let subject = &subject;
    let clients = (0..16).map(|_| async move {
        for (header, user) in &subject.good {
            let grant = subject.ask(Some(header), &pull()).await;
            assert_eq!(grant.expect("a grant").user, *user);
        }
        for header in &subject.wrong {
            assert_challenged(subject.ask(Some(header), &pull()).await, header);
        }
    });
    join_all(clients).await;
}

/// Stamps out a test for each case of the contract.
#[macro_export]
macro_rules! contract_tests {
    ($open:path) => {
        $crate::contract_tests! { $open;
            nobody_is_challenged, good_credentials_are_granted, wrong_credentials_are_challenged,
            good_and_wrong_do_not_mix, many_at_once_are_each_answered_alone,
        }
    };
    ($open:path; $($case:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                $crate::contract::$case($open().await).await;
            }
        )*
    };
}
