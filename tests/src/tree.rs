//! What is in a folder, to compare two of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::digest::sha256;

/// The longest text that is shown as it is, in bytes. Links and times are shorter.
const SHOWN: usize = 200;

/// Reads every file below a folder: its path relative to that, and its content, for which a digest stands when it is
/// long or no text. Folders count only by the files in them.
///
/// # Panics
///
/// When something cannot be read.
#[must_use]
pub fn tree(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let entry = entry.unwrap();
        let path = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else {
            files.insert(path, shown(fs::read(entry.path()).unwrap()));
        }
    }
}

/// Gives content as it is compared.
pub(crate) fn shown(content: Vec<u8>) -> String {
    if content.len() > SHOWN {
        return sha256(&content);
    }
    String::from_utf8(content).unwrap_or_else(|error| sha256(error.as_bytes()))
}
