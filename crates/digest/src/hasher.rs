//! A hash that is computed while bytes pass, and can stop in one process and go on in another.

use std::fmt;

use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::state::{self, InvalidState, Words};
use crate::{Algorithm, Digest};

/// A running hash of the bytes seen so far.
#[derive(Clone)]
pub struct Hasher {
    state: State,
    len: u64,
}

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// A hash of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        };
        Self { state, len: 0 }
    }

    /// The algorithm that is computed.
    pub const fn algorithm(&self) -> Algorithm {
        match self.state {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha384(_) => Algorithm::Sha384,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// Takes the next bytes of the content.
    pub fn update(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        match &mut self.state {
            State::Sha256(hash) => hash.update(bytes),
            State::Sha384(hash) => hash.update(bytes),
            State::Sha512(hash) => hash.update(bytes),
        }
    }

    /// How many bytes were taken since the hash began, in bytes, those before a [`resume`](Self::resume) included.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether no byte was taken yet.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The digest of all bytes taken.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        match self.state {
            State::Sha256(hash) => Digest::from_hash(algorithm, &hash.finalize()),
            State::Sha384(hash) => Digest::from_hash(algorithm, &hash.finalize()),
            State::Sha512(hash) => Digest::from_hash(algorithm, &hash.finalize()),
        }
    }

    /// Writes the state down in the form that Go's `crypto/sha256` and `crypto/sha512` marshal: 108 bytes for sha256,
    /// 204 for the others.
    ///
    /// The state is no secret, but whoever can change it can make wrong content pass: keep it where only servers write.
    pub fn save(&self) -> Vec<u8> {
        let algorithm = self.algorithm();
        match &self.state {
            State::Sha256(hash) => state::save(algorithm, &hash.serialize(), self.len),
            State::Sha384(hash) => state::save(algorithm, &hash.serialize(), self.len),
            State::Sha512(hash) => state::save(algorithm, &hash.serialize(), self.len),
        }
    }

    /// Goes on with a hash from a state that [`save`](Self::save), or a server written in Go, left behind.
    ///
    /// # Errors
    ///
    /// When the bytes are no state of this algorithm.
    pub fn resume(algorithm: Algorithm, saved: &[u8]) -> Result<Self, InvalidState> {
        let Words { serialized, len } = state::load(algorithm, saved)?;
        let state = match algorithm {
            Algorithm::Sha256 => State::Sha256(state::restore(&serialized)?),
            Algorithm::Sha384 => State::Sha384(state::restore(&serialized)?),
            Algorithm::Sha512 => State::Sha512(state::restore(&serialized)?),
        };
        Ok(Self { state, len })
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hasher")
            .field("algorithm", &self.algorithm())
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// NIST's examples, FIPS 180-4: the digests of nothing, of "abc" and of a million times "a".
    const KNOWN: [(Algorithm, [&str; 3]); 3] = [
        (
            Algorithm::Sha256,
            [
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
            ],
        ),
        (
            Algorithm::Sha384,
            [
                "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b",
                "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
                "9d0e1809716474cb086e834e310a4a1ced149e9c00f248527972cec5704c2a5b07b8b3dc38ecc4ebae97ddd87f3d8985",
            ],
        ),
        (
            Algorithm::Sha512,
            [
                "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
                "e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973ebde0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b",
            ],
        ),
    ];

    #[test]
    fn known_answers_come_out() {
        for (algorithm, [nothing, abc, million]) in KNOWN {
            assert_eq!(algorithm.digest(b"").hex(), nothing);
            assert_eq!(algorithm.digest(b"abc").hex(), abc);
            assert_eq!(algorithm.digest(&vec![b'a'; 1_000_000]).hex(), million);
        }
    }

    #[test]
    fn a_million_bytes_one_thousand_at_a_time_are_a_million_bytes() {
        for (algorithm, [_, _, million]) in KNOWN {
            let mut hasher = Hasher::new(algorithm);
            assert!(hasher.is_empty());
            for _ in 0..1000 {
                hasher.update(&[b'a'; 1000]);
            }
            assert_eq!(hasher.len(), 1_000_000);
            assert_eq!(hasher.finish().hex(), million);
        }
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(b"ab");
        let copy = hasher.clone();
        hasher.update(b"c");
        assert_eq!(hasher.finish(), Algorithm::Sha256.digest(b"abc"));
        assert_eq!(copy.finish(), Algorithm::Sha256.digest(b"ab"));
    }

    proptest! {
        #[test]
        fn a_hash_may_stop_and_go_on_anywhere(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
            algorithm in prop::sample::select(Algorithm::ALL.to_vec()),
        ) {
            let mut hasher = Hasher::new(algorithm);
            for piece in &pieces {
                hasher.update(piece);
                let saved = hasher.save();
                hasher = Hasher::resume(algorithm, &saved).unwrap();
                prop_assert_eq!(hasher.save(), saved);
            }
            let whole = pieces.concat();
            prop_assert_eq!(hasher.len(), whole.len() as u64);
            prop_assert_eq!(hasher.finish(), algorithm.digest(&whole));
        }
    }
}
