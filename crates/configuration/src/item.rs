//! One value in the hands of a reader: its name, and the complaint if it is not what it should be.

use crate::node::{Node, Scalar, Style, Value, dotted, indexed};
use crate::secrets::{holds_secrets, is_secret, without_user_info};
use crate::section::Section;
use crate::{Error, ErrorKind};

/// The most characters of a value that a complaint repeats.
const MAX_SHOWN_CHARS: usize = 60;

/// A value together with the full dotted name under which it was found.
pub(crate) struct Item<'d> {
    pub(crate) node: &'d Node,
    pub(crate) name: String,
    secret: bool,
}

impl<'d> Item<'d> {
    /// The value of `key` in the section of this name; nothing if it is not given.
    ///
    /// # Errors
    ///
    /// What a variable that could not be applied left here.
    pub(crate) fn new(section: &str, key: &str, node: &'d Node) -> Result<Option<Self>, Error> {
        let item = Self { node, name: dotted(section, key), secret: is_secret(key) || holds_secrets(key) };
        match &node.value {
            Value::Unusable(error) => Err(item.error(error.kind(), error.message())),
            _ if node.is_null() => Ok(None),
            _ => Ok(Some(item)),
        }
    }

    /// The value as a scalar.
    pub(crate) fn scalar(&self, expected: &str) -> Result<&'d Scalar, Error> {
        self.node.scalar().ok_or_else(|| self.refuse(expected))
    }

    /// The items of a list.
    pub(crate) fn items(&self, expected: &str) -> Result<Vec<Self>, Error> {
        let Value::Sequence(nodes) = &self.node.value else { return Err(self.refuse_kind(expected)) };
        let item = |(index, node): (usize, &'d Node)| match &node.value {
            Value::Unusable(error) => Err(self.error(error.kind(), error.message())),
            _ => Ok(Self { node, name: indexed(&self.name, index), secret: self.secret }),
        };
        nodes.iter().enumerate().map(item).collect()
    }

    /// The items of a list of texts; an item without a value is an empty text, as in Go.
    pub(crate) fn strings(&self) -> Result<Vec<String>, Error> {
        let items = self.items("a list such as [one, two]")?;
        let text = |item: Self| match item.node.is_null() {
            true => Ok(String::new()),
            false => item.scalar("a text").map(|scalar| scalar.text.as_ref().to_owned()),
        };
        items.into_iter().map(text).collect()
    }

    /// The value as a section; nothing at all is an empty one.
    pub(crate) fn section(self) -> Result<Section<'d>, Error> {
        match &self.node.value {
            Value::Mapping(mapping) => Ok(Section::new(self.name, self.node.place.clone(), Some(mapping))),
            _ if self.node.is_null() => Ok(Section::new(self.name, self.node.place.clone(), None)),
            _ => Err(self.refuse_kind("a section of keys and values")),
        }
    }

    /// Complains that the value is not what was expected, and repeats it unless it could be a secret.
    pub(crate) fn refuse(&self, expected: &str) -> Error {
        self.error(ErrorKind::Value, &format!("found {}, expected {expected}", self.found()))
    }

    /// Complains about the kind of value only: it stands in the wrong place, so who knows what it is.
    fn refuse_kind(&self, expected: &str) -> Error {
        self.error(ErrorKind::Value, &format!("found {}, expected {expected}", self.kind()))
    }

    fn error(&self, kind: ErrorKind, message: &str) -> Error {
        Error::new(kind, self.node.place.clone(), self.name.clone(), message)
    }

    fn kind(&self) -> &'static str {
        match &self.node.value {
            Value::Sequence(_) => "a list",
            Value::Mapping(_) => "a section",
            Value::Scalar(_) | Value::Unusable(_) => "a single value",
        }
    }

    fn found(&self) -> String {
        let Value::Scalar(scalar) = &self.node.value else { return self.kind().to_owned() };
        if self.secret {
            return "a value that is not shown".to_owned();
        }
        let mut text: String = without_user_info(&scalar.text);
        if let Some((end, _)) = text.char_indices().nth(MAX_SHOWN_CHARS) {
            text.truncate(end);
            text.push('…');
        }
        match scalar.style {
            Style::Quoted => format!("the quoted text {text:?}"),
            Style::Plain if text.chars().any(char::is_control) => format!("{text:?}"),
            Style::Plain => text,
        }
    }
}
