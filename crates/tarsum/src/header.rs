//! One block of 512 bytes that begins an entry. POSIX.1-1988 (ustar), star, and GNU's old form.

use crate::numbers::{number, text};

/// The size of a block, in bytes.
pub(crate) const BLOCK: usize = 512;

/// What a header says, as Go's reader of 2015 read it: names are not cleaned, types are not put right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) name: Vec<u8>,
    pub(crate) mode: i64,
    pub(crate) uid: i64,
    pub(crate) gid: i64,
    /// The size of the file as it will be unpacked, in bytes.
    pub(crate) size: i64,
    /// When the file was changed, in seconds.
    pub(crate) modified: i64,
    pub(crate) kind: u8,
    pub(crate) link: Vec<u8>,
    pub(crate) owner: Vec<u8>,
    pub(crate) group: Vec<u8>,
    pub(crate) device_major: i64,
    pub(crate) device_minor: i64,
    /// Extended attributes, by name.
    pub(crate) attributes: Vec<(Vec<u8>, Vec<u8>)>,
}

const CHARACTER_DEVICE: u8 = b'3';
const BLOCK_DEVICE: u8 = b'4';

impl Header {
    /// Reads a block; none when it is no header.
    pub(crate) fn read(block: &[u8; BLOCK]) -> Option<Self> {
        if !is_sealed(block) {
            return None;
        }
        let mut header = Self {
            name: text(&block[..100]).to_vec(),
            mode: number(&block[100..108])?,
            uid: number(&block[108..116])?,
            gid: number(&block[116..124])?,
            size: number(&block[124..136]).filter(|size| *size >= 0)?,
            modified: number(&block[136..148])?,
            kind: block[156],
            link: text(&block[157..257]).to_vec(),
            ..Self::default()
        };
        let is_posix = &block[257..263] == b"ustar\0";
        let is_star = is_posix && &block[508..512] == b"tar\0";
        if is_posix || &block[257..265] == b"ustar  \0" {
            header.owner = text(&block[265..297]).to_vec();
            header.group = text(&block[297..329]).to_vec();
            if matches!(header.kind, CHARACTER_DEVICE | BLOCK_DEVICE) {
                header.device_major = number(&block[329..337])?;
                header.device_minor = number(&block[337..345])?;
            }
            let prefix = text(if is_star { &block[345..476] } else { &block[345..500] });
            if !prefix.is_empty() && (is_posix || is_plain(prefix)) {
                header.name = [prefix, b"/", &header.name].concat();
            }
        }
        Some(header)
    }

    /// The path that entries are the same by.
    pub(crate) fn path(&self) -> &[u8] {
        let name = self.name.strip_prefix(b"./").unwrap_or(&self.name);
        name.strip_suffix(b"/").unwrap_or(name)
    }
}

/// Whether what stands at the place of a prefix is one: in GNU's old form there may be times in octal instead.
fn is_plain(prefix: &[u8]) -> bool {
    !prefix.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' '))
}

/// Whether the checksum of a block is right, whichever way bytes beyond 127 were counted.
fn is_sealed(block: &[u8; BLOCK]) -> bool {
    let Some(given) = number(&block[148..156]) else { return false };
    let counted = |position: usize, byte: u8| if (148..156).contains(&position) { b' ' } else { byte };
    let bytes = || block.iter().enumerate().map(|(position, byte)| counted(position, *byte));
    let unsigned: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte as i8)).sum();
    given == unsigned || given == signed
}
