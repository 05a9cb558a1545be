//! A whole configuration: the file, what the environment makes of it, and the account of what nobody read.

use std::collections::HashSet;
use std::sync::Arc;

use crate::node::{Entry, Mapping, Node, Value, dotted, indexed};
use crate::reader::{Origin, Reading, read};
use crate::section::Section;
use crate::{Error, ErrorKind, Place, Warning, effective, overrides};

/// The version of the file that this crate describes.
const VERSION: &str = "0.1";

/// Holds a configuration, to be read through [`Section`]s.
#[derive(Clone, Debug)]
pub struct Document {
    name: Arc<str>,
    root: Mapping,
    templates: HashSet<Place>,
    overrides: Vec<(Arc<str>, String)>,
    warnings: Vec<Warning>,
}

impl Document {
    /// Reads the text of a configuration file; `name` is what places begin with.
    ///
    /// An empty text is an empty configuration. Of several YAML documents the first counts.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Syntax`] for what is no YAML or no mapping, [`ErrorKind::Limit`] for what is too large or too deep.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let name: Arc<str> = Arc::from(name);
        let Reading { root, warnings, templates } = read(text, Origin::File(name.clone()))?;
        let root = match root {
            Node { value: Value::Mapping(root), .. } => root,
            root if root.is_null() => Mapping::default(),
            root => {
                let message = "found a list or a single value, expected sections such as version: 0.1";
                return Err(Error::new(ErrorKind::Syntax, root.place, "", message));
            }
        };
        Ok(Self { name, root, templates, overrides: Vec::new(), warnings })
    }

    /// A configuration in which nothing is given.
    pub fn empty() -> Self {
        Self {
            name: Arc::from("no configuration file"),
            root: Mapping::default(),
            templates: HashSet::new(),
            overrides: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Applies environment variables: `REGISTRY_HTTP_ADDR=:5000` sets `http.addr` to `:5000`, other names mean nothing.
    ///
    /// The parts of a name between `_` are keys, whatever their case, or indices into lists, where the index behind the
    /// last item adds one. The value is read as YAML, so it can be a list or a section, and replaces what was there.
    /// Outer names apply before inner ones.
    ///
    /// A variable that cannot be applied is no error here but where its place is read; if nobody reads it, it appears in
    /// [`unread`](Self::unread), as every variable does that set something that nobody read.
    #[must_use]
    pub fn with_overrides<K: AsRef<str>, V: AsRef<str>>(
        mut self,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let place = Place::Whole(self.name.clone());
        let mut root = Node { place, value: Value::Mapping(std::mem::take(&mut self.root)) };
        let applied = overrides::apply(&mut root, variables);
        if let Value::Mapping(root) = root.value {
            self.root = root;
        }
        self.overrides.extend(applied.overrides);
        self.warnings.extend(applied.warnings);
        self
    }

    /// The configuration as it would be without what an error is about, so that a reader can go on to the next error; none
    /// when that is not a value of the configuration, but the lack of one.
    pub fn without(&self, error: &Error) -> Option<Self> {
        let mut document = self.clone();
        remove(&mut document.root, "", error.name()).then_some(document)
    }

    /// The configuration as a section, to read everything else from.
    pub fn root(&self) -> Section<'_> {
        Section::new(String::new(), Place::Whole(self.name.clone()), Some(&self.root))
    }

    /// Checks that the file says `version: 0.1`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Version`] when it says another version or none: `0.10` is another.
    pub fn check_version(&self) -> Result<(), Error> {
        let version = self.root().string("version")?;
        if version.as_deref() == Some(VERSION) {
            return Ok(());
        }
        let root = self.root();
        let place = root.place_of("version").unwrap_or(root.place()).clone();
        let found = version.map_or_else(|| "no version".to_owned(), |version| format!("version {version:?}"));
        let message = format!("found {found}, expected version: {VERSION}, the only one there is");
        Err(Error::new(ErrorKind::Version, place, "version", message))
    }

    /// Everything that was written and has no effect: keys that nothing has read so far, variables that set nothing that
    /// was read, keys that were given twice, documents behind the first. Ask when all readers are done.
    ///
    /// Of a section that nobody read only the section is named. A key that holds nothing but an anchored value, which
    /// is used elsewhere by its alias, is a template and fine.
    pub fn unread(&self) -> Vec<Warning> {
        let mut unread = Vec::new();
        self.collect(&self.root, "", &mut unread);
        let covers = |outer: &str, inner: &str| {
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let of_override = |name: &str| self.overrides.iter().any(|(_, target)| covers(name, target));
        let in_file = unread
            .iter()
            .filter(|(name, entry)| !entry.key_place.is_variable() || !of_override(name))
            .map(|(name, entry)| Warning::new(entry.key_place.clone(), name.clone(), UNREAD));
        let in_environment = self
            .overrides
            .iter()
            .filter(|(_, target)| unread.iter().any(|(name, _)| covers(name, target)))
            .map(|(variable, target)| {
                Warning::new(Place::Variable(variable.clone()), target.clone(), UNREAD)
            });
        self.warnings.iter().cloned().chain(in_file).chain(in_environment).collect()
    }

    /// The configuration as YAML, environment included and secrets left out, for people to look at.
    pub fn effective(&self) -> String {
        effective::print(&self.root, &Mapping::default())
    }

    /// The same with the keys of `defaults` that this document does not give, each marked by a comment. A key that reads as
    /// absent because it has no value gets its default, too.
    pub fn effective_over(&self, defaults: &Self) -> String {
        effective::print(&self.root, &defaults.root)
    }

    /// Collects the outermost keys that nobody read, with their names.
    fn collect<'d>(&self, mapping: &'d Mapping, name: &str, unread: &mut Vec<(String, &'d Entry)>) {
        for entry in &mapping.entries {
            let name = dotted(name, &entry.key);
            if entry.read.is_set() {
                self.collect_below(&entry.value, &name, unread);
            } else if !self.templates.contains(&entry.value.place) {
                unread.push((name, entry));
            }
        }
    }

    fn collect_below<'d>(&self, node: &'d Node, name: &str, unread: &mut Vec<(String, &'d Entry)>) {
        match &node.value {
            Value::Mapping(mapping) => self.collect(mapping, name, unread),
            Value::Sequence(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.collect_below(item, &indexed(name, index), unread);
                }
            }
            Value::Scalar(_) | Value::Unusable(_) => {}
        }
    }
}

