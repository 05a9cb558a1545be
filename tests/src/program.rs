//! Where programs and folders are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// Gives the top folder of the tree.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Gives the program under test: what `WHARF_TESTS_PROGRAM` names, or a release build of this tree.
///
/// # Panics
///
/// When the tree does not build.
pub fn wharf() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| match std::env::var_os("WHARF_TESTS_PROGRAM") {
        Some(program) => PathBuf::from(program),
        None => build(),
    })
}

fn build() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args([
        "build",
        "--locked",
        "--release",
        "--quiet",
        "--package",
        "wharf-server",
    ]);
    assert!(cargo.status().unwrap().success(), "the server does not build");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/wharf")
}

/// Looks for a program in `PATH`, and where administrators' programs are.
#[must_use]
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// Makes an empty folder that disappears when the value is dropped.
///
/// # Panics
///
/// When there is no room for one.
#[must_use]
pub fn scratch() -> TempDir {
    tempfile::Builder::new().prefix("wharf-tests-").tempdir().unwrap()
}
