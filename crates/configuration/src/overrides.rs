//! `REGISTRY_*` variables, each aimed at one place of the tree by the path in its name.
//!
//! Distribution walks its Go structures and so knows every name beforehand. This crate knows no section, so it sets what
//! a variable names and lets the readers find out: what nobody reads is reported with the variable's name. For the same
//! reason a variable that cannot be applied is not an error at once. It spoils the place it was aimed at, and whoever
//! reads that place gets the error. A stranger's variable, such as Kubernetes sets for a service named `registry`, can
//! therefore never keep the program from starting.

use std::sync::Arc;

use crate::node::{Entry, Mapping, Node, ReadMark, Value, dotted, indexed};
use crate::reader::{MAX_DEPTH, Origin, read};
use crate::{Error, ErrorKind, Place, Warning};

/// What every variable's name begins with.
const PREFIX: &str = "REGISTRY_";

/// Says where the file is, and is none of its keys.
const PATH_VARIABLE: &str = "REGISTRY_CONFIGURATION_PATH";

/// Names that come from Go's fields and are not the file's keys, as `from` and `to`. A `*` stands for any one name.
///
/// Behind them: `max_retries` and `retry_delay` of azure, whose names the separator would cut in two.
const RENAMED: &[(&str, &str)] = &[
    ("notifications.eventconfig", "notifications.events"),
    ("health.filecheckers", "health.file"),
    ("health.httpcheckers", "health.http"),
    ("health.tcpcheckers", "health.tcp"),
    ("log.hooks.*.mailoptions", "log.hooks.*.options"),
    ("redis.options.*", "redis.*"),
    ("compatibility.schema1.trustkey", "compatibility.schema1.signingkeyfile"),
    ("storage.azure.max.retries", "storage.azure.max_retries"),
    ("storage.azure.retry.delay", "storage.azure.retry_delay"),
];

/// Keys whose value may be a single word instead of a section that has this word as its only key.
const SHORT_FORMS: [&str; 2] = ["storage", "auth"];

/// What the variables did.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    /// Each variable that set something, with the full dotted name of what it set.
    pub(crate) overrides: Vec<(Arc<str>, String)>,
    /// Variables that have no effect, whoever reads what.
    pub(crate) warnings: Vec<Warning>,
}

/// Applies variables to the tree, outer names before inner ones and indices by number.
pub(crate) fn apply<K: AsRef<str>, V: AsRef<str>>(
    root: &mut Node,
    variables: impl IntoIterator<Item = (K, V)>,
) -> Applied {
    let variables: Vec<(K, V)> = variables.into_iter().collect();
    let mut named: Vec<(Vec<&str>, &str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_ref(), value.as_ref()))
        .filter(|(name, _)| *name != PATH_VARIABLE)
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.split('_').collect(), name, value)))
        .collect();
    named.sort_by_cached_key(|(path, name, _)| {
        (path.iter().map(|part| Part::of(part)).collect::<Vec<_>>(), *name)
    });
    let mut applied = Applied::default();
    for (path, name, value) in named {
        apply_one(root, &path, &Arc::from(name), value, &mut applied);
    }
    applied
}

fn apply_one(root: &mut Node, path: &[&str], variable: &Arc<str>, text: &str, applied: &mut Applied) {
    let place = Place::Variable(variable.clone());
    let mut ignored = |reason: &str| applied.warnings.push(Warning::new(place.clone(), "", reason));
    if path.iter().any(|part| part.is_empty()) {
        return ignored("its name has an empty part, so it names no key");
    }
    if path.len() > MAX_DEPTH {
        return ignored("its name has more parts than a configuration has levels");
    }
    let path = renamed(path);
    if path.len() == 1 && path[0].eq_ignore_ascii_case("version") {
        return ignored("the version is that of the file, and no variable changes it");
    }
    let mut walk = Walk { variable, name: String::new(), ignored: None };
    let value = match read(text, Origin::Variable(variable.clone())) {
        Ok(reading) => {
            applied.warnings.extend(reading.warnings);
            reading.root
        }
        Err(error) => Node { place: place.clone(), value: Value::Unusable(error) },
    };
    walk.set(root, &path, value);
    match walk.ignored {
        Some(reason) => applied.warnings.push(Warning::new(place, walk.name, reason)),
        None => applied.overrides.push((variable.clone(), walk.name)),
    }
}

