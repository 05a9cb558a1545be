//! Asks of mutated manifests what the fuzzer asks of its own, on stable Rust and within seconds.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use proptest::{collection::vec, prelude::*, sample::select};

#[path = "../fuzz/laws.rs"]
mod laws;

/// Pieces of JSON that are likely to be wrong somewhere.
const PIECES: &[&str] = &[
    "null",
    "-1",
    "1e999",
    "[]",
    "{}",
    "\"\"",
    "{",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\ud800",
    "\u{feff}",
    "[[[[",
    "\"manifests\":[],",
    "\"config\":",
    "\"Layers\":[],",
    "\"schemaVersion\":1,",
    "\"mediaType\":\"\",",
    "\"subject\":null,",
    "\"digest\":\"md5:00\",",
    "\"data\":\"e30=\",",
    "\"size\":9223372036854775808,",
];

#[derive(Clone, Debug)]
enum Mutation {
    Insert(&'static str),
    Overwrite(u8),
    Remove(usize),
    Repeat(usize),
}

fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/parse");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        4 => select(PIECES).prop_map(Mutation::Insert),
        2 => any::<u8>().prop_map(Mutation::Overwrite),
        2 => (1..80_usize).prop_map(Mutation::Remove),
        1 => (1..200_usize).prop_map(Mutation::Repeat),
    ]
}

fn apply(bytes: &mut Vec<u8>, at: prop::sample::Index, mutation: &Mutation) {
    let at = at.index(bytes.len() + 1);
    let end = |count: usize| (at + count).min(bytes.len());
    match *mutation {
        Mutation::Insert(piece) => drop(bytes.splice(at..at, piece.bytes())),
        Mutation::Overwrite(byte) => drop(bytes.splice(at..end(1), [byte])),
        Mutation::Remove(count) => drop(bytes.drain(at..end(count))),
        Mutation::Repeat(count) => {
            let piece = bytes[at..end(count)].to_vec();
            drop(bytes.splice(at..at, piece));
        }
    }
}

#[test]
fn the_corpus_itself_keeps_the_laws() {
    let corpus = corpus();
    assert!(corpus.len() >= 8);
    corpus.iter().for_each(|bytes| laws::hold(bytes));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn mutated_manifests_keep_the_laws(
        mut bytes in select(corpus()),
        mutations in vec((any::<prop::sample::Index>(), mutation()), 1..4),
    ) {
        for (at, mutation) in &mutations {
            apply(&mut bytes, *at, mutation);
        }
        laws::hold(&bytes);
    }

    #[test]
    fn any_bytes_keep_the_laws(bytes in vec(any::<u8>(), 0..64)) {
        laws::hold(&bytes);
    }
}
