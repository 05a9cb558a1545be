//! The typed view of a mapping: a bag of parameters that knows what was asked of it.

use std::str::FromStr;
use std::time::Duration;

use crate::item::Item;
use crate::node::{Entry, Mapping, Style, dotted};
use crate::{Error, ErrorKind, GoDuration, Place, size};

/// Reads one section of a configuration, key by key, each as the type that its reader wants.
///
/// A key that is absent, or has no value (`addr:`), reads as `None`, so the caller's default applies; a section that is
/// absent reads as an empty one. Every key that was asked for counts as read, whether it was right or not;
/// [`Document::unread`](crate::Document::unread) tells the rest. Copies of a section share that memory.
///
/// Every reading method fails with [`ErrorKind::Value`] when the value is not of the type, and with what is wrong with
/// an environment variable when that could not be applied to the key.
#[derive(Clone, Debug)]
pub struct Section<'d> {
    name: String,
    place: Place,
    mapping: Option<&'d Mapping>,
}

/// Tells which one of several possible keys is given, as in `storage:` the name of the driver.
#[derive(Clone, Debug)]
pub struct Choice<'d> {
    /// The key.
    pub name: &'d str,
    /// Where the key was written.
    pub place: Place,
    /// The section below the key.
    pub parameters: Section<'d>,
    /// The section in which the key was found, to read the reserved keys from.
    pub beside: Section<'d>,
}

/// HTTP headers: each name with its list of values.
pub type Headers = Vec<(String, Vec<String>)>;

impl<'d> Section<'d> {
    pub(crate) fn new(name: String, place: Place, mapping: Option<&'d Mapping>) -> Self {
        Self { name, place, mapping }
    }

    /// The full dotted name, such as `http.tls` or `notifications.endpoints[0]`; empty for the whole document.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the section was written, or the section around it if it is absent.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Whether no key is given.
    pub fn is_empty(&self) -> bool {
        self.mapping.is_none_or(|mapping| mapping.entries.is_empty())
    }

    /// The keys that are given, in their order. Looking at them does not read them.
    pub fn keys(&self) -> impl Iterator<Item = &'d str> + use<'d> {
        self.entries().iter().map(|entry| &*entry.key)
    }

    /// Whether a key is given, be it without a value. Looking does not read it.
    pub fn contains(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Where the value of a key was written, if it is given. Looking does not read it.
    pub fn place_of(&self, key: &str) -> Option<&'d Place> {
        self.find(key).map(|entry| &entry.value.place)
    }

    /// Reads a text: a single value exactly as it is written, so `0123` stays `0123` and `yes` stays `yes`.
    pub fn string(&self, key: &str) -> Result<Option<String>, Error> {
        self.scalar(key, "a text", |text| Some(text.to_owned()))
    }

