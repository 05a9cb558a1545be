//! What a server is configured with.
//!
//! The file is written as JSON, which is YAML: every reader of the dialect takes it.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::part::{Part, Place};
use crate::redis::Redis;
use crate::room::Room;

/// Holds the configuration of a server to start.
#[derive(Clone, Debug)]
pub struct Settings {
    value: Value,
    root: Option<PathBuf>,
    room: Option<Arc<Room>>,
    replicas: usize,
    variables: Vec<(String, String)>,
    /// What runs as long as anybody has these settings.
    _beside: Option<Arc<dyn Debug + Send + Sync>>,
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

    /// The settings that a test is stamped with: `filesystem`, `inmemory`, a part (`minio`, `versitygw`, `ceph`,
    /// `azurite`), `pair` for two servers over one bucket, `shared` for two that share a Redis, too, or `restless` for files
    /// with a Redis that is killed again and again. Where a part does not run, says so as [`skip`](crate::skip()) does.
    ///
    /// # Panics
    ///
    /// When there is nothing of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Settings> {
        let part = match name {
            "filesystem" => return Some(Settings::filesystem()),
            "inmemory" => return Some(Settings::inmemory()),
            "pair" => return Some(Settings::part(Part::Minio)?.pair()),
            "shared" => {
                let redis = Redis::start()?;
                return Some(redis.caching(Settings::part(Part::Minio)?.pair()).beside(redis));
            }
            "restless" => {
                let redis = Redis::start()?;
                let settings = redis.impatient(Settings::filesystem());
                return Some(settings.beside(redis.trouble()));
            }
            "minio" => Part::Minio,
            "versitygw" => Part::VersityGw,
            "ceph" => Part::Ceph,
            "azurite" => Part::Azurite,
            _ => panic!("nothing is called {name}"),
        };
        Settings::part(part)
    }

    /// A root directory of its own in the bucket of a part, emptied when nobody needs it any more; with a cache in memory,
    /// and no redirects.
    #[must_use]
    pub fn part(part: Part) -> Option<Settings> {
        Some(Settings::store(&part.place()?))
    }

    /// The same in the bucket of a place.
    #[must_use]
    pub fn store(place: &Place) -> Settings {
        Settings::room(&Arc::new(Room::new(place)), place)
    }

    /// A root directory that others use too, in a bucket seen at a place of its own, such as behind a proxy.
    #[must_use]
    pub fn room(room: &Arc<Room>, place: &Place) -> Settings {
        let endpoint = format!("http://{}", place.address);
        let parameters = if place.azure {
            json!({
                "accountname": place.user, "accountkey": place.secret, "container": place.bucket,
                "credentials": { "type": "shared_key" }, "serviceurl": format!("{endpoint}/{}", place.user),
                "rootdirectory": room.root(),
            })
        } else {
            json!({
                "accesskey": place.user, "secretkey": place.secret, "region": "us-east-1", "regionendpoint": endpoint,
                "forcepathstyle": true, "secure": false, "v4auth": true, "bucket": place.bucket,
                "rootdirectory": room.root(),
            })
        };
        let mut settings = Settings::inmemory().without("storage.inmemory");
        settings.room = Some(Arc::clone(room));
        settings
            .with(if place.azure { "storage.azure" } else { "storage.s3" }, parameters)
            .with("storage.redirect.disable", true)
            .with("storage.cache.blobdescriptor", "inmemory")
    }

    /// Two servers that take turns, so without a cache: what one has deleted the other must not remember.
    #[must_use]
    pub fn pair(self) -> Settings {
        Settings { replicas: 2, ..self.without("storage.cache") }
    }

    /// Keeps something alive as long as anybody has these settings.
    #[must_use]
    pub fn beside(self, what: impl Debug + Send + Sync + 'static) -> Settings {
        Settings { _beside: Some(Arc::new(what)), ..self }
    }

    /// Sends clients to the store for blobs, where it can be reached.
    #[must_use]
    pub fn redirecting(self) -> Settings {
        self.without("storage.redirect")
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
        Settings { value, root: None, room: None, replicas: 1, variables: Vec::new(), _beside: None }
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

    /// Sets a variable of the server's environment.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: impl Into<String>) -> Settings {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn variables(&self) -> &[(String, String)] {
        &self.variables
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

    /// Gives the root directory in a bucket, where there is one.
    #[must_use]
    pub fn root_directory(&self) -> Option<&Arc<Room>> {
        self.room.as_ref()
    }

    /// Gives the name of the socket that the server listens on in its folder, where it is none of a port.
    #[must_use]
    pub fn socket(&self) -> Option<&str> {
        let http = &self.value["http"];
        (http["net"] == "unix").then(|| http["addr"].as_str()).flatten()
    }

    pub(crate) fn replicas(&self) -> usize {
        self.replicas
    }

    pub(crate) fn of_one_replica(&self) -> Settings {
        Settings { replicas: 1, ..self.clone() }
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
