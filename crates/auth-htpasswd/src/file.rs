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
        let refuse = |error| Error::Read(path.to_owned(), error);
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(refuse)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(refuse)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(Error::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
        }
        let lines = lines(&String::from_utf8_lossy(&bytes))
            .map_err(|line| Error::Line { path: path.to_owned(), line })?;
        let mut hashes = HashMap::with_capacity(lines.len());
        for Line { number, user, hash } in lines {
            if HashParts::from_str(&hash).is_ok() {
                hashes.insert(user, hash);
            } else {
                hashes.remove(&user);
                tracing::warn!(
                    "{}:{number}: {user:?} cannot log in: only bcrypt hashes are accepted",
                    path.display()
                );
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

/// A user, its hash and where they stand.
struct Line {
    number: usize,
    user: String,
    hash: String,
}

/// Reads lines; the number of the first that is malformed is the error.
fn lines(text: &str) -> Result<Vec<Line>, usize> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (number, line) = (index + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (user, hash) = line.split_once(':').ok_or(number)?;
        lines.push(Line { number, user: user.to_owned(), hash: hash.to_owned() });
    }
    Ok(lines)
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
        let read: Vec<_> =
            lines(text).unwrap().into_iter().map(|line| (line.number, line.user, line.hash)).collect();
        let expected = [(3, "alice", "$2y$a:b"), (4, "alice", "second"), (5, "", "empty"), (6, "bob", "")];
        assert_eq!(read, expected.map(|(number, user, hash)| (number, user.to_owned(), hash.to_owned())));
        assert_eq!(lines("a:b\n\nc\n").err(), Some(3));
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
        for other in ["secret", "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=", "$apr1$x$y", "", "$2y$10$short"] {
            let users = users(&format!("alice:{hash}\nalice:{other}\n"));
            assert!(!check(&users, "alice", "secret") && !check(&users, "alice", other), "{other}");
        }
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
            let _ = lines(&text);
        }
    }
}
