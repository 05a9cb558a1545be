//! Paths without detours: nothing behind this sees an empty part, `.` or `..`.

/// Takes empty parts, `.` and `..` out of a path that begins with a slash; none when it has none of them. A slash at the end
/// stays, and `..` never leads above the first part.
pub(super) fn clean(path: &str) -> Option<String> {
    let parts = path.strip_prefix('/')?;
    // The slash at the end of a path is not an empty part.
    let body = parts.strip_suffix('/').unwrap_or(parts);
    let is_clean = parts.is_empty() || body.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if is_clean {
        return None;
    }
    let mut kept = Vec::new();
    for part in parts.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            part => kept.push(part),
        }
    }
    let end = if parts.ends_with('/') && !kept.is_empty() { "/" } else { "" };
    Some(format!("/{}{end}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_clean_path_stays() {
        for path in ["/", "/a", "/a/", "/a/b/", "/.a/b..", "/...", "/a/.../b"] {
            assert_eq!(clean(path), None, "{path}");
        }
    }

    #[test]
    fn detours_are_taken_out() {
        for (path, cleaned) in [
            ("//", "/"),
            ("///", "/"),
            ("/.", "/"),
            ("/..", "/"),
            ("/../", "/"),
            ("/a//b", "/a/b"),
            ("/a/b//", "/a/b/"),
            ("/a/./b/", "/a/b/"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/..", "/a"),
            ("/a/b/../", "/a/"),
            ("/../../a", "/a"),
            ("//evil.example/a", "/evil.example/a"),
        ] {
            assert_eq!(clean(path).as_deref(), Some(cleaned), "{path}");
        }
    }

    proptest! {
        #[test]
        fn what_was_cleaned_is_clean(path in "/([a./]|\\.\\./){0,20}") {
            if let Some(cleaned) = clean(&path) {
                prop_assert_ne!(&cleaned, &path);
                prop_assert!(cleaned.starts_with('/') && !cleaned.starts_with("//"));
                prop_assert_eq!(clean(&cleaned), None);
            }
        }
    }
}
