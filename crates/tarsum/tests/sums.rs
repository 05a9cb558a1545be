//! Whole archives: the published vectors, every form of header, and what is no tar.

use proptest::prelude::*;
use wharf_digest::{Algorithm, Hasher};
use wharf_tarsum::{NotTar, Summer, TarSum, Version};

const EMPTY: &str = "tarsum.v1+sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const ENTRY_V0: &str = "74064687ab5940dd1fee358466a470a97957fb09972c156512e03e2292406e41";
const ENTRY_V1: &str = "342f7ceec638a72c4e3e8c06ca977bd1b04e13609d870556b3cada6f3635980a";
const SUM_V0: &str = "tarsum+sha256:17bd8694e046b2994b851a8c824e4dc14368db259077544544083cafd467d3d3";
const SUM_V1: &str = "tarsum.v1+sha256:0144b9a2c45804debe328151a0c59427f7b9ff28660d9b882fa43f88a71d300c";

/// A header in ustar form with everything but its checksum.
fn block(name: &str, kind: u8, size: u64) -> [u8; 512] {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[108..115].copy_from_slice(b"0000000");
    block[116..123].copy_from_slice(b"0000000");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(format!("{:011o}", 1_000_000_000).as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    block
}

fn sealed(mut block: [u8; 512]) -> Vec<u8> {
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.to_vec()
}

fn padded(mut archive: Vec<u8>, content: &[u8]) -> Vec<u8> {
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(512), 0);
    archive
}

fn entry(name: &str, kind: u8, content: &[u8]) -> Vec<u8> {
    padded(sealed(block(name, kind, content.len() as u64)), content)
}

fn vector() -> Vec<u8> {
    entry("file.txt", b'0', b"hello")
}

fn ended(mut archive: Vec<u8>) -> Vec<u8> {
    archive.extend([0; 1024]);
    archive
}

fn sum_of(version: Version, pieces: &[&[u8]]) -> Result<TarSum, NotTar> {
    let mut summer = Summer::new(version, Algorithm::Sha256);
    pieces.iter().try_for_each(|piece| summer.push(piece))?;
    summer.finish()
}

fn v1(archive: &[u8]) -> Result<String, NotTar> {
    sum_of(Version::V1, &[archive]).map(|sum| sum.to_string())
}

/// The sum of sums of entries.
fn joined(sums: &[&str]) -> String {
    format!("tarsum.v1+{}", Algorithm::Sha256.digest(sums.concat().as_bytes()))
}

/// The sum of one entry in version 1, from its header's fields.
fn by_hand(fields: &[(&str, &str)], content: &[u8]) -> String {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    for (key, value) in fields {
        hasher.update(key.as_bytes());
        hasher.update(value.as_bytes());
    }
    hasher.update(content);
    hasher.finish().hex()
}

fn fields<'a>(name: &'a str, size: &'a str, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", name),
        ("mode", "420"),
        ("uid", "0"),
        ("gid", "0"),
        ("size", size),
        ("typeflag", kind),
        ("linkname", ""),
        ("uname", ""),
        ("gname", ""),
        ("devmajor", "0"),
        ("devminor", "0"),
    ]
}

#[test]
fn the_published_vectors_hold() {
    assert_eq!(v1(b"").unwrap(), EMPTY);
    assert_eq!(v1(&[0; 1024]).unwrap(), EMPTY);
    assert_eq!(sum_of(Version::V0, &[&ended(vector())]).unwrap().to_string(), SUM_V0);
    assert_eq!(v1(&ended(vector())).unwrap(), SUM_V1);
    assert_eq!(joined(&[ENTRY_V1]), SUM_V1);
    assert_eq!(SUM_V0, format!("tarsum+{}", Algorithm::Sha256.digest(ENTRY_V0.as_bytes())));
    assert_eq!(by_hand(&fields("file.txt", "5", "0"), b"hello"), ENTRY_V1);
    let dev = sum_of(Version::Dev, &[&vector()]).unwrap().to_string();
    assert_eq!(dev, SUM_V1.replace(".v1", ".dev"));
}

#[test]
fn another_hash_is_used_for_entries_and_for_the_whole() {
    let mut summer = Summer::new(Version::V1, Algorithm::Sha512);
    summer.push(&vector()).unwrap();
    let sum = summer.finish().unwrap();
    assert_eq!((sum.hash_name(), sum.hex().len()), ("sha512", 128));
    assert!(Summer::verifying(&"tarsum+md5:ab".parse().unwrap()).is_err());
}

