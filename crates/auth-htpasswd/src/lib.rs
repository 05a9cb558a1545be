#![doc = include_str!("../README.md")]

mod error;
mod file;
mod remembered;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use wharf_auth::{AccessRequest, Authenticator, Caller, Flaw, Rejection};
use wharf_protocol::{Challenge, Credentials};

pub use error::Error;
use file::Users;
pub use file::{BadLine, inspect};
use remembered::Remembered;

/// What an [`Htpasswd`] is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The realm of the challenge.
    pub realm: String,
    /// The file.
    pub path: PathBuf,
    /// How many passwords are checked at once. Default: as many as there are processors.
    pub concurrency: NonZeroUsize,
    /// How many requests may wait for a check; more are told to come back. Default: 256.
    pub queue: usize,
    /// For how long a pair that was good is remembered. Default: 60 s.
    pub remember: Duration,
    /// How many pairs are remembered. Default: 1024.
    pub remember_most: usize,
}

impl Config {
    /// A file with the usual limits.
    pub fn new(realm: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        let concurrency = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self {
            realm: realm.into(),
            path: path.into(),
            concurrency,
            queue: 256,
            remember: Duration::from_secs(60),
            remember_most: 1024,
        }
    }
}

/// Knows the users of an htpasswd file.
pub struct Htpasswd {
    config: Config,
    current: RwLock<Arc<Snapshot>>,
    /// One for each check that runs.
    checks: Arc<Semaphore>,
    /// One for each request that waits for a check or has one.
    queue: Semaphore,
}

/// The file as it was at one time, with what was found out about it since: both are exchanged together.
struct Snapshot {
    users: Users,
    remembered: Remembered,
}

impl Htpasswd {
    /// Reads the file; makes one if there is none.
    ///
    /// # Errors
    ///
    /// When it can neither be read nor made, or a line of it is malformed.
    pub fn open(config: Config) -> Result<Self, Error> {
        file::make_if_missing(&config.path)?;
        let current = RwLock::new(Arc::new(Snapshot::read(&config)?));
        let checks = Arc::new(Semaphore::new(config.concurrency.get()));
        let queue =
            Semaphore::new(config.queue.saturating_add(config.concurrency.get()).min(Semaphore::MAX_PERMITS));
        Ok(Self { config, current, checks, queue })
    }

    /// Reads the file again and forgets what was remembered. This reads a file: not for a thread that does I/O for others.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open); the users are then those that they were.
    pub fn reload(&self) -> Result<(), Error> {
        let snapshot = Arc::new(Snapshot::read(&self.config)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.config.path
    }

    async fn is_good(&self, user: String, password: String) -> Result<bool, Busy> {
        let snapshot = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let pair = snapshot.remembered.pair(&user, &password);
        if snapshot.remembered.knows(&pair) {
            return Ok(true);
        }
        let _place = self.queue.try_acquire().map_err(|_| Busy)?;
        let permit = Arc::clone(&self.checks).acquire_owned().await.map_err(|_| Busy)?;
        // A client that pushes many layers sends the same pair many times at once: the first check will do for all.
        if snapshot.remembered.knows(&pair) {
            return Ok(true);
        }
        let check = tokio::task::spawn_blocking(move || {
            let good = snapshot.users.check(&user, &password, &snapshot.remembered);
            if good {
                snapshot.remembered.add(pair);
            }
            // Also when nobody waits for the answer any more, the processor was taken until now.
            drop(permit);
            good
        });
        check.await.map_err(|_| Busy)
    }
}

impl Snapshot {
    fn read(config: &Config) -> Result<Self, Error> {
        let users = Users::read(&config.path)?;
        let remembered = Remembered::new(config.remember, config.remember_most)?;
        Ok(Self { users, remembered })
    }
}

/// More requests wait for their passwords to be checked than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many passwords wait to be checked")]
struct Busy;

#[async_trait]
impl Authenticator for Htpasswd {
    async fn authenticate(&self, authorization: &str) -> Result<Option<Caller>, Rejection> {
        let Credentials::Basic { user, password } = Credentials::parse(authorization) else {
            return Err(Rejection::wrong("neither a user nor a password was sent"));
        };
        // What skopeo, podman and buildah send to a registry that asks for a login when they have none.
        if user.is_empty() && password.is_empty() {
            return Ok(None);
        }
        match self.is_good(user.clone(), password).await {
            Ok(true) => Ok(Some(Caller::user(user))),
            Ok(false) => Err(Rejection::wrong(format!("no user {user:?} with this password"))),
            Err(busy) => Err(Rejection::Failed(Box::new(busy))),
        }
    }

