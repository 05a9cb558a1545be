//! The documents of the API are made by the program, and the program keeps what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use wharf_tests::{Client, Image, OCI_MANIFEST, Server, Settings, installed, root, scratch, skip, wharf};

use crate::golden::assert_kept;

/// What an answer is held against: the statuses, headers and bodies that the document names for the operation.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method";

/// Schemathesis, from a Python that has it. What it remembers lies beside the document, and goes with it.
const RUN: &str = "import os, sys, schemathesis.cli; os.chdir(os.path.dirname(sys.argv[2])); \
    schemathesis.cli.schemathesis()";

/// A Python with the programs that read such documents; none where it is not installed.
fn python() -> Option<Client> {
    if std::env::var_os("WHARF_TESTS_OPENAPI_PYTHON").is_none() && installed("python3").is_none() {
        skip("there is no Python");
        return None;
    }
    let python = Client::named_by("WHARF_TESTS_OPENAPI_PYTHON", "python3")?;
    if !python.succeeds(&["-c", "import schemathesis, openapi_spec_validator"]) {
        skip("schemathesis is not installed");
        return None;
    }
    Some(python)
}

fn described(arguments: &[&str]) -> Output {
    Command::new(wharf()).arg("api-descriptor").args(arguments).output().unwrap()
}

fn printed(arguments: &[&str]) -> String {
    let output = described(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn openapi() -> Value {
    serde_json::from_str(&printed(&["--format", "openapi"])).unwrap()
}

#[test]
fn the_document_of_the_project_is_the_one_that_the_program_prints() {
    assert_kept(&root().join("crates/api-v2/API.md"), &printed(&[]));
}

#[test]
fn a_template_is_rendered_and_a_broken_one_is_refused() {
    let folder = scratch();
    let template = folder.path().join("routes.tmpl");
    fs::write(&template, "{{range .RouteDescriptors}}{{.Path | prettygorilla}}\n{{end}}").unwrap();
    let template = template.to_str().unwrap();
    assert!(printed(&[template]).starts_with("/v2/\n/v2/_catalog\n"));
    fs::write(template, "{{range}}").unwrap();
    let output = described(&[template]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains(template));
}

#[test]
fn a_validator_finds_nothing_wrong_with_the_openapi_document() {
    let Some(python) = python() else { return };
    let folder = scratch();
    let file = folder.path().join("openapi.json");
    fs::write(&file, openapi().to_string()).unwrap();
    python.run(&["-m", "openapi_spec_validator", file.to_str().unwrap()]);
}

/// Has everything that the document tells of tried on a server, and nothing may be answered but what it says.
fn drive(python: &Client, server: &Server, document: &Value, arguments: &[&str]) -> String {
    let folder = scratch();
    let file = folder.path().join("openapi.json");
    fs::write(&file, document.to_string()).unwrap();
    let url = format!("http://{}", server.address());
    let always = [
        "-c",
        RUN,
        "run",
        file.to_str().unwrap(),
        "--url",
        &url,
        "--checks",
        CHECKS,
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "15",
        "--generation-deterministic",
        "--no-color",
        "--warnings",
        "off",
    ];
    python.run(&[&always[..], arguments].concat())
}

/// How often each method was answered with each status.
fn answered(server: &Server) -> BTreeMap<(String, u16), usize> {
    let mut answered = BTreeMap::new();
    for line in server.access_log().lines() {
        let Some((_, rest)) = line.split_once('"') else { continue };
        let Some((request, rest)) = rest.split_once('"') else { continue };
        let method = request.split(' ').next().unwrap().to_owned();
        let status = rest.split_whitespace().next().unwrap().parse().unwrap();
        *answered.entry((method, status)).or_default() += 1;
    }
    answered
}

#[test]
fn nothing_is_answered_that_the_document_does_not_name() {
    let Some(python) = python() else { return };
    let server = Server::wharf(&Settings::inmemory());
    drive(&python, &server, &openapi(), &[]);
    let methods: BTreeSet<String> = answered(&server).into_keys().map(|(method, _)| method).collect();
    assert!(
        ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"].iter().all(|method| methods.contains(*method)),
        "{methods:?}"
    );
}

/// The same document for a registry that holds one image, and for a client that asks for nothing else.
fn about(mut document: Value, repository: &str, digests: &[&str], references: &[&str]) -> Value {
    for item in document["paths"].as_object_mut().unwrap().values_mut() {
        // Nobody guesses an entity tag, so insisting on one would keep nearly every request from the content.
        for operation in item.as_object_mut().unwrap().values_mut() {
            let Some(parameters) = operation.get_mut("parameters").and_then(Value::as_array_mut) else {
                continue;
            };
            parameters
                .retain(|parameter| !["If-Match", "If-Range"].contains(&parameter["name"].as_str().unwrap()));
        }
        if let Some(range) = item.pointer_mut("/get/parameters/0").filter(|first| first["name"] == "Range") {
            range["schema"] = json!({ "enum": ["bytes=0-1", "bytes=0-0,2-3", "bytes=-2", "bytes=9999999-"] });
        }
        let Some(parameters) = item.get_mut("parameters").and_then(Value::as_array_mut) else { continue };
        for parameter in parameters {
            let values = match parameter["name"].as_str().unwrap() {
                "name" => json!([repository]),
                "digest" => json!(digests),
                "reference" => json!(references),
                _ => continue,
            };
            parameter["schema"] = json!({ "enum": values });
        }
    }
    document
}

#[test]
fn what_is_there_is_answered_as_the_document_says() {
    let Some(python) = python() else { return };
    let server = Server::wharf(&Settings::inmemory());
    let image = Image::tiny(1);
    server.push_image("some/app", "v1", &image);
    let manifest = server.get_manifest("some/app", "v1").header("docker-content-digest").unwrap().to_owned();
    let layer = image.blobs().next().unwrap().digest.clone();
    let document = about(openapi(), "some/app", &[&layer, &manifest], &["v1", &manifest]);
    drive(&python, &server, &document, &["--exclude-method", "DELETE"]);
    let answered = answered(&server);
    for (method, status) in [("GET", 200), ("GET", 206), ("GET", 416), ("HEAD", 200), ("POST", 202)] {
        assert!(
            answered.contains_key(&(method.to_owned(), status)),
            "no {method} was answered with {status}: {answered:?}"
        );
    }
    assert_eq!(server.get_manifest("some/app", "v1").header("content-type"), Some(OCI_MANIFEST));
}

#[test]
fn who_may_not_enter_is_told_so_as_the_document_says() {
    let Some(python) = python() else { return };
    let rules = json!({ "silly": { "realm": "silly-realm", "service": "silly-service" } });
    let server = Server::wharf(&Settings::inmemory().with("auth", rules));
    drive(&python, &server, &openapi(), &["--max-examples", "2"]);
    let statuses: BTreeSet<u16> = answered(&server).into_keys().map(|(_, status)| status).collect();
    assert!(statuses.contains(&401), "{statuses:?}");
}
