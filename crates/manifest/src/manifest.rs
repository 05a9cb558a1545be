//! A manifest: its exact bytes, and beside them what they say.

use std::{collections::BTreeMap, iter};

use bytes::Bytes;
use wharf_digest::Digest;

use crate::{
    descriptor::{Annotations, Descriptor, Descriptors},
    document::Document,
    error::{Error, ErrorKind},
    kind::Kind,
    media_type,
    schema1::Schema1,
};

/// Holds a manifest: the bytes that were pushed, never changed, and what they say.
///
/// Fields that no specification names live on in the bytes alone. What was parsed takes at most about ten times the memory
/// of the bytes.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    kind: Kind,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    descriptors: Vec<Descriptor>,
    old_layers: Vec<String>,
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

/// Says what a manifest uses a descriptor for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The configuration of an image: a blob.
    Config,
    /// A layer of an image: a blob, which need not exist when it [is foreign](Descriptor::is_foreign).
    Layer,
    /// A part of an artifact manifest: a blob.
    Blob,
    /// An entry of an index: a manifest.
    Child,
    /// The manifest that this one is about, which need not exist (OCI distribution 1.1, "Pushing Manifests with Subject").
    Subject,
}

impl Role {
    /// Tells whether a manifest is refused when content in this role is missing; configuration may say otherwise.
    pub const fn must_exist(self) -> bool {
        !matches!(self, Role::Subject)
    }

    /// Tells whether content in this role is a manifest; otherwise it is a blob.
    pub const fn is_manifest(self) -> bool {
        matches!(self, Role::Child | Role::Subject)
    }
}

impl Manifest {
    /// The longest manifest, in bytes: 4 MiB, as in Distribution.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// Parses a manifest as it was pushed, with its Content-Type (parameters already cut) or none. A manifest of schema 1 has to
    /// be announced as [`DOCKER_SCHEMA1`](media_type::DOCKER_SCHEMA1), its signatures taken off.
    ///
    /// # Errors
    ///
    /// When the media type is none of [`Kind::ALL`] or disagrees with the document's own, or when there is none and the document
    /// has none either; when the bytes are too many, are not JSON, could be taken for another kind, or break the schema.
    pub fn parse(media_type: Option<&str>, bytes: Bytes) -> Result<Manifest, Error> {
        let announced = match media_type.map(str::trim).filter(|text| !text.is_empty()) {
            Some(text) => Some(named(&text.to_ascii_lowercase(), "")?),
            None => None,
        };
        Manifest::read(bytes, Source::Pushed(announced))
    }

    /// Parses a manifest from a store, which knows no Content-Type.
    ///
    /// A document that names no media type is an index when it has `manifests`, otherwise an image, as in Distribution.
    ///
    /// # Errors
    ///
    /// As [`Manifest::parse`].
    pub fn parse_stored(bytes: Bytes) -> Result<Manifest, Error> {
        Manifest::read(bytes, Source::Stored)
    }

