//! `wharf copy`, `ls`, `inspect` and `rm`: between our registry, Debian's, and folders that other programs read and write.

mod copying;
mod layouts;
mod logins;
mod speed;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use wharf_tests::{Blob, Image, OCI_INDEX, OCI_MANIFEST, Server, Settings, scratch, wharf};

use crate::listener::tls::Authority;

/// Is somebody who types commands: with a home folder of their own, and no login that the machine may have.
struct Person {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Person {
    fn new() -> Person {
        Person { home: scratch(), variables: Vec::new() }
    }

    /// Sets a variable of the environment.
    fn with(mut self, name: &str, value: impl Into<String>) -> Person {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// Writes docker's file of logins.
    fn docker_config(&self, content: &Value) {
        fs::create_dir_all(self.home.path().join(".docker")).unwrap();
        fs::write(self.home.path().join(".docker/config.json"), content.to_string()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(wharf());
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).envs(self.variables.iter().cloned());
        command.stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs a command that has to work, and gives what it printed.
    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that has to end with a code, and gives what it complained about.
    #[track_caller]
    fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Begins a command.
    fn begin(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

/// Gives a registry that lets its images be deleted.
fn registry() -> Server {
    Server::wharf(&Settings::filesystem().with("storage.delete.enabled", true))
}

/// Writes a layout of so many images, each with a layer of its own and one that all share.
fn write_images(folder: &Path, count: usize) {
    let mut entries = Vec::new();
    for number in 0..count {
        let layers =
            vec![wharf_tests::Layer::new(1_000_000, 30_000), wharf_tests::Layer::new(number as u64, 20_000)];
        let image = Image::of_layers(layers);
        let _ = image.write_layout(folder, "part");
        let mut entry = image.manifest.descriptor();
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": format!("v{number:03}") });
        entries.push(entry);
    }
    fs::write(folder.join("index.json"), json!({ "schemaVersion": 2, "manifests": entries }).to_string())
        .unwrap();
}

/// Pushes an index of two images under a tag, and a signature of the index and one of an image. Gives the digests of the
/// signatures.
fn push_signed_index(server: &Server, repository: &str, tag: &str) -> [String; 2] {
    let images = [Image::tiny(31), Image::tiny(32)];
    for image in &images {
        server.push_image(repository, &image.manifest.digest, image);
    }
    let manifests: Vec<Value> = images.iter().map(|image| image.manifest.descriptor()).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests });
    let index = Blob::json(OCI_INDEX, &index);
    server.put_manifest(repository, tag, OCI_INDEX, index.bytes.clone()).assert_status(201);
    [index.descriptor(), images[0].manifest.descriptor()].map(|subject| {
        let config = Blob::new("application/vnd.oci.empty.v1+json", "{}");
        server.push_blob(repository, config.bytes.clone());
        let signature = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST, "artifactType": "text/signature", "layers": [],
            "config": config.descriptor(), "subject": subject,
        });
        let signature = Blob::json(OCI_MANIFEST, &signature);
        let answer =
            server.put_manifest(repository, &signature.digest, OCI_MANIFEST, signature.bytes.clone());
        answer.assert_status(201);
        signature.digest
    })
}

/// Fails the test unless two repositories hold the same bytes under a reference, and everything below it.
#[track_caller]
fn assert_same(one: (&Server, &str), other: (&Server, &str), reference: &str) {
    let mut next = vec![reference.to_owned()];
    while let Some(reference) = next.pop() {
        let expected = one.0.get_manifest(one.1, &reference).expect(200);
        let found = other.0.get_manifest(other.1, &reference).expect(200);
        assert!(expected.body == found.body, "manifest {reference} differs");
        let manifest: Value = serde_json::from_slice(&expected.body).unwrap();
        let digests = |key: &str| {
            let list = manifest[key].as_array().into_iter().flatten();
            list.filter(|one| one["urls"].is_null())
                .map(|one| one["digest"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        next.extend(digests("manifests"));
        let config = manifest["config"]["digest"].as_str().map(str::to_owned);
        for digest in digests("layers").into_iter().chain(config) {
            let expected = one.0.get(&format!("/v2/{}/blobs/{digest}", one.1)).expect(200);
            let found = other.0.get(&format!("/v2/{}/blobs/{digest}", other.1)).expect(200);
            assert!(expected.body == found.body, "blob {digest} differs");
        }
    }
}

#[test]
fn tags_and_repositories_are_listed_shown_and_deleted() {
    let (server, person) = (registry(), Person::new());
    let image = Image::tiny(1);
    for name in ["b/c", "a"] {
        server.push_image(name, "v2", &image);
        server.push_image(name, "v1", &image);
    }
    let at = server.address().to_string();
    assert_eq!(person.run(&["ls", &at]), "a\nb/c\n");
    assert_eq!(person.run(&["ls", &format!("{at}/a")]), "v1\nv2\n");
    let tagged = format!("{at}/a:v1");
    assert_eq!(person.run(&["inspect", "--raw", &tagged]).as_bytes(), image.manifest.bytes);
    let shown: Value = serde_json::from_str(&person.run(&["inspect", &tagged])).unwrap();
    assert_eq!(shown["digest"], image.manifest.digest);
    assert_eq!(shown["config"]["architecture"], "amd64");
    assert_eq!(shown["manifest"]["layers"][0]["digest"], image.layers[0].digest);
    person.run(&["rm", &tagged]);
    assert_eq!(person.run(&["ls", &format!("{at}/a")]), "v2\n");
    person.run(&["rm", &format!("{at}/a@{}", image.manifest.digest)]);
    assert_eq!(person.run(&["ls", &format!("{at}/a")]), "");
    let complaint = person.fail(1, &["inspect", &tagged]);
    assert!(complaint.contains(&tagged) && complaint.contains("unknown"), "{complaint}");
}

#[test]
fn what_makes_no_sense_ends_with_2_and_what_fails_with_1() {
    let person = Person::new();
    for arguments in [
        &["copy", "127.0.0.1:1/a"][..],
        &["copy", "127.0.0.1:1/A_", "127.0.0.1:1/b"],
        &["copy", "127.0.0.1:1/a:v1", "127.0.0.1:1/b", "--all-tags"],
        &["copy", "127.0.0.1:1/a:v1", "127.0.0.1:1/b", "--jobs", "0"],
        &["rm", "127.0.0.1:1/a"],
        &["ls", "127.0.0.1:1/a", "--user", "alice"],
        &["inspect", ""],
    ] {
        person.fail(2, arguments);
    }
    let complaint = person.fail(1, &["ls", "127.0.0.1:1/a"]);
    assert!(
        complaint.contains("127.0.0.1:1/a") && complaint.contains("does a registry listen"),
        "{complaint}"
    );
    person.fail(1, &["copy", "oci:/nowhere/at/all", "127.0.0.1:1/a"]);
}

#[test]
fn a_registry_on_tls_is_reached_with_its_authority() {
    let (folder, authority, person) = (scratch(), Authority::new(), Person::new());
    authority.renew(folder.path());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let tls = json!({ "certificate": path("certificate.pem"), "key": path("key.pem") });
    let server = Server::wharf(&Settings::inmemory().with("http.tls", tls));
    write_images(&folder.path().join("images"), 1);
    fs::write(path("authority.pem"), authority.pem()).unwrap();
    fs::write(path("other.pem"), Authority::new().pem()).unwrap();
    let at = format!("localhost:{}/team/app", server.address().port());
    let layout = format!("oci:{}", path("images"));
    person.run(&["copy", &layout, &at, "--ca", &path("authority.pem")]);
    assert_eq!(person.run(&["ls", &at, "--insecure"]), "v000\n");
    let complaint = person.fail(1, &["ls", &at, "--ca", &path("other.pem")]);
    assert!(complaint.contains("--ca"), "{complaint}");
    person.fail(1, &["ls", &at]);
    person.fail(2, &["ls", &at, "--plain-http", "--insecure"]);
}

#[test]
fn where_tags_cannot_be_deleted_it_is_said_what_can() {
    let Some(docker) = Server::docker_registry(&Settings::filesystem().with("storage.delete.enabled", true))
    else {
        return wharf_tests::skip("docker-registry is not installed");
    };
    let (image, person) = (Image::tiny(4), Person::new());
    docker.push_image("team/app", "v1", &image);
    let at = format!("{}/team/app", docker.address());
    assert_eq!(person.run(&["ls", &docker.address().to_string()]), "team/app\n");
    let complaint = person.fail(1, &["rm", &format!("{at}:v1")]);
    assert!(complaint.contains("@DIGEST"), "{complaint}");
    person.run(&["rm", &format!("{at}@{}", image.manifest.digest)]);
    person.fail(1, &["inspect", &format!("{at}:v1")]);
}
