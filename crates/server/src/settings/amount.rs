//! Numbers that must lie between two others, and complaints that name both.

use std::ops::RangeInclusive;

use wharf_configuration::{Error, Section};

/// A size in bytes within a range; none when it is not given.
pub(super) fn size(
    section: &Section<'_>,
    key: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, Error> {
    match section.bytes(key)? {
        Some(size) if !range.contains(&size) => {
            let expected = format!("a size from {} to {}", short(*range.start()), short(*range.end()));
            Err(section.refuse(key, &expected))
        }
        size => Ok(size),
    }
}

/// A whole number within a range; none when it is not given.
pub(super) fn number(
    section: &Section<'_>,
    key: &str,
    range: RangeInclusive<u64>,
) -> Result<Option<u64>, Error> {
    match section.integer::<i128>(key)? {
        Some(number) => match u64::try_from(number).ok().filter(|number| range.contains(number)) {
            Some(number) => Ok(Some(number)),
            None => {
                let expected = match *range.end() {
                    u64::MAX => format!("a whole number that is at least {}", range.start()),
                    most => format!("a whole number from {} to {most}", range.start()),
                };
                Err(section.refuse(key, &expected))
            }
        },
        None => Ok(None),
    }
}

/// A number of things, at least one; none when it is not given.
pub(super) fn count(section: &Section<'_>, key: &str) -> Result<Option<usize>, Error> {
    Ok(number(section, key, 1..=u64::MAX)?.map(|count| usize::try_from(count).unwrap_or(usize::MAX)))
}

/// Puts a value where a default is, if one is given.
pub(super) fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

/// A size as people write it.
fn short(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    fn complaint<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn complaints_name_both_ends() {
        let document =
            Document::parse("c", "{a: 1, b: 6MiB, c: '5242880', d: 0, e: 10MB, f: -3, g: 168, h: 168h}")
                .unwrap();
        let root = document.root();
        let part = || (5 << 20)..=(5 << 30);
        assert_eq!(
            complaint(size(&root, "a", part())),
            "c:1:5: a: found 1, expected a size from 5MiB to 5GiB"
        );
        assert_eq!(size(&root, "b", part()).unwrap(), Some(6 << 20));
        assert_eq!(size(&root, "c", part()).unwrap(), Some(5 << 20));
        assert_eq!(size(&root, "e", part()).unwrap(), Some(10_000_000));
        assert_eq!(size(&root, "z", part()).unwrap(), None);
        assert!(
            complaint(count(&root, "d")).ends_with("found 0, expected a whole number that is at least 1")
        );
        assert!(
            complaint(number(&root, "f", 1..=7)).ends_with("found -3, expected a whole number from 1 to 7")
        );
    }
}