    /// Reads a boolean in YAML 1.1's spellings (`true`, `yes`, `on`, `y`, …). A quoted one is a text, and refused.
    pub fn bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.read(key, |item| {
            let expected = "true or false, without quotes";
            item.scalar(expected)?.to_bool().ok_or_else(|| item.refuse(expected))
        })
    }

    /// Reads a boolean as [`bool`](Self::bool) does, or from the texts that Go's `strconv.ParseBool` knows (`"true"`, `1`, `F`, …).
    pub fn lenient_bool(&self, key: &str) -> Result<Option<bool>, Error> {
        self.read(key, |item| {
            item.scalar("true or false")?.to_bool_or_text().ok_or_else(|| item.refuse("true or false"))
        })
    }

    /// Reads a whole number in YAML 1.1's forms (`1_000`, `0123` octal, `0x1F`, `0b101`, `1e6`), quoted or not.
    ///
    /// What does not fit into the wanted type is refused.
    pub fn integer<T: TryFrom<i128>>(&self, key: &str) -> Result<Option<T>, Error> {
        self.read(key, |item| {
            let expected = "a whole number";
            let number = item.scalar(expected)?.to_integer().ok_or_else(|| item.refuse(expected))?;
            T::try_from(number).map_err(|_| item.refuse("a whole number that is in range"))
        })
    }

    /// Reads a duration: a text as in Go (`1h30m`, `500ms`) or a bare whole number of nanoseconds.
    ///
    /// One below zero reads as zero; where that means something, use [`go_duration`](Self::go_duration).
    pub fn duration(&self, key: &str) -> Result<Option<Duration>, Error> {
        Ok(self.go_duration(key)?.map(|duration| duration.to_std().unwrap_or(Duration::ZERO)))
    }

    /// Reads a duration as [`duration`](Self::duration) does, with its sign.
    pub fn go_duration(&self, key: &str) -> Result<Option<GoDuration>, Error> {
        self.read(key, |item| {
            let expected = "a duration such as 300ms, 30s or 1h15m";
            let scalar = item.scalar(expected)?;
            let nanoseconds = if scalar.style == Style::Plain { scalar.to_integer() } else { None };
            let duration = match nanoseconds {
                Some(nanoseconds) => i64::try_from(nanoseconds).ok().map(GoDuration::from_nanoseconds),
                None => scalar.text.parse().ok(),
            };
            duration.ok_or_else(|| item.refuse(expected))
        })
    }

    /// Reads a size in bytes: a whole number, alone or with a unit such as `KiB` (1024) or `MB` (1000 × 1000).
    pub fn bytes(&self, key: &str) -> Result<Option<u64>, Error> {
        self.read(key, |item| {
            let expected = "a size such as 65536, 64KiB or 10MB";
            let scalar = item.scalar(expected)?;
            let size = match scalar.to_integer() {
                Some(bytes) => u64::try_from(bytes).ok(),
                None => size::parse(&scalar.text),
            };
            size.ok_or_else(|| item.refuse(expected))
        })
    }

    /// Reads one of several words, whatever its case, as the value beside it.
    pub fn variant<T: Clone>(&self, key: &str, variants: &[(&str, T)]) -> Result<Option<T>, Error> {
        let words: Vec<&str> =
            variants.iter().map(|(word, _)| *word).filter(|word| !word.is_empty()).collect();
        let expected = format!("one of {}", words.join(", "));
        let find = |text: &str| variants.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        self.scalar(key, &expected, |text| find(text).map(|(_, value)| value.clone()))
    }

    /// Reads a text as any type that can be parsed from one; `expected` says in a complaint what would be right.
    pub fn parsed<T: FromStr>(&self, key: &str, expected: &str) -> Result<Option<T>, Error> {
        self.scalar(key, expected, |text| text.parse().ok())
    }

    /// Reads a list of texts. A single value is refused, as in Go: `[like this]` it is a list.
    pub fn strings(&self, key: &str) -> Result<Option<Vec<String>>, Error> {
        self.read(key, |item| item.strings())
    }

    /// Reads HTTP headers: each name with its list of values, in the order and case in which they are written.
    pub fn headers(&self, key: &str) -> Result<Option<Headers>, Error> {
        self.named(key, |item| item.map_or(Ok(Vec::new()), |item| item.strings()))
    }

    /// Reads names with a text each, all there are, in their order; a name without a value has an empty text.
    pub fn texts(&self, key: &str) -> Result<Option<Vec<(String, String)>>, Error> {
        self.named(key, |item| match item {
            Some(item) => Ok(item.scalar("a single value")?.text.as_ref().to_owned()),
            None => Ok(String::new()),
        })
    }

    /// Reads a section below this one; absent, it is empty.
    pub fn section(&self, key: &str) -> Result<Section<'d>, Error> {
        let section = self.read(key, Item::section)?;
        Ok(section.unwrap_or_else(|| self.absent(key)))
    }

    /// Reads a list of sections; absent, it is empty.
    pub fn sections(&self, key: &str) -> Result<Vec<Section<'d>>, Error> {
        let sections = self.read(key, |item| {
            item.items("a list of sections")?.into_iter().map(Item::section).collect::<Result<_, _>>()
        })?;
        Ok(sections.unwrap_or_default())
    }

    /// Reads a section that must have exactly one key beside the reserved ones, which says what the section is about.
    ///
    /// `storage: inmemory` is short for a section with this one key and no parameters. `None` when there is no such key.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Ambiguous`] when there are several, with the place of each.
    pub fn one_of(&self, key: &str, reserved: &[&str]) -> Result<Option<Choice<'d>>, Error> {
        let Some(item) = self.item(key)? else { return Ok(None) };
        if let Some(scalar) = item.node.scalar() {
            let (name, place) = (&*scalar.text, item.node.place.clone());
            let parameters = Section::new(dotted(&item.name, name), place.clone(), None);
            let beside = Section::new(item.name, place.clone(), None);
            return Ok((!name.is_empty()).then_some(Choice { name, place, parameters, beside }));
        }
        let beside = item.section()?;
        let candidates: Vec<&Entry> =
            beside.entries().iter().filter(|entry| !reserved.contains(&&*entry.key)).collect();
        match candidates[..] {
            [] => Ok(None),
            [entry] => {
                let parameters = beside.section(&entry.key)?;
                Ok(Some(Choice { name: &entry.key, place: entry.key_place.clone(), parameters, beside }))
            }
            [_, second, ..] => {
                let found: Vec<String> =
                    candidates.iter().map(|entry| format!("{} ({})", entry.key, entry.key_place)).collect();
                let message = format!("found {}, expected exactly one of them", found.join(" and "));
                Err(Error::new(ErrorKind::Ambiguous, second.key_place.clone(), beside.name, message))
            }
        }
    }

    /// Counts keys as read, with all below them, that are accepted and mean nothing here.
    pub fn ignore(&self, keys: &[&str]) {
        for entry in keys.iter().filter_map(|key| self.find(key)) {
            entry.read.set();
            entry.value.mark_all_read();
        }
    }

    /// The error for a key that the caller cannot do without: `section.string("bucket")?.ok_or_else(|| section.missing("bucket"))`.
    pub fn missing(&self, key: &str) -> Error {
        let place = self.place_of(key).unwrap_or(&self.place).clone();
        Error::new(ErrorKind::Missing, place, dotted(&self.name, key), "found nothing, expected a value")
    }

    /// The error for a value that has the right type and is wrong all the same; `expected` says what would be right.
    pub fn refuse(&self, key: &str, expected: &str) -> Error {
        match self.item(key) {
            Ok(Some(item)) => item.refuse(expected),
            Ok(None) => {
                let place = self.place_of(key).unwrap_or(&self.place).clone();
                let message = format!("found nothing, expected {expected}");
                Error::new(ErrorKind::Value, place, dotted(&self.name, key), message)
            }
            Err(error) => error,
        }
    }

    /// The same for one item of a list; the first one is 0.
    pub fn refuse_item(&self, key: &str, index: usize, expected: &str) -> Error {
        let items = self.item(key).ok().flatten().and_then(|item| item.items("a list").ok());
        match items.and_then(|items| items.into_iter().nth(index)) {
            Some(item) => item.refuse(expected),
            None => self.refuse(key, expected),
        }
    }

    fn entries(&self) -> &'d [Entry] {
        self.mapping.map_or(&[], |mapping| &mapping.entries)
    }

    fn find(&self, key: &str) -> Option<&'d Entry> {
        self.mapping.and_then(|mapping| mapping.entry(key))
    }

    fn absent(&self, key: &str) -> Section<'d> {
        let place = self.place_of(key).unwrap_or(&self.place).clone();
        Section::new(dotted(&self.name, key), place, None)
    }

    /// Marks a key as read and hands its value out.
    fn item(&self, key: &str) -> Result<Option<Item<'d>>, Error> {
        let Some(entry) = self.find(key) else { return Ok(None) };
        entry.read.set();
        Item::new(&self.name, key, &entry.value)
    }

    fn read<T>(
        &self,
        key: &str,
        convert: impl FnOnce(Item<'d>) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        self.item(key)?.map(convert).transpose()
    }

    fn scalar<T>(
        &self,
        key: &str,
        expected: &str,
        convert: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Error> {
        self.read(key, |item| {
            let scalar = item.scalar(expected)?;
            convert(&scalar.text).ok_or_else(|| item.refuse(expected))
        })
    }

    /// Reads a section whose keys are free, each value in the same way.
    fn named<T>(
        &self,
        key: &str,
        convert: impl Fn(Option<Item<'d>>) -> Result<T, Error>,
    ) -> Result<Option<Vec<(String, T)>>, Error> {
        self.read(key, |item| {
            let section = item.section()?;
            section.keys().map(|name| Ok((name.to_owned(), convert(section.item(name)?)?))).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;

    fn document(text: &str) -> Document {
        Document::parse("config.yml", text).unwrap()
    }

    fn complaint<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn texts_are_given_as_they_are_written() {
        let document = document("a: 0123\nb: yes\nc: ''\nd:\ne: null\nf: [x]\n");
        let root = document.root();
        assert_eq!(root.string("a").unwrap().as_deref(), Some("0123"));
        assert_eq!(root.string("b").unwrap().as_deref(), Some("yes"));
        assert_eq!(root.string("c").unwrap().as_deref(), Some(""));
        assert_eq!(
            (root.string("d").unwrap(), root.string("e").unwrap(), root.string("g").unwrap()),
            (None, None, None)
        );
        assert_eq!(complaint(root.string("f")), "config.yml:6:4: f: found a list, expected a text");
    }

    #[test]
    fn booleans_are_strict_or_lenient() {
        let document = document("a: on\nb: 'true'\nc: 1\nd: maybe\n");
        let root = document.root();
        assert_eq!(root.bool("a").unwrap(), Some(true));
        assert_eq!(
            complaint(root.bool("b")),
            "config.yml:2:4: b: found the quoted text \"true\", expected true or false, without quotes"
        );
        assert_eq!(root.lenient_bool("b").unwrap(), Some(true));
        assert_eq!(root.lenient_bool("c").unwrap(), Some(true));
        assert_eq!(
            complaint(root.lenient_bool("d")),
            "config.yml:4:4: d: found maybe, expected true or false"
        );
    }

    #[test]
    fn integers_fit_the_type_that_is_wanted() {
        let document = document("a: 0x10\nb: 300\nc: -1\nd: '25'\ne: 10MB\n");
        let root = document.root();
        assert_eq!(root.integer::<u8>("a").unwrap(), Some(16));
        assert_eq!(root.integer::<u16>("b").unwrap(), Some(300));
        assert!(
            complaint(root.integer::<u8>("b"))
                .ends_with("found 300, expected a whole number that is in range")
        );
        assert!(root.integer::<usize>("c").is_err());
        assert_eq!(root.integer::<i64>("c").unwrap(), Some(-1));
        assert_eq!(root.integer::<i32>("d").unwrap(), Some(25));
        assert!(complaint(root.integer::<i32>("e")).ends_with("found 10MB, expected a whole number"));
    }

    #[test]
    fn durations_are_texts_or_nanoseconds() {
        let document = document("a: 1h30m\nb: 5_000\nc: -1\nd: '5'\ne: 0\nf: 99999999999999999999\n");
        let root = document.root();
        assert_eq!(root.duration("a").unwrap(), Some(Duration::from_secs(5400)));
        assert_eq!(root.duration("b").unwrap(), Some(Duration::from_nanos(5000)));
        assert_eq!(root.duration("c").unwrap(), Some(Duration::ZERO));
        assert_eq!(root.go_duration("c").unwrap().map(GoDuration::nanoseconds), Some(-1));
        assert!(
            complaint(root.duration("d"))
                .contains("found the quoted text \"5\", expected a duration such as")
        );
        assert_eq!(root.duration("e").unwrap(), Some(Duration::ZERO));
        assert!(root.duration("f").is_err());
    }

    #[test]
    fn sizes_may_have_units() {
        let document = document("a: 64KiB\nb: 0x100\nc: -5\n");
        let root = document.root();
        assert_eq!(root.bytes("a").unwrap(), Some(65536));
        assert_eq!(root.bytes("b").unwrap(), Some(256));
        assert!(root.bytes("c").is_err());
    }

    #[test]
    fn variants_and_parsed_values_say_what_would_be_right() {
        let document = document("a: WARN\nb: loud\nc: 127.0.0.1\nd: here\n");
        let root = document.root();
        let levels = [("warn", 1), ("info", 2)];
        assert_eq!(root.variant("a", &levels).unwrap(), Some(1));
        assert_eq!(
            complaint(root.variant("b", &levels)),
            "config.yml:2:4: b: found loud, expected one of warn, info"
        );
        assert!(root.parsed::<std::net::IpAddr>("c", "an IP address").unwrap().is_some());
        let refused = complaint(root.parsed::<std::net::IpAddr>("d", "an IP address"));
        assert_eq!(refused, "config.yml:4:4: d: found here, expected an IP address");
    }

    #[test]
    fn lists_hold_texts() {
        let document = document("a: [x, 5, '']\nb: x\nc: [[x]]\nd:\n  - \n");
        let root = document.root();
        assert_eq!(root.strings("a").unwrap().unwrap(), ["x", "5", ""]);
        assert!(
            complaint(root.strings("b"))
                .ends_with("b: found a single value, expected a list such as [one, two]")
        );
        assert_eq!(complaint(root.strings("c")), "config.yml:3:5: c[0]: found a list, expected a text");
        assert_eq!(root.strings("d").unwrap().unwrap(), [""]);
        assert_eq!(root.strings("e").unwrap(), None);
    }

    #[test]
    fn headers_have_lists_and_keep_their_case_and_order() {
        let document = document("headers:\n  X-B: [nosniff]\n  x-a: [1, 2]\n  none:\nwrong: {X: nosniff}\n");
        let headers = document.root().headers("headers").unwrap().unwrap();
        assert_eq!(headers[0], ("X-B".to_owned(), vec!["nosniff".to_owned()]));
        assert_eq!(headers[1], ("x-a".to_owned(), vec!["1".to_owned(), "2".to_owned()]));
        assert_eq!(headers[2], ("none".to_owned(), Vec::new()));
        let refused = complaint(document.root().headers("wrong"));
        assert_eq!(
            refused,
            "config.yml:5:12: wrong.X: found a single value, expected a list such as [one, two]"
        );
        assert!(document.unread().is_empty());
    }

    #[test]
    fn free_names_have_texts() {
        let document = document("fields: {service: registry, replicas: 3, none: }\n");
        let fields = document.root().texts("fields").unwrap().unwrap();
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        assert_eq!(fields, [("service", "registry"), ("replicas", "3"), ("none", "")]);
        assert!(document.unread().is_empty());
    }

    #[test]
    fn an_absent_section_is_an_empty_one() {
        let document = document("log:\nhttp: 5\n");
        let root = document.root();
        assert!(root.section("log").unwrap().is_empty());
        let tls = root.section("a").unwrap().section("b").unwrap();
        assert_eq!((tls.name(), tls.string("key").unwrap()), ("a.b", None));
        assert_eq!(
            complaint(Err::<(), _>(tls.missing("key"))),
            "config.yml: a.b.key: found nothing, expected a value"
        );
        let refused = "config.yml:2:7: http: found a single value, expected a section of keys and values";
        assert_eq!(complaint(root.section("http")), refused);
    }

    #[test]
    fn lists_of_sections_are_read_one_by_one() {
        let document = document("hooks:\n  - type: mail\n    tpye: x\n  -\n");
        let hooks = document.root().sections("hooks").unwrap();
        assert_eq!((hooks.len(), hooks[0].name()), (2, "hooks[0]"));
        assert_eq!(hooks[0].string("type").unwrap().as_deref(), Some("mail"));
        assert!(hooks[1].is_empty());
        let unread: Vec<String> = document.unread().iter().map(ToString::to_string).collect();
        assert_eq!(unread, ["config.yml:3:5: hooks[0].tpye: nothing reads this key"]);
        assert!(document.root().sections("none").unwrap().is_empty());
    }

    #[test]
    fn one_key_names_the_driver() {
        let document = document("storage:\n  delete: {enabled: true}\n  s3: {bucket: b}\n");
        let storage = document.root().one_of("storage", &["delete"]).unwrap().unwrap();
        assert_eq!((storage.name, storage.place.to_string().as_str()), ("s3", "config.yml:3:3"));
        assert_eq!(storage.parameters.name(), "storage.s3");
        assert_eq!(storage.parameters.string("bucket").unwrap().as_deref(), Some("b"));
        assert_eq!(storage.beside.section("delete").unwrap().bool("enabled").unwrap(), Some(true));
        assert!(document.unread().is_empty());
    }

    #[test]
    fn a_single_word_names_the_driver_too() {
        let document =
            document("storage: inmemory\nauth: ''\nempty:\nnone: {delete: {}}\nplain: {inmemory: }\n");
        let root = document.root();
        let storage = root.one_of("storage", &[]).unwrap().unwrap();
        assert_eq!((storage.name, storage.parameters.name()), ("inmemory", "storage.inmemory"));
        assert!(storage.beside.section("delete").unwrap().is_empty());
        assert!(root.one_of("auth", &[]).unwrap().is_none());
        assert!(root.one_of("empty", &[]).unwrap().is_none());
        assert!(root.one_of("absent", &[]).unwrap().is_none());
        assert!(root.one_of("none", &["delete"]).unwrap().is_none());
        assert_eq!(root.one_of("plain", &[]).unwrap().unwrap().name, "inmemory");
    }

    #[test]
    fn two_drivers_are_refused_with_the_place_of_each() {
        let document =
            document("storage:\n  filesystem:\n").with_overrides([("REGISTRY_STORAGE_S3_BUCKET", "b")]);
        let error = document.root().one_of("storage", &[]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Ambiguous);
        let found = "found filesystem (config.yml:2:3) and s3 (REGISTRY_STORAGE_S3_BUCKET), expected exactly one of them";
        assert_eq!(error.to_string(), format!("REGISTRY_STORAGE_S3_BUCKET: storage: {found}"));
    }

    #[test]
    fn complaints_name_the_variable_that_set_the_value() {
        let document =
            document("http: {draintimeout: 5s}\n").with_overrides([("REGISTRY_HTTP_DRAINTIMEOUT", "5x")]);
        let refused = complaint(document.root().section("http").unwrap().duration("draintimeout"));
        assert!(
            refused.starts_with("REGISTRY_HTTP_DRAINTIMEOUT: http.draintimeout: found 5x, expected"),
            "{refused}"
        );
    }

    #[test]
    fn complaints_do_not_repeat_secrets_nor_endless_texts() {
        let long = "x".repeat(1000);
        let document = document(&format!("password: hush\nurl: https://me:hush@host\nlong: {long}\n"));
        let root = document.root();
        for key in ["password", "url", "long"] {
            let refused = complaint(root.bool(key));
            assert!(!refused.contains("hush") && refused.len() < 200, "{refused}");
        }
        let refused = root.refuse("url", "an address without a path").to_string();
        assert!(
            refused.ends_with("found https://(hidden)@host, expected an address without a path"),
            "{refused}"
        );
    }

    #[test]
    fn readers_can_refuse_and_miss_keys_themselves() {
        let document = document("http:\n  net: udp\n  none:\n");
        let http = document.root().section("http").unwrap();
        assert_eq!(
            http.refuse("net", "tcp or unix").to_string(),
            "config.yml:2:8: http.net: found udp, expected tcp or unix"
        );
        let missing = http.missing("addr");
        assert_eq!(
            (missing.kind(), missing.to_string().as_str()),
            (ErrorKind::Missing, "config.yml:2:3: http.addr: found nothing, expected a value")
        );
        assert!(
            http.refuse("none", "a word").to_string().contains("http.none: found nothing, expected a word")
        );
    }

    #[test]
    fn keys_that_mean_nothing_can_be_ignored() {
        let document = document("a: {b: {c: 1}}\nd: 1\n");
        document.root().ignore(&["a", "x"]);
        let unread: Vec<String> = document.unread().iter().map(|warning| warning.name().to_owned()).collect();
        assert_eq!(unread, ["d"]);
    }

    #[test]
    fn looking_is_not_reading() {
        let document = document("a: 1\n");
        let root = document.root();
        assert!(root.contains("a") && !root.contains("b") && root.keys().eq(["a"]));
        assert_eq!(root.place_of("a").map(ToString::to_string).as_deref(), Some("config.yml:1:4"));
        assert_eq!(document.unread().len(), 1);
    }
}