    /// Returns the schema that the manifest follows.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Returns the media type under which the manifest is sent.
    pub fn media_type(&self) -> &'static str {
        self.kind.media_type()
    }

    /// Returns the bytes as they were pushed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the configuration, which every image has and nothing else.
    pub fn config(&self) -> Option<&Descriptor> {
        self.config.as_ref()
    }

    /// Returns the layers of an image, lowest first. A schema 1 manifest does not say how large they are: their size is 0.
    pub fn layers(&self) -> &[Descriptor] {
        self.in_role(Role::Layer)
    }

    /// Returns the layers of a schema 1 manifest that are not named by a digest but by some older sum, lowest first, unchecked.
    pub fn old_layers(&self) -> &[String] {
        &self.old_layers
    }

    /// Returns the parts of an artifact manifest.
    pub fn blobs(&self) -> &[Descriptor] {
        self.in_role(Role::Blob)
    }

    /// Returns the manifests that an index lists.
    pub fn children(&self) -> &[Descriptor] {
        self.in_role(Role::Child)
    }

    /// Returns the manifest that this one is about. Docker's kinds have none.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// Returns the type that a list of referrers shows: the manifest's own, else an image's is the media type of its
    /// configuration (OCI distribution 1.1, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        let of_config =
            || self.config().map(|config| config.media_type.as_str()).filter(|text| !text.is_empty());
        self.artifact_type.as_deref().or_else(of_config)
    }

    /// Returns the annotations of the manifest itself. Docker's kinds have none.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// Returns everything that the manifest points to, in the order config, layers or blobs or children, subject.
    /// What is pointed to twice comes twice.
    pub fn references(&self) -> impl Iterator<Item = (Role, &Descriptor)> {
        let role = role_of_list(self.kind);
        self.config()
            .map(|config| (Role::Config, config))
            .into_iter()
            .chain(iter::repeat(role).zip(&self.descriptors))
            .chain(self.subject().map(|subject| (Role::Subject, subject)))
    }

    /// Describes the manifest as a list of referrers does: with its artifact type and all of its annotations.
    pub fn descriptor(&self, digest: Digest) -> Descriptor {
        Descriptor {
            annotations: self.annotations.clone(),
            artifact_type: self.artifact_type().map(str::to_owned),
            ..Descriptor::new(self.media_type(), digest, self.bytes.len() as u64)
        }
    }

    fn in_role(&self, role: Role) -> &[Descriptor] {
        if role_of_list(self.kind) == role { &self.descriptors } else { &[] }
    }

    fn read(bytes: Bytes, source: Source) -> Result<Manifest, Error> {
        if bytes.len() > Manifest::MAX_BYTES {
            let detail = format!("manifest of {} bytes is beyond {} bytes", bytes.len(), Manifest::MAX_BYTES);
            return Err(Error::new(ErrorKind::TooLarge, "", detail));
        }
        let document = Document::cut(&bytes)?;
        let version = document.read::<i64>("schemaVersion")?;
        match (version, source) {
            (Some(1), _) => return Manifest::of_schema1(bytes.clone(), source),
            (_, Source::Pushed(Some(Kind::Schema1))) => return Err(schema1()),
            _ => {}
        }
        let own = document.text("mediaType")?.map(|text| named(&text, "mediaType")).transpose()?;
        let kind = match source {
            Source::Pushed(announced) => pushed(&document, announced, own)?,
            Source::Stored => own.unwrap_or_else(|| guessed(&document)),
        };
        check_version(kind, version)?;
        check_shape(kind, &document)?;
        Ok(Manifest {
            kind,
            artifact_type: if kind.is_oci() { document.text("artifactType")? } else { None },
            config: if kind.is_image() { Some(config(&document)?) } else { None },
            descriptors: document.read::<Descriptors>(list_of(kind))?.unwrap_or_default().0,
            old_layers: Vec::new(),
            subject: if kind.is_oci() { document.read("subject")? } else { None },
            annotations: if kind.is_oci() { annotations(&document)? } else { BTreeMap::new() },
            bytes: bytes.clone(),
        })
    }

    fn of_schema1(bytes: Bytes, source: Source) -> Result<Manifest, Error> {
        let read = Schema1::read(&bytes)?;
        match source {
            Source::Pushed(Some(Kind::Schema1)) => read.check()?,
            Source::Pushed(_) => return Err(schema1()),
            // What a store holds was taken under other rules.
            Source::Stored => {}
        }
        let (descriptors, old_layers) = read.into_layers();
        Ok(Manifest {
            bytes,
            kind: Kind::Schema1,
            artifact_type: None,
            config: None,
            descriptors,
            old_layers,
            subject: None,
            annotations: BTreeMap::new(),
        })
    }
}

/// Where a manifest comes from, which decides what says its kind.
#[derive(Clone, Copy)]
enum Source {
    /// From a client, which announced a kind or none.
    Pushed(Option<Kind>),
    /// From a store.
    Stored,
}

/// Decides what a pushed document is.
fn pushed(document: &Document<'_>, announced: Option<Kind>, own: Option<Kind>) -> Result<Kind, Error> {
    let Some(announced) = announced else {
        return own.ok_or_else(|| unsupported("", ""));
    };
    match own {
        Some(own) if own == announced => Ok(announced),
        Some(own) => Err(disagreement(own, announced)),
        None if !announced.may_omit_media_type() => {
            Err(Error::new(ErrorKind::MediaType, "mediaType", format!("must be {}", announced.media_type())))
        }
        // Whoever reads it from the store has only the document to go by, and must come to the same end.
        None if announced.is_index() && !document.has("manifests") => Err(Error::new(
            ErrorKind::Ambiguous,
            "manifests",
            "must be present in an image index that has no mediaType",
        )),
        None => Ok(announced),
    }
}

/// Decides what a stored document is that does not say so itself.
fn guessed(document: &Document<'_>) -> Kind {
    if document.has("manifests") { Kind::OciIndex } else { Kind::OciImage }
}

/// Finds the kind that a media type names, or says why there is none.
fn named(text: &str, path: &str) -> Result<Kind, Error> {
    match text {
        media_type::DOCKER_SCHEMA1_SIGNED => Err(schema1()),
        other => Kind::from_media_type(other).ok_or_else(|| unsupported(other, path)),
    }
}

