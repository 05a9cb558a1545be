//! oras for Python: a client of another family. Artifacts of any type, POST with PUT, or true chunks with a range each.

use std::fs;
use std::path::{Path, PathBuf};

use wharf_tests::{Client, Server, Settings, installed, noise, scratch, sha256, skip, tree};

use super::sorted;

struct Oras(Client);

impl Oras {
    fn installed() -> Option<Oras> {
        if std::env::var_os("WHARF_TESTS_ORAS_PYTHON").is_none() && installed("python3").is_none() {
            skip("there is no Python");
            return None;
        }
        let python = Client::named_by("WHARF_TESTS_ORAS_PYTHON", "python3")?;
        if !python.succeeds(&["-c", "import oras"]) {
            skip("oras is not installed");
            return None;
        }
        Some(Oras(python.with(["-c", include_str!("oras.py")])))
    }

    fn run(&self, server: &Server, arguments: &[&str]) -> String {
        self.0.run(&[&[server.address().to_string().as_str()], arguments].concat())
    }

    /// Pushes all files of a folder and gives the digest of the manifest that the server told.
    fn push(&self, server: &Server, target: &str, chunk_bytes: usize, files: &Path) -> String {
        let chunk_bytes = chunk_bytes.to_string();
        let files = arguments(files);
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.run(server, &[&["push", target, &chunk_bytes], &files[..]].concat())
    }
}

/// Names every file of a folder as oras wants it, each with a media type of its own.
fn arguments(files: &Path) -> Vec<String> {
    let names = tree(files).into_keys();
    names.map(|name| format!("{}:application/vnd.example.{name}", files.join(&name).display())).collect()
}

/// Writes so many files of so many bytes.
fn write_files(folder: PathBuf, seed: u64, files: u64, bytes: usize) -> PathBuf {
    fs::create_dir(&folder).unwrap();
    for file in 0..files {
        fs::write(folder.join(format!("file-{file}")), noise(seed * 1_000 + file, bytes)).unwrap();
    }
    folder
}

#[test]
fn oras_gets_back_the_files_that_it_pushed() {
    let Some(oras) = Oras::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    // One small file; 60 small ones; 500 MB in six; 100 MB in six, in pieces of 4 MiB each.
    for (name, files, bytes, chunk) in [
        ("small", 1, 1_000, 0),
        ("many", 60, 20_000, 0),
        ("large", 6, 83_333_333, 0),
        ("chunks", 6, 16_666_667, 4 << 20),
    ] {
        let pushed = write_files(scratch.path().join(name), files + bytes as u64, files, bytes);
        let target = format!("artifacts/{name}:v1");
        let digest = oras.push(&server, &target, chunk, &pushed);
        let manifest = server.get_manifest(&format!("artifacts/{name}"), "v1").expect(200);
        assert_eq!(sha256(&manifest.body), digest);
        let pulled = scratch.path().join(format!("pulled-{name}"));
        oras.run(&server, &["pull", &target, pulled.to_str().unwrap()]);
        assert_eq!(tree(&pushed), tree(&pulled));
    }
}

#[test]
fn oras_attaches_an_artifact_to_another_one() {
    let Some(oras) = Oras::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    let files = write_files(scratch.path().join("files"), 1, 2, 1_000);
    let subject = oras.push(&server, "attached/to:v1", 0, &files);
    let manifest = server.get_manifest("attached/to", "v1").expect(200);
    let (media_type, size) = (manifest.the("content-type").to_owned(), manifest.body.len().to_string());
    let files = arguments(&write_files(scratch.path().join("more"), 2, 1, 500));
    let attached =
        oras.run(&server, &["attach", "attached/to:signature", &media_type, &subject, &size, &files[0]]);
    let referrers = server.get(&format!("/v2/attached/to/referrers/{subject}")).expect(200).json();
    assert_eq!(referrers["manifests"].as_array().map(Vec::len), Some(1), "{referrers}");
    assert_eq!(referrers["manifests"][0]["digest"], attached);
}

#[test]
fn oras_lists_and_deletes_tags() {
    let Some(oras) = Oras::installed() else { return };
    let (server, scratch) = (Server::wharf(&Settings::filesystem()), scratch());
    for tag in ["one", "two"] {
        let files =
            write_files(scratch.path().join(tag), tag.len() as u64 + u64::from(tag.as_bytes()[0]), 1, 100);
        oras.push(&server, &format!("tagged/files:{tag}"), 0, &files);
    }
    assert_eq!(sorted(&oras.run(&server, &["tags", "tagged/files"])), ["one", "two"]);
    oras.run(&server, &["delete", "tagged/files", "one"]);
    assert_eq!(oras.run(&server, &["tags", "tagged/files"]), "two");
}