/// Removes the value of this full name, if it is there. The items of a list keep their numbers.
fn remove(mapping: &mut Mapping, of: &str, name: &str) -> bool {
    let full = |entry: &Entry| dotted(of, &entry.key);
    if let Some(found) = mapping.entries.iter().position(|entry| full(entry) == name) {
        mapping.entries.remove(found);
        return true;
    }
    mapping.entries.iter_mut().any(|entry| {
        let of = dotted(of, &entry.key);
        remove_below(&mut entry.value, &of, name)
    })
}

fn remove_below(node: &mut Node, of: &str, name: &str) -> bool {
    if !name.starts_with(of) {
        return false;
    }
    match &mut node.value {
        Value::Mapping(mapping) => remove(mapping, of, name),
        Value::Sequence(items) => {
            items.iter_mut().enumerate().any(|(index, item)| remove_below(item, &indexed(of, index), name))
        }
        Value::Scalar(_) | Value::Unusable(_) => false,
    }
}

/// The reason that an unread key is reported with.
const UNREAD: &str = "nothing reads this key";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unread(document: &Document) -> Vec<String> {
        document.unread().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_nobody_read_is_reported_once_and_outermost() {
        let text = "http:\n  addr: x\n  adress: y\nlgo:\n  level: debug\n  fields: {a: b}\n";
        let document = Document::parse("config.yml", text).unwrap();
        let http = document.root().section("http").unwrap();
        assert!(http.string("addr").unwrap().is_some());
        let expected = [
            "config.yml:3:3: http.adress: nothing reads this key",
            "config.yml:4:1: lgo: nothing reads this key",
        ];
        assert_eq!(unread(&document), expected);
    }

    #[test]
    fn a_reader_goes_on_without_what_was_wrong() {
        let text = "a: [{b: x, c: 1}, {b: 2}]\nd.e: {f: x}\nd: {e: {f: 3}}";
        let document = Document::parse("c", text).unwrap();
        let root = document.root();
        let wrong = root.sections("a").unwrap()[0].integer::<u8>("b").unwrap_err();
        let without = document.without(&wrong).unwrap();
        let numbers = without.root().sections("a").unwrap();
        assert_eq!(numbers[0].integer::<u8>("b").unwrap(), None);
        assert_eq!(
            (numbers[0].integer::<u8>("c").unwrap(), numbers[1].integer("b").unwrap()),
            (Some(1), Some(2))
        );
        assert!(without.without(&wrong).is_none(), "it is gone already");
        assert!(document.without(&root.missing("z")).is_none());
    }

    #[test]
    fn a_key_counts_as_read_even_when_it_was_wrong() {
        let document = Document::parse("config.yml", "a: x\n").unwrap();
        assert!(document.root().bool("a").is_err());
        assert!(unread(&document).is_empty());
    }

    #[test]
    fn variables_are_reported_by_their_names() {
        let variables = [
            ("REGISTRY_HTTP_ADDR", "x"),
            ("REGISTRY_HTTP_ADRESS", "y"),
            ("REGISTRY_FOO", "{a: 1, b: 2}"),
            ("REGISTRY_SERVICE_HOST", "h"),
            ("REGISTRY_LGO_LEVEL", "info"),
            ("REGISTRY_REDIS", "{db: 1, bd: 2}"),
        ];
        let document = Document::parse("config.yml", "lgo: {fields: }\n").unwrap().with_overrides(variables);
        assert!(document.root().section("http").unwrap().string("addr").unwrap().is_some());
        assert_eq!(document.root().section("redis").unwrap().integer("db").unwrap(), Some(1));
        let expected = [
            "config.yml:1:1: lgo: nothing reads this key",
            "REGISTRY_REDIS: redis.bd: nothing reads this key",
            "REGISTRY_FOO: foo: nothing reads this key",
            "REGISTRY_HTTP_ADRESS: http.adress: nothing reads this key",
            "REGISTRY_LGO_LEVEL: lgo.level: nothing reads this key",
            "REGISTRY_SERVICE_HOST: service.host: nothing reads this key",
        ];
        assert_eq!(unread(&document), expected);
    }

    #[test]
    fn a_template_is_read_through_its_aliases() {
        let text = "base: &base {addr: x}\nother: &unused {a: b}\nhttp:\n  <<: *base\ncopy: *base\n";
        let document = Document::parse("config.yml", text).unwrap();
        assert_eq!(document.root().section("http").unwrap().string("addr").unwrap().as_deref(), Some("x"));
        let names: Vec<String> = document.unread().iter().map(|warning| warning.name().to_owned()).collect();
        assert_eq!(names, ["other", "copy"]);
    }

    #[test]
    fn the_version_is_checked_as_a_text() {
        let check = |text: &str| Document::parse("config.yml", text).unwrap().check_version();
        assert!(check("version: 0.1").is_ok());
        assert!(check("version: '0.1'").is_ok());
        for text in
            ["version: 0.10", "version: 0.1.1", "version: 1", "version: ''", "version:", "", "version: [0.1]"]
        {
            assert!(check(text).is_err(), "{text}");
        }
        let refused = check("log: {}\nversion: 0.2").unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Version);
        assert_eq!(refused.place().to_string(), "config.yml:2:10");
        assert_eq!(
            check("").unwrap_err().to_string(),
            "config.yml: version: found no version, expected version: 0.1, the only one there is"
        );
    }

    #[test]
    fn a_document_is_a_mapping_or_nothing() {
        assert!(Document::parse("config.yml", "").unwrap().root().is_empty());
        assert_eq!(Document::parse("config.yml", "hush").unwrap_err().kind(), ErrorKind::Syntax);
        let refused = Document::parse("config.yml", "- hush\n").unwrap_err().to_string();
        assert!(refused.starts_with("config.yml:1:1: found a list or a single value"), "{refused}");
    }

    #[test]
    fn no_configuration_reads_as_defaults() {
        let document = Document::empty();
        assert_eq!(document.root().section("http").unwrap().string("addr").unwrap(), None);
        assert!(unread(&document).is_empty());
        let missing = document.root().missing("storage").to_string();
        assert_eq!(missing, "no configuration file: storage: found nothing, expected a value");
    }

    #[test]
    fn a_debug_print_shows_no_values() {
        let document = Document::parse("config.yml", "http: {secret: hush}").unwrap();
        assert!(!format!("{document:?}").contains("hush"));
    }

    #[test]
    fn an_operators_file_is_read_whole() {
        let text = "
version: 0.1
log: {accesslog: {disabled: yes}, level: debug, fields: {service: registry}}
storage:
  filesystem: {rootdirectory: /var/lib/registry, maxthreads: '100'}
  maintenance:
    uploadpurging: {enabled: off, age: 168h}
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
";
        let document = Document::parse("config.yml", text).unwrap();
        document.check_version().unwrap();
        let root = document.root();
        let log = root.section("log").unwrap();
        assert_eq!(log.section("accesslog").unwrap().bool("disabled").unwrap(), Some(true));
        assert_eq!(log.variant("level", &[("debug", 7)]).unwrap(), Some(7));
        assert_eq!(log.texts("fields").unwrap().unwrap().len(), 1);
        let storage = root.one_of("storage", &["maintenance", "delete"]).unwrap().unwrap();
        assert!(storage.parameters.string("rootdirectory").unwrap().is_some());
        assert_eq!(storage.parameters.integer("maxthreads").unwrap(), Some(100));
        let purging = storage.beside.section("maintenance").unwrap().section("uploadpurging").unwrap();
        assert_eq!(purging.bool("enabled").unwrap(), Some(false));
        assert_eq!(purging.duration("age").unwrap(), Some(std::time::Duration::from_hours(168)));
        let http = root.section("http").unwrap();
        assert!(http.string("addr").unwrap().is_some() && http.headers("headers").unwrap().is_some());
        assert_eq!(unread(&document), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn reading_any_text_as_any_type_never_panics(value in ".{0,30}", key in "[a-z.-]{1,5}") {
            if let Ok(document) = Document::parse("config.yml", &format!("{key}: {value}\n")) {
                let root = document.root();
                let _ = (root.string(&key), root.bool(&key), root.lenient_bool(&key), root.integer::<i8>(&key));
                let _ = (root.duration(&key), root.bytes(&key), root.strings(&key), root.headers(&key));
                let _ = (root.texts(&key), root.section(&key), root.sections(&key), root.one_of(&key, &["a"]));
                let _ = (root.refuse(&key, "x"), root.missing(&key), document.check_version(), document.unread());
            }
        }
    }
}
