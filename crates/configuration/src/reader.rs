//! From YAML text to the tree: anchors, merges, duplicate keys and limits.
//!
//! The syntax is granit-parser's business, which reads YAML 1.2 as an event stream. What YAML 1.1 and Go's yaml.v2 do
//! differently lies above the syntax: what a scalar means (decided by its reader), `<<`, and a key given twice.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, Span, StrInput, Tag};

use crate::node::{Entry, Mapping, Node, ReadMark, Scalar, Style, Value, dotted, indexed};
use crate::{Error, ErrorKind, Place, Warning};

/// The longest text that is read, in bytes: a file, or one variable's value.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// The deepest that lists and sections may lie in each other, aliases followed.
pub const MAX_DEPTH: usize = 64;

/// The largest tree that is built, in bytes of its texts plus [`NODE_BYTES`] for every value, aliases followed.
///
/// A few lines of aliases of aliases stand for billions of values; this is where they stop.
pub const MAX_TREE_BYTES: usize = 16 << 20;

/// What a value without any text counts towards [`MAX_TREE_BYTES`], in bytes.
pub const NODE_BYTES: usize = 64;

/// Where a text comes from, and so how a position in it is told.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    File(Arc<str>),
    Variable(Arc<str>),
}

/// A text that was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) root: Node,
    /// What was written without effect: keys that a later one replaced, further documents.
    pub(crate) warnings: Vec<Warning>,
    /// Values that an alias refers to. A key that only holds such a value is a template, and not read by anyone else.
    pub(crate) templates: HashSet<Place>,
}

/// Reads the first document of a YAML text.
pub(crate) fn read(text: &str, origin: Origin) -> Result<Reading, Error> {
    if text.len() > MAX_TEXT_BYTES {
        let place = origin.place(&Marker::new(0, 1, 0));
        let message = format!("found {} bytes, expected at most {MAX_TEXT_BYTES}", text.len());
        return Err(Error::new(ErrorKind::Limit, place, "", message));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // The parser's own nesting limits are a second line only: they do not see what aliases add.
    let options = granit_parser::options! { emit_comments: false };
    let events = Parser::new_from_str_with_options(text, options);
    let mut reader = Reader {
        events,
        origin,
        name: String::new(),
        anchors: HashMap::new(),
        tree_bytes: 0,
        warnings: Vec::new(),
        templates: HashSet::new(),
    };
    let root = reader.document()?;
    Ok(Reading { root, warnings: reader.warnings, templates: reader.templates })
}

struct Reader<'t> {
    events: Parser<'t, StrInput<'t>>,
    origin: Origin,
    /// The dotted name of what is being read.
    name: String,
    anchors: HashMap<usize, Anchor>,
    tree_bytes: usize,
    warnings: Vec<Warning>,
    templates: HashSet<Place>,
}

struct Anchor {
    node: Node,
    tree_bytes: usize,
    height: usize,
}

impl Origin {
    fn place(&self, marker: &Marker) -> Place {
        match self {
            Self::File(name) => {
                Place::File { name: name.clone(), line: marker.line(), column: marker.col() + 1 }
            }
            Self::Variable(name) => Place::Variable(name.clone()),
        }
    }
}

