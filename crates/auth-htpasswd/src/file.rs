//! The file: making it, reading it, and checking a password against a line of it.

use std::collections::HashMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::str::FromStr as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bcrypt::HashParts;

use crate::Error;
use crate::remembered::Remembered;

/// The largest file that is read, in bytes: some hundred thousand users.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// The cost of hashes that we make, and of checks for a file without any: Go's default.
const COST: u32 = 10;
/// The highest cost of a hash that is checked. It takes a minute; each step more takes twice as long, up to days, and would
/// be taken for every user that nobody knows, too.
const MAX_COST: u32 = 20;
/// How long a bcrypt hash is, in bytes.
const HASH_LEN: usize = 60;
/// The user of a file that we make.
const FIRST_USER: &str = "docker";

/// The users of a file.
pub(crate) struct Users {
    hashes: HashMap<String, String>,
    /// What the passwords of unknown users are checked against, so that it takes as long. Never empty.
    decoys: Vec<String>,
}

impl Users {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let mut hashes = HashMap::new();
        for Line { number, user, hash } in lines(&content(path)?) {
            let hash = hash.ok_or_else(|| Error::Line { path: path.to_owned(), line: number })?;
            let hash = bare(&hash);
            if is_usable(hash) {
                hashes.insert(user, hash.to_owned());
            } else {
                hashes.remove(&user);
                tracing::warn!("{}:{number}: {}", path.display(), BadLine::NoBcrypt { user });
            }
        }
        Ok(Self { decoys: decoys(&hashes), hashes })
    }

    /// Checks a password, in the time that a user of this file takes, whether or not there is such a user.
    pub(crate) fn check(&self, user: &str, password: &str, secret: &Remembered) -> bool {
        let hash = self.hashes.get(user);
        let decoy = self.decoys.get(secret.number(user) % self.decoys.len().max(1));
        let against = hash.or(decoy).map_or("", String::as_str);
        let matches = bcrypt::verify(password, against).unwrap_or(false);
        matches && hash.is_some()
    }
}

/// One hash for each user, since they need not be equally slow: an unknown user is as slow as some known one, and always the
/// same.
fn decoys(hashes: &HashMap<String, String>) -> Vec<String> {
    let mut decoys: Vec<String> = hashes.values().cloned().collect();
    // The map's own order is another each time; the same file is to answer alike.
    decoys.sort_unstable();
    if decoys.is_empty() {
        decoys.push(format!("$2b${COST}$......................{}", ".".repeat(31)));
    }
    decoys
}

/// Looks for all that is wrong with a file, line by line, without letting anybody in.
///
/// # Errors
///
/// When the file cannot be read at all.
pub fn inspect(path: &Path) -> Result<Vec<(usize, BadLine)>, Error> {
    let flaw = |line: Line| match line.hash {
        None => Some((line.number, BadLine::NoColon)),
        Some(hash) if !is_usable(bare(&hash)) => Some((line.number, BadLine::NoBcrypt { user: line.user })),
        Some(_) => None,
    };
    Ok(lines(&content(path)?).filter_map(flaw).collect())
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadLine {
    /// It names no user: the whole file is refused.
    #[error("found no colon, expected a user and a bcrypt hash such as alice:$2y$…")]
    NoColon,
    /// Its user has a password that is hashed in another way, or not at all.
    #[error("{user:?} cannot log in: only bcrypt hashes are accepted, of a cost of at most {MAX_COST}")]
    NoBcrypt {
        /// The user.
        user: String,
    },
}

/// A hash without what stands behind it, which some keep notes in and Go never looks at.
fn bare(hash: &str) -> &str {
    if hash.starts_with("$2") { hash.get(..HASH_LEN).unwrap_or(hash) } else { hash }
}

/// Whether a password can be checked against it.
fn is_usable(hash: &str) -> bool {
    HashParts::from_str(hash).is_ok_and(|parts| parts.get_cost() <= MAX_COST)
}

/// A user, its hash and where they stand. Without a colon there is no hash.
struct Line {
    number: usize,
    user: String,
    hash: Option<String>,
}

/// Reads lines, past comments.
fn lines(text: &str) -> impl Iterator<Item = Line> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| {
        let (user, hash) = line.split_once(':').map_or((line, None), |(user, hash)| (user, Some(hash)));
        Line { number: index + 1, user: user.to_owned(), hash: hash.map(str::to_owned) }
    })
}

