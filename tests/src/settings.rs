//! What a server is configured with.
//!
//! The file is written as JSON, which is YAML: every reader of the dialect takes it.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

/// Holds the configuration of a server to start.
#[derive(Clone, Debug)]
pub struct Settings {
    value: Value,
    root: Option<PathBuf>,
}

impl Settings {
    /// Files in the server's own scratch folder, with a cache in memory; deletes on, a fixed secret, a port of the
    /// system's choice.
    #[must_use]
    pub fn filesystem() -> Settings {
        Settings::of("filesystem").with("storage.cache.blobdescriptor", "inmemory")
    }

    /// Files in a folder that outlives the server.
    #[must_use]
    pub fn filesystem_at(root: &Path) -> Settings {
        Settings { root: Some(root.to_owned()), ..Settings::filesystem() }
    }

    /// Memory, without a cache; the rest as for files.
    #[must_use]
    pub fn inmemory() -> Settings {
        Settings::of("inmemory")
    }

    /// The driver of this name, which needs no parameters but a folder, without a cache.
    ///
    /// # Panics
    ///
    /// When there is no such driver.
    #[must_use]
    pub fn of(driver: &str) -> Settings {
        assert!(["filesystem", "inmemory"].contains(&driver), "no driver {driver}");
        let value = json!({
            "version": "0.1",
            "log": { "level": "info" },
            "storage": { driver: {}, "delete": { "enabled": true } },
            "http": { "addr": "127.0.0.1:0", "secret": "the secret of the tests" },
        });
        Settings { value, root: None }
    }

    /// Sets one key, named with dots between its levels, in place of what was there.
    ///
    /// # Panics
    ///
    /// When a level above it holds something that is no map.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Settings {
        let mut at = &mut self.value;
        for level in key.split('.') {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            at = at.as_object_mut().expect("a map").entry(level).or_insert(Value::Null);
        }
        *at = value.into();
        self
    }

    /// Takes one key away, named with dots between its levels.
    #[must_use]
    pub fn without(mut self, key: &str) -> Settings {
        let (above, last) = key.rsplit_once('.').unwrap_or(("", key));
        let pointer = if above.is_empty() { String::new() } else { format!("/{}", above.replace('.', "/")) };
        if let Some(map) = self.value.pointer_mut(&pointer).and_then(Value::as_object_mut) {
            map.remove(last);
        }
        self
    }

    /// Gives the folder that the files go to, unless the server is to use its own.
    #[must_use]
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Prints the file for a server whose own folder for files is `default_root`.
    #[must_use]
    pub fn text(&self, default_root: &Path) -> String {
        let mut value = self.value.clone();
        if let Some(driver) = value.pointer_mut("/storage/filesystem").and_then(Value::as_object_mut) {
            let root = self.root.as_deref().unwrap_or(default_root);
            driver.entry("rootdirectory").or_insert_with(|| json!(root));
        }
        format!("{value:#}\n")
    }
}
