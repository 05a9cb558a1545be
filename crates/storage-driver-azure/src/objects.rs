//! Whole small files, and what is in their way.

use bytes::Bytes;
use wharf_storage_driver::{Kind, PutMode, Stat, Version};

use crate::container::Container;
use crate::failure::{Failure, FailureKind};
use crate::segments::Segments;
use crate::service::{Condition, Depth, Etag, ListQuery};

/// How often a blob of another type is cleared away before a write is given up: whoever puts it there again is at work.
const CLEARINGS: usize = 3;

impl Container {
    /// Writes a whole small file.
    pub(crate) async fn put(&self, key: &str, bytes: Bytes, mode: PutMode) -> Result<Version, Failure> {
        let condition = match mode {
            PutMode::Overwrite => return Ok(Version(self.overwrite(key, bytes).await?.0)),
            PutMode::Create => Condition::Absent,
            PutMode::Replace(Version(etag)) if is_etag(&etag) => Condition::Is(Etag(etag)),
            PutMode::Replace(_) => return Err(Failure::new(FailureKind::Changed)),
        };
        let etag = match self.service.put(key, bytes.clone(), condition.clone()).await {
            Err(failure) => match (failure.kind, condition) {
                (FailureKind::Changed | FailureKind::OtherType, Condition::Absent) => {
                    return Err(Failure::new(FailureKind::Exists));
                }
                (FailureKind::Missing | FailureKind::Exists, Condition::Is(_)) => {
                    return Err(Failure::new(FailureKind::Changed));
                }
                // What Distribution 3.0 left as an append blob cannot be replaced in one step: of those who try, one
                // deletes it, and then one creates.
                (FailureKind::OtherType, old @ Condition::Is(_)) => self.exchange(key, bytes, old).await?,
                _ => return Err(failure),
            },
            etag => etag?,
        };
        Ok(Version(etag.0))
    }

    /// Writes whatever is there, also over a blob of another type.
    pub(crate) async fn overwrite(&self, key: &str, body: impl Into<Segments>) -> Result<Etag, Failure> {
        let body = body.into();
        for _ in 0..CLEARINGS {
            match self.service.put(key, body.clone(), Condition::None).await {
                Err(failure) if failure.kind == FailureKind::OtherType => self.clear(key).await?,
                result => return result,
            }
        }
        Err(Failure::new(FailureKind::OtherType))
    }

    /// Deletes a blob of another type in exactly the state in which it is now; another may have done so.
    pub(crate) async fn clear(&self, key: &str) -> Result<(), Failure> {
        let result = match self.service.properties(key).await {
            Ok(properties) => self.service.delete(key, Condition::Is(properties.etag)).await,
            Err(failure) => Err(failure),
        };
        match result {
            Err(failure) if matches!(failure.kind, FailureKind::Missing | FailureKind::Changed) => Ok(()),
            result => result,
        }
    }

    /// What is at a key, or below it.
    pub(crate) async fn stat(&self, key: &str) -> Result<Stat, Failure> {
        match self.file_properties(key).await {
            Ok(properties) => {
                Ok(Stat { kind: Kind::File, size: properties.size, modified: Some(properties.modified) })
            }
            Err(failure) if failure.kind == FailureKind::Missing => {
                if !self.is_anything_below(&format!("{key}/")).await? {
                    return Err(failure);
                }
                Ok(Stat { kind: Kind::Folder, size: 0, modified: None })
            }
            Err(failure) => Err(failure),
        }
    }

    /// Whether any key begins so.
    pub(crate) async fn is_anything_below(&self, prefix: &str) -> Result<bool, Failure> {
        let mut marker = None;
        loop {
            let query = ListQuery {
                prefix,
                depth: Depth::All,
                marker: marker.as_deref(),
                max: 1,
                ..ListQuery::default()
            };
            let page = self.service.list(query).await?;
            match (page.entries.is_empty(), page.next) {
                (false, _) => return Ok(true),
                (true, None) => return Ok(false),
                (true, next) => marker = next,
            }
        }
    }

    async fn exchange(&self, key: &str, bytes: Bytes, old: Condition) -> Result<Etag, Failure> {
        let changed = |failure: Failure| match failure.kind {
            FailureKind::Missing | FailureKind::Changed | FailureKind::Exists => {
                Failure::new(FailureKind::Changed)
            }
            _ => failure,
        };
        self.service.delete(key, old).await.map_err(changed)?;
        self.service.put(key, bytes, Condition::Absent).await.map_err(changed)
    }
}

/// Whether a text can be the state of a blob, so that it can be put into a request.
fn is_etag(text: &str) -> bool {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    !inner.is_empty() && inner != "*" && inner.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{Fake, container};

    #[tokio::test]
    async fn an_old_append_blob_gives_way() {
        let fake = Fake::default();
        let container = container(&fake);
        fake.append_now("a", "old");
        container.put("a", "new".into(), PutMode::Overwrite).await.unwrap();
        assert_eq!(fake.bytes("a").unwrap(), "new");
        let etag = fake.append_now("b", "old");
        let create = container.put("b", "new".into(), PutMode::Create).await.unwrap_err();
        assert_eq!(create.kind, FailureKind::Exists);
        let stale = PutMode::Replace(Version("\"0x1\"".to_owned()));
        assert_eq!(container.put("b", "new".into(), stale).await.unwrap_err().kind, FailureKind::Changed);
        assert_eq!(fake.bytes("b").unwrap(), "old");
        container.put("b", "new".into(), PutMode::Replace(Version(etag.0))).await.unwrap();
        assert_eq!(fake.bytes("b").unwrap(), "new");
    }

    #[test]
    fn only_what_the_service_could_have_said_is_a_state() {
        for text in ["\"0x8D\"", "0x8D"] {
            assert!(is_etag(text));
        }
        for text in ["", "*", "\"\"", "no version of anything", "a\"b", "*\n"] {
            assert!(!is_etag(text), "{text}");
        }
    }
}