/// The path with names of Go's fields replaced by the file's keys.
fn renamed(path: &[&str]) -> Vec<String> {
    for (from, to) in RENAMED {
        let from: Vec<&str> = from.split('.').collect();
        let fits = |(pattern, part): (&&str, &&str)| *pattern == "*" || pattern.eq_ignore_ascii_case(part);
        if path.len() < from.len() || !from.iter().zip(path).all(fits) {
            continue;
        }
        let (head, tail) = path.split_at(from.len());
        let mut wild = from.iter().zip(head).filter(|(pattern, _)| **pattern == "*").map(|(_, part)| *part);
        let head = to.split('.').map(|part| if part == "*" { wild.next().unwrap_or(part) } else { part });
        return head.chain(tail.iter().copied()).map(str::to_owned).collect();
    }
    path.iter().map(|part| (*part).to_owned()).collect()
}

/// One variable on its way down the tree.
struct Walk<'v> {
    variable: &'v Arc<str>,
    /// The dotted name of where it is.
    name: String,
    ignored: Option<&'static str>,
}

impl Walk<'_> {
    fn set(&mut self, target: &mut Node, path: &[String], value: Node) {
        let Some(next) = path.first() else {
            *target = value;
            return;
        };
        self.make_room(target, next);
        match &mut target.value {
            Value::Mapping(mapping) => {
                let (entry, taken) = self.entry(mapping, path);
                self.name = dotted(&self.name, &entry.key);
                self.set(&mut entry.value, &path[taken..], value);
            }
            Value::Sequence(items) => match index(next, items.len()) {
                Ok(index) => {
                    self.name = indexed(&self.name, index);
                    if index == items.len() {
                        items.push(Node::null(self.place()));
                    }
                    self.set(&mut items[index], &path[1..], value);
                }
                Err(message) => {
                    let error = Error::new(ErrorKind::Value, self.place(), self.name.clone(), message);
                    *target = Node { place: self.place(), value: Value::Unusable(error) };
                }
            },
            Value::Scalar(_) => {
                self.ignored = Some("a single value is there, and the variable's name goes deeper")
            }
            // What an earlier variable spoiled stays spoiled.
            Value::Unusable(_) => {}
        }
    }

    /// Turns nothing, and the short form of a section, into something that the walk can go on in.
    fn make_room(&self, target: &mut Node, next: &str) {
        let Some(scalar) = target.scalar() else { return };
        if target.is_null() {
            let is_index = next.bytes().all(|byte| byte.is_ascii_digit());
            let value =
                if is_index { Value::Sequence(Vec::new()) } else { Value::Mapping(Mapping::default()) };
            *target = Node { place: self.place(), value };
        } else if SHORT_FORMS.contains(&self.name.as_str()) {
            let entry = Entry {
                key: scalar.text.clone(),
                key_place: target.place.clone(),
                value: Node::null(target.place.clone()),
                read: ReadMark::default(),
            };
            target.value = Value::Mapping(Mapping { entries: vec![entry] });
        }
    }

    /// The entry that the path goes on to, and how many of its parts that takes: an existing key whatever its case, the
    /// longest if the separator is part of it, or a new one in lower case.
    fn entry<'m>(&self, mapping: &'m mut Mapping, path: &[String]) -> (&'m mut Entry, usize) {
        let found = (1..=path.len()).rev().find_map(|taken| {
            let key = path[..taken].join("_");
            let same = |entry: &Entry| *entry.key == *key;
            let similar = |entry: &Entry| entry.key.eq_ignore_ascii_case(&key);
            let position =
                mapping.entries.iter().position(same).or_else(|| mapping.entries.iter().position(similar));
            position.map(|position| (position, taken))
        });
        let (position, taken) = found.unwrap_or_else(|| {
            let entry = Entry {
                key: path[0].to_lowercase().into(),
                key_place: self.place(),
                value: Node::null(self.place()),
                read: ReadMark::default(),
            };
            mapping.entries.push(entry);
            (mapping.entries.len() - 1, 1)
        });
        (&mut mapping.entries[position], taken)
    }

    fn place(&self) -> Place {
        Place::Variable(self.variable.clone())
    }
}

