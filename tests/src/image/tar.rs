//! The wrapping of a layer: a tar archive of one file, gzipped without an attempt to make noise smaller.

use std::io::Write as _;

use flate2::{Compression, GzBuilder};

/// The unit that tar archives are made of, in bytes.
const BLOCK: usize = 512;

/// Makes a tar archive of files: a path of at most 100 bytes and a content for each.
#[must_use]
pub fn archive<'a>(files: impl IntoIterator<Item = (String, &'a [u8])>) -> Vec<u8> {
    let mut archive = Vec::new();
    for (path, content) in files {
        archive.extend_from_slice(&header(&path, content.len()));
        archive.extend_from_slice(content);
        archive.resize(archive.len().next_multiple_of(BLOCK), 0);
    }
    archive.resize(archive.len() + 2 * BLOCK, 0);
    archive
}

/// Gzips it; the same bytes give the same bytes.
pub(crate) fn gzip(archive: &[u8]) -> Vec<u8> {
    let room = Vec::with_capacity(archive.len() + archive.len() / 1_000 + 64);
    let mut writer = GzBuilder::new().mtime(0).write(room, Compression::none());
    writer.write_all(archive).unwrap();
    writer.finish().unwrap()
}

/// A header in the ustar format: every number in octal digits.
fn header(path: &str, size: usize) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
