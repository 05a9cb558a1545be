//! Files that appear whole or not at all: written aside, synced, renamed, and the folder synced after it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use uuid::Uuid;

/// A path aside for a file that is not whole yet.
pub(crate) fn aside(folder: &Path) -> PathBuf {
    folder.join("ingest").join(Uuid::new_v4().to_string())
}

/// Opens a new file, whose folder may be gone as it was empty.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            File::create_new(path)
        }
        outcome => outcome,
    }
}

/// Writes a whole file, in place of the one that is there.
pub(crate) fn write_file(layout: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let temporary = aside(layout);
    let mut file = create(&temporary)?;
    file.write_all(content)?;
    publish(&file, &temporary, path)
}

/// Moves a file that is whole to where it belongs.
pub(crate) fn publish(file: &File, from: &Path, to: &Path) -> io::Result<()> {
    file.sync_all()?;
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder)?;
    fs::rename(from, to)?;
    File::open(folder)?.sync_all()
}
