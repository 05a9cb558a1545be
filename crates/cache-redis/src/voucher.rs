//! What makes an entry in Redis one of ours.
//!
//! A voucher is a line of text: the version, a code, and what the code covers: the sha256, the size, both marks, the time, the
//! media type. The code covers the kind of content, the repository and the digest, too, so that a voucher is worth nothing
//! where it was not written.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wharf_cache::{Content, Entry, Ticket};
use wharf_digest::Digest;
use wharf_reference::RepositoryName;

/// Makes vouchers and knows them again.
#[derive(Clone)]
pub(crate) struct Seal {
    keyed: Hmac<Sha256>,
}

/// What a voucher says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vouched {
    pub(crate) entry: Entry,
    /// The marks from when the store was looked at.
    pub(crate) ticket: Ticket,
    /// When it was made, in seconds since 1970.
    pub(crate) since: u64,
}

const VERSION: &str = "1";
const CODE_LEN: usize = 64;

impl Seal {
    /// A seal whose key is made from a secret that may serve other purposes, too.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut derived = keyed(secret);
        derived.update(b"wharf cache");
        Self { keyed: keyed(&derived.finalize().into_bytes()) }
    }

    /// Vouches for what a digest names in a repository.
    pub(crate) fn vouch(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        vouched: &Vouched,
    ) -> String {
        let Vouched { entry: Entry { canonical, size, media_type }, ticket, since } = vouched;
        let [deleted, era] = ticket.marks();
        let said = format!("{canonical} {size} {deleted:x} {era:x} {since} {media_type}");
        self.line(&scope(Some((repository, content)), digest), &said)
    }

    /// What a voucher says, if it is good here.
    pub(crate) fn read(
        &self,
        repository: &RepositoryName,
        content: Content,
        digest: &Digest,
        line: &[u8],
    ) -> Option<Vouched> {
        let said = self.said(&scope(Some((repository, content)), digest), line)?;
        let mut parts = said.splitn(6, ' ');
        let canonical = parts.next()?.parse().ok()?;
        let size = parts.next()?.parse().ok()?;
        let deleted = u64::from_str_radix(parts.next()?, 16).ok()?;
        let era = u64::from_str_radix(parts.next()?, 16).ok()?;
        let since = parts.next()?.parse().ok()?;
        let media_type = parts.next()?.to_owned();
        let entry = Entry { canonical, size, media_type };
        Some(Vouched { entry, ticket: Ticket::new([deleted, era]), since })
    }

    /// Vouches for the sha256 of another algorithm's digest. That is true for ever and for everyone.
    pub(crate) fn vouch_alias(&self, digest: &Digest, canonical: &Digest) -> String {
        self.line(&scope(None, digest), &canonical.to_string())
    }

    /// The sha256 that a voucher names, if it is good here.
    pub(crate) fn read_alias(&self, digest: &Digest, line: &[u8]) -> Option<Digest> {
        self.said(&scope(None, digest), line)?.parse().ok()
    }

    fn line(&self, scope: &str, said: &str) -> String {
        let code = self.code(scope, said).finalize().into_bytes();
        let mut line = format!("{VERSION} ");
        for byte in code {
            line.push_str(&format!("{byte:02x}"));
        }
        line.push(' ');
        line.push_str(said);
        line
    }

    fn said<'a>(&self, scope: &str, line: &'a [u8]) -> Option<&'a str> {
        let line = std::str::from_utf8(line).ok()?;
        let rest = line.strip_prefix(VERSION)?.strip_prefix(' ')?;
        let (code, said) = (rest.get(..CODE_LEN)?, rest.get(CODE_LEN..)?.strip_prefix(' ')?);
        let mut bytes = [0; CODE_LEN / 2];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(code.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        self.code(scope, said).verify_slice(&bytes).ok().map(|()| said)
    }

    fn code(&self, scope: &str, said: &str) -> Hmac<Sha256> {
        let mut code = self.keyed.clone();
        // No part of the scope holds a line break, and it is complete before what is said begins.
        code.update(scope.as_bytes());
        code.update(said.as_bytes());
        code
    }
}

fn scope(held: Option<(&RepositoryName, Content)>, digest: &Digest) -> String {
    match held {
        Some((repository, Content::Blob)) => format!("{VERSION}\nblob\n{repository}\n{digest}\n"),
        Some((repository, Content::Manifest)) => format!("{VERSION}\nmanifest\n{repository}\n{digest}\n"),
        None => format!("{VERSION}\nalias\n{digest}\n"),
    }
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    Hmac::new_from_slice(key).expect("any length will do")
}

#[cfg(test)]
mod tests {
    use wharf_digest::Algorithm;

    use super::*;

    fn sample() -> (RepositoryName, Digest, Vouched) {
        let digest = Algorithm::Sha256.digest(b"x");
        let entry = Entry { canonical: digest, size: 7, media_type: "a/b; c=d \n e".into() };
        ("a/b".parse().unwrap(), digest, Vouched { entry, ticket: Ticket::new([1, u64::MAX]), since: 9 })
    }

    #[test]
    fn a_voucher_says_what_was_vouched_for() {
        let (repository, digest, vouched) = sample();
        let seal = Seal::new(b"secret");
        for content in [Content::Blob, Content::Manifest] {
            let line = seal.vouch(&repository, content, &digest, &vouched);
            assert_eq!(seal.read(&repository, content, &digest, line.as_bytes()).as_ref(), Some(&vouched));
        }
        let alias = Algorithm::Sha512.digest(b"x");
        let line = seal.vouch_alias(&alias, &digest);
        assert_eq!(seal.read_alias(&alias, line.as_bytes()), Some(digest));
        assert_eq!(seal.read_alias(&digest, line.as_bytes()), None);
    }

    #[test]
    fn a_voucher_is_worth_nothing_anywhere_else() {
        let (repository, digest, vouched) = sample();
        let seal = Seal::new(b"secret");
        let line = seal.vouch(&repository, Content::Blob, &digest, &vouched);
        let line = line.as_bytes();
        let other = Algorithm::Sha256.digest(b"y");
        assert_eq!(Seal::new(b"other").read(&repository, Content::Blob, &digest, line), None);
        assert_eq!(seal.read(&"a/c".parse().unwrap(), Content::Blob, &digest, line), None);
        assert_eq!(seal.read(&repository, Content::Manifest, &digest, line), None);
        assert_eq!(seal.read(&repository, Content::Blob, &other, line), None);
        assert_eq!(seal.read_alias(&digest, line), None);
    }

    #[test]
    fn no_byte_of_a_voucher_can_be_changed() {
        let (repository, digest, vouched) = sample();
        let seal = Seal::new(b"secret");
        let line = seal.vouch(&repository, Content::Blob, &digest, &vouched).into_bytes();
        for at in 0..line.len() {
            for change in [1, 0x20, 0x80] {
                let mut changed = line.clone();
                changed[at] ^= change;
                let read = seal.read(&repository, Content::Blob, &digest, &changed);
                // The code may be written in capitals.
                assert!(read.is_none() || changed.eq_ignore_ascii_case(&line), "byte {at}");
            }
            assert_eq!(seal.read(&repository, Content::Blob, &digest, &line[..at]), None);
        }
    }
}