impl<'t> Reader<'t> {
    fn document(&mut self) -> Result<Node, Error> {
        let root = loop {
            match self.next()? {
                (Event::StreamStart | Event::DocumentStart(..), _) => {}
                (Event::StreamEnd, span) => return Ok(Node::null(self.origin.place(&span.start))),
                (event, span) => break self.node(event, &span, 1)?,
            }
        };
        loop {
            match self.next()? {
                (Event::DocumentStart(..), span) => {
                    let place = self.origin.place(&span.start);
                    let reason = "a second document begins here, and only the first is read";
                    self.warnings.push(Warning::new(place, "", reason));
                    return Ok(root);
                }
                (Event::StreamEnd, _) => return Ok(root),
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Error> {
        match self.events.next() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let place = self.origin.place(error.marker());
                let message = format!("this is no YAML: {}{}", error.info(), self.quoting_hint());
                Err(Error::new(ErrorKind::Syntax, place, self.name.clone(), message))
            }
            // The stream's end is an event, so nobody asks for one after it.
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn quoting_hint(&self) -> &'static str {
        match self.origin {
            Origin::File(_) => "",
            Origin::Variable(_) => {
                "; the value is read as YAML, so a text with special characters needs quotes inside of it"
            }
        }
    }

    fn node(&mut self, event: Event<'t>, span: &Span, depth: usize) -> Result<Node, Error> {
        let place = self.origin.place(&span.start);
        if depth > MAX_DEPTH {
            return Err(self.limit(place, format!("found more than {MAX_DEPTH} levels, expected fewer")));
        }
        let before = self.tree_bytes;
        self.spend(NODE_BYTES, &place)?;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len(), &place)?;
                let style = self.style(style, tag.as_deref(), &place)?;
                (anchor, Value::Scalar(Scalar { text: text.into(), style }))
            }
            Event::SequenceStart(_, anchor, _) => (anchor, Value::Sequence(self.sequence(depth)?)),
            Event::MappingStart(_, anchor, _) => (anchor, Value::Mapping(self.mapping(depth)?)),
            Event::Alias(anchor) => return self.alias(anchor, place, depth),
            _ => return Err(self.syntax(place, "expected a value")),
        };
        let node = Node { place, value };
        if anchor != 0 {
            let tree_bytes = self.tree_bytes - before;
            self.spend(tree_bytes, &node.place)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), tree_bytes, height: height(&node) });
        }
        Ok(node)
    }

    fn alias(&mut self, anchor: usize, place: Place, depth: usize) -> Result<Node, Error> {
        let Some(Anchor { node, tree_bytes, height }) = self.anchors.get(&anchor) else {
            return Err(self.syntax(
                place,
                "found an alias inside of the value it stands for, expected one that is complete",
            ));
        };
        let (tree_bytes, too_deep) = (*tree_bytes, depth - 1 + height > MAX_DEPTH);
        let (value, origin) = (node.value.clone(), node.place.clone());
        if too_deep {
            return Err(self.limit(place, format!("found more than {MAX_DEPTH} levels, expected fewer")));
        }
        self.spend(tree_bytes, &place)?;
        self.templates.insert(origin);
        Ok(Node { place, value })
    }

    fn sequence(&mut self, depth: usize) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(items);
            }
            let outer = std::mem::take(&mut self.name);
            self.name = indexed(&outer, items.len());
            items.push(self.node(event, &span, depth + 1)?);
            self.name = outer;
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Mapping, Error> {
        let mut keys = Keys::default();
        let mut merges = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                break;
            }
            let key = self.node(event, &span, depth + 1)?;
            let Value::Scalar(scalar) = key.value else {
                return Err(
                    self.syntax(key.place, "found a list or a section as a key, expected a single word")
                );
            };
            let outer = std::mem::take(&mut self.name);
            self.name = dotted(&outer, &scalar.text);
            let (event, span) = self.next()?;
            let value = self.node(event, &span, depth + 1)?;
            if scalar.is_merge() {
                merges.push(value);
            } else if let Some(replaced) = keys.set(scalar.text, key.place.clone(), value) {
                let reason = format!("given again at {}, and the last one counts", key.place);
                self.warnings.push(Warning::new(replaced, self.name.clone(), reason));
            }
            self.name = outer;
        }
        for merge in merges {
            self.merge(&mut keys, merge)?;
        }
        Ok(keys.mapping)
    }

    /// Adds what `<<` brings, behind the mapping's own keys: those count, wherever they stand; in a list the first counts.
    fn merge(&self, keys: &mut Keys, merged: Node) -> Result<(), Error> {
        let expected = "found something else behind <<, expected a section, its alias, or a list of those";
        let sources = match merged.value {
            Value::Mapping(mapping) => vec![mapping],
            Value::Sequence(items) => {
                let mappings = items.into_iter().map(|item| match item.value {
                    Value::Mapping(mapping) => Ok(mapping),
                    _ => Err(self.syntax(item.place, expected)),
                });
                mappings.collect::<Result<_, _>>()?
            }
            _ => return Err(self.syntax(merged.place, expected)),
        };
        for entry in sources.into_iter().flat_map(|mapping| mapping.entries) {
            if !keys.index.contains_key(&entry.key) {
                keys.set(entry.key, entry.key_place, entry.value);
            }
        }
        Ok(())
    }

    /// Whether a scalar is open to interpretation: by how it is written, unless a tag says otherwise.
    fn style(&self, style: ScalarStyle, tag: Option<&Tag>, place: &Place) -> Result<Style, Error> {
        match tag.and_then(|tag| tag.suffix_in_namespace(YAML_NAMESPACE)).as_deref() {
            Some("str") => Ok(Style::Quoted),
            Some("bool" | "int" | "float" | "null") => Ok(Style::Plain),
            Some("binary") => Err(self.syntax(place.clone(), "found !!binary, expected the text itself")),
            _ if style == ScalarStyle::Plain => Ok(Style::Plain),
            _ => Ok(Style::Quoted),
        }
    }

    fn spend(&mut self, bytes: usize, place: &Place) -> Result<(), Error> {
        self.tree_bytes += bytes;
        if self.tree_bytes > MAX_TREE_BYTES {
            let message = format!(
                "found values of more than {MAX_TREE_BYTES} bytes with all aliases followed, expected fewer"
            );
            return Err(self.limit(place.clone(), message));
        }
        Ok(())
    }

    fn limit(&self, place: Place, message: String) -> Error {
        Error::new(ErrorKind::Limit, place, self.name.clone(), message)
    }

    fn syntax(&self, place: Place, message: &str) -> Error {
        Error::new(ErrorKind::Syntax, place, self.name.clone(), message)
    }
}