fn check_version(kind: Kind, version: Option<i64>) -> Result<(), Error> {
    match version {
        _ if kind == Kind::Schema1 => Err(schema1()),
        Some(2) => Ok(()),
        None if kind == Kind::OciArtifact => Ok(()),
        None => Err(Error::new(ErrorKind::Field, "schemaVersion", "is missing")),
        Some(version) => Err(Error::new(
            ErrorKind::Field,
            "schemaVersion",
            format!("unrecognized manifest schema version {version}"),
        )),
    }
}

fn check_shape(kind: Kind, document: &Document<'_>) -> Result<(), Error> {
    match kind.forbidden_keys().iter().find(|key| document.has(key)) {
        Some(key) => Err(Error::new(ErrorKind::Ambiguous, *key, format!("must be absent from this {kind}"))),
        None => Ok(()),
    }
}

fn config(document: &Document<'_>) -> Result<Descriptor, Error> {
    document.read("config")?.ok_or_else(|| Error::new(ErrorKind::Field, "config", "is missing"))
}

fn annotations(document: &Document<'_>) -> Result<BTreeMap<String, String>, Error> {
    Ok(document.read::<Annotations>("annotations")?.unwrap_or_default().0)
}

const fn list_of(kind: Kind) -> &'static str {
    match kind {
        Kind::DockerManifest | Kind::OciImage | Kind::Schema1 => "layers",
        Kind::DockerList | Kind::OciIndex => "manifests",
        Kind::OciArtifact => "blobs",
    }
}

const fn role_of_list(kind: Kind) -> Role {
    match kind {
        Kind::DockerManifest | Kind::OciImage | Kind::Schema1 => Role::Layer,
        Kind::DockerList | Kind::OciIndex => Role::Child,
        Kind::OciArtifact => Role::Blob,
    }
}

fn schema1() -> Error {
    Error::new(
        ErrorKind::Schema1,
        "",
        "a schema 1 manifest is announced as one and comes without its signatures",
    )
}

fn unsupported(media_type: &str, path: &str) -> Error {
    // Distribution's words, which some clients look for.
    let detail = format!("unsupported manifest media type and no default available: {media_type}");
    Error::new(ErrorKind::MediaType, path, detail)
}