#[test]
fn the_order_of_entries_does_not_count_but_for_one_path() {
    let (a, b) = (entry("a", b'0', b"1"), entry("b", b'0', b"2"));
    assert_eq!(v1(&[&*a, &*b].concat()), v1(&[&*b, &*a].concat()));
    let (first, second) = (entry("./d/", b'5', b""), entry("d", b'0', b"x"));
    let there = v1(&[&*first, &*second].concat()).unwrap();
    let back = v1(&[&*second, &*first].concat()).unwrap();
    assert_ne!(there, back);
    let sums = [by_hand(&fields("./d/", "0", "5"), b""), by_hand(&fields("d", "1", "0"), b"x")];
    assert_eq!(there, joined(&[&sums[0], &sums[1]]));
    assert_eq!(back, joined(&[&sums[1], &sums[0]]));
}

#[test]
fn the_end_may_be_missing_or_filled_up() {
    for end in [0, 512, 1024, 10_240] {
        let mut archive = vector();
        archive.resize(archive.len() + end, 0);
        assert_eq!(v1(&archive).unwrap(), SUM_V1, "{end}");
    }
    assert_eq!(v1(&vector()[..517]).unwrap(), SUM_V1, "without the padding of the last file");
}

#[test]
fn what_is_no_tar_is_refused() {
    let mut wrong = vector();
    wrong[0] ^= 1;
    assert_eq!(v1(&wrong), Err(NotTar::Header(1)));
    assert_eq!(v1(&[b'x'; 512]), Err(NotTar::Header(1)));
    assert_eq!(v1(b"gzip or so"), Err(NotTar::Cut(1)));
    assert_eq!(v1(&vector()[..516]), Err(NotTar::Cut(1)));
    assert_eq!(v1(&vector()[..511]), Err(NotTar::Cut(1)));
    assert_eq!(v1(&[ended(vector()), vec![1]].concat()), Err(NotTar::Trailing));
    assert_eq!(v1(&[vec![0; 512], vector()].concat()), Err(NotTar::Header(1)));
    let mut negative = block("a", b'0', 0);
    negative[124..136].fill(0xff);
    assert_eq!(v1(&sealed(negative)), Err(NotTar::Header(1)));
    let mut huge = block("a", b'x', 0);
    huge[124..135].copy_from_slice(b"77777777777");
    assert_eq!(v1(&sealed(huge)), Err(NotTar::TooLarge(1)));
    assert_eq!(v1(&entry("x", b'x', b"nonsense")), Err(NotTar::Extension(1)));
    assert_eq!(v1(&entry("x", b'x', b"12 path=a/b\n")[..1024]), Err(NotTar::Cut(1)));
}

#[test]
fn long_names_and_attributes_are_those_of_extensions() {
    let long = "d/".repeat(120) + "f";
    let expected = joined(&[&by_hand(&fields(&long, "2", "0"), b"ok")]);
    let gnu = [entry("././@LongLink", b'L', format!("{long}\0").as_bytes()), entry("cut", b'0', b"ok")];
    assert_eq!(v1(&gnu.concat()).unwrap(), expected);
    let record = format!("path={long}\n");
    let record = format!("{} {record}", record.len() + 4);
    let pax = [entry("pax", b'x', record.as_bytes()), entry("cut", b'0', b"ok")];
    assert_eq!(v1(&pax.concat()).unwrap(), expected);

    let xattrs = b"22 SCHILY.xattr.b.c=2\n20 SCHILY.xattr.a=1\n";
    let archive = [entry("pax", b'x', xattrs), entry("f", b'0', b"")].concat();
    let mut with = fields("f", "0", "0");
    with.extend([("a", "1"), ("b.c", "2")]);
    assert_eq!(v1(&archive).unwrap(), joined(&[&by_hand(&with, b"")]));
    let v0 = |archive: &[u8]| sum_of(Version::V0, &[archive]).unwrap();
    assert_eq!(v0(&archive), v0(&entry("f", b'0', b"")), "version 0 knows no attributes");
}

