//! `index.json`: what the layout holds, by name. Whatever we do not understand in it stays as it is.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde_json::{Value, json};
use wharf_manifest::{Descriptor, Manifest};
use wharf_reference::Tag;

use crate::publish::write_file;

/// Where an entry keeps its name.
const NAME: &str = "org.opencontainers.image.ref.name";

/// The longest index that is read, in bytes: layouts may hold far more images than one index in a registry.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// What stands in `index.json`.
pub(crate) struct Index(Value);

impl Index {
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        let path = folder.join("index.json");
        if fs::metadata(&path)?.len() > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "index.json is larger than 64 MiB"));
        }
        let value: Value = serde_json::from_slice(&fs::read(&path)?)?;
        let lists = value.get("manifests").is_none_or(|list| list.is_array() || list.is_null());
        if !value.is_object() || !lists {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "index.json is no image index"));
        }
        Ok(Self(value))
    }

    /// Changes `index.json` while nobody else does. Processes take turns by a lock on `oci-layout`, which never changes.
    pub(crate) fn change<T>(folder: &Path, change: impl FnOnce(&mut Self) -> T) -> io::Result<T> {
        let lock = File::open(folder.join("oci-layout"))?;
        flock(&lock, FlockOperation::LockExclusive)?;
        let mut index = Self::read(folder)?;
        let before = index.0.clone();
        let outcome = change(&mut index);
        if index.0 != before {
            write_file(folder, &folder.join("index.json"), &serde_json::to_vec(&index.0)?)?;
        }
        Ok(outcome)
    }

    /// The entries that can be read.
    pub(crate) fn entries(&self) -> Vec<Descriptor> {
        let list = self.0["manifests"].as_array().into_iter().flatten();
        list.filter_map(descriptor_of).collect()
    }

    /// Lists a manifest under its tags, or without one if it has none and nothing lists it yet.
    pub(crate) fn add(&mut self, manifest: &Manifest, descriptor: &Descriptor, tags: &[Tag]) {
        let children: Vec<_> = manifest.children().iter().map(|child| child.digest).collect();
        let is_listed = self.entries().iter().any(|entry| entry.digest == descriptor.digest);
        self.retain(|entry| match name_of(entry) {
            Some(name) => !tags.contains(&name),
            None if entry.annotations.contains_key(NAME) => true,
            None => {
                !children.contains(&entry.digest) && (tags.is_empty() || entry.digest != descriptor.digest)
            }
        });
        let named = tags.iter().map(|tag| {
            let mut entry = descriptor.clone();
            entry.annotations.insert(NAME.to_owned(), tag.to_string());
            entry
        });
        let unnamed = (tags.is_empty() && !is_listed).then(|| descriptor.clone());
        for entry in named.chain(unnamed) {
            self.list().push(json!(entry));
        }
    }

    /// Keeps the entries that are wanted, and those that cannot be read.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&Descriptor) -> bool) {
        self.list().retain(|entry| descriptor_of(entry).is_none_or(|entry| wanted(&entry)));
    }

    fn list(&mut self) -> &mut Vec<Value> {
        if !self.0["manifests"].is_array() {
            self.0["manifests"] = json!([]);
        }
        match &mut self.0["manifests"] {
            Value::Array(list) => list,
            _ => unreachable!("it was made an array"),
        }
    }
}

/// The tag of an entry, if its name is one.
pub(crate) fn name_of(entry: &Descriptor) -> Option<Tag> {
    entry.annotations.get(NAME)?.parse().ok()
}

fn descriptor_of(entry: &Value) -> Option<Descriptor> {
    serde_json::from_value(entry.clone()).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use wharf_digest::Algorithm;

    use super::*;

    fn manifest(text: &str) -> (Manifest, Descriptor) {
        let manifest = Manifest::parse_stored(Bytes::from(text.to_owned())).unwrap();
        let digest = Algorithm::Sha256.digest(text.as_bytes());
        let descriptor = Descriptor::new(manifest.media_type(), digest, text.len() as u64);
        (manifest, descriptor)
    }

    fn names(index: &Index) -> Vec<String> {
        index.entries().iter().map(|entry| name_of(entry).map_or("-".into(), |tag| tag.to_string())).collect()
    }

    #[test]
    fn a_tag_moves_and_the_others_stay() {
        let mut index = Index(json!({ "schemaVersion": 2, "other": 1, "manifests": [{ "odd": true }] }));
        let (first, first_entry) = manifest(r#"{"schemaVersion":2,"manifests":[]}"#);
        let (second, second_entry) = manifest(r#"{"schemaVersion":2,"manifests":[ ]}"#);
        index.add(&first, &first_entry, &["a".parse().unwrap(), "b".parse().unwrap()]);
        index.add(&second, &second_entry, &["b".parse().unwrap()]);
        assert_eq!(names(&index), ["a", "b"]);
        assert_eq!(index.entries()[1].digest, second_entry.digest);
        assert_eq!((&index.0["other"], &index.0["manifests"][0]["odd"]), (&json!(1), &json!(true)));
    }

    #[test]
    fn what_an_index_lists_is_not_listed_beside_it() {
        let mut index = Index(json!({ "schemaVersion": 2 }));
        let (child, child_entry) = manifest(r#"{"schemaVersion":2,"manifests":[]}"#);
        index.add(&child, &child_entry, &[]);
        index.add(&child, &child_entry, &[]);
        assert_eq!(names(&index), ["-"]);
        let parent = json!({ "schemaVersion": 2, "manifests": [child_entry] }).to_string();
        let (parent, parent_entry) = manifest(&parent);
        index.add(&parent, &parent_entry, &["v1".parse().unwrap()]);
        assert_eq!(names(&index), ["v1"]);
    }
}