    fn challenge(&self, _: &AccessRequest<'_>, _: Option<Flaw>) -> Option<Challenge> {
        Some(Challenge::Basic { realm: self.config.realm.clone() })
    }
}

impl fmt::Debug for Htpasswd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Htpasswd").field("config", &self.config).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    fn line(user: &str, password: &str) -> String {
        format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
    }

    fn open(content: &str, change: impl FnOnce(&mut Config)) -> (Htpasswd, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, content).unwrap();
        let mut config = Config::new("r", path);
        change(&mut config);
        (Htpasswd::open(config).unwrap(), folder)
    }

    async fn good(users: &Htpasswd, user: &str, password: &str) -> bool {
        let header = Credentials::Basic { user: user.into(), password: password.into() }.header().unwrap();
        match users.authenticate(&header).await {
            Ok(caller) => {
                assert_eq!(caller, Some(Caller::user(user)));
                true
            }
            Err(Rejection::Wrong { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn a_user_needs_the_password_of_its_line() {
        let (users, _folder) = open(&(line("alice", "wonder") + &line("bob", "b:o:b")), |_| {});
        assert!(good(&users, "alice", "wonder").await && good(&users, "bob", "b:o:b").await);
        assert!(!good(&users, "alice", "b:o:b").await && !good(&users, "alice", "").await);
        assert!(!good(&users, "eve", "wonder").await && !good(&users, "", "x").await);
    }

    #[tokio::test]
    async fn an_unknown_user_never_gets_in_by_the_hash_that_it_is_checked_against() {
        let (users, _folder) = open(&line("alice", "wonder"), |_| {});
        assert!(!good(&users, "mallory", "wonder").await);
    }

    #[tokio::test]
    async fn no_user_without_a_password_is_nobody() {
        let (users, _folder) = open(&(line("alice", "wonder") + &line("", "")), |_| {});
        assert_eq!(users.authenticate("Basic Og==").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_remembered_pair_needs_no_second_check() {
        let (users, _folder) = open(&line("alice", "wonder"), |config| config.queue = 0);
        assert!(good(&users, "alice", "wonder").await);
        users.checks.close();
        assert!(good(&users, "alice", "wonder").await);
        let again = users.is_good("alice".into(), "wrong".into()).await;
        assert_eq!(again, Err(Busy), "what is wrong is not remembered");
    }

    #[tokio::test]
    async fn a_pair_is_remembered_for_a_while_only() {
        let (users, _folder) = open(&line("alice", "wonder"), |config| config.remember = Duration::ZERO);
        assert!(good(&users, "alice", "wonder").await);
        users.checks.close();
        assert_eq!(users.is_good("alice".into(), "wonder".into()).await, Err(Busy));
    }

    #[tokio::test]
    async fn a_changed_file_holds_at_once_for_remembered_pairs_too() {
        let (users, _folder) = open(&line("alice", "old"), |_| {});
        assert!(good(&users, "alice", "old").await);
        fs::write(users.path(), line("alice", "new")).unwrap();
        users.reload().unwrap();
        assert!(!good(&users, "alice", "old").await && good(&users, "alice", "new").await);
    }

    #[tokio::test]
    async fn a_broken_file_changes_nothing() {
        let (users, _folder) = open(&line("alice", "wonder"), |_| {});
        fs::write(users.path(), line("alice", "new") + "# a comment\n\nwithout\n").unwrap();
        let error = users.reload().unwrap_err();
        assert!(matches!(error, Error::Line { line: 4, .. }), "{error}");
        assert!(good(&users, "alice", "wonder").await);
        fs::remove_file(users.path()).unwrap();
        assert!(users.reload().is_err() && good(&users, "alice", "wonder").await);
        assert!(!users.path().exists(), "only a start makes a file");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_would_wait_behind_too_many_is_told_to_come_back() {
        let (users, _folder) = open(&line("alice", "wonder"), |config| {
            (config.concurrency, config.queue) = (NonZeroUsize::MIN, 1);
        });
        let users = Arc::new(users);
        let held = Arc::clone(&users.checks).acquire_owned().await.unwrap();
        let ask = || {
            let users = Arc::clone(&users);
            tokio::spawn(async move { users.is_good("alice".into(), "wonder".into()).await })
        };
        let waiting = [ask(), ask()];
        while users.queue.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(users.is_good("alice".into(), "wonder".into()).await, Err(Busy));
        drop(held);
        for task in waiting {
            assert_eq!(task.await.unwrap(), Ok(true));
        }
    }

    #[tokio::test]
    async fn credentials_of_another_kind_are_wrong() {
        let (users, _folder) = open(&line("alice", "wonder"), |_| {});
        for header in ["Bearer abc", "Basic", "Basic !", "Basic YWxpY2U=", "alice:wonder"] {
            assert!(matches!(users.authenticate(header).await, Err(Rejection::Wrong { .. })), "{header}");
        }
    }

    #[test]
    fn a_malformed_line_refuses_to_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("users");
        fs::write(&path, "alice\n").unwrap();
        let error = Htpasswd::open(Config::new("r", &path)).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "{}:1: found no colon, expected a user and a bcrypt hash such as alice:$2y$…",
                path.display()
            )
        );
    }
}