fn content(path: &Path) -> Result<String, Error> {
    let refuse = |error| Error::Read(path.to_owned(), error);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(refuse)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Makes a file with one user if there is none, with the modes and the content that Distribution gives it.
pub(crate) fn make_if_missing(path: &Path) -> Result<(), Error> {
    if path.exists() {
        return Ok(());
    }
    let refuse = |error| Error::Make(path.to_owned(), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(refuse)?;
    }
    let mut password = [0; 32];
    getrandom::fill(&mut password).map_err(|error| Error::Random(io::Error::other(error)))?;
    let password = URL_SAFE_NO_PAD.encode(password);
    let hash = bcrypt::hash(&password, COST).map_err(|error| refuse(io::Error::other(error)))?;
    let mut file = match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        // Another replica was quicker; its password is the one that counts.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        file => file.map_err(refuse)?,
    };
    file.write_all(format!("{FIRST_USER}:{hash}").as_bytes()).map_err(refuse)?;
    file.sync_all().map_err(refuse)?;
    tracing::warn!(
        user = FIRST_USER,
        password,
        "there was no htpasswd file: {} was made with this user and password, which are not shown again",
        path.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_read_as_distribution_reads_them() {
        let text = "# comment\n\n  alice:$2y$a:b  \r\nalice:second\n :empty\nbob:\n";
        let read: Vec<_> = lines(text).map(|line| (line.number, line.user, line.hash.unwrap())).collect();
        let expected = [(3, "alice", "$2y$a:b"), (4, "alice", "second"), (5, "", "empty"), (6, "bob", "")];
        assert_eq!(read, expected.map(|(number, user, hash)| (number, user.to_owned(), hash.to_owned())));
    }

    #[test]
    fn every_line_that_is_wrong_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let hash = bcrypt::hash("secret", 4).unwrap();
        std::fs::write(file.path(), format!("alice\n# no\nbob:plain\neve:{hash}\nmallory\n")).unwrap();
        let flaws = inspect(file.path()).unwrap();
        let expected =
            [(1, BadLine::NoColon), (3, BadLine::NoBcrypt { user: "bob".to_owned() }), (5, BadLine::NoColon)];
        assert_eq!(flaws, expected);
        assert!(inspect(Path::new("/does/not/exist")).is_err());
    }

    fn users(content: &str) -> Users {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        Users::read(file.path()).unwrap()
    }

    fn check(users: &Users, user: &str, password: &str) -> bool {
        users.check(user, password, &Remembered::new(Duration::ZERO, 0).unwrap())
    }

    #[test]
    fn the_hashes_of_all_makers_are_good_and_others_are_not() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        for version in ["2a", "2b", "2y"] {
            let users = users(&format!("alice:{}", hash.replacen("2b", version, 1)));
            assert!(check(&users, "alice", "secret") && !check(&users, "alice", "Secret"), "{version}");
        }
        let days = hash.replacen("$04$", "$31$", 1);
        for other in
            [days.as_str(), "secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "$apr1$x$y", "", "$2y$10$short"]
        {
            let users = users(&format!("alice:{hash}\nalice:{other}\n"));
            assert!(!check(&users, "alice", "secret") && !check(&users, "alice", other), "{other}");
        }
    }

    #[test]
    fn what_stands_behind_a_hash_is_not_looked_at() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        for line in [format!("alice:{hash}:of the team\n"), format!("  alice:{hash}  \r\n")] {
            assert!(check(&users(&line), "alice", "secret"), "{line:?}");
        }
    }

    #[test]
    fn of_a_long_password_72_bytes_count_as_in_go() {
        let long = "x".repeat(72);
        let users = users(&format!(
            "alice:{}\nbob:{}",
            bcrypt::hash(&long, 4).unwrap(),
            bcrypt::hash("", 4).unwrap()
        ));
        assert!(check(&users, "alice", &long) && check(&users, "alice", &format!("{long}tail")));
        assert!(!check(&users, "alice", &long[1..]) && !check(&users, "alice", &"y".repeat(30_000)));
        assert!(check(&users, "bob", "") && !check(&users, "bob", "x"));
    }

    #[test]
    fn the_hash_that_go_makes_is_good() {
        // Made by golang.org/x/crypto/bcrypt, from its own tests.
        let users = users("alice:$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga");
        assert!(check(&users, "alice", "allmine") && !check(&users, "alice", "allmine2"));
    }

    #[test]
    fn what_is_checked_for_nobody_is_a_hash_that_works() {
        let users = users("");
        assert!(bcrypt::verify("", &users.decoys[0]).is_ok());
        assert!(!check(&users, "", "") && !check(&users, "alice", "x"));
    }

    #[test]
    fn a_missing_file_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/users");
        make_if_missing(&path).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        let content = std::fs::read_to_string(&path).unwrap();
        assert!(content.starts_with("docker:$2b$10$") && !content.ends_with('\n'), "{content}");
        make_if_missing(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), content, "it is made once");
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(.|\n){0,60}") {
            lines(&text).for_each(drop);
        }
    }
}
