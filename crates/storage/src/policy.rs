//! What an operator forbids though the protocol allows it: tags that move, images of the wrong class.

use std::fmt;
use std::sync::Arc;

use wharf_manifest::{Kind, Manifest, media_type};
use wharf_reference::{RepositoryName, Tag};
use wharf_registry::Error;

/// Which tags keep what they point to once they are set. None by default.
///
/// Such a tag is neither moved nor deleted, nor is the manifest that it points to. Of several requests at once, here or on
/// other replicas, that set it to different manifests, one succeeds; where the store has no conditional writes, replicas
/// may not notice each other.
#[derive(Clone, Default)]
pub struct ImmutableTags(Option<Arc<ImmutabilityRule>>);

type ImmutabilityRule = dyn Fn(&RepositoryName, &Tag) -> Option<String> + Send + Sync;

impl ImmutableTags {
    /// Those for which `rule` gives a text that says why, for people.
    pub fn by(rule: impl Fn(&RepositoryName, &Tag) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(rule)))
    }

    /// Whether there are no such tags.
    pub fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// Why a tag is immutable; none when it is not.
    pub fn rule(&self, repository: &RepositoryName, tag: &Tag) -> Option<String> {
        self.0.as_ref().and_then(|rule| rule(repository, tag))
    }
}

impl fmt::Debug for ImmutableTags {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ImmutableTags").field("some", &self.0.is_some()).finish()
    }
}

/// Refuses an image whose class is not among `classes`; none of them means all. Then it has to be among those that the
/// client may push, too, where there are such. Lists of images have no class.
pub(crate) fn check_class(
    classes: &[String],
    of_client: Option<&[String]>,
    manifest: &Manifest,
) -> Result<(), Error> {
    if classes.is_empty() || !matches!(manifest.kind(), Kind::DockerManifest | Kind::OciImage) {
        return Ok(());
    }
    let config = manifest.config().map(|config| config.media_type.as_str()).unwrap_or_default();
    let class = match config {
        media_type::DOCKER_CONFIG | media_type::OCI_CONFIG => "image",
        media_type::DOCKER_PLUGIN_CONFIG => "plugin",
        other => return Err(Error::Denied(format!("unknown manifest class for {other}"))),
    };
    if !classes.iter().any(|allowed| allowed == class) {
        return Err(Error::Denied(format!("registry does not allow {class} manifest")));
    }
    if of_client.is_some_and(|allowed| !allowed.iter().any(|allowed| allowed == class)) {
        return Err(Error::Denied(format!("repository not authorized for {class} manifest")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(config: &str) -> Manifest {
        let digest = wharf_digest::Algorithm::Sha256.digest(b"");
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"{config}","digest":"{digest}","size":0}},"layers":[]}}"#,
            media_type::OCI_MANIFEST
        );
        Manifest::parse(Some(media_type::OCI_MANIFEST), text.into()).unwrap()
    }

    #[test]
    fn an_image_is_taken_by_its_class() {
        let check = |classes: &[&str], config: &str| {
            let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
            check_class(&classes, None, &image(config)).map_err(|error| error.to_string())
        };
        assert_eq!(check(&[], "application/x"), Ok(()));
        assert_eq!(check(&["image"], media_type::OCI_CONFIG), Ok(()));
        assert_eq!(check(&["plugin", "image"], media_type::DOCKER_CONFIG), Ok(()));
        let refused = check(&["image"], media_type::DOCKER_PLUGIN_CONFIG);
        assert_eq!(refused, Err("registry does not allow plugin manifest".to_owned()));
        let unknown = check(&["image"], "application/x");
        assert_eq!(unknown, Err("unknown manifest class for application/x".to_owned()));
    }

    #[test]
    fn a_client_pushes_the_classes_that_its_credentials_name_where_classes_count() {
        let both = ["image".to_owned(), "plugin".to_owned()];
        let check = |classes: &[String], of_client: &[&str], config: &str| {
            let of_client: Vec<String> = of_client.iter().map(|class| (*class).to_owned()).collect();
            check_class(classes, Some(&of_client), &image(config)).map_err(|error| error.to_string())
        };
        assert_eq!(check(&both, &["plugin"], media_type::DOCKER_PLUGIN_CONFIG), Ok(()));
        assert_eq!(check(&both, &["plugin", "image"], media_type::OCI_CONFIG), Ok(()));
        let refused = check(&both, &["plugin"], media_type::OCI_CONFIG);
        assert_eq!(refused, Err("repository not authorized for image manifest".to_owned()));
        let refused = check(&both[..1], &["plugin"], media_type::DOCKER_PLUGIN_CONFIG);
        assert_eq!(refused, Err("registry does not allow plugin manifest".to_owned()));
        assert_eq!(check(&[], &["plugin"], media_type::OCI_CONFIG), Ok(()));
    }
}