/// The item that a path's part names in a list of `len` items; the one behind the last is new.
fn index(part: &str, len: usize) -> Result<usize, String> {
    match part.parse::<usize>() {
        Ok(index) if index <= len && part.bytes().all(|byte| byte.is_ascii_digit()) => Ok(index),
        _ => Err(format!("found {part} as the index into a list, expected a number from 0 to {len}")),
    }
}

/// A part of a name in the order in which variables apply. Distribution sorts bytewise, and so meets index 10 before 2.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Number(usize, String),
    Word(String),
}

impl Part {
    fn of(part: &str) -> Self {
        if part.is_empty() || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Self::Word(part.to_owned());
        }
        let digits = part.trim_start_matches('0');
        Self::Number(digits.len(), digits.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::Document;

    /// What a file and variables add up to.
    fn effective(text: &str, variables: &[(&str, &str)]) -> String {
        let document = Document::parse("config.yml", text).unwrap();
        document.with_overrides(variables.iter().copied()).effective()
    }

    /// What a file and variables add up to when the file is laid out as flow, for short comparisons.
    fn same(text: &str, variables: &[(&str, &str)], result: &str) {
        assert_eq!(effective(text, variables), effective(result, &[]), "{variables:?}");
    }

    fn warnings(variables: &[(&str, &str)]) -> Vec<String> {
        let document = Document::empty().with_overrides(variables.iter().copied());
        document.unread().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_variable_sets_the_key_that_its_name_spells() {
        same("http: {addr: ':1'}", &[("REGISTRY_HTTP_ADDR", ":2")], "http: {addr: :2}");
        same(
            "",
            &[("REGISTRY_HTTP_TLS_LETSENCRYPT_EMAIL", "a@b")],
            "http: {tls: {letsencrypt: {email: a@b}}}",
        );
        same("", &[("HTTP_ADDR", ":2"), ("registry_http_addr", ":3"), ("REGISTRY", "x")], "");
    }

    #[test]
    fn an_existing_key_is_found_whatever_its_case() {
        same(
            "http: {headers: {X-Foo: [a]}}",
            &[("REGISTRY_HTTP_HEADERS_X-FOO", "[b]")],
            "http: {headers: {X-Foo: [b]}}",
        );
        same("", &[("REGISTRY_LOG_FIELDS_Service", "x")], "log: {fields: {service: x}}");
        same("a: {b: 1, B: 2}", &[("REGISTRY_A_B", "3")], "a: {b: 1, B: 3}");
    }

    #[test]
    fn a_value_is_yaml_and_replaces_what_was_there() {
        same("log: {fields: {a: b}}", &[("REGISTRY_LOG_FIELDS", "{c: d}")], "log: {fields: {c: d}}");
        same(
            "",
            &[("REGISTRY_HTTP_TLS_CLIENTCAS", "[/a.pem, /b.pem]")],
            "http: {tls: {clientcas: [/a.pem, /b.pem]}}",
        );
        same("", &[("REGISTRY_HTTP_HOST", "'\"123\"'")], "http: {host: '\"123\"'}");
        same("http: {addr: x}", &[("REGISTRY_HTTP_ADDR", "")], "http: {addr: }");
    }

    #[test]
    fn outer_names_apply_before_inner_ones() {
        let variables = [("REGISTRY_STORAGE_S3_BUCKET", "b"), ("REGISTRY_STORAGE", "{s3: {region: r}}")];
        same(
            "storage: {filesystem: {}, delete: {enabled: true}}",
            &variables,
            "storage: {s3: {region: r, bucket: b}}",
        );
    }

    #[test]
    fn a_short_form_can_be_added_to() {
        let variables = [("REGISTRY_STORAGE", "inmemory"), ("REGISTRY_STORAGE_DELETE_ENABLED", "true")];
        same("storage: filesystem", &variables, "storage: {inmemory: , delete: {enabled: true}}");
        same("auth: token", &[("REGISTRY_AUTH_TOKEN_REALM", "r")], "auth: {token: {realm: r}}");
    }

    #[test]
    fn lists_are_addressed_by_index_and_grow_by_one_at_a_time() {
        let file = "redis: {addrs: [a, b]}";
        same(file, &[("REGISTRY_REDIS_ADDRS_1", "x")], "redis: {addrs: [a, x]}");
        same(file, &[("REGISTRY_REDIS_ADDRS_2", "x")], "redis: {addrs: [a, b, x]}");
        same("", &[("REGISTRY_HTTP_TLS_CLIENTCAS_0", "/a.pem")], "http: {tls: {clientcas: [/a.pem]}}");
        let named = [
            ("REGISTRY_NOTIFICATIONS_ENDPOINTS_0_NAME", "n"),
            ("REGISTRY_NOTIFICATIONS_ENDPOINTS_0_URL", "u"),
        ];
        same("", &named, "notifications: {endpoints: [{name: n, url: u}]}");
        let appended = [("REGISTRY_MIDDLEWARE_STORAGE_1_NAME", "redirect")];
        same(
            "middleware: {storage: [{name: a}]}",
            &appended,
            "middleware: {storage: [{name: a}, {name: redirect}]}",
        );
    }

    #[test]
    fn more_than_ten_items_can_be_added() {
        let names: Vec<String> = (0..12).map(|index| format!("REGISTRY_REDIS_ADDRS_{index}")).collect();
        let variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        same("", &variables, &format!("redis: {{addrs: [{}]}}", ["x"; 12].join(", ")));
    }

    #[test]
    fn a_wrong_index_is_an_error_for_whoever_reads_the_list() {
        for (index, file) in [
            ("2", "a: {b: [x]}"),
            ("X", "a: {b: [x]}"),
            ("-1", "a: {b: [x]}"),
            ("+0", "a: {b: [x]}"),
            ("1", ""),
        ] {
            let name = format!("REGISTRY_A_B_{index}");
            let document = Document::parse("config.yml", file).unwrap().with_overrides([(&name, "v")]);
            let error = document.root().section("a").unwrap().strings("b").unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("{name}: a.b: found {index} as the index")),
                "{error}"
            );
        }
    }

