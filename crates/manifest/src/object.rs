//! Reads JSON objects so that two readers cannot take one document for two things.
//!
//! Most clients are written in Go, whose reader differs from serde's derived one: of equal keys the last wins, `null` is
//! as good as nothing, and keys match whatever their case. We do the first two alike. The third we do not: keys
//! match exactly, as the specification spells them, and a key that differs from one of ours by case alone is refused,
//! because a Go client would obey it and we would not even have looked at it.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor},
};

/// An object being read, field by field.
pub(crate) trait Object<'de>: Default {
    /// What it becomes.
    type Value;
    /// What to call it in "expected …".
    const EXPECTED: &'static str;
    /// The keys that it knows. Others are skipped.
    const KEYS: &'static [&'static str];

    /// Reads the value of one of [`KEYS`](Object::KEYS), replacing what an earlier field of that key left.
    fn field<A: MapAccess<'de>>(&mut self, key: &'static str, map: &mut A) -> Result<(), A::Error>;

    /// Checks that nothing is missing.
    fn finish<E: serde::de::Error>(self) -> Result<Self::Value, E>;
}

/// Reads an object.
pub(crate) fn read<'de, O: Object<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<O::Value, D::Error> {
    deserializer.deserialize_map(Fields::<O>(PhantomData))
}

/// Reads a value that `null` leaves as it is: numbers and strings, in Go.
pub(crate) fn replace<'de, T: Deserialize<'de>, A: MapAccess<'de>>(
    slot: &mut T,
    map: &mut A,
) -> Result<(), A::Error> {
    if let Some(value) = map.next_value::<Option<T>>()? {
        *slot = value;
    }
    Ok(())
}

/// Reads a value that `null` empties: lists and maps, in Go.
pub(crate) fn reset<'de, T: Deserialize<'de> + Default, A: MapAccess<'de>>(
    slot: &mut T,
    map: &mut A,
) -> Result<(), A::Error> {
    *slot = map.next_value::<Option<T>>()?.unwrap_or_default();
    Ok(())
}

struct Fields<O>(PhantomData<O>);

impl<'de, O: Object<'de>> Visitor<'de> for Fields<O> {
    type Value = O::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(O::EXPECTED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<O::Value, A::Error> {
        let mut object = O::default();
        while let Some(key) = map.next_key_seed(KeyOf(O::KEYS))? {
            match key {
                Some(key) => object.field(key, &mut map)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        object.finish()
    }
}

/// Finds the known key that a JSON string is.
struct KeyOf(&'static [&'static str]);

impl<'de> DeserializeSeed<'de> for KeyOf {
    type Value = Option<&'static str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeyOf {
    type Value = Option<&'static str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if let Some(key) = self.0.iter().find(|key| **key == text) {
            return Ok(Some(key));
        }
        match self.0.iter().find(|key| folds_to(text, key)) {
            Some(key) => Err(E::custom(format_args!("key {text:?} must be written {key:?}"))),
            None => Ok(None),
        }
    }
}

/// Compares as Go's encoding/json does: ASCII case is ignored, the long s is an s and the Kelvin sign is a k.
fn folds_to(text: &str, key: &str) -> bool {
    let fold = |character: char| match character {
        'ſ' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    text.chars().map(fold).eq(key.chars().map(fold))
}

/// A string, where `null` is the empty one.
#[derive(Default)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Text(Option::deserialize(deserializer)?.unwrap_or_default()))
    }
}

/// Refuses an object without a field that it must have.
pub(crate) fn required<T, E: serde::de::Error>(value: Option<T>, key: &'static str) -> Result<T, E> {
    value.ok_or_else(|| E::missing_field(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_as_go_folds_it() {
        for text in ["Layers", "LAYERS", "layerſ"] {
            assert!(folds_to(text, "layers"), "{text}");
        }
        for text in ["layer", "layersx", "", "läyers"] {
            assert!(!folds_to(text, "layers"), "{text}");
        }
        assert!(folds_to("\u{212a}ey", "key"));
    }
}
