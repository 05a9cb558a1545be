//! The records of an extended header: `length key=value` lines. POSIX.1-2001, pax.

use crate::header::Header;

/// What PAX says of extended attributes begins with this.
const ATTRIBUTE: &[u8] = b"SCHILY.xattr.";

/// The records, in the order of the archive.
pub(crate) type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// Reads records; none when they are none.
pub(crate) fn read(mut bytes: &[u8]) -> Option<Records> {
    let mut records = Records::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ')?;
        let length = usize::try_from(decimal(&bytes[..space])?).ok()?;
        let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
        let equals = record.iter().position(|byte| *byte == b'=')?;
        records.push((record[..equals].to_vec(), record[equals + 1..].to_vec()));
        bytes = &bytes[length..];
    }
    Some(records)
}

/// Lets records say what a header could not; none when a number is none.
pub(crate) fn merge(header: &mut Header, records: &Records) -> Option<()> {
    for (key, value) in records {
        match key.as_slice() {
            b"path" => header.name.clone_from(value),
            b"linkpath" => header.link.clone_from(value),
            b"uname" => header.owner.clone_from(value),
            b"gname" => header.group.clone_from(value),
            b"uid" => header.uid = decimal(value)?,
            b"gid" => header.gid = decimal(value)?,
            b"size" => header.size = decimal(value).filter(|size| *size >= 0)?,
            b"mtime" => header.modified = seconds(value)?,
            _ => {
                if let Some(name) = key.strip_prefix(ATTRIBUTE) {
                    header.attributes.retain(|(known, _)| known != name);
                    header.attributes.push((name.to_vec(), value.clone()));
                }
            }
        }
    }
    header.attributes.sort();
    Some(())
}

/// Reads a whole number.
pub(crate) fn decimal(text: &[u8]) -> Option<i64> {
    str::from_utf8(text).ok()?.parse().ok()
}

/// Reads a time, of which only whole seconds count.
fn seconds(text: &[u8]) -> Option<i64> {
    let point = text.iter().position(|byte| *byte == b'.').unwrap_or(text.len());
    let fraction = text.get(point + 1..).unwrap_or_default();
    let whole = decimal(&text[..point])?;
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let is_before = text.first() == Some(&b'-') && fraction.iter().any(|digit| *digit != b'0');
    whole.checked_sub(i64::from(is_before))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn records_are_cut_by_their_lengths() {
        let records = read(b"12 path=a b\n10 k=v\n=w\n").unwrap();
        assert_eq!(records, [(b"path".to_vec(), b"a b".to_vec()), (b"k".to_vec(), b"v\n=w".to_vec())]);
        assert_eq!(read(b""), Some(Vec::new()));
        for bytes in [
            &b"12 path=a b"[..],
            b"x",
            b"9 path=a b\n",
            b"6 pat\n",
            b"0 a=b\n",
            b"-1 a=b\n",
            b"2 a=b\n",
            b"99999999999999999999 a=b\n",
        ] {
            assert_eq!(read(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn records_say_what_headers_cannot() {
        let mut header = Header::default();
        let record = |key: &str, value: &str| (key.as_bytes().to_vec(), value.as_bytes().to_vec());
        let records = vec![
            record("path", "p"),
            record("uid", "7"),
            record("size", "9"),
            record("mtime", "1000000000.9"),
            record("SCHILY.xattr.b", "2"),
            record("SCHILY.xattr.a", "1"),
            record("SCHILY.xattr.b", "3"),
        ];
        merge(&mut header, &records).unwrap();
        assert_eq!(
            (header.name.as_slice(), header.uid, header.size, header.modified),
            (&b"p"[..], 7, 9, 1_000_000_000)
        );
        assert_eq!(header.attributes, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"3".to_vec())]);
        assert_eq!(merge(&mut header, &vec![record("uid", "x")]), None);
        assert_eq!(merge(&mut header, &vec![record("size", "-1")]), None);
        assert_eq!(merge(&mut header, &vec![record("mtime", "1.x")]), None);
        merge(&mut header, &vec![record("mtime", "-1.5")]).unwrap();
        assert_eq!(header.modified, -2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(records) = read(&bytes) {
                merge(&mut Header::default(), &records);
            }
        }
    }
}