#[test]
fn numbers_beyond_octal_are_read() {
    let mut large = block("f", b'0', 0);
    large[108..116].fill(0);
    large[108] = 0x80;
    large[112..116].copy_from_slice(&3_000_000_000_u32.to_be_bytes());
    let mut expected = fields("f", "0", "0");
    expected[2] = ("uid", "3000000000");
    assert_eq!(v1(&sealed(large)).unwrap(), joined(&[&by_hand(&expected, b"")]));
}

#[test]
fn every_form_of_a_sparse_file_sums_to_what_it_unpacks_to() {
    let content = [&[0; 512][..], b"data", &[0; 84]].concat();
    let expected = |kind| joined(&[&by_hand(&fields("s", "600", kind), &content)]);

    let mut old = block("s", b'S', 4);
    old[257..265].copy_from_slice(b"ustar  \0");
    old[386..409].copy_from_slice(b"00000001000\x0000000000004");
    old[483..494].copy_from_slice(b"00000001130");
    assert_eq!(v1(&padded(sealed(old), b"data")).unwrap(), expected("S"));

    let pax = |records: &[&str], stored: &[u8]| {
        let lines: String = records.iter().map(|text| format!("{} {text}\n", text.len() + 4)).collect();
        v1(&[entry("p", b'x', lines.as_bytes()), entry("GNUSparseFile.0/s", b'0', stored)].concat())
    };
    let name = "GNU.sparse.name=s";
    let map = ["GNU.sparse.size=600", name, "GNU.sparse.map=512,4"];
    assert_eq!(pax(&map, b"data").unwrap(), expected("0"));
    let parts = ["GNU.sparse.size=600", name, "GNU.sparse.offset=512", "GNU.sparse.numbytes=4"];
    assert_eq!(pax(&parts, b"data").unwrap(), expected("0"));
    let in_body = ["GNU.sparse.major=1", "GNU.sparse.minor=0", name, "GNU.sparse.realsize=600"];
    let stored = [padded(Vec::new(), b"1\n512\n4\n"), b"data".to_vec()].concat();
    assert_eq!(pax(&in_body, &stored).unwrap(), expected("0"));

    for map in ["512", "x,4", "512,5", "599,4", "-1,4", "18446744073709551615,4"] {
        let records = ["GNU.sparse.size=600", &format!("GNU.sparse.map={map}")];
        assert_eq!(pax(&records, b"data"), Err(NotTar::Sparse(1)), "{map}");
    }
    let holes = ["GNU.sparse.size=9223372036854775807", "GNU.sparse.map=512,4"];
    assert_eq!(pax(&holes, b"data"), Err(NotTar::Sparse(1)), "holes have a limit");
    assert_eq!(pax(&in_body, &padded(Vec::new(), b"99999999\n")), Err(NotTar::Sparse(1)));
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_makes_no_difference(
        files in prop::collection::vec(("[a-c]{1,3}", prop::collection::vec(any::<u8>(), 0..1500)), 0..5),
        cuts in prop::collection::vec(1..900_usize, 1..20),
    ) {
        let archive = ended(files.iter().flat_map(|(name, content)| entry(name, b'0', content)).collect());
        let mut rest = archive.as_slice();
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() { break }
            let (piece, left) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        prop_assert_eq!(sum_of(Version::V1, &pieces), sum_of(Version::V1, &[&archive]));
    }

    #[test]
    fn any_change_of_a_file_is_noticed(content in prop::collection::vec(any::<u8>(), 1..600), at in any::<prop::sample::Index>()) {
        let sum = v1(&entry("f", b'0', &content)).unwrap();
        let mut changed = content.clone();
        changed[at.index(content.len())] ^= 1;
        prop_assert_ne!(v1(&entry("f", b'0', &changed)).unwrap(), sum);
    }

    #[test]
    fn any_bytes_are_survived(
        mut archive in prop::collection::vec(any::<u8>(), 0..3000), headers in any::<[bool; 5]>(),
        kind in prop::sample::select(&b"0xLKSg5\0"[..]), size in 0..2000_u64,
    ) {
        for (index, is_header) in headers.into_iter().enumerate() {
            if let Some(place) = archive.get_mut(index * 512..(index + 1) * 512).filter(|_| is_header) {
                place.copy_from_slice(&sealed(block("n", kind, size)));
            }
        }
        let _ = v1(&archive);
    }
}
