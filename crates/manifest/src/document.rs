//! The first look at a manifest: which fields it has, none of them read yet.
//!
//! What a field must hold depends on the kind, the kind depends on fields, and fields come in any order. So the first pass
//! only cuts the document into pieces, and each piece that the kind knows is read in place afterwards.

use serde::{
    Deserialize,
    de::{Deserializer, MapAccess},
};
use serde_json::value::RawValue;

use crate::{
    error::{Error, ErrorKind},
    object::{self, Object},
    position,
};

/// The deepest nesting of objects and lists that a manifest may have, unknown fields included.
pub(crate) const MAX_DEPTH: usize = 100;

/// The top level of a manifest, cut into pieces.
#[derive(Default)]
pub(crate) struct Document<'a> {
    fields: [Option<&'a RawValue>; KEYS.len()],
}

const KEYS: &[&str] = &[
    "schemaVersion",
    "mediaType",
    "artifactType",
    "config",
    "layers",
    "manifests",
    "blobs",
    "subject",
    "annotations",
];

impl<'a> Document<'a> {
    /// Cuts a document into pieces. All of it is checked to be JSON.
    pub(crate) fn cut(bytes: &'a [u8]) -> Result<Document<'a>, Error> {
        let text = str::from_utf8(bytes).map_err(|error| {
            Error::new(ErrorKind::Json, "", format!("invalid UTF-8 at byte {}", error.valid_up_to()))
        })?;
        if text.starts_with('\u{feff}') {
            return Err(Error::new(ErrorKind::Json, "", "begins with a byte order mark"));
        }
        if position::depth(text) > MAX_DEPTH {
            return Err(Error::new(ErrorKind::Json, "", format!("nested more than {MAX_DEPTH} deep")));
        }
        serde_json::from_str(text).map_err(|error| fault(&error, text, ""))
    }

    /// Tells whether a field is there, be it null.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.raw(key).is_some()
    }

    /// Reads a field; nothing when it is absent or null.
    pub(crate) fn read<T: Deserialize<'a>>(&self, key: &str) -> Result<Option<T>, Error> {
        let Some(raw) = self.raw(key) else { return Ok(None) };
        serde_json::from_str(raw.get()).map_err(|error| fault(&error, raw.get(), key))
    }

    /// Reads a string; nothing when it is absent, null or empty.
    pub(crate) fn text(&self, key: &str) -> Result<Option<String>, Error> {
        Ok(self.read::<String>(key)?.filter(|text| !text.is_empty()))
    }

    fn raw(&self, key: &str) -> Option<&'a RawValue> {
        KEYS.iter().position(|known| *known == key).and_then(|index| self.fields[index])
    }
}

impl<'de> Deserialize<'de> for Document<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object::read::<Document<'de>, D>(deserializer)
    }
}

impl<'de> Object<'de> for Document<'de> {
    type Value = Document<'de>;
    const EXPECTED: &'static str = "a JSON object";
    const KEYS: &'static [&'static str] = KEYS;

    fn field<A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error> {
        let raw: &RawValue = map.next_value()?;
        if let Some(index) = KEYS.iter().position(|known| *known == key) {
            // As in Go, where null leaves strings, numbers and plain structures as they were.
            let keeps_null = matches!(key, "schemaVersion" | "mediaType" | "artifactType" | "config");
            let slot = &mut self.fields[index];
            if !(keeps_null && raw.get() == "null" && slot.is_some()) {
                *slot = Some(raw);
            }
        }
        Ok(())
    }

    fn finish<E: serde::de::Error>(self) -> Result<Self, E> {
        Ok(self)
    }
}

/// Says what serde_json found wrong in a piece of the document, and where that is.
pub(crate) fn fault(error: &serde_json::Error, text: &str, key: &str) -> Error {
    // A fault of syntax is reported with the character that should not be there, every other right after its value.
    let offset =
        position::offset(text, error.line(), error.column()).saturating_sub(usize::from(error.is_syntax()));
    let path = format!("{key}{}", position::path(text, offset));
    let path = path.trim_start_matches('.');
    let message = error.to_string();
    let message = match message.rsplit_once(" at line ") {
        Some((message, _)) => message,
        None => message.as_str(),
    };
    if error.is_data() {
        return Error::new(ErrorKind::Field, path, message);
    }
    let place = format!("{message} at line {} column {}", error.line(), error.column());
    Error::new(ErrorKind::Json, path, if key.is_empty() { place.as_str() } else { message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Error {
        Document::cut(text.as_bytes()).err().unwrap()
    }

    #[test]
    fn what_is_no_json_object_is_refused_with_its_place() {
        for (text, expected) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("[]", "invalid type: sequence, expected a JSON object"),
            ("{\"a\":NaN}", "a: expected value at line 1 column 6"),
            ("{\"a\":1}\n {}", "trailing characters at line 2 column 2"),
            ("{\"a\":[1,{\"b\":tru}]}", "a[1].b: expected ident at line 1 column 17"),
            ("\u{feff}{}", "begins with a byte order mark"),
            ("{\"Layers\":[]}", "Layers: key \"Layers\" must be written \"layers\""),
        ] {
            assert_eq!(error(text).to_string(), expected, "{text}");
        }
    }

    #[test]
    fn invalid_utf_8_is_refused_with_its_offset() {
        let error = Document::cut(b"{\"a\":\"\xff\"}").err().unwrap();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Json, "invalid UTF-8 at byte 6"));
    }

    #[test]
    fn nesting_is_limited_in_unknown_fields_too() {
        let nested = |depth: usize| format!("{{\"x\":{}{}}}", "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Document::cut(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(error(&nested(MAX_DEPTH + 1)).to_string(), "nested more than 100 deep");
        assert_eq!(error(&"[".repeat(4 << 20)).to_string(), "nested more than 100 deep");
    }

    #[test]
    fn faults_inside_a_field_are_named_by_their_path() {
        let document =
            Document::cut(br#"{"layers": [{"size": [1, "x"]}], "annotations": {"a.b": 1}}"#).unwrap();
        assert_eq!(
            document
                .read::<Vec<std::collections::BTreeMap<String, Vec<u8>>>>("layers")
                .unwrap_err()
                .to_string(),
            "layers[0].size[1]: invalid type: string \"x\", expected u8"
        );
        assert_eq!(
            document.read::<crate::descriptor::Annotations>("annotations").err().unwrap().to_string(),
            "annotations[\"a.b\"]: invalid type: integer `1`, expected a string"
        );
    }

    #[test]
    fn null_counts_as_there_but_reads_as_nothing() {
        let document = Document::cut(br#"{"layers": null, "mediaType": "a", "mediaType": null}"#).unwrap();
        assert!(document.has("layers") && !document.has("config"));
        assert_eq!(document.read::<String>("layers").unwrap(), None);
        assert_eq!(document.text("mediaType").unwrap().as_deref(), Some("a"));
    }
}
