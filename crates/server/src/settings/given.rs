//! Values with a rule that the dialect of the file does not know.

use std::time::Duration;

use wharf_configuration::{Error, Section};

/// A text; none when it is empty.
pub(super) fn text(section: &Section<'_>, key: &str) -> Result<Option<String>, Error> {
    Ok(section.string(key)?.filter(|text| !text.is_empty()))
}

/// A duration above zero; none when it is not given.
pub(super) fn duration(section: &Section<'_>, key: &str) -> Result<Option<Duration>, Error> {
    match section.duration(key)? {
        Some(Duration::ZERO) => Err(section.refuse(key, "a duration above zero, such as 30s")),
        duration => Ok(duration),
    }
}

/// A duration with a unit; none when it is not given. For keys whose reader in Distribution takes no bare number, where
/// someone who writes `168` will hardly mean nanoseconds.
pub(super) fn duration_with_unit(section: &Section<'_>, key: &str) -> Result<Option<Duration>, Error> {
    let bare = section
        .string(key)?
        .is_some_and(|text| text.bytes().all(|byte| byte.is_ascii_digit()) && text != "0");
    if bare {
        return Err(section.refuse(key, "a duration with a unit, such as 30m or 168h"));
    }
    section.duration(key)
}

#[cfg(test)]
mod tests {
    use wharf_configuration::Document;

    use super::*;

    #[test]
    fn durations_say_what_they_mean() {
        let document = Document::parse("c", "{a: 0, b: 168, c: 168h, d: ''}").unwrap();
        let root = document.root();
        let complaint = |result: Result<Option<Duration>, Error>| result.unwrap_err().to_string();
        assert!(complaint(duration(&root, "a")).ends_with("expected a duration above zero, such as 30s"));
        assert!(complaint(duration_with_unit(&root, "b")).ends_with("with a unit, such as 30m or 168h"));
        assert_eq!(duration_with_unit(&root, "c").unwrap(), Some(Duration::from_secs(168 * 3600)));
        assert_eq!(text(&root, "d").unwrap(), None);
    }
}