    #[test]
    fn a_value_that_is_no_yaml_is_an_error_for_whoever_reads_it() {
        let document = Document::empty()
            .with_overrides([("REGISTRY_HTTP_SECRET", "@hush"), ("REGISTRY_PASSWORD", "@hush")]);
        let error = document.root().section("http").unwrap().string("secret").unwrap_err().to_string();
        assert!(error.starts_with("REGISTRY_HTTP_SECRET: http.secret: this is no YAML"), "{error}");
        assert!(error.contains("needs quotes inside of it") && !error.contains("hush"), "{error}");
        let unread: Vec<String> = document.unread().iter().map(ToString::to_string).collect();
        assert_eq!(unread, ["REGISTRY_PASSWORD: password: nothing reads this key"]);
    }

    #[test]
    fn maintenance_can_be_set_key_by_key() {
        let file = "storage: {maintenance: {uploadpurging: {enabled: true, age: 168h}}}";
        let variables = [
            ("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", "false"),
            ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
        ];
        let result =
            "storage: {maintenance: {uploadpurging: {enabled: false, age: 168h}, readonly: {enabled: true}}}";
        same(file, &variables, result);
    }

    #[test]
    fn names_of_go_fields_are_translated() {
        let pairs = [
            (
                "REGISTRY_NOTIFICATIONS_EVENTCONFIG_INCLUDEREFERENCES",
                "notifications: {events: {includereferences: v}}",
            ),
            ("REGISTRY_HEALTH_FILECHECKERS_0_FILE", "health: {file: [{file: v}]}"),
            ("REGISTRY_HEALTH_HTTPCHECKERS_0_URI", "health: {http: [{uri: v}]}"),
            ("REGISTRY_HEALTH_TCPCHECKERS_0_ADDR", "health: {tcp: [{addr: v}]}"),
            ("REGISTRY_LOG_HOOKS_0_MAILOPTIONS_SMTP_ADDR", "log: {hooks: [{options: {smtp: {addr: v}}}]}"),
            ("REGISTRY_REDIS_OPTIONS_DB", "redis: {db: v}"),
            ("REGISTRY_COMPATIBILITY_SCHEMA1_TRUSTKEY", "compatibility: {schema1: {signingkeyfile: v}}"),
            ("REGISTRY_STORAGE_AZURE_MAX_RETRIES", "storage: {azure: {max_retries: v}}"),
            ("REGISTRY_STORAGE_AZURE_RETRY_DELAY", "storage: {azure: {retry_delay: v}}"),
        ];
        for (name, result) in pairs {
            same("", &[(name, "v")], result);
        }
    }

