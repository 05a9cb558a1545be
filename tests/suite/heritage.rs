//! What registries of 2014 to 2016 took and gave: signed manifests, tarsums, and images shown to clients of that time.

mod converted;
mod pushed;
mod stores;

use wharf_tests::{Answer, ReadManifest, Request, Server, Settings, sha256};

/// The media type that such manifests are served with.
pub(crate) const SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";

/// A server that takes and gives what was usual then.
pub(crate) fn enabled(settings: Settings) -> Settings {
    settings.with("compatibility.schema1.enabled", true)
}

/// A payload as clients wrote it, of these layers, newest first.
pub(crate) fn payload(name: &str, tag: &str, layers: &[&str]) -> String {
    let member = |text: &str| format!("      {{\n         {text}\n      }}");
    let sums: Vec<_> = layers.iter().map(|sum| member(&format!("\"blobSum\": \"{sum}\""))).collect();
    let history = vec![member("\"v1Compatibility\": \"{\\\"id\\\":\\\"<1>\\\"}\""); layers.len()];
    format!(
        "{{\n   \"schemaVersion\": 1,\n   \"name\": \"{name}\",\n   \"tag\": \"{tag}\",\n   \"architecture\": \"amd64\",\n   \
         \"fsLayers\": [\n{}\n   ],\n   \"history\": [\n{}\n   ]\n}}",
        sums.join(",\n"),
        history.join(",\n")
    )
}

/// What an answer holds, verified, after its headers were held against it.
pub(crate) fn told(answer: &Answer) -> ReadManifest {
    answer.assert_status(200);
    let read = ReadManifest::verified(&answer.body);
    assert_eq!(answer.the("content-type"), SIGNED);
    assert_eq!(answer.the("docker-content-digest"), sha256(&read.payload));
    assert_eq!(answer.the("etag"), format!("\"{}\"", sha256(&read.payload)));
    read
}

/// Asks as clients did that knew nothing newer: without naming anything.
pub(crate) fn ask_as_then(server: &Server, name: &str, reference: &str) -> Answer {
    server.send(&Request::get(&format!("/v2/{name}/manifests/{reference}")))
}