fn disagreement(own: Kind, announced: Kind) -> Error {
    let detail = format!("is {}, but was sent as {}", own.media_type(), announced.media_type());
    Error::new(ErrorKind::MediaType, "mediaType", detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::descriptor::MAX_REFERENCES;

    const A: &str = r#"{"mediaType":"a/a","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":1}"#;
    const B: &str = r#"{"mediaType":"b/b","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}"#;

    fn parse(media_type: &str, json: &str) -> Result<Manifest, Error> {
        Manifest::parse(Some(media_type), Bytes::copy_from_slice(json.as_bytes()))
    }

    fn stored(json: &str) -> Result<Manifest, Error> {
        Manifest::parse_stored(Bytes::copy_from_slice(json.as_bytes()))
    }

    fn roles(manifest: &Manifest) -> Vec<(Role, u64)> {
        manifest.references().map(|(role, descriptor)| (role, descriptor.size)).collect()
    }

    /// The kinds that look alike.
    const MODERN: [Kind; 5] =
        [Kind::DockerManifest, Kind::DockerList, Kind::OciImage, Kind::OciIndex, Kind::OciArtifact];

    /// A small valid document of a kind, with the given fields after its own.
    fn document(kind: Kind, more: &str) -> String {
        let fields = match kind {
            Kind::DockerManifest | Kind::OciImage => format!(r#""config":{A},"layers":[{B}]"#),
            Kind::DockerList | Kind::OciIndex => format!(r#""manifests":[{A},{B}]"#),
            Kind::OciArtifact => format!(r#""artifactType":"x/y","blobs":[{A}]"#),
            Kind::Schema1 => unreachable!("has tests of its own"),
        };
        let version = if kind == Kind::OciArtifact { "" } else { r#""schemaVersion":2,"# };
        format!(r#"{{{version}"mediaType":"{}",{fields}{more}}}"#, kind.media_type())
    }

    #[test]
    fn every_kind_is_known_by_its_content_type_by_its_own_and_from_the_store() {
        for kind in MODERN {
            let json = document(kind, r#","vendor":{"any":[1,1e999]}"#);
            for manifest in [
                parse(kind.media_type(), &json),
                Manifest::parse(None, Bytes::copy_from_slice(json.as_bytes())),
                stored(&json),
            ] {
                let manifest = manifest.unwrap();
                assert_eq!((manifest.kind(), manifest.bytes().as_ref()), (kind, json.as_bytes()));
            }
        }
    }

    #[test]
    fn references_come_with_their_roles() {
        let image = stored(&document(Kind::OciImage, &format!(r#","subject":{B}"#))).unwrap();
        assert_eq!(roles(&image), [(Role::Config, 1), (Role::Layer, 2), (Role::Subject, 2)]);
        assert_eq!((image.layers().len(), image.children().len(), image.blobs().len()), (1, 0, 0));
        let index = stored(&document(Kind::OciIndex, "")).unwrap();
        assert_eq!(roles(&index), [(Role::Child, 1), (Role::Child, 2)]);
        let artifact = stored(&document(Kind::OciArtifact, &format!(r#","subject":{B}"#))).unwrap();
        assert_eq!(roles(&artifact), [(Role::Blob, 1), (Role::Subject, 2)]);
        assert!(Role::Layer.must_exist() && !Role::Subject.must_exist());
    }

    #[test]
    fn empty_manifests_are_fine() {
        let image = stored(&format!(r#"{{"schemaVersion":2,"config":{A}}}"#)).unwrap();
        assert_eq!((image.kind(), image.layers().len()), (Kind::OciImage, 0));
        for list in ["[]", "null"] {
            let index = stored(&format!(r#"{{"schemaVersion":2,"manifests":{list}}}"#)).unwrap();
            assert_eq!((index.kind(), index.children().len()), (Kind::OciIndex, 0));
        }
        let index = format!(r#"{{"schemaVersion":2,"mediaType":"{}"}}"#, media_type::OCI_INDEX);
        assert_eq!(stored(&index).unwrap().references().count(), 0);
    }

    #[test]
    fn media_types_must_be_known_and_agree() {
        let image = document(Kind::OciImage, "");
        for unknown in ["application/json", "text/plain", "application/octet-stream", "a/b"] {
            let error = parse(unknown, &image).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MediaType);
            assert!(error.to_string().starts_with("unsupported manifest media type"), "{error}");
        }
        let error = parse(media_type::DOCKER_MANIFEST, &image).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::MediaType, Some("mediaType")));
        assert!(parse(&media_type::OCI_MANIFEST.to_uppercase(), &image).is_ok());
        assert!(stored(r#"{"schemaVersion":2,"mediaType":"a/b"}"#).is_err());
    }

    #[test]
    fn only_oci_images_and_indexes_may_leave_their_media_type_out() {
        for kind in MODERN {
            let json = document(kind, "").replace(kind.media_type(), "");
            assert_eq!(parse(kind.media_type(), &json).is_ok(), kind.may_omit_media_type(), "{kind}");
            let error = Manifest::parse(None, json.into()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::MediaType);
        }
    }

    #[test]
    fn an_index_that_the_store_would_read_as_an_image_is_refused() {
        let error = parse(media_type::OCI_INDEX, r#"{"schemaVersion":2}"#).unwrap_err();
        assert_eq!((error.kind(), error.path()), (ErrorKind::Ambiguous, Some("manifests")));
    }

    #[test]
    fn what_could_be_another_kind_is_refused() {
        for (kind, more) in [
            (Kind::OciImage, r#","manifests":[]"#),
            (Kind::OciImage, r#","manifests":null"#),
            (Kind::DockerManifest, r#","manifests":[]"#),
            (Kind::OciIndex, r#","layers":[]"#),
            (Kind::OciIndex, r#","config":{}"#),
            (Kind::DockerList, r#","config":5"#),
            (Kind::OciArtifact, r#","manifests":[]"#),
        ] {
            let json = document(kind, more);
            assert_eq!(parse(kind.media_type(), &json).unwrap_err().kind(), ErrorKind::Ambiguous, "{json}");
            assert_eq!(stored(&json).unwrap_err().kind(), ErrorKind::Ambiguous, "{json}");
        }
        let json = document(Kind::OciImage, r#","Manifests":[]"#);
        assert_eq!(stored(&json).unwrap_err().kind(), ErrorKind::Field);
    }

    #[test]
    fn schema_1_and_other_versions_have_their_own_errors() {
        for (media_type, json) in [
            (media_type::OCI_MANIFEST, r#"{"schemaVersion":1}"#),
            (media_type::DOCKER_SCHEMA1_SIGNED, "{}"),
            (media_type::DOCKER_SCHEMA1, "{}"),
            (media_type::DOCKER_SCHEMA1, r#"{"schemaVersion":2}"#),
        ] {
            assert_eq!(
                parse(media_type, json).unwrap_err().kind(),
                ErrorKind::Schema1,
                "{media_type} {json}"
            );
        }
        let unannounced = Manifest::parse(None, Bytes::from_static(b"{\"schemaVersion\":1}"));
        assert_eq!(unannounced.unwrap_err().kind(), ErrorKind::Schema1);
        for (version, message) in [
            ("3", "schemaVersion: unrecognized manifest schema version 3"),
            ("null", "schemaVersion: is missing"),
            ("2.0", "schemaVersion: invalid type: floating point `2.0`, expected i64"),
        ] {
            let json =
                document(Kind::OciIndex, "").replace(r#"Version":2"#, &format!(r#"Version":{version}"#));
            assert_eq!(stored(&json).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn faults_are_named_by_their_path() {
        for (from, to, message) in [
            ("sha256:44", "sha256:4", "layers[0].digest"),
            ("sha256:e3", "md5:e3", "config.digest"),
            (r#""size":2"#, r#""size":-2"#, "layers[0].size"),
            (r#""size":2"#, r#""size":18446744073709551616"#, "layers[0].size"),
            (r#","size":2"#, "", "layers[0]: missing field `size`"),
            (&format!("[{B}]"), "5", "layers: invalid type: integer `5`, expected a list of descriptors"),
            (B, "null", "layers[0]: invalid type: null, expected a descriptor"),
            (A, "null", "config: is missing"),
        ] {
            let error = stored(&document(Kind::OciImage, "").replace(from, to)).unwrap_err();
            assert!(error.to_string().starts_with(message), "{error}");
            assert_eq!(error.kind(), ErrorKind::Field);
        }
    }

    #[test]
    fn artifact_types_are_what_a_list_of_referrers_shows() {
        let type_of = |kind, more| stored(&document(kind, more)).unwrap().artifact_type().map(str::to_owned);
        assert_eq!(type_of(Kind::OciImage, "").as_deref(), Some("a/a"));
        assert_eq!(type_of(Kind::OciImage, r#","artifactType":"""#).as_deref(), Some("a/a"));
        assert_eq!(type_of(Kind::OciImage, r#","artifactType":"c/c""#).as_deref(), Some("c/c"));
        assert_eq!(type_of(Kind::OciIndex, ""), None);
        assert_eq!(type_of(Kind::OciIndex, r#","artifactType":"c/c""#).as_deref(), Some("c/c"));
        assert_eq!(type_of(Kind::OciArtifact, "").as_deref(), Some("x/y"));
    }

    #[test]
    fn a_referrer_is_described_with_all_of_its_annotations() {
        let manifest = stored(&document(Kind::OciImage, r#","annotations":{"k":"v","l":null}"#)).unwrap();
        let digest = wharf_digest::Algorithm::Sha256.digest(manifest.bytes());
        let descriptor = manifest.descriptor(digest);
        assert_eq!(descriptor.media_type, media_type::OCI_MANIFEST);
        assert_eq!((descriptor.size, descriptor.digest), (manifest.bytes().len() as u64, digest));
        assert_eq!(descriptor.artifact_type.as_deref(), Some("a/a"));
        assert_eq!((descriptor.annotations["k"].as_str(), descriptor.annotations.len()), ("v", 2));
    }

    #[test]
    fn what_docker_never_specified_is_an_unknown_field_there() {
        let json = document(Kind::DockerManifest, r#","subject":5,"annotations":5,"artifactType":5"#);
        let manifest = stored(&json).unwrap();
        assert!(manifest.subject().is_none() && manifest.annotations().is_empty());
        assert!(stored(&document(Kind::OciImage, r#","subject":5"#)).is_err());
        assert!(stored(&document(Kind::OciImage, r#","blobs":5"#)).is_ok());
    }

    #[test]
    fn the_largest_real_index_is_taken_and_what_is_beyond_the_limits_is_not() {
        let child = B.replace("b/b", media_type::OCI_MANIFEST);
        let index = |entry: &str, count| {
            format!(r#"{{"schemaVersion":2,"manifests":[{}]}}"#, vec![entry; count].join(","))
        };
        let full = Manifest::MAX_BYTES / (child.len() + 1) - 1;
        assert_eq!(stored(&index(&child, full)).unwrap().children().len(), full);
        let bare = B.replace(r#""mediaType":"b/b","#, "");
        let error = stored(&index(&bare, MAX_REFERENCES + 1)).unwrap_err();
        assert_eq!(error.to_string(), "manifests: more than 32768 descriptors");
        let error = stored(&index(&child, full + 2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TooLarge);
    }
}