    #[test]
    fn a_key_that_has_the_separator_in_it_is_found() {
        same("a: {b_c: {d: 1}}", &[("REGISTRY_A_B_C_D", "2")], "a: {b_c: {d: 2}}");
    }

    #[test]
    fn a_variable_that_goes_below_a_single_value_changes_nothing() {
        let variables = [("REGISTRY_HTTP_ADDR", ":1"), ("REGISTRY_HTTP_ADDR_X", "2")];
        same("", &variables, "http: {addr: :1}");
        let reason =
            "REGISTRY_HTTP_ADDR_X: http.addr: a single value is there, and the variable's name goes deeper";
        assert_eq!(warnings(&variables)[0], reason);
    }

    #[test]
    fn what_kubernetes_sets_for_a_service_named_registry_is_only_reported() {
        let variables = [
            ("REGISTRY_PORT", "tcp://10.0.0.1:5000"),
            ("REGISTRY_PORT_5000_TCP", "tcp://10.0.0.1:5000"),
            ("REGISTRY_PORT_5000_TCP_ADDR", "10.0.0.1"),
            ("REGISTRY_SERVICE_HOST", "10.0.0.1"),
            ("REGISTRY_SERVICE_PORT", "5000"),
        ];
        let warnings = warnings(&variables);
        for (name, _) in variables {
            assert!(
                warnings.iter().any(|warning| warning.starts_with(&format!("{name}: "))),
                "{name} in {warnings:?}"
            );
        }
        assert_eq!(warnings.len(), variables.len());
    }

    #[test]
    fn the_path_of_the_file_is_no_override() {
        assert!(warnings(&[("REGISTRY_CONFIGURATION_PATH", "/etc/distribution/config.yml")]).is_empty());
    }

    #[test]
    fn no_variable_changes_the_version() {
        same("version: 0.1", &[("REGISTRY_VERSION", "2.8.3")], "version: 0.1");
        assert_eq!(warnings(&[("REGISTRY_VERSION", "2")]).len(), 1);
    }

    #[test]
    fn names_without_sense_are_ignored_and_reported() {
        let endless = format!("REGISTRY{}", "_A".repeat(20_000));
        for name in ["REGISTRY_", "REGISTRY__", "REGISTRY_HTTP_", "REGISTRY__HTTP", endless.as_str()] {
            assert_eq!(warnings(&[(name, "x")]).len(), 1);
            same("", &[(name, "x")], "");
        }
    }

    proptest! {
        #[test]
        fn no_variables_make_the_walk_panic(variables in prop::collection::vec(("REGISTRY(_([A-C]|[0-2]|STORAGE|a|é|)){0,5}", "[a-c]?|\\[a, b\\]|\\{a: \\{b: \\[1\\]\\}\\}|.{0,5}"), 0..12)) {
            let document = Document::parse("config.yml", "a: {b: [c, {a: 1}]}\nstorage: a\n").unwrap();
            let document = document.with_overrides(variables);
            let _ = (document.effective(), document.unread());
            let _ = document.root().section("a").and_then(|a| a.strings("b"));
            let _ = document.root().one_of("storage", &["b"]);
        }

        #[test]
        fn the_order_of_variables_does_not_matter(mut variables in prop::collection::btree_map("REGISTRY(_([AB]|[0-2])){1,4}", "[a-c]|\\[a\\]|\\{a: b\\}", 0..8).prop_map(|map| map.into_iter().collect::<Vec<_>>())) {
            let forth = Document::empty().with_overrides(variables.clone()).effective();
            variables.reverse();
            prop_assert_eq!(forth, Document::empty().with_overrides(variables).effective());
        }
    }
}