/// A mapping in the making, which finds its keys in no time however many there are.
#[derive(Default)]
struct Keys {
    mapping: Mapping,
    index: HashMap<Arc<str>, usize>,
}

impl Keys {
    /// Sets a key, and says where it was set before.
    fn set(&mut self, key: Arc<str>, key_place: Place, value: Node) -> Option<Place> {
        let entry = Entry { key: key.clone(), key_place, value, read: ReadMark::default() };
        if let Some(index) = self.index.get(&key) {
            return Some(std::mem::replace(&mut self.mapping.entries[*index], entry).key_place);
        }
        self.index.insert(key, self.mapping.entries.len());
        self.mapping.entries.push(entry);
        None
    }
}

/// How many levels a value has, counting itself.
fn height(node: &Node) -> usize {
    let below = match &node.value {
        Value::Sequence(items) => items.iter().map(height).max(),
        Value::Mapping(mapping) => mapping.entries.iter().map(|entry| height(&entry.value)).max(),
        Value::Scalar(_) | Value::Unusable(_) => None,
    };
    1 + below.unwrap_or(0)
}

/// What YAML's own tags begin with, in full.
const YAML_NAMESPACE: &str = "tag:yaml.org,2002:";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_file(text: &str) -> Result<Reading, Error> {
        read(text, Origin::File("config.yml".into()))
    }

    /// The value at a dotted path: a text, or the number of things in it.
    fn at(reading: &Reading, path: &str) -> String {
        let mut node = &reading.root;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            node = match &node.value {
                Value::Mapping(mapping) => &mapping.entry(step).unwrap().value,
                Value::Sequence(items) => &items[step.parse::<usize>().unwrap()],
                _ => panic!("{path} ends before {step}"),
            };
        }
        match &node.value {
            Value::Scalar(scalar) if scalar.is_null() => "nothing".to_owned(),
            Value::Scalar(scalar) => format!("{:?} {}", scalar.style, scalar.text),
            Value::Sequence(items) => format!("{} items", items.len()),
            Value::Mapping(mapping) => format!("{} keys", mapping.entries.len()),
            Value::Unusable(error) => error.to_string(),
        }
    }

    fn refusal(text: &str) -> String {
        read_file(text).unwrap_err().to_string()
    }

    #[test]
    fn scalars_keep_their_text_and_their_style() {
        let reading =
            read_file("a: 0123\nb: '0123'\nc: \"x\\ty\"\nd: |\n  two\n  lines\ne:\nf: :5000\n").unwrap();
        assert_eq!(at(&reading, "a"), "Plain 0123");
        assert_eq!(at(&reading, "b"), "Quoted 0123");
        assert_eq!(at(&reading, "c"), "Quoted x\ty");
        assert_eq!(at(&reading, "d"), "Quoted two\nlines\n");
        assert_eq!(at(&reading, "e"), "nothing");
        assert_eq!(at(&reading, "f"), "Plain :5000");
    }

    #[test]
    fn tags_decide_whether_a_scalar_is_a_text() {
        let reading = read_file("a: !!str true\nb: !!int '5'\nc: !own 'x'\nd: !!null ''\n").unwrap();
        assert_eq!(at(&reading, "a"), "Quoted true");
        assert_eq!(at(&reading, "b"), "Plain 5");
        assert_eq!(at(&reading, "c"), "Quoted x");
        assert_eq!(at(&reading, "d"), "nothing");
        assert_eq!(
            refusal("a: !!binary eA==\n"),
            "config.yml:1:13: a: found !!binary, expected the text itself"
        );
    }

    #[test]
    fn places_count_from_one() {
        let reading = read_file("log:\n  level: debug\n").unwrap();
        let Value::Mapping(root) = &reading.root.value else { panic!("a mapping") };
        let Value::Mapping(log) = &root.entry("log").unwrap().value.value else { panic!("a mapping") };
        let level = log.entry("level").unwrap();
        assert_eq!(level.key_place.to_string(), "config.yml:2:3");
        assert_eq!(level.value.place.to_string(), "config.yml:2:10");
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_the_first_is_reported() {
        let reading = read_file("a:\n  b: 1\n  b: 2\n").unwrap();
        assert_eq!(at(&reading, "a.b"), "Plain 2");
        let warnings: Vec<String> = reading.warnings.iter().map(ToString::to_string).collect();
        assert_eq!(warnings, ["config.yml:2:3: a.b: given again at config.yml:3:3, and the last one counts"]);
    }

    #[test]
    fn aliases_stand_for_their_anchors() {
        let reading = read_file("a: &x {k: v}\nb: *x\nc: [*x, &y z, *y]\n").unwrap();
        assert_eq!(at(&reading, "b.k"), "Plain v");
        assert_eq!(at(&reading, "c.0.k"), "Plain v");
        assert_eq!(at(&reading, "c.2"), "Plain z");
        assert_eq!(
            refusal("a: &x [*x]\n").split(", expected").next(),
            Some("config.yml:1:8: a[0]: found an alias inside of the value it stands for")
        );
        assert!(refusal("a: *missing\n").contains("unknown anchor"));
    }

    #[test]
    fn merged_keys_come_behind_own_keys() {
        let text = "base: &b {x: 1, y: 1}\nmore: &m {y: 2, z: 2}\none:\n  y: 0\n  <<: *b\ntwo:\n  <<: [*m, *b]\nthree:\n  '<<': 1\n";
        let reading = read_file(text).unwrap();
        assert_eq!((at(&reading, "one.x"), at(&reading, "one.y")), ("Plain 1".into(), "Plain 0".into()));
        assert_eq!((at(&reading, "two.x"), at(&reading, "two.y")), ("Plain 1".into(), "Plain 2".into()));
        assert_eq!(at(&reading, "three.<<"), "Plain 1");
        assert!(refusal("a:\n  <<: 5\n").starts_with("config.yml:2:7: a: found something else behind <<"));
        assert!(refusal("a:\n  <<: [5]\n").contains("behind <<"));
    }

    #[test]
    fn only_the_first_document_counts() {
        let reading = read_file("---\na: 1\n---\nb: 2\n").unwrap();
        assert_eq!(at(&reading, ""), "1 keys");
        assert_eq!(reading.warnings.len(), 1);
        assert_eq!(reading.warnings[0].place().to_string(), "config.yml:3:1");
    }

    #[test]
    fn an_empty_text_is_nothing() {
        for text in ["", "\n", "# nothing\n", "---\n", "\u{feff}"] {
            assert_eq!(at(&read_file(text).unwrap(), ""), "nothing", "{text:?}");
        }
    }

    #[test]
    fn broken_yaml_is_refused_with_its_place_and_without_its_text() {
        let refusal = refusal("http:\n  secret: hush\n  addr: [1\nlog: x\n");
        assert!(refusal.starts_with("config.yml:"), "{refusal}");
        assert!(refusal.contains("this is no YAML") && !refusal.contains("hush"), "{refusal}");
    }

    #[test]
    fn keys_are_single_words() {
        assert!(refusal("? [a]\n: b\n").contains("expected a single word"));
        assert_eq!(at(&read_file("on: 1\n5: 2\n").unwrap(), "on"), "Plain 1");
    }

    #[test]
    fn windows_line_ends_and_comments_do_not_matter() {
        let reading = read_file("# head\r\na: 1 # tail\r\nb:\r\n  - x\r\n").unwrap();
        assert_eq!((at(&reading, "a"), at(&reading, "b.0")), ("Plain 1".into(), "Plain x".into()));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{aliases}]\n");
        }
        assert_eq!(read_file(&text).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn an_alias_bomb_of_one_long_text_is_refused() {
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1000].join(", "));
        assert_eq!(read_file(&text).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn depth_is_limited_with_and_without_aliases() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(read_file(&deep(MAX_DEPTH - 1)).is_ok());
        assert_eq!(read_file(&deep(MAX_DEPTH)).unwrap_err().kind(), ErrorKind::Limit);
        let aliased = format!("a: &a {}\nb: {}\n", deep(40), deep(40).replace('1', "*a"));
        assert_eq!(read_file(&aliased).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn a_huge_text_is_refused_unread() {
        assert_eq!(read_file(&"#".repeat(MAX_TEXT_BYTES + 1)).unwrap_err().kind(), ErrorKind::Limit);
    }

    #[test]
    fn many_keys_are_read_in_reasonable_time() {
        let text: String = (0..90_000).map(|number| format!("k{number}:\n")).collect();
        assert_eq!(at(&read_file(&text).unwrap(), ""), "90000 keys");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in ".*") {
            let _ = read_file(&text);
        }

        #[test]
        fn nothing_that_looks_like_yaml_does_either(text in "([a-c<]{0,2}[:,] |[-?] |[\\[\\]{}&*!|>'\"#%@\n\t ]|\\*a|&a |\n  |\n---\n|\n\\.\\.\\.\n|<<: ){0,40}") {
            let _ = read_file(&text);
        }
    }
}
